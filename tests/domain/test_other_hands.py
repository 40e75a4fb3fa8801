"""Another hand at Mollie, and orders that were shipped there before: our books and calls go by what is true."""

from typing import Any

import pytest

from .matrix_of_mollie import TABLES
from .matrix_rows import A
from .mollie_cells import Cell, authorized, paid, then
from .mollie_life import MollieLife, to_pay
from .shop import line, part


def cell_of(way: Any) -> Cell:
    cell = Cell(TABLES[0])
    way(cell)
    return cell


def last_of(life: MollieLife) -> tuple[str, str | None]:
    last = life.outcomes[-1]
    return last.what, last.refusal.code if last.refusal else None


def test_a_cancellation_that_came_after_a_shipment_there_is_shown_to_a_person() -> None:
    """Mollie cancels what is left; what was shipped is captured, though our books have it as released."""
    cell = cell_of(authorized)
    cell.tell("cancelled", {})
    cell.mollie.ship_there(cell.account, cell.account.lines[0].id, 1)
    cell.rest()
    assert last_of(cell) == ("cancelled", None)
    cell.look()
    assert last_of(cell) == ("attention_required", "books_differ")


def test_what_was_shipped_there_of_an_order_paid_first_isnt_shipped_again() -> None:
    cell = cell_of(paid)
    cell.mollie.ship_there(cell.account, cell.account.lines[0].id, 3)
    cell.look()
    cell.did("shipped")
    assert last_of(cell) == ("shipment_recorded", None)
    assert [sum(quantity for _, quantity, _ in one.parts) for one in cell.account.shipments] == [3, 1]
    cell.did("shipped")
    assert last_of(cell) == ("rejected", "nothing_left_to_capture")


@pytest.mark.parametrize("quantity", [1, 4])
def test_an_order_that_was_shipped_before_it_is_taken_over_isnt_shipped_again(quantity: int) -> None:
    cell = cell_of(lambda _cell: None)
    there = cell.mollie.orders["ord_theirs"]
    cell.mollie.ship_there(there, there.lines[0].id, quantity)
    cell.did("placed", **{**to_pay(A), "payment": {"provider": "mollie", "order_id": "ord_theirs"}})
    assert last_of(cell) == ("captured" if quantity == 4 else "authorized", None)
    cell.did("shipped")
    assert last_of(cell) == (("rejected", "nothing_left_to_capture") if quantity == 4 else ("captured", None))
    assert there.state == "completed"


def test_a_part_without_a_unit_is_no_shipment_of_an_order_paid_first() -> None:
    """Mollie would take a shipment without lines for one of all that is left."""
    cell = cell_of(paid)
    cell.did("shipped", order_lines=[part("A:0=1")])
    assert last_of(cell) == ("rejected", "not_acceptable_to_provider")
    cell.did("shipped", order_lines=[part("A:0")])
    assert last_of(cell) == ("shipment_recorded", None)
    assert not cell.account.shipments


def test_a_free_unit_is_cancelled_there_too() -> None:
    life = MollieLife()
    for what, data in (("placed", to_pay(A, line("G", 2, 0))), ("closed", {})):
        life.tell(what, data)
        while life.act():
            pass
        if what == "placed":
            life.mollie.pay(life.account)
            life.hint()
            while life.act():
                pass
            life.tell("shipped", {"order_lines": [part("A"), part("G:1")]})
            while life.act():
                pass
    assert last_of(life) == ("released", None)
    assert life.account.state == "completed"


def test_an_amendment_of_an_order_that_isnt_paid_leaves_it_to_be_paid() -> None:
    cell = cell_of(lambda cell: cell.did("placed", **to_pay(A)))
    cell.mollie.fail(cell.account)
    cell.look()
    cell.did("amended", order_amount=125, order_lines=[line("A", 5, 25)])
    assert (last_of(cell), cell.order.status) == (("amended", None), "pending_payment")
    cell.did("payment_retried")
    cell.mollie.pay(cell.account)
    cell.look()
    assert (last_of(cell), cell.order.remaining) == (("authorized", None), 125)


def test_the_books_of_an_order_in_two_shipments_with_a_cancelled_rest_agree() -> None:
    cell = cell_of(then(authorized, "shipped", order_lines=[part("A:1")]))
    cell.mollie.cancel_line_there(cell.account, cell.account.lines[0].id, 1)
    cell.did("shipped", order_lines=[part("A:2")])
    cell.look()
    cell.act_until_rest()
    cell.at_the_end()
    assert not cell.order.has_attention("books_differ")


def test_what_was_shipped_there_is_taken_from_the_line_that_is_worth_it() -> None:
    """Two lines share a reference."""
    life = MollieLife()
    life.tell("placed", to_pay(A, line("A", 1, 7)))
    while life.act():
        pass
    life.mollie.pay(life.account)
    life.mollie.ship_there(life.account, life.account.lines[1].id, 1)
    life.hint()
    while life.act():
        pass
    assert [(one.captured_quantity, one.captured) for one in life.order.lines] == [(0, 0), (1, 7)]


def test_an_order_found_over_another_amount_goes_by_that_and_a_person_is_told() -> None:
    life = MollieLife()
    life.tell("placed", to_pay(A))
    life.act("crashed after")
    (there,) = life.mollie.orders.values()
    there.lines[0].quantity, there.lines[0].total = 5, 125
    life.mollie.pay(there)
    life.wait(3_600.0)  # Mollie has forgotten the key
    while life.act():
        pass
    assert (life.order.status, life.order.order_amount, life.order.remaining) == ("authorized", 125, 125)
    assert life.order.has_attention("books_differ")
