"""`cancelled` (whole, some lines), `closed` and `amended`: what happens to the authorization."""

from typing import Literal

from msgspec import UNSET
from msgspec.structs import replace

from ordersaga.domain.deciding.builder import DecisionBuilder, Hold, Refused, summary_of
from ordersaga.domain.deciding.shipping import OPEN, status_after
from ordersaga.domain.model import lines
from ordersaga.domain.model.events import Amended, Cancelled, Closed
from ordersaga.domain.model.order import Allocation, Capture, Operation, Order, Pending, Refusal

_CODES = {
    "nothing_left": "nothing_left_to_cancel",
    "too_much": "over_cancel",
    "does_not_add_up": "amounts_do_not_add_up",
}
_ENDABLE = frozenset({"pending_review", "authorized", "part_captured"})
_RETURN_IT = "what was captured can only be returned: send shop.order.returned.v1"
_BEFORE = Refusal("cancelled_before_authorized", ("the shop cancelled the order first",))


def decide(builder: DecisionBuilder, pending: Pending, data: Cancelled) -> None:
    if data.order_lines is not UNSET:
        _decide_lines(builder, pending, data)
    elif builder.order.status in _ENDABLE:
        _end_whole(builder, pending)
    elif builder.order.captured_amount or builder.order.status == "captured":
        raise Refused("already_captured", "nothing is left to cancel", advice=_RETURN_IT)
    else:
        raise Refused("already_cancelled", f"order is {builder.order.status}")


def decide_closed(builder: DecisionBuilder, pending: Pending, data: Closed) -> None:  # noqa: ARG001 - every event is decided alike
    if builder.order.status in _ENDABLE:
        _end_whole(builder, pending)
    else:
        builder.drop(pending)
        unshipped = lines.allocate_all([lines.open_pool(line) for line in builder.order.lines])
        builder.change(lines=lines.add(builder.order.lines, unshipped, "cancelled"))
        builder.emit("released", pending.cause, moved=summary_of(builder.plan("release", pending.cause, 0), None, 0))


def _end_whole(builder: DecisionBuilder, pending: Pending) -> None:
    """Ends what is left; a `placed` that is still reviewed ends with it."""
    order = builder.order
    builder.drop(pending)
    allocations = lines.allocate_all([lines.open_pool(line) for line in order.lines])
    builder.begin(builder.plan(_ending(order), pending.cause, order.remaining, allocations, also=order.placed), None)


def _decide_lines(builder: DecisionBuilder, pending: Pending, data: Cancelled) -> None:
    order = builder.order
    if order.status == "pending_review":
        raise Hold("review")
    assert data.order_lines is not UNSET
    builder.known(data.order_lines)
    if order.status not in OPEN:
        raise Refused("nothing_left_to_cancel", f"order is {order.status}")
    allocated = lines.allocate_for_capture(order.lines, data.order_lines, order.remaining)
    if isinstance(allocated, lines.Inconsistency):
        raise Refused(_CODES[allocated.why], *allocated.messages)
    amount = sum(allocation.amount for allocation in allocated)
    builder.drop(pending)
    newly = lines.newly_named(order.lines, data.order_lines)
    builder.change(lines=lines.mark_named(order.lines, newly))
    after = replace(builder.order, lines=lines.add(builder.order.lines, allocated, "cancelled"))
    ending = builder.plan(_ending(after), pending.cause, amount, allocated, newly_named=newly)
    if order.remaining != amount or not (order.order_amount or _all_gone(after)):
        _lower(builder, ending, data, after)
    elif amount or order.status != "captured":
        builder.begin(ending, data)
    else:
        ended(builder, ending)


def _lower(builder: DecisionBuilder, ending: Operation, data: Cancelled, after: Order) -> None:
    """The authorization to what was captured or still may be, instead of its end."""
    target = after.captured_amount + after.remaining - ending.amount
    operation = replace(ending, type="amend", target=target)
    if operation.amount:
        builder.begin(operation, data, view=after)
    else:
        amended(builder, operation)


def _ending(order: Order) -> Literal["cancel", "release"]:
    return "release" if order.captured_amount or order.status == "captured" else "cancel"


def _all_gone(order: Order) -> bool:
    return not any(lines.open_pool(line).left_quantity for line in order.lines)


def ended(builder: DecisionBuilder, operation: Operation) -> None:
    """The rest of the authorization was cancelled or released."""
    order = builder.order
    builder.change(
        released_amount=order.released_amount + operation.amount,
        lines=lines.add(order.lines, operation.allocations, "cancelled"),
        status="cancelled" if operation.type == "cancel" else "captured",
        placed=None,
        review_due=None,
        creation=None,
    )
    builder.clear_attention("authorization_expires")
    what = "cancelled" if operation.type == "cancel" else "released"
    builder.emit(what, operation.cause, moved=summary_of(operation, None, operation.amount))
    if operation.also:
        builder.refuse(operation.also, _BEFORE)


def decide_amended(builder: DecisionBuilder, pending: Pending, data: Amended) -> None:
    order = builder.order
    if order.status == "pending_review":
        raise Hold("review")
    if order.status not in OPEN:
        raise Refused("already_cancelled", f"order is {order.status}")
    if data.order_amount < order.captured_amount:
        message = f"$.order_amount: {data.order_amount}, but {order.captured_amount} was captured"
        raise Refused("already_captured", message, advice=_RETURN_IT)
    builder.drop(pending)
    operation = builder.plan("amend", pending.cause, data.order_amount, target=data.order_amount)
    builder.begin(operation, data, view=_as_amended(order, data))
    builder.keep_data(operation, pending)


def _as_amended(order: Order, data: Amended) -> Order:
    """The amended lines are the whole order from then on; captures keep their lines by reference."""
    current = lines.carried_over(order.lines, data.order_lines)
    places = {line.reference: i for i, line in reversed(list(enumerate(current)))}
    moved = {i: places.get(line.reference) for i, line in enumerate(order.lines)}
    return replace(
        order,
        order_amount=data.order_amount,
        released_amount=0,
        lines=current,
        captures=tuple(_moved(capture, moved) for capture in order.captures),
        details=replace(order.details, lines=data.order_lines),
    )


def _moved(capture: Capture, places: dict[int, int | None]) -> Capture:
    def to(allocations: tuple[Allocation, ...]) -> tuple[Allocation, ...]:
        found = ((places[allocation.position], allocation) for allocation in allocations)
        return tuple(
            Allocation(place, allocation.quantity, allocation.amount)
            for place, allocation in found
            if place is not None
        )

    return replace(capture, allocations=to(capture.allocations), refunded_allocations=to(capture.refunded_allocations))


def amended(builder: DecisionBuilder, operation: Operation) -> None:
    """By new lines and amount, or by some lines less."""
    if operation.cause.type == "shop.order.amended.v1":
        _amended_whole(builder, operation)
        return
    order = builder.order
    builder.change(
        released_amount=order.released_amount + operation.amount,
        lines=lines.add(order.lines, operation.allocations, "cancelled"),
    )
    builder.emit("lines_cancelled", operation.cause, moved=summary_of(operation, None, operation.amount))


def _amended_whole(builder: DecisionBuilder, operation: Operation) -> None:
    order = builder.order
    data = builder.data_kept(operation)
    assert isinstance(data, Amended)
    view = _as_amended(order, data)
    builder.change(
        order_amount=view.order_amount,
        released_amount=0,
        lines=view.lines,
        captures=view.captures,
        details=view.details,
    )
    builder.change(status=status_after(builder.order) if builder.order.order_amount else order.status)
    builder.emit("amended", operation.cause, moved=summary_of(operation, None, operation.amount))
