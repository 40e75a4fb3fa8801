"""`ordersaga order list`, on a real Postgres."""

import json
from typing import get_args
from uuid import UUID

import pytest
from msgspec.structs import replace

from domain.uncertain import open_operation, stuck
from ordersaga.domain.model.events import Cause
from ordersaga.domain.model.order import Attention, Key, Order, Pending, Status, WaitsFor
from ordersaga.store.appended import AppendedRows
from ordersaga.store.dead_letters import Content, DeadLetter
from ordersaga.store.rows import ProviderId

from .conftest import Run
from .database import put

LETTER = DeadLetter(
    "shop.orders", 0, 7, Content(None, b"{"), "internal_error", "KeyError", "KeyError", "default", "blocked"
)
CANCELLED = Cause("/shop", "cancelled-1", "shop.order.cancelled.v1")
SHIPPED = Cause("/shop", "shipped-1", "shop.order.shipped.v1")


def of(subject: str, merchant: str = "default") -> Key:
    return Key(merchant, "order", subject)


def subjects(run: Run, *words: str) -> list[str]:
    result = run("order", "list", "--json", *words)
    assert (result.code, result.err) == (0, "")
    return [one["subject"] for one in json.loads(result.out)]


@pytest.fixture
def orders(stored: str) -> None:
    captured = Order(
        of("captured"), "klarna", "k-1", "captured", currency="GBP", order_amount=1530, captured_amount=1530
    )
    early = Order(of("early"), pending=(Pending(SHIPPED, "t", 1.7e9, "order", 1.8e9),))
    review = Order(of("review", "gifts"), "klarna", "k-2", "pending_review", currency="GBP", order_amount=100)
    blocked = Order(of("blocked"), blocked=str(LETTER.id), pending=(Pending(SHIPPED, "t", 1.7e9, "dead_letter"),))
    differs = replace(
        captured, key=of("differs"), provider_order_id="k-3", attentions=(Attention("books_differ", 1.7e9),)
    )
    ids = [ProviderId(captured.key, "klarna", "k-1", "create_order")]
    ids.append(ProviderId(captured.key, "klarna", "capture-1", "capture"))
    put(stored, captured, differs, blocked, appended=AppendedRows(provider_ids=ids, dead_letters=[LETTER]))
    to_pay = Order(of("to_pay", "gifts"), "mollie", "ord-1", "pending_payment", currency="EUR", order_amount=100)
    cancels = (Pending(CANCELLED, "t", 1.7e9, "open_payment"),)
    to_cancel = replace(to_pay, key=of("to_cancel", "gifts"), provider_order_id="ord-2", pending=cancels)
    goods = (Pending(SHIPPED, "t", 1.7e9, "more_goods"),)
    together = replace(
        captured, status="part_captured", key=of("together", "gifts"), provider_order_id="k-6", pending=goods
    )
    put(stored, to_pay, to_cancel, together, due_at=4e9)
    put(stored, replace(stuck("capture").order, key=of("stuck"), provider_order_id="k-4"))
    put(
        stored,
        early,
        review,
        replace(open_operation("capture").order, key=of("sending"), provider_order_id="k-5"),
        due_at=1.7e9,
    )


@pytest.mark.usefixtures("orders")
class TestOrders:
    def test_they_are_listed_by_merchant_and_id(self, run: Run) -> None:
        assert subjects(run) == [
            "blocked",
            "captured",
            "differs",
            "early",
            "sending",
            "stuck",
            "review",
            "to_cancel",
            "to_pay",
            "together",
        ]
        table = run("order", "list").out
        for words in ("15.30", "GBP", "pending_review", "books_differ", "dead_letter"):
            assert words in table

    @pytest.mark.parametrize(
        ("waits_for", "wanted"),
        [
            ("person", ["stuck"]),
            ("dead_letter", ["blocked"]),
            ("provider", ["sending"]),
            ("review", ["review"]),
            ("order", ["early"]),
            ("shipment", []),
            ("payment", ["to_pay"]),
            ("open_payment", ["to_cancel"]),
            ("more_goods", ["together"]),
        ],
    )
    def test_they_are_filtered_by_what_they_wait_for(self, run: Run, waits_for: str, wanted: list[str]) -> None:
        assert subjects(run, "--waits-for", waits_for) == wanted

    def test_they_are_filtered_by_status_attention_merchant_and_time(self, run: Run) -> None:
        assert subjects(run, "--status", "captured") == ["captured", "differs"]
        assert subjects(run, "--attention", "books_differ") == ["differs"]
        assert subjects(run, "--any-attention") == ["differs", "stuck"]
        assert subjects(run, "--merchant", "gifts") == ["review", "to_cancel", "to_pay", "together"]
        assert subjects(run, "--overdue", "60") == ["early", "sending", "review"]
        assert subjects(run, "--overdue", "1000000000") == []

    @pytest.mark.parametrize("name", ["captured", "k-1", "capture-1"])
    def test_one_is_found_by_any_id_of_shop_and_provider(self, run: Run, name: str) -> None:
        assert subjects(run, "--id", name) == ["captured"]

    def test_one_is_found_by_the_id_of_its_dead_letter(self, run: Run) -> None:
        assert subjects(run, "--id", str(LETTER.id)) == ["blocked"]
        assert subjects(run, "--id", str(UUID(int=0))) == []

    def test_a_page_follows_the_page_before(self, run: Run) -> None:
        assert subjects(run, "--limit", "2") == ["blocked", "captured"]
        assert subjects(run, "--limit", "2", "--merchant", "default", "--after", "captured") == ["differs", "early"]
        assert run("order", "list", "--after", "captured").code == 2

    def test_a_status_that_there_is_not_is_refused_with_those_that_there_are(self, run: Run) -> None:
        result = run("order", "list", "--status", "captrued")
        assert result.code != 0
        assert result.out == ""
        for status in get_args(Status):
            assert status in result.err

    @pytest.mark.parametrize("waits_for", get_args(WaitsFor))
    def test_all_that_an_event_waits_for_can_be_asked_for(self, run: Run, waits_for: str) -> None:
        assert run("order", "list", "--waits-for", waits_for).code == 0

    def test_none_is_said(self, run: Run) -> None:
        assert run("order", "list", "--id", "nonsense").out == "There are no such orders.\n"
