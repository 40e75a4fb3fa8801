"""What a shipment or cancellation of lines makes of the lines, the order and its payment."""

from ordersaga_sandbox.mollie.actor import Actor
from ordersaga_sandbox.mollie.order import Line, Order, Part

_DONE = frozenset({"completed", "canceled"})


def ship_part(part: Part) -> None:
    line = part.line
    line.shipped += part.quantity
    line.amount_shipped += part.amount
    line.status = "completed" if not line.open else "shipping"
    part.status = line.status


def cancel_part(part: Part) -> None:
    """A line stays as it is while something of it is left; else it is canceled or, if it was shipped in part, completed."""
    line = part.line
    line.canceled += part.quantity
    line.amount_canceled += part.amount
    if not line.open:
        line.status = "completed" if line.shipped else "canceled"
    part.status = line.status


def cancel_rest(order: Order) -> int:
    """Cancels all that is authorized and neither shipped nor canceled. Returns its amount."""
    return sum(_cancel_rest_of(line) for line in order.lines if line.cancelable)


def drop_lines(order: Order) -> int:
    """Cancels the lines of an order that was never paid. Returns 0: nothing was authorized."""
    for line in order.lines:
        if line.open:
            _cancel_rest_of(line)
    return 0


def _cancel_rest_of(line: Line) -> int:
    amount = line.amount_open
    cancel_part(Part(line, line.open, amount, line.status))
    return amount


def settle(actor: Actor, order: Order) -> None:
    """The order's status by its lines, and its payment's by both."""
    statuses = {line.status for line in order.lines}
    if statuses <= _DONE:
        order.status = "completed" if "completed" in statuses else "canceled"
        order.changed_at[order.status] = actor.at
    elif statuses & {"shipping", "completed"}:
        order.status = "shipping"
    payment, switches = order.payment, actor.state.switches
    if payment.status != "authorized":
        return
    if order.status == "completed" or (order.status == "shipping" and switches.mollie_payment_when_shipping == "paid"):
        payment.status = "paid"
        payment.changed_at["paid"] = actor.at
    elif order.status == "canceled" and switches.mollie_payment_when_canceled == "canceled":
        payment.status = "canceled"
        payment.changed_at["canceled"] = actor.at
