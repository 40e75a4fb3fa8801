"""`shipped`: what it captures."""

from collections.abc import Sequence
from typing import Final

from msgspec import UNSET

from ordersaga.domain.deciding import waiting
from ordersaga.domain.deciding.builder import DecisionBuilder, Hold, Refused, summary_of
from ordersaga.domain.model import allocating, lines
from ordersaga.domain.model.events import Shipped
from ordersaga.domain.model.fields import PartLine
from ordersaga.domain.model.order import Allocation, Capture, Operation, Order, Pending, Refusal, Shipment, Status
from ordersaga.domain.model.results import Succeeded

OPEN = frozenset({"authorized", "part_captured", "captured"})
_CODES = {
    "nothing_left": "nothing_left_to_capture",
    "too_much": "over_capture",
    "does_not_add_up": "amounts_do_not_add_up",
    "needs_others": "over_capture",
}
_MORE_GOODS: Final = "more_goods"
_WAITS = "shipment_waits"
_NAME_LINES = "$.captured_amount: this provider takes money by lines alone, name them"
_SHIP_TOGETHER = (
    "a shipment is worth more than is left of the order without the lines that follow it, and less than 0 with them: "
    "ship its goods together with others, or amend the order"
)


def decide(builder: DecisionBuilder, pending: Pending, data: Shipped) -> None:
    order = builder.order
    handle = pending.cause.id if data.shipment_id is UNSET else data.shipment_id
    if handle in order.shipments:
        raise Refused("shipment_exists", f"shipment {handle!r} was taken in before")
    named = () if data.order_lines is UNSET else data.order_lines
    builder.known(named)
    if order.at_once and order.captured_amount and not order.remaining:
        _record(builder, pending, data, handle)
        return
    if order.status not in OPEN:
        raise Refused("nothing_left_to_capture", f"order is {order.status}")
    amount, allocations = _worked_out(builder, pending, data)
    _check_parts(builder, named)
    builder.drop(pending)
    newly = lines.newly_named(order.lines, named)
    builder.change(lines=lines.mark_named(order.lines, newly), shipments=(*order.shipments, handle))
    operation = builder.plan("capture", pending.cause, amount, allocations, handle=handle, newly_named=newly)
    if amount or (builder.terms.whole_lines and allocations):
        builder.begin(operation, data)
    else:
        captured(builder, operation, Succeeded())


def _check_parts(builder: DecisionBuilder, named: Sequence[PartLine]) -> None:
    if refusals := builder.terms.part_refusals(builder.order, named):
        raise Refused("not_acceptable_to_provider", *refusals)


def _record(builder: DecisionBuilder, pending: Pending, data: Shipped, handle: str) -> None:
    """Of an order whose money was taken at once: what the provider may know of the shipment is passed on."""
    order = builder.order
    if builder.terms.whole_lines:
        _check_parts(builder, () if data.order_lines is UNSET else data.order_lines)
        allocations = tuple(one for one in _left_to_record(order, data) if one.quantity)
        told = bool(allocations)
    else:
        allocations, told = (), data.shipping_info is not UNSET and bool(data.shipping_info)
    builder.drop(pending)
    builder.change(shipments=(*order.shipments, handle))
    captures = order.captures
    if not told or not captures or not builder.terms.supports("record_shipment"):
        builder.emit("shipment_recorded", pending.cause)
        return
    operation = builder.plan("record_shipment", pending.cause, 0, allocations, handle=handle, capture_id=captures[0].id)
    builder.begin(operation, data)


def _left_to_record(order: Order, data: Shipped) -> tuple[Allocation, ...]:
    """Of the lines that no shipment has told the provider of yet."""
    unshipped = lines.unshipped(order.lines, order.recorded)
    left = lines.allocate_rest(unshipped)
    if data.order_lines is UNSET:
        if not left:
            raise Refused("nothing_left_to_capture", "all of the order was shipped")
        return left
    allocated = allocating.for_capture(unshipped, data.order_lines, sum(one.amount for one in left), "whole")
    if isinstance(allocated, allocating.Inconsistency):
        raise Refused(_CODES[allocated.why], *allocated.messages)
    return allocated


def recorded(builder: DecisionBuilder, operation: Operation, result: Succeeded) -> None:
    given = {}
    if result.provider_id is not None and operation.handle is not None:
        shipment = Shipment(result.provider_id, operation.handle, operation.allocations)
        builder.change(recorded=(*builder.order.recorded, shipment))
        given = {"shipment_id": result.provider_id}
    moved = summary_of(operation, result.provider_id)
    builder.emit("shipment_recorded", operation.cause, operation=moved, result=given)


def _worked_out(builder: DecisionBuilder, pending: Pending, data: Shipped) -> tuple[int, tuple[Allocation, ...]]:
    order, given = builder.order, data.captured_amount
    if data.order_lines is not UNSET:
        return _of_lines(builder, pending, data)
    by_lines = builder.terms.whole_lines
    if given is not UNSET and not (by_lines and given == order.remaining):
        if by_lines:
            raise Refused("not_acceptable_to_provider", _NAME_LINES)
        if given and not order.remaining:
            raise Refused("nothing_left_to_capture", "nothing is left of the order")
        if given > order.remaining:
            raise Refused("over_capture", f"{given} asked for, {order.remaining} left of the order")
        return given, ()
    allocations = lines.allocate_rest(order.lines)
    if not order.remaining and (not allocations or sum(allocation.amount for allocation in allocations) != 0):
        raise Refused("nothing_left_to_capture", "nothing is left of the order")
    if sum(allocation.amount for allocation in allocations) == order.remaining:
        return order.remaining, allocations
    if by_lines:
        raise Refused("not_acceptable_to_provider", _NAME_LINES)
    return order.remaining, ()


def _of_lines(builder: DecisionBuilder, pending: Pending, data: Shipped) -> tuple[int, tuple[Allocation, ...]]:
    order = builder.order
    assert data.order_lines is not UNSET
    following: allocating.Following = "whole" if builder.terms.whole_lines else "in_part"
    allocated = allocating.for_capture(order.lines, data.order_lines, order.remaining, following)
    if isinstance(allocated, allocating.Inconsistency) and allocated.why == "needs_others":
        _wait_for_goods(builder, pending)
    if isinstance(allocated, allocating.Inconsistency):
        raise Refused(_CODES[allocated.why], *allocated.messages)
    amount = sum(allocation.amount for allocation in allocated)
    if data.captured_amount is not UNSET and data.captured_amount != amount:
        raise Refused(
            "amounts_do_not_add_up", f"$.captured_amount: {data.captured_amount}, but the lines sum to {amount}"
        )
    return amount, allocated


def _wait_for_goods(builder: DecisionBuilder, pending: Pending) -> None:
    """The lines that follow, which are taken whole, would lower it below 0, and without them it is worth too much."""
    if pending.waits_for != _MORE_GOODS and not waiting.waited_out(builder, pending, "shipment"):
        raise Hold("shipment", builder.rules.waits_shipment)
    if not builder.order.has_attention(_WAITS):
        builder.raise_attention(None, _WAITS, _SHIP_TOGETHER)
    raise Hold(_MORE_GOODS)


def end_of_waits(builder: DecisionBuilder) -> None:
    """Nobody has to look after shipments any more, once none waits for more goods."""
    if not any(pending.waits_for == _MORE_GOODS for pending in builder.order.pending):
        builder.clear_attention(_WAITS)


def captured(builder: DecisionBuilder, operation: Operation, result: Succeeded) -> None:
    order = builder.order
    captures = order.captures
    assert result.provider_id is not None or not operation.amount
    if result.provider_id is not None:
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
    builder.clear_attention(_WAITS)
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
