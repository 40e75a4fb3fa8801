"""Leads an order at Mollie into each state of its matrix, and tells it one event there."""

from collections.abc import Callable
from typing import Any, Final

from msgspec.structs import replace

from ordersaga.domain import saga
from ordersaga.domain.model.events import Cause
from ordersaga.domain.model.order import Order, Refusal
from ordersaga.domain.model.outcomes import Wait

from .life import Fault
from .matrix_rows import Table
from .mollie_books import OrderThere, money
from .mollie_life import MollieLife, to_pay
from .mollie_rows import STATES
from .shop import DAY, START, SUBSCRIPTION, line, part
from .whole_mollie import WholeMollie

_PART: Final = {"shipment_id": "s1", "order_lines": [part("A:1")]}
_LETTER: Final = "letter-1"
_A: Final = line("A", 4, 25)


class Cell(MollieLife):
    """One event in one state."""

    def __init__(self, table: Table, *, allows: bool = True) -> None:
        self.ident = ""
        self.waited: list[str] = []
        super().__init__(model=WholeMollie(allows=allows))
        if table.subscription:
            self.order = Order(SUBSCRIPTION)
        for name in ("ord_theirs", "ord_unpaid"):
            body = {"metadata": {}, "method": "klarna", "orderNumber": "1", "amount": money(100, "EUR")}
            made = self.mollie.add({**body, "lines": [_there("A", 4, 25)]}, START)
            self.mollie.orders[name] = self.mollie.orders.pop(made.id)
            made.id = name
        self.mollie.pay(self.mollie.orders["ord_theirs"])

    def rest(self) -> None:
        while self.act():
            pass

    def did(self, what: str, **data: Any) -> None:
        """An event of before, carried out."""
        self.tell(what, data)
        self.rest()

    def look(self) -> None:
        """Mollie notifies us."""
        self.hint()
        self.rest()

    def arrives(self, table: Table) -> None:
        self.ident = f"e{len(self.inputs)}"
        self.tell(table.event, table.data)

    def next_step(self) -> None:
        following = saga.next_call(self.order, self.now, self.rules)
        assert isinstance(following, Wait), following
        self.wait(following.until - self.now)
        self.rest()

    def until_known(self) -> None:
        """At which order the customer pays."""
        while self.order.provider_order_id is None and self.order.operations:
            self.next_step()

    def until_final(self) -> None:
        for _ in range(2_000):
            self.rest()
            if self.ident in self.finals:
                return
            self.next_step()
        raise AssertionError("no final outcome")

    def block(self) -> None:
        self._change(replace(self.order, blocked=_LETTER))

    def discard(self) -> None:
        cause = Cause("/shop", "bad", "shop.order.shipped.v1")
        self.told.append(cause.id)
        refusal = Refusal("invalid_event")
        self._take(saga.refuse_for_good(self.order, cause, refusal, self.now, self.rules, unblocks=_LETTER))

    def outcome_of(self, ident: str) -> str:
        """The code, of one that is rejected."""
        (outcome,) = [one for one in self.outcomes if one.final and one.cause is not None and one.cause.id == ident]
        return outcome.what if outcome.refusal is None else outcome.refusal.code

    def _change(self, order: Order) -> None:
        super()._change(order)
        for pending in order.pending:
            if pending.cause.id == self.ident and [pending.waits_for] != self.waited[-1:]:
                self.waited.append(pending.waits_for)


Way = Callable[[Cell], None]


def _there(sku: str, quantity: int, unit: int) -> dict[str, Any]:
    told = {"name": "name", "sku": sku, "vatRate": "0.00", "quantity": quantity}
    return {**told, "unitPrice": money(unit, "EUR"), "totalAmount": money(quantity * unit, "EUR")}


def placing(cell: Cell) -> None:
    cell.tell("placed", to_pay(_A))


def lost(fault: Fault, after: Way = placing) -> Way:
    def way(cell: Cell) -> None:
        after(cell)
        cell.act(fault)

    return way


def unpaid(cell: Cell, method: str | None = "klarna") -> None:
    cell.did("placed", **to_pay(_A, method=method))


def authorized(cell: Cell) -> None:
    unpaid(cell)
    cell.mollie.pay(cell.account)
    cell.look()


def paid(cell: Cell) -> None:
    unpaid(cell, "ideal")
    cell.mollie.pay(cell.account)
    cell.look()


def taken_over(cell: Cell) -> None:
    cell.did("placed", **{**to_pay(_A), "payment": {"provider": "mollie", "order_id": "ord_theirs"}})


def failed(cell: Cell) -> None:
    unpaid(cell)
    cell.mollie.fail(cell.account)
    cell.look()


def payment_expired(cell: Cell) -> None:
    unpaid(cell)
    cell.wait(3 * DAY)
    cell.look()


def then(before: Way, what: str, **data: Any) -> Way:
    def way(cell: Cell) -> None:
        before(cell)
        cell.did(what, **data)

    return way


def there(before: Way, does: Callable[[WholeMollie, OrderThere], None]) -> Way:
    """Then another hand does that at Mollie."""

    def way(cell: Cell) -> None:
        before(cell)
        does(cell.mollie, cell.account)
        cell.look()

    return way


def past_expiry(before: Way) -> Way:
    def way(cell: Cell) -> None:
        before(cell)
        while cell.account.remaining:
            cell.next_step()
        cell.look()

    return way


def refused(cell: Cell) -> None:
    placing(cell)
    cell.act("refused")


def fail_refunds(_mollie: WholeMollie, order: OrderThere) -> None:
    for refund in order.refunds:
        order.fail_refund(refund)


def about_to_ship(cell: Cell) -> None:
    authorized(cell)
    cell.tell("shipped", _PART)


def blocked(cell: Cell) -> None:
    authorized(cell)
    cell.block()


def nothing(_cell: Cell) -> None:
    pass


part_captured: Final = then(authorized, "shipped", **_PART)
captured: Final = then(authorized, "shipped", shipment_id="s1")
captured_in_two: Final = then(part_captured, "shipped", shipment_id="s2")
ship_all_there: Final = there(authorized, lambda mollie, order: mollie.ship_there(order, order.lines[0].id, 4))
WAYS: Final[dict[str, tuple[Way, ...]]] = {
    "new": (nothing,),
    "early": (nothing,),
    "placing": (placing, lost("lost before"), lost("lost after"), lost("away"), lost("crashed after")),
    "to pay": (unpaid,),
    "to pay first": (lambda cell: unpaid(cell, "ideal"),),
    "to pay, left": (unpaid,),
    "payment failed": (failed, payment_expired),
    "authorized": (authorized, taken_over),
    "part captured": (part_captured,),
    "captured": (captured, captured_in_two),
    "paid": (paid,),
    "paid, part shipped": (then(paid, "shipped", **_PART),),
    "paid, shipped": (then(paid, "shipped", shipment_id="s1"),),
    "refunded": (then(captured, "returned"), then(captured_in_two, "returned")),
    "paid, refunded": (then(paid, "returned"),),
    "refund failed": (there(then(captured, "returned"), fail_refunds),),
    "released": (
        then(part_captured, "closed"),
        then(part_captured, "cancelled"),
        there(part_captured, lambda mollie, order: mollie.cancel_there(order)),
        there(part_captured, lambda mollie, order: mollie.cancel_line_there(order, order.lines[0].id, 3)),
    ),
    "lapsed": (past_expiry(part_captured),),
    "cancelled": (
        then(authorized, "cancelled"),
        then(authorized, "closed"),
        then(authorized, "cancelled", order_lines=[{"reference": "A"}]),
        then(failed, "cancelled"),
        there(failed, lambda mollie, order: mollie.cancel_there(order)),
        there(authorized, lambda mollie, order: mollie.cancel_there(order)),
    ),
    "expired": (past_expiry(unpaid), past_expiry(failed), past_expiry(authorized)),
    "rejected": (
        refused,
        lambda cell: cell.did("placed", **to_pay(_A, order_amount=99)),
        then(lambda cell: cell.did("cancelled"), "placed", **to_pay(_A)),
    ),
    "unknown": (
        lost("lost before", about_to_ship),
        lost("lost after", about_to_ship),
        lost("crashed before", about_to_ship),
        lost("crashed after", about_to_ship),
    ),
    "blocked": (blocked,),
}
assert WAYS.keys() == STATES.keys()


def follows(cell: Cell, state: str) -> None:
    """What happens after the event came."""
    match state:
        case "early":
            placing(cell)
        case "blocked":
            cell.discard()
        case _:
            pass
    if state not in {"to pay, left", "payment failed"}:
        cell.rest()
        cell.until_known()
        cell.mollie.decide()
        cell.look()


def ended(table: Table, state: str, way: Way, *, allows: bool = True) -> Cell:
    """The event came in that state and has its final outcome."""
    cell = Cell(table, allows=allows)
    way(cell)
    cell.arrives(table)
    follows(cell, state)
    cell.until_final()
    return cell
