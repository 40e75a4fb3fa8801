"""What another hand did at the provider, or the provider by itself: taken over into our books, and told."""

from msgspec.structs import replace

from ordersaga.domain.deciding import books
from ordersaga.domain.deciding.builder import DecisionBuilder
from ordersaga.domain.deciding.shipping import OPEN, status_after
from ordersaga.domain.model import lines
from ordersaga.domain.model.order import Allocation, Capture, Order, Refund
from ordersaga.domain.model.results import RefundSeen, Snapshot


def refunds_moved(builder: DecisionBuilder, seen: Snapshot) -> None:
    """Refunds that the provider took have arrived, or have come to nothing. Linear in their number."""
    there = {one.id: one for one in seen.refunds}
    before = builder.order.refunds
    after = tuple(now for one in before if (now := _moved(builder, one, there.get(one.id))) is not None)
    if after != before:
        builder.change(refunds=after)


def _moved(builder: DecisionBuilder, refund: Refund, shown: RefundSeen | None) -> Refund | None:
    """As it is now; None: it has come to nothing."""
    if shown is None and refund.moving:
        return _missed(builder, refund)
    if shown is not None and shown.failed:
        _failed(builder, refund)
        return None
    if shown is not None and refund.moving:
        arrived = replace(refund, moving=False, handle=None, allocations=())
        return replace(refund, missing=None) if shown.moving else arrived
    return refund


def _missed(builder: DecisionBuilder, refund: Refund) -> Refund | None:
    """One that was withdrawn isn't listed any more, which counts when it's seen twice."""
    if refund.missing is None:
        return replace(refund, missing=builder.now)
    if builder.now - refund.missing >= builder.rules.absent_after:
        _failed(builder, refund)
        return None
    return refund


def _failed(builder: DecisionBuilder, refund: Refund) -> None:
    """The money is with the merchant again, and the return may come again."""
    order = builder.order
    back = tuple(Allocation(one.position, -one.quantity, -one.amount) for one in refund.allocations)
    builder.change(
        refunded_amount=order.refunded_amount - refund.amount,
        kept_amount=order.kept_amount - refund.kept,
        lines=lines.add(order.lines, back, "refunded"),
        captures=tuple(_without(one, refund) if one.id == refund.capture_id else one for one in order.captures),
        returns=tuple(handle for handle in order.returns if handle != refund.handle),
    )
    builder.emit("refund_failed", None, result={"refund_id": refund.id})


def _without(capture: Capture, refund: Refund) -> Capture:
    back = list(capture.refunded_allocations)
    for allocation in refund.allocations:
        if allocation in back:
            back.remove(allocation)
    refunded, kept = capture.refunded - refund.amount, capture.kept - refund.kept
    return replace(capture, refunded=refunded, kept=kept, refunded_allocations=tuple(back))


def taken_over(builder: DecisionBuilder, seen: Snapshot) -> None:
    """Captures, shipments, refunds and cancelled lines that aren't ours, as far as our books can hold them."""
    _captures(builder, seen)
    builder.change(recorded=books.recorded(builder.order, seen))
    _cancelled(builder, seen)
    known = {refund.id for refund in builder.order.refunds}
    for refund in seen.refunds:
        if refund.id not in known:
            known.add(refund.id)
            _refund(builder, refund)


def _captures(builder: DecisionBuilder, seen: Snapshot) -> None:
    known = {capture.id for capture in builder.order.captures}
    for one in seen.captures:
        if one.id in known or one.amount > builder.order.remaining or builder.order.status not in OPEN:
            continue
        order = builder.order
        allocations = books.allocations_of(order.lines, one)
        builder.change(
            captured_amount=order.captured_amount + one.amount,
            lines=lines.add(order.lines, allocations, "captured"),
            captures=(*order.captures, Capture(one.id, one.amount, one.reference, allocations)),
        )
        builder.change(status=status_after(builder.order))
        builder.emit("captured", None, result={"capture_id": one.id})


def _cancelled(builder: DecisionBuilder, seen: Snapshot) -> None:
    """Some of the lines; of an order that has ended whole, that is told."""
    order = builder.order
    allocations = _cancelled_there(order, seen)
    amount = sum(one.amount for one in allocations)
    if not allocations or not 0 <= amount <= order.remaining:
        return
    if seen.status in {"cancelled", "expired"} or (order.remaining and lapsed(builder, seen)):
        return
    builder.change(
        released_amount=order.released_amount + amount, lines=lines.add(order.lines, allocations, "cancelled")
    )
    if not builder.order.remaining and builder.order.captured_amount:
        builder.change(status="captured")
    builder.emit("reconciled", None)


def lapsed(builder: DecisionBuilder, seen: Snapshot) -> bool:
    """Past its end, all that is left of a part-captured order is what was captured."""
    order = builder.order
    past = (seen.expires_at or order.expires_at or builder.now) <= builder.now
    return past and not seen.remaining_amount and seen.captured_amount == order.captured_amount


def _cancelled_there(order: Order, seen: Snapshot) -> list[Allocation]:
    there = {line.id: line for line in seen.lines}
    allocations = []
    for position, line in enumerate(order.lines):
        shown = there.get(line.id)
        if shown is not None and shown.cancelled_quantity > line.cancelled_quantity:
            quantity = shown.cancelled_quantity - line.cancelled_quantity
            allocations.append(Allocation(position, quantity, shown.cancelled - line.cancelled))
    return allocations


def _refund(builder: DecisionBuilder, one: RefundSeen) -> None:
    order = builder.order
    if one.failed or one.amount > order.refundable:
        return
    allocations = books.allocations_by_reference(order.lines, one.lines, "refunded")
    kept = allocations if one.moving else ()
    refund = Refund(one.id, one.amount, None, one.reference, one.moving, None, kept)
    builder.change(
        refunded_amount=order.refunded_amount + one.amount,
        lines=lines.add(order.lines, allocations, "refunded"),
        refunds=(*order.refunds, refund),
    )
    builder.emit("refunded", None, result={"refund_id": one.id})
