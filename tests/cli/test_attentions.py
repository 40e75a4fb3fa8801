"""`ordersaga attention`, on a real Postgres."""

import json
from typing import Any

import pytest

from domain.uncertain import stuck
from ordersaga.domain.model.order import Attention, Key, Order
from ordersaga.store.store import Store

from .conftest import Run
from .database import put, shown, within

STALLED = Order(
    Key("default", "order", "1"), attentions=(Attention("internal_error", 1.7e9, None, "see the service's log"),)
)
DIFFERS = Order(
    Key("default", "order", "2"),
    provider="klarna",
    attentions=(Attention("books_differ", 1.6e9), Attention("authorization_expires", 1.75e9, None, "capture it")),
)


def listed(run: Run, *words: str) -> list[Any]:
    found = json.loads(run("attention", "list", "--json", *words).out)
    assert isinstance(found, list)
    return found


@pytest.fixture
def attentions(run: Run, stored: str) -> dict[str, str]:
    """Ids by reason."""
    put(stored, STALLED, DIFFERS, stuck("capture").order)
    return {one["reason"]: str(one["id"]) for one in listed(run)}


def test_the_longest_open_is_listed_first_and_pages_follow_each_other(run: Run, attentions: dict[str, str]) -> None:
    reasons = [one["reason"] for one in listed(run)]
    assert reasons[0] == "books_differ"
    first = listed(run, "--limit", "1")
    after = listed(run, "--after", str(first[0]["id"]))
    assert [one["reason"] for one in first + after] == reasons
    table = run("attention", "list").out
    assert "see the service's log" in table
    assert "536365" in table


def test_attentions_are_filtered_by_reason_order_merchant_and_age(run: Run, attentions: dict[str, str]) -> None:
    assert [one["subject"] for one in listed(run, "--reason", "internal_error")] == ["1"]
    assert {one["reason"] for one in listed(run, "--order", "2")} == {"books_differ", "authorization_expires"}
    assert listed(run, "--merchant", "gifts") == []
    assert listed(run, "--older-than", "1000000") == []
    assert run("attention", "list", "--state", "resolved").out == "There are no resolved attentions.\n"


def test_an_attention_is_shown_with_what_to_do(run: Run, attentions: dict[str, str]) -> None:
    result = run("attention", "show", attentions["authorization_expires"])
    assert result.code == 0
    assert "capture it" in result.out
    assert json.loads(run("attention", "show", attentions["internal_error"], "--json").out)["subject"] == "1"
    assert run("attention", "show", "99").err == "there is no attention 99\n"


def test_a_resolved_attention_names_who_resolved_it_and_the_order_goes_on(
    run: Run, stored: str, attentions: dict[str, str]
) -> None:
    result = run("attention", "resolve", attentions["internal_error"], "--by", "grace")
    assert (result.code, result.out) == (0, "Resolved. The order goes on.\n")
    view = shown(stored, STALLED.key)
    assert (view.order.attentions, view.attention) == ((), None)
    assert [(one.what, one.name, one.note) for one in view.journal] == [
        ("manual", "resolved", "internal_error, by grace")
    ]
    (resolved,) = listed(run, "--state", "resolved")
    assert (resolved["reason"], resolved["resolved_by"]) == ("internal_error", "grace")
    again = run("attention", "resolve", attentions["internal_error"], "--by", "ada")
    assert (again.code, again.err.strip()) == (
        1,
        f"attention {attentions['internal_error']} was already resolved by grace",
    )


def test_one_of_several_is_resolved_and_the_others_stay(run: Run, stored: str, attentions: dict[str, str]) -> None:
    result = run("attention", "resolve", attentions["books_differ"], "--by", "grace")
    assert result.out == "Resolved. The order goes on. Still open: authorization_expires.\n"
    assert shown(stored, DIFFERS.key).attention == "authorization_expires"


def test_an_attention_of_an_operation_is_left_to_settle(run: Run, stored: str, attentions: dict[str, str]) -> None:
    result = run("attention", "resolve", attentions["answer_lost"], "--by", "grace")
    assert result.code == 1
    assert "use `ordersaga order settle`, which closes it" in result.err
    assert shown(stored, Key("default", "order", "536365")).attention == "answer_lost"


def test_a_settle_resolves_the_attention_in_the_name_of_who_settled(run: Run, attentions: dict[str, str]) -> None:
    operation = listed(run, "--reason", "answer_lost")[0]["operation_id"]
    words = ("--had-no-effect", "--reason", "it isn't there", "--by", "grace")
    assert run("order", "settle", "536365", operation, *words).code == 0
    (resolved,) = listed(run, "--state", "resolved")
    assert (resolved["reason"], resolved["resolved_by"]) == ("answer_lost", "grace")


def test_the_warning_of_an_expiry_is_not_silenced(run: Run, attentions: dict[str, str]) -> None:
    result = run("attention", "resolve", attentions["authorization_expires"], "--by", "grace")
    assert (result.code, result.err) == (
        1,
        "order '2' of merchant 'default': authorization_expires warns until it is dealt with: capture it\n",
    )


def test_an_attention_of_a_row_that_was_set_aside_is_closed(run: Run, stored: str) -> None:
    order = Order(Key("default", "order", "3"))
    put(stored, order)

    async def set_aside(store: Store) -> None:
        async with store.engine.session("inspect") as session:
            await session.fetch(
                "INSERT INTO attentions (merchant, kind, subject, reason, since) "
                "VALUES ('default', 'order', '3', 'settle: KeyError', now())"
            )
            await session.fetch("UPDATE orders SET attention = 'settle: KeyError'")

    within(stored, set_aside)
    (one,) = listed(run)
    assert run("attention", "resolve", str(one["id"]), "--by", "grace").code == 0
    assert shown(stored, order.key).attention is None
    assert listed(run) == []
