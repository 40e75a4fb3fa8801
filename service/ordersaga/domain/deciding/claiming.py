"""A `placed` for a Checkout order that was found completed before it came."""

from typing import Final

from msgspec import UNSET
from msgspec.structs import replace

from ordersaga.domain.deciding.builder import DecisionBuilder, Refused
from ordersaga.domain.model import lines
from ordersaga.domain.model.events import Cause, Placed, ReferenceChanged
from ordersaga.domain.model.fields import NOT_GIVEN
from ordersaga.domain.model.order import Line, Order, Pending

REFERENCES: Final = 12
"""The step of an event, or of a completion that none asked for, which sets the order's references."""
_REFERENCES: Final = ("merchant_reference1", "merchant_reference2")
_BOUGHT: Final = frozenset({"pending_review", "authorized", "part_captured", "captured"})


def amount_of(data: Placed) -> int | None:
    """Of the order, as the shop gave it, or as its lines sum to; None: it gave neither."""
    if data.order_amount != NOT_GIVEN:
        return data.order_amount
    return sum(line.total_amount for line in data.order_lines) if data.order_lines else None


def references_of(data: Placed) -> dict[str, str]:
    """Those that the shop gave."""
    return {name: value for name in _REFERENCES if (value := getattr(data, name)) is not UNSET}


def may_claim(order: Order, data: Placed) -> bool:
    """Whether its first `placed` comes after the Checkout order was found completed."""
    checkout = order.checkout
    if checkout is None or not checkout.complete or checkout.claimed or order.status not in _BOUGHT:
        return False
    return order.provider_order_id == data.payment.checkout_order_id


def claim(builder: DecisionBuilder, pending: Pending, data: Placed) -> None:
    """It is answered with what is known, once the order bears the references that it gives."""
    order = builder.order
    assert order.checkout is not None
    _check(order, data)
    builder.drop(pending)
    known, given = order.details.references, references_of(data)
    details = replace(order.details, references=known | given)
    builder.change(checkout=replace(order.checkout, claimed=True), details=details)
    if data.order_lines and not any(_drawn(line) for line in order.lines):
        builder.change(
            lines=tuple(lines.line_of(line) for line in data.order_lines),
            details=replace(details, lines=data.order_lines),
        )
    if known | given == known:
        answer(builder, pending.cause)
    else:
        step = builder.plan("set_references", pending.cause, 0, step=REFERENCES)
        builder.begin(step, ReferenceChanged(**given))


def _check(order: Order, data: Placed) -> None:
    """Raises Refused."""
    messages = []
    if data.purchase_currency.upper() != order.currency:
        messages.append(f"$.purchase_currency: {data.purchase_currency}, but the order is in {order.currency}")
    amount = amount_of(data)
    if amount not in {None, order.order_amount}:
        messages.append(f"$.order_amount: {amount}, but the order is over {order.order_amount}")
    if messages:
        raise Refused("amounts_do_not_add_up", *messages)


def _drawn(line: Line) -> bool:
    return any((line.captured_quantity, line.captured, line.cancelled_quantity, line.cancelled))


def answer(builder: DecisionBuilder, cause: Cause) -> None:
    if builder.order.status == "pending_review":
        builder.change(placed=cause)
        builder.emit("review_pending", cause, final=False)
    else:
        builder.emit("captured" if builder.order.at_once else "authorized", cause)
