"""`ordersaga order explain` and `ordersaga order check`, on a real Postgres."""

import json

import pytest
from msgspec.structs import replace

from domain.paid_there import A, PaidThere
from domain.uncertain import open_operation, stuck
from ordersaga.domain.model.order import Key, Order
from ordersaga.operating.checking import Check, Comparison
from ordersaga.store.appended import AppendedRows
from ordersaga.store.dead_letters import Content, DeadLetter
from ordersaga.store.rows import ProviderId

from .conftest import Run
from .database import put


@pytest.fixture
def order(stored: str) -> Order:
    made = stuck("capture").order
    ids = [ProviderId(made.key, "klarna", "k-1", "create_order"), ProviderId(made.key, "klarna", "both", "capture")]
    other = replace(made, key=Key("default", "order", "both"), provider_order_id="k-2")
    put(stored, made, other, appended=AppendedRows(provider_ids=ids))
    return made


def test_an_order_is_explained_in_sentences_by_any_id(run: Run, order: Order) -> None:
    result = run("order", "explain", "k-1")
    assert (result.code, result.err) == (0, "")
    for words in (
        "Order 536365 of merchant default is authorized.",
        "No money is taken.",
        "It waits for a person: capture of 0.50 GBP",
        "`ordersaga order settle`",
    ):
        assert words in result.out
    as_json = json.loads(run("order", "explain", order.key.subject, "--json").out)
    assert as_json["money"][0] == "No money is taken."


def test_an_id_of_no_order_or_of_several_is_refused(run: Run, order: Order) -> None:
    assert run("order", "explain", "1").err == "there is no order with the id '1'\n"
    assert run("order", "explain", "k-1", "--merchant", "gifts").err.endswith("'k-1' of merchant 'gifts'\n")
    result = run("order", "explain", "both")
    assert result.code == 1
    assert result.err.startswith("several orders have the id 'both'")


def test_a_provider_that_is_away_is_one_line(run: Run, order: Order, monkeypatch: pytest.MonkeyPatch) -> None:
    account = {"username": "K1", "password": "swordfish", "base_url": "http://127.0.0.1:1"}
    monkeypatch.setenv("ORDERSAGA_MERCHANTS", json.dumps({"default": {"klarna": account}}))
    result = run("order", "check", "536365")
    assert (result.code, result.out) == (1, "")
    assert "the provider didn't respond to a read of order '536365' of merchant 'default'" in result.err
    assert len(result.err.splitlines()) == 1


def test_an_order_whose_call_is_due_is_explained(run: Run, stored: str) -> None:
    put(stored, open_operation("capture").order)
    result = run("order", "explain", "536365")
    assert (result.code, result.err) == (0, "")
    assert "It waits for the provider: capture of 0.50 GBP" in result.out


def test_an_open_dead_letter_of_an_order_is_named(run: Run, stored: str) -> None:
    letter = DeadLetter("shop.orders", 0, 7, Content(None, b"{"), "invalid_event", "$: no", "f", "default", "1")
    put(stored, Order(Key("default", "order", "1")), appended=AppendedRows(dead_letters=[letter]))
    assert f"Dead letter {letter.id} (invalid_event) is open" in run("order", "explain", "1").out


def test_an_order_that_is_yet_to_be_paid_is_not_shown_as_authorized(run: Run, stored: str) -> None:
    story = PaidThere(A)
    story.made()
    put(stored, story.order)
    out = run("order", "show", story.order.key.subject).out
    assert "to be paid until" in out
    assert "authorized until" not in out
    assert "remaining" not in out


@pytest.mark.usefixtures("order")
@pytest.mark.parametrize(("fraud_status", "status"), [("", "pending_payment"), ("PENDING", "pending_payment, PENDING")])
def test_the_providers_status_is_printed_with_the_fraud_status_that_it_has(
    run: Run, monkeypatch: pytest.MonkeyPatch, fraud_status: str, status: str
) -> None:
    ids = ("default", "order", "536365", "mollie", "ord-1", "EUR")
    found = Comparison(*ids, True, "pending_payment", "pending_payment", fraud_status, None, (), (), (), ())

    async def check(_self: Check, _key: Key) -> Comparison:
        return found

    monkeypatch.setattr(Check, "check", check)
    result = run("order", "check", "536365")
    assert (result.code, result.err) == (0, "")
    (row,) = (line for line in result.out.splitlines() if "pending_payment" in line)
    assert [cell.strip() for cell in row.split("│")[1:-1]] == ["status", "pending_payment", status, ""]
