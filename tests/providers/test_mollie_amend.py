"""Amended lines: the changes that Mollie gets, and how a read shows them."""

from typing import Any

import pytest
from msgspec.structs import replace

from ordersaga.domain.model.events import Amended
from ordersaga.domain.model.fields import OrderLine
from ordersaga.domain.model.lines import carried_over
from ordersaga.domain.model.order import Details, Order, Request
from ordersaga.domain.model.results import Succeeded, Unknown
from ordersaga.providers.http import Answer
from ordersaga.providers.mollie import books
from ordersaga.providers.mollie.answers import result_of
from ordersaga.providers.mollie.operations.table import OPERATIONS

from .mollie_orders import LAMP, PATH, RUG, TERMS, Json, eur, order, shown_line, shown_order, text
from .orders import body, operation

CHAIR = OrderLine(name="Chair", reference="C-1", quantity=1, unit_price=7000, total_amount=7000, tax_rate=2100)
ONE_LAMP = replace(LAMP, quantity=1, total_amount=5000)


def after(before: Order, *lines: OrderLine) -> Order:
    return replace(before, lines=carried_over(before.lines, lines), details=Details(lines=lines))


def frozen(before: Order, *lines: OrderLine) -> Request:
    amount = sum(line.total_amount for line in lines)
    data = Amended(order_amount=amount, order_lines=lines)
    return TERMS.freeze(before, operation("amend", amount, target=amount), data, after(before, *lines))


def operations(before: Order, *lines: OrderLine) -> list[Json]:
    sent: list[Json] = body(frozen(before, *lines))["operations"]
    return sent


def test_an_amendment_is_pinned() -> None:
    """One lamp less, the rug cancelled, a chair added: a single request, without a key."""
    assert frozen(order(LAMP, RUG), ONE_LAMP, CHAIR) == Request(
        "PATCH",
        f"{PATH}/lines",
        '{"operations":[{"data":{"id":"odl_1.1"},"operation":"cancel"},'
        '{"data":{"discountAmount":{"currency":"EUR","value":"0.00"},"id":"odl_1.0","quantity":1,'
        '"totalAmount":{"currency":"EUR","value":"50.00"},"unitPrice":{"currency":"EUR","value":"50.00"},'
        '"vatAmount":{"currency":"EUR","value":"8.68"},"vatRate":"21.00"},"operation":"update"},'
        '{"data":{"name":"Chair","quantity":1,"sku":"C-1","totalAmount":{"currency":"EUR","value":"70.00"},'
        '"type":"physical","unitPrice":{"currency":"EUR","value":"70.00"},'
        '"vatAmount":{"currency":"EUR","value":"12.15"},"vatRate":"21.00"},"operation":"add"}]}',
    )


def test_a_line_that_stays_isnt_told() -> None:
    (only,) = operations(order(LAMP, RUG), LAMP, replace(RUG, name="Carpet", product_url="https://p.example"))
    assert only == {
        "operation": "update",
        "data": {"id": "odl_1.1", "name": "Carpet", "productUrl": "https://p.example"},
    }


def test_a_discount_that_is_taken_away_is_told() -> None:
    (only,) = operations(order(RUG), replace(RUG, total_discount_amount=0, total_amount=12000))
    assert only["data"]["discountAmount"] == eur("0.00")


def test_a_line_of_which_a_part_was_cancelled_is_replaced() -> None:
    before = order(LAMP)
    before = replace(before, lines=(replace(before.lines[0], cancelled_quantity=1, cancelled=5000),))
    assert [(one["operation"], one["data"].get("id")) for one in operations(before, LAMP)] == [
        ("cancel", "odl_1.0"),
        ("add", None),
    ]


def test_nothing_is_left_to_cancel_of_a_line_that_is_gone() -> None:
    before = order(LAMP, RUG)
    gone = (before.lines[0], replace(before.lines[1], captured_quantity=2, cancelled_quantity=1))
    assert [one["operation"] for one in operations(replace(before, lines=gone), ONE_LAMP)] == ["update"]


def test_an_amendment_to_the_same_lines_changes_nothing() -> None:
    assert operations(order(LAMP), LAMP) == [{"operation": "update", "data": {"id": "odl_1.0", "name": "Lamp"}}]


LEFT = shown_line(0, "L-1", 1, "50.00", "50.00", name="Lamp")
NEW = shown_line(2, "C-1", 1, "70.00", "70.00", name="Chair")
GONE = shown_line(1, "R-1", 3, "40.00", "100.00", quantityCanceled=3, amountCanceled=eur("100.00"))
STILL = shown_line(1, "R-1", 3, "40.00", "100.00")
BEFORE = shown_line(0, "L-1", 2, "50.00", "100.00", name="Lamp")


@pytest.mark.parametrize(
    ("lines", "shown"),
    [
        ([LEFT, GONE, NEW], True),
        ([LEFT, NEW], True),
        ([BEFORE, STILL], False),
        ([LEFT, STILL], None),  # another hand's
        ([LEFT, GONE, {**NEW, "quantityCanceled": 1}], None),
    ],
)
def test_a_read_shows_it_by_its_lines(lines: list[Json], shown: bool | None) -> None:
    request = frozen(order(LAMP, RUG), ONE_LAMP, CHAIR)
    seen = books.snapshot(text(shown_order("authorized", *lines)))
    assert TERMS.shows("amend", request, seen) is shown


def answered(*lines: Json, target: int) -> Any:
    answer = Answer(200, {}, text(shown_order("authorized", *lines)))
    return result_of(OPERATIONS["amend"], operation("amend", target, target=target), answer, 0.0)


def test_the_answer_is_the_order_with_the_ids_of_new_lines() -> None:
    result = answered(LEFT, GONE, NEW, target=12000)
    assert isinstance(result, Succeeded)
    assert result.snapshot is not None
    assert [line.id for line in result.snapshot.lines] == ["odl_1.0", "odl_1.1", "odl_1.2"]


@pytest.mark.parametrize("status", ["created", "pending", "authorized"])
def test_the_answer_embeds_no_payments(status: str) -> None:
    shown = shown_order(status, LEFT)
    del shown["_embedded"]
    answer = Answer(200, {}, text(shown))
    result = result_of(OPERATIONS["amend"], operation("amend", 5000, target=5000), answer, 0.0)
    assert isinstance(result, Succeeded)
    assert result.snapshot is not None
    assert [line.id for line in result.snapshot.lines] == ["odl_1.0"]


def test_lines_of_another_worth_are_no_success() -> None:
    assert answered(LEFT, NEW, target=12001) == Unknown("amount_differs", None, 200)


def test_it_needs_the_order_as_it_will_be() -> None:
    with pytest.raises(ValueError, match="as it will be"):
        TERMS.freeze(order(LAMP), operation("amend", 1, target=1), None)
