"""`shipped`: what it captures."""

from msgspec import UNSET

from ordersaga.domain.deciding.builder import DecisionBuilder, Refused, summary_of
from ordersaga.domain.model import allocating, lines
from ordersaga.domain.model.events import Shipped
from ordersaga.domain.model.order import Allocation, Capture, Operation, Order, Pending, Refusal, Status
from ordersaga.domain.model.results import Succeeded

OPEN = frozenset({"authorized", "part_captured", "captured"})
_CODES = {
    "nothing_left": "nothing_left_to_capture",
    "too_much": "over_capture",
    "does_not_add_up": "amounts_do_not_add_up",
}


def decide(builder: DecisionBuilder, pending: Pending, data: Shipped) -> None:
    order = builder.order
    handle = pending.cause.id if data.shipment_id is UNSET else data.shipment_id
    if handle in order.shipments:
        raise Refused("shipment_exists", f"shipment {handle!r} was taken in before")
    named = () if data.order_lines is UNSET else data.order_lines
    builder.known(named)
    if order.at_once and order.captured_amount and not order.remaining:
        builder.drop(pending)
        builder.change(shipments=(*order.shipments, handle))
        _record(builder, pending, data, handle)
        return
    if order.status not in OPEN:
        raise Refused("nothing_left_to_capture", f"order is {order.status}")
    amount, allocations = _worked_out(order, data)
    builder.drop(pending)
    newly = lines.newly_named(order.lines, named)
    builder.change(lines=lines.mark_named(order.lines, newly), shipments=(*order.shipments, handle))
    operation = builder.plan("capture", pending.cause, amount, allocations, handle=handle, newly_named=newly)
    if amount:
        builder.begin(operation, data)
    else:
        captured(builder, operation, Succeeded())


def _record(builder: DecisionBuilder, pending: Pending, data: Shipped, handle: str) -> None:
    """Of an order whose money was taken at once: what the provider may know of the shipment is passed on."""
    captures = builder.order.captures
    if (
        data.shipping_info is UNSET
        or not data.shipping_info
        or not captures
        or not builder.terms.supports("record_shipment")
    ):
        builder.emit("shipment_recorded", pending.cause)
        return
    operation = builder.plan("record_shipment", pending.cause, 0, handle=handle, capture_id=captures[0].id)
    builder.begin(operation, data)


def _worked_out(order: Order, data: Shipped) -> tuple[int, tuple[Allocation, ...]]:
    given = data.captured_amount
    if data.order_lines is not UNSET:
        return _of_lines(order, data)
    if given is not UNSET:
        if given and not order.remaining:
            raise Refused("nothing_left_to_capture", "nothing is left of the order")
        if given > order.remaining:
            raise Refused("over_capture", f"{given} asked for, {order.remaining} left of the order")
        return given, ()
    allocations = lines.allocate_all([lines.open_pool(line) for line in order.lines])
    if not order.remaining and (not allocations or sum(allocation.amount for allocation in allocations) != 0):
        raise Refused("nothing_left_to_capture", "nothing is left of the order")
    return order.remaining, allocations if sum(
        allocation.amount for allocation in allocations
    ) == order.remaining else ()


def _of_lines(order: Order, data: Shipped) -> tuple[int, tuple[Allocation, ...]]:
    assert data.order_lines is not UNSET
    allocated = allocating.for_capture(order.lines, data.order_lines, order.remaining)
    if isinstance(allocated, allocating.Inconsistency):
        raise Refused(_CODES[allocated.why], *allocated.messages)
    amount = sum(allocation.amount for allocation in allocated)
    if data.captured_amount is not UNSET and data.captured_amount != amount:
        raise Refused(
            "amounts_do_not_add_up", f"$.captured_amount: {data.captured_amount}, but the lines sum to {amount}"
        )
    return amount, allocated


def captured(builder: DecisionBuilder, operation: Operation, result: Succeeded) -> None:
    order = builder.order
    captures = order.captures
    if operation.amount:
        assert result.provider_id is not None
        capture = Capture(
            result.provider_id, operation.amount, operation.id, operation.allocations, shipment=operation.handle
        )
        captures = (*captures, capture)
    builder.change(
        captured_amount=order.captured_amount + operation.amount,
        lines=lines.add(order.lines, operation.allocations, "captured"),
        captures=captures,
    )
    builder.change(status=status_after(builder.order))
    if not builder.order.remaining:
        builder.clear_attention("authorization_expires")
    given = {"capture_id": result.provider_id} if result.provider_id else {}
    builder.emit(
        "captured", operation.cause, operation=summary_of(operation, result.provider_id, operation.amount), result=given
    )


def refused(builder: DecisionBuilder, operation: Operation, refusal: Refusal) -> None:
    """Nothing was taken: the shipment may come again."""
    builder.change(shipments=tuple(handle for handle in builder.order.shipments if handle != operation.handle))
    builder.refuse(operation.cause, refusal, operation=operation)


def status_after(order: Order) -> Status:
    """Of an order that is neither ended nor reviewed."""
    if order.remaining:
        return "part_captured" if order.captured_amount else "authorized"
    return "captured"
