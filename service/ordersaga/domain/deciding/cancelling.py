"""`cancelled` (whole or some lines) and `closed`: what is taken off the authorization."""

from collections.abc import Sequence

from msgspec import UNSET
from msgspec.structs import replace

from ordersaga.domain.deciding import returning, waiting
from ordersaga.domain.deciding.builder import DecisionBuilder, Hold, Refused, is_open, summary_of
from ordersaga.domain.deciding.shipping import OPEN
from ordersaga.domain.model import allocating, lines
from ordersaga.domain.model.events import Cancelled, Closed
from ordersaga.domain.model.order import Allocation, Operation, Order, Pending, Refusal
from ordersaga.domain.model.results import Succeeded

_CODES = {
    "nothing_left": "nothing_left_to_cancel",
    "too_much": "over_cancel",
    "does_not_add_up": "amounts_do_not_add_up",
    "needs_others": "over_cancel",
}
_ENDABLE = frozenset({"pending_payment", "pending_review", "authorized", "part_captured"})
RETURN_IT = "what was captured can only be returned: send shop.order.returned.v1"
_REFUND_STEP = 1  # step 0 is the end of an order that wasn't paid, which may have been refused
_BEFORE = Refusal("cancelled_before_authorized", ("the shop cancelled the order first",))


def decide(builder: DecisionBuilder, pending: Pending, data: Cancelled) -> None:
    order = builder.order
    if data.order_lines is not UNSET:
        _decide_lines(builder, pending, data)
    elif order.status == "pending_payment" and is_open(order):
        raise Hold("open_payment")
    elif order.status in _ENDABLE:
        _end_whole(builder, pending)
    elif pending.waits_for == "open_payment" and order.at_once and order.refundable:
        _refund_whole(builder, pending)
    elif builder.order.captured_amount or builder.order.status == "captured":
        raise Refused("already_captured", "nothing is left to cancel", advice=RETURN_IT)
    else:
        raise Refused("already_cancelled", f"order is {builder.order.status}")


def _refund_whole(builder: DecisionBuilder, pending: Pending) -> None:
    """The customer has paid after the shop cancelled: all goes back."""
    order = builder.order
    builder.drop(pending)
    allocations = lines.allocate_all([lines.captured_pool(line) for line in order.lines])
    operation = builder.plan("refund_payment", pending.cause, order.refundable, allocations, _REFUND_STEP)
    builder.begin(operation, None)


def decide_closed(builder: DecisionBuilder, pending: Pending, _data: Closed) -> None:
    if builder.order.status == "pending_payment" and is_open(builder.order):
        raise Hold("open_payment")
    unshipped = lines.allocate_rest(builder.order.lines)
    if builder.order.status in _ENDABLE:
        _end_whole(builder, pending)
    elif builder.order.status == "captured" and _told_there(builder, unshipped):
        builder.drop(pending)
        way = builder.terms.reduction(builder.order, to_nothing=False)
        builder.begin(builder.plan(way, pending.cause, 0, unshipped), None)
    else:
        builder.drop(pending)
        builder.change(lines=lines.add(builder.order.lines, unshipped, "cancelled"))
        builder.emit(
            "released", pending.cause, operation=summary_of(builder.plan("release", pending.cause, 0), None, 0)
        )


def _end_whole(builder: DecisionBuilder, pending: Pending) -> None:
    """Ends what is left; a `placed` that is still reviewed ends with it."""
    order = builder.order
    builder.drop(pending)
    allocations = lines.allocate_rest(order.lines)
    way = builder.terms.reduction(order, to_nothing=True)
    operation = builder.plan(way, pending.cause, order.remaining, allocations, also=order.placed)
    builder.begin(operation, None)
    if order.status == "pending_payment":
        builder.keep_data(operation, pending)


def refused(builder: DecisionBuilder, operation: Operation, refusal: Refusal) -> None:
    """Of an order that the customer has begun to pay meanwhile the event waits for the payment, as if it had just come."""
    order = builder.order
    raw, payment = builder.kept(operation), order.payment
    if order.status != "pending_payment" or raw is None or payment is None or payment.crossed == "read":
        builder.refuse(operation.cause, refusal, operation=operation)
        return
    builder.change(payment=replace(payment, crossed="unread"))
    builder.arrive(operation.cause, builder.data_kept(operation), bytes(raw), first=True)


def _decide_lines(builder: DecisionBuilder, pending: Pending, data: Cancelled) -> None:
    order = builder.order
    waiting.for_decision(builder)
    assert data.order_lines is not UNSET
    builder.known(data.order_lines)
    if order.status not in OPEN:
        raise Refused("nothing_left_to_cancel", f"order is {order.status}")
    following: allocating.Following = "last" if builder.terms.whole_lines else "in_part"
    allocated = allocating.for_capture(order.lines, data.order_lines, order.remaining, following)
    if isinstance(allocated, allocating.Inconsistency):
        raise Refused(_CODES[allocated.why], *allocated.messages)
    if refusals := builder.terms.part_refusals(order, data.order_lines):
        raise Refused("not_acceptable_to_provider", *refusals)
    amount = sum(allocation.amount for allocation in allocated)
    builder.drop(pending)
    newly = lines.newly_named(order.lines, data.order_lines)
    builder.change(lines=lines.mark_named(order.lines, newly))
    after = replace(builder.order, lines=lines.add(builder.order.lines, allocated, "cancelled"))
    to_nothing = order.remaining == amount and bool(order.order_amount or _all_gone(after))
    if to_nothing and amount and builder.terms.whole_lines:  # what else is open is worth nothing, and ends with it
        allocated = lines.allocate_rest(order.lines)
    units_alone = not amount and _told_there(builder, allocated)
    way = builder.terms.reduction(order, to_nothing=to_nothing and not units_alone)
    operation = builder.plan(way, pending.cause, amount, allocated, newly_named=newly)
    if not to_nothing:
        _lower(builder, operation, data, after)
    elif amount or units_alone or order.status != "captured":
        builder.begin(operation, data)
    else:
        ended(builder, operation, Succeeded())


def _lower(builder: DecisionBuilder, operation: Operation, data: Cancelled, after: Order) -> None:
    """Lowers the authorization to what was captured or still may be, instead of ending it."""
    if operation.amount or _told_there(builder, operation.allocations):
        target = after.captured_amount + after.remaining - operation.amount
        builder.begin(replace(operation, target=target), data, after=after)
    else:
        lines_cancelled(builder, operation)


def _told_there(builder: DecisionBuilder, allocations: Sequence[Allocation]) -> bool:
    """Whether the provider counts units, so that it is told of those that are worth nothing too."""
    return builder.terms.whole_lines and any(one.quantity for one in allocations)


def _all_gone(order: Order) -> bool:
    return not any(lines.open_pool(line).left_quantity for line in order.lines)


def lines_cancelled(builder: DecisionBuilder, operation: Operation) -> None:
    """Some lines are gone, others are left."""
    order = builder.order
    builder.change(
        released_amount=order.released_amount + operation.amount,
        lines=lines.add(order.lines, operation.allocations, "cancelled"),
    )
    builder.emit("lines_cancelled", operation.cause, operation=summary_of(operation, None, operation.amount))


def some_cancelled(builder: DecisionBuilder, operation: Operation, result: Succeeded) -> None:
    order = builder.order
    after = replace(order, lines=lines.add(order.lines, operation.allocations, "cancelled"))
    if order.remaining == operation.amount and _all_gone(after):
        ended(builder, operation, result)
    else:
        lines_cancelled(builder, operation)


def ended(builder: DecisionBuilder, operation: Operation, _result: Succeeded) -> None:
    """Nothing of the authorization is left."""
    order = builder.order
    captured = order.captured_amount or order.status == "captured"
    builder.change(
        released_amount=order.released_amount + operation.amount,
        lines=lines.add(order.lines, operation.allocations, "cancelled"),
        status="captured" if captured else "cancelled",
        placed=None,
        review_due=None,
        creation=None,
    )
    builder.clear_attention("authorization_expires")
    what = "released" if captured else "cancelled"
    builder.emit(what, operation.cause, operation=summary_of(operation, None, operation.amount))
    if operation.also:
        builder.refuse(operation.also, _BEFORE)


def refunded_whole(builder: DecisionBuilder, operation: Operation, result: Succeeded) -> None:
    """`cancelled` tells that the payment, which came after all, went back."""
    returning.count_refund(builder, operation, result)
    given = {"refund_id": result.provider_id} if result.provider_id else {}
    moved = summary_of(operation, result.provider_id, operation.amount)
    builder.emit("cancelled", operation.cause, operation=moved, result=given)
