"""`shipped`: what it captures."""

from msgspec import UNSET

from ordersaga.domain import lines
from ordersaga.domain.events import Shipped
from ordersaga.domain.order import Capture, Draw, Operation, Order, Pending, Refusal, Status
from ordersaga.domain.results import Succeeded
from ordersaga.domain.work import Hold, Refused, Work, told

OPEN = frozenset({"authorized", "part_captured", "captured"})
_CODES = {
    "nothing_left": "nothing_left_to_capture",
    "too_much": "over_capture",
    "does_not_add_up": "amounts_do_not_add_up",
}


def decide(work: Work, pending: Pending, data: Shipped) -> None:
    order = work.order
    if order.status == "pending_review":
        raise Hold("review")
    handle = pending.cause.id if data.shipment_id is UNSET else data.shipment_id
    if handle in order.shipments:
        raise Refused("shipment_exists", f"shipment {handle!r} was taken in before")
    named = () if data.order_lines is UNSET else data.order_lines
    work.known(named)
    if order.at_once and order.captured_amount and not order.remaining:
        work.drop(pending)
        work.change(shipments=(*order.shipments, handle))
        work.say("shipment_recorded", pending.cause)
        return
    if order.status not in OPEN:
        raise Refused("nothing_left_to_capture", f"order is {order.status}")
    amount, draws = _worked_out(order, data)
    work.drop(pending)
    newly = lines.newly_named(order.lines, named)
    work.change(lines=lines.mark_named(order.lines, newly), shipments=(*order.shipments, handle))
    operation = work.plan("capture", pending.cause, amount, draws, handle=handle, newly_named=newly)
    if amount:
        work.begin(operation, data)
    else:
        captured(work, operation, Succeeded())


def _worked_out(order: Order, data: Shipped) -> tuple[int, tuple[Draw, ...]]:
    given = data.captured_amount
    if data.order_lines is not UNSET:
        return _of_lines(order, data)
    if given is not UNSET:
        if given and not order.remaining:
            raise Refused("nothing_left_to_capture", "nothing is left of the order")
        if given > order.remaining:
            raise Refused("over_capture", f"{given} asked for, {order.remaining} left of the order")
        return given, ()
    draws = lines.draw_all([lines.open_pool(line) for line in order.lines])
    if not order.remaining and (not draws or sum(draw.amount for draw in draws) != 0):
        raise Refused("nothing_left_to_capture", "nothing is left of the order")
    return order.remaining, draws if sum(draw.amount for draw in draws) == order.remaining else ()


def _of_lines(order: Order, data: Shipped) -> tuple[int, tuple[Draw, ...]]:
    assert data.order_lines is not UNSET
    drawn = lines.draw_for_capture(order.lines, data.order_lines, order.remaining)
    if isinstance(drawn, lines.Amiss):
        raise Refused(_CODES[drawn.why], *drawn.messages)
    amount = sum(draw.amount for draw in drawn)
    if data.captured_amount is not UNSET and data.captured_amount != amount:
        raise Refused(
            "amounts_do_not_add_up", f"$.captured_amount: {data.captured_amount}, but the lines sum to {amount}"
        )
    return amount, drawn


def captured(work: Work, operation: Operation, result: Succeeded) -> None:
    order = work.order
    captures = order.captures
    if operation.amount:
        assert result.provider_id is not None
        captures = (*captures, Capture(result.provider_id, operation.amount, operation.id, operation.draws))
    work.change(
        captured_amount=order.captured_amount + operation.amount,
        lines=lines.add(order.lines, operation.draws, "captured"),
        captures=captures,
    )
    work.change(status=status_after(work.order))
    if not work.order.remaining:
        work.calm("authorization_expires")
    given = {"capture_id": result.provider_id} if result.provider_id else {}
    work.say("captured", operation.cause, moved=told(operation, result.provider_id, operation.amount), result=given)


def refused(work: Work, operation: Operation, refusal: Refusal) -> None:
    """Nothing was taken: the shipment may come again."""
    work.change(shipments=tuple(handle for handle in work.order.shipments if handle != operation.handle))
    work.refuse(operation.cause, refusal, operation=operation)


def status_after(order: Order) -> Status:
    """Of an order that is neither ended nor reviewed."""
    if order.remaining:
        return "part_captured" if order.captured_amount else "authorized"
    return "captured"
