"""How a read of the provider shows an operation whose answer was lost."""

from collections.abc import Callable, Iterable, Sequence
from typing import Literal

from msgspec import Struct

from ordersaga.domain.model.order import Capture, Operation, Order, Refund
from ordersaga.domain.model.results import CaptureSeen, RefundSeen, Snapshot
from ordersaga.domain.model.terms import Terms


class Present(Struct, frozen=True):
    provider_id: str | None


Finding = Present | Literal["absent", "ambiguous"]
Finder = Callable[[Order, Operation, Snapshot, Terms], Finding]


def find_capture(order: Order, operation: Operation, seen: Snapshot, terms: Terms) -> Finding:
    return _find_movement(order, operation, seen.captures, {capture.id for capture in order.captures}, terms)


def find_refund(order: Order, operation: Operation, seen: Snapshot, terms: Terms) -> Finding:
    """Of those that have failed, only ours shows anything."""
    refunds = [one for one in seen.refunds if not one.failed or one.reference == operation.id]
    return _find_movement(order, operation, refunds, {refund.id for refund in order.refunds}, terms)


def find_cancel(_order: Order, _operation: Operation, seen: Snapshot, _terms: Terms) -> Finding:
    return Present(None) if seen.status == "cancelled" else "absent"


def find_release(order: Order, _operation: Operation, seen: Snapshot, _terms: Terms) -> Finding:
    """Nothing is left, unless more was captured than we know of."""
    if seen.remaining_amount or seen.status != "captured":
        return "absent"
    return Present(None) if seen.captured_amount == order.captured_amount else "ambiguous"


def find_amend(order: Order, operation: Operation, seen: Snapshot, terms: Terms) -> Finding:
    """By its lines, where they are shown. Else the order's amount is the only trace: one that keeps it can't be recognised."""
    if seen.lines:
        return find_change(order, operation, seen, terms)
    if operation.target == order.captured_amount + order.remaining:
        return "ambiguous"
    return Present(None) if seen.order_amount == operation.target else "absent"


def find_change(order: Order, operation: Operation, seen: Snapshot, terms: Terms) -> Finding:
    """A change without money: the provider's terms compare its frozen request with what was read."""
    shown = terms.shows(operation.type, order.details.requests[operation.id], seen)
    if shown is None:
        return "ambiguous"
    return Present(None) if shown else "absent"


def find_created(_order: Order, _operation: Operation, seen: Snapshot, _terms: Terms) -> Finding:
    """A search has found it by our id."""
    return Present(seen.provider_id)


def find_payment(order: Order, _operation: Operation, seen: Snapshot, _terms: Terms) -> Finding:
    """There is another payment than the last one that we know, whatever has become of it by now."""
    there, known = seen.payment, order.payment
    if there is None or (known is not None and known.id == there.id):
        return "absent"
    return Present(there.id)


def find_record(order: Order, operation: Operation, seen: Snapshot, terms: Terms) -> Finding:
    """A shipment that we don't know, with the same quantities of the same lines; else what its request set."""
    if not operation.allocations:
        return find_change(order, operation, seen, terms)
    known = {shipment.id for shipment in order.recorded}
    wanted = _quantities((order.lines[one.position].reference, one.quantity) for one in operation.allocations)
    same = [one.id for one in seen.shipments if one.id not in known and _quantities(one.lines) == wanted]
    if len(same) == 1:
        return Present(same[0])
    return "ambiguous" if same else "absent"


def find_cancelled_lines(order: Order, operation: Operation, seen: Snapshot, _terms: Terms) -> Finding:
    """All of the lines have lost what was to be cancelled, or none has."""
    there = {line.id: line for line in seen.lines}
    wanted = [(order.lines[one.position], one.quantity) for one in operation.allocations if one.quantity]
    if any(line.id not in there for line, _ in wanted) or not wanted:
        return "ambiguous"
    gone = [there[line.id].cancelled_quantity - line.cancelled_quantity for line, _ in wanted]
    if all(more == quantity for more, (_, quantity) in zip(gone, wanted, strict=True)):
        return Present(None)
    return "ambiguous" if any(gone) else "absent"


def find_extension(_order: Order, operation: Operation, seen: Snapshot, terms: Terms) -> Finding:
    """The authorization lasts as long as one that is extended when the request was first sent."""
    if seen.expires_at is None:
        return "ambiguous"
    asked = operation.first_sent or operation.cause.sent or operation.opened
    return Present(None) if seen.expires_at >= terms.expiry(asked) else "absent"


def _find_movement(
    order: Order,
    operation: Operation,
    seen: Sequence[CaptureSeen] | Sequence[RefundSeen],
    known: set[str],
    terms: Terms,
) -> Finding:
    if not terms.keeps_reference(operation.type):
        return _by_lines(order, operation, seen, known)
    for one in seen:
        if one.reference == operation.id:
            return Present(one.id) if one.amount == operation.amount else "ambiguous"
    alike = any(one.amount == operation.amount and one.id not in known and not one.reference for one in seen)
    return "ambiguous" if alike else "absent"


def _by_lines(
    order: Order, operation: Operation, seen: Sequence[CaptureSeen] | Sequence[RefundSeen], known: set[str]
) -> Finding:
    """Without a reference: an id that we don't know, with the same quantities of the same lines."""
    wanted = _quantities((order.lines[one.position].reference, one.quantity) for one in operation.allocations)
    unknown = [one for one in seen if one.id not in known]
    same = [one for one in unknown if _quantities((line[0], line[1]) for line in one.lines) == wanted]
    if len(same) == 1 and same[0].amount == operation.amount:
        return Present(same[0].id)
    return "ambiguous" if same or any(one.amount == operation.amount for one in unknown) else "absent"


def _quantities(parts: Iterable[tuple[str, int]]) -> dict[str, int]:
    totals: dict[str, int] = {}
    for reference, quantity in parts:
        totals[reference] = totals.get(reference, 0) + quantity
    return {reference: quantity for reference, quantity in totals.items() if quantity}


def unaccounted_captures(order: Order, seen: Snapshot) -> int:
    """Captured by the provider's sum (minor units), but neither in its list nor in ours."""
    return seen.captured_amount - _sum_of(seen.captures, order.captures)


def unaccounted_refunds(order: Order, seen: Snapshot) -> int:
    """One that has failed accounts for nothing."""
    failed = {one.id for one in seen.refunds if one.failed}
    listed = [one for one in seen.refunds if one.id not in failed]
    return seen.refunded_amount - _sum_of(listed, [one for one in order.refunds if one.id not in failed])


def _sum_of(listed: Sequence[CaptureSeen | RefundSeen], known: Sequence[Capture | Refund]) -> int:
    ids = {one.id for one in listed}
    return sum(one.amount for one in listed) + sum(one.amount for one in known if one.id not in ids)
