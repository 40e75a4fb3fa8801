"""What an event waits for, and until when."""

from ordersaga.domain.deciding.builder import DecisionBuilder, Hold, Refused, is_open
from ordersaga.domain.model.order import Pending, WaitsFor


def for_order(builder: DecisionBuilder, pending: Pending) -> None:
    """Raises Hold, and Refused once it has waited for long enough."""
    if waited_out(builder, pending, "order"):
        raise Refused("order_unknown", f"no placed {builder.order.key.kind} of this id came in time")
    raise Hold("order", builder.rules.waits_order)


def for_decision(builder: DecisionBuilder) -> None:
    """Raises Hold while the provider reviews the order, or the customer has yet to pay it."""
    if builder.order.status == "pending_review":
        raise Hold("review")
    for_payment(builder)


def for_payment(builder: DecisionBuilder) -> None:
    """Raises Hold while the customer has yet to pay."""
    if builder.order.status == "pending_payment":
        raise Hold("payment")


def still_waits(builder: DecisionBuilder, pending: Pending) -> bool:
    """What it waits for is as it was: it needn't be decided again."""
    order = builder.order
    match pending.waits_for:
        case "dead_letter":
            return order.blocked is not None
        case "order":
            return order.status == "new" and not order.blocked and not waited_out(builder, pending, "order")
        case "review" | "payment":
            return order.status == f"pending_{pending.waits_for}" and not order.blocked
        case "open_payment":
            return order.status == "pending_payment" and is_open(order) and not order.blocked
        case "shipment" | "more_goods" if not order.blocked and not waited_out(builder, pending, "shipment"):
            return pending.moves == order.moves
        case _:
            return False


def waited_out(builder: DecisionBuilder, pending: Pending, waits_for: WaitsFor) -> bool:
    """It has waited for this until its deadline, and everything that was sent before has been taken in."""
    deadline = pending.deadline
    if deadline is None or pending.waits_for != waits_for:
        return False
    return deadline <= min(builder.now, builder.rules.input_watermark)
