"""The provider's books of an order: how they differ from the shop's event, and taking them over into ours."""

from typing import Any

from msgspec.structs import replace

from ordersaga.domain.deciding.builder import DecisionBuilder
from ordersaga.domain.model import lines
from ordersaga.domain.model.money import part_worth
from ordersaga.domain.model.order import (
    Allocation,
    Capture,
    Line,
    Order,
    Refund,
    Refusal,
    Shipment,
)
from ordersaga.domain.model.results import CaptureSeen, Snapshot

_ENDED = frozenset({"cancelled", "expired", "closed"})


def has_ended(seen: Snapshot) -> bool:
    """Nothing is left to be captured of it, nor will be."""
    return seen.status in _ENDED


def differences(order: Order, seen: Snapshot) -> Refusal | None:
    """Where the provider's order differs from the shop's event."""
    if has_ended(seen):
        return Refusal(f"order_{seen.status}", (f"the provider's order is {seen.status}",))
    inconsistencies = lines.unlike(order.lines, seen.lines)
    if seen.currency.upper() != order.currency:
        inconsistencies.append(f"$.purchase_currency: {order.currency}, but the provider's order is in {seen.currency}")
    if seen.order_amount != order.order_amount:
        inconsistencies.append(
            f"$.order_amount: {order.order_amount}, but the provider's order is over {seen.order_amount}"
        )
    return Refusal("amounts_do_not_add_up", tuple(inconsistencies)) if inconsistencies else None


def adopt_movements(builder: DecisionBuilder, seen: Snapshot) -> None:
    """Takes over what the provider captured and refunded without our knowing, and emits `reconciled`."""
    if _adopted(builder, seen):
        builder.emit("reconciled", None)


def taken_with_review(builder: DecisionBuilder, seen: Snapshot) -> dict[str, Any]:
    """Money that was taken as the review accepted the order. Returns the result for the shop."""
    order = builder.order
    if order.captured_amount or not 0 < seen.captured_amount == order.order_amount:
        adopt_movements(builder, seen)
        return {}
    _adopted(builder, seen)
    builder.change(at_once=True)
    captures = builder.order.captures
    return {"capture_id": captures[0].id} if len(captures) == 1 else {}


def _adopted(builder: DecisionBuilder, seen: Snapshot) -> bool:
    """Takes over what was captured and refunded without our knowing, if anything was."""
    order = builder.order
    ours = (order.captured_amount, order.refunded_amount)
    if (seen.captured_amount, seen.refunded_amount) == ours or seen.captured_amount < order.captured_amount:
        return False
    found = counted(order, seen)
    builder.change(
        order_amount=max(order.order_amount, seen.captured_amount + order.released_amount),
        captured_amount=seen.captured_amount,
        refunded_amount=min(max(order.refunded_amount, seen.refunded_amount), seen.captured_amount),
        lines=found.lines,
        captures=found.captures,
        refunds=found.refunds,
    )
    return True


def counted(order: Order, seen: Snapshot) -> Order:
    """The order with the provider's captures and refunds allocated to its lines, by reference."""
    current = order.lines
    known = {one.id for one in order.captures} | {one.id for one in order.refunds}
    captures = [*order.captures]
    for capture in seen.captures:
        if capture.id in known:
            continue
        allocations = allocations_of(current, capture)
        current = lines.add(current, allocations, "captured")
        captures.append(Capture(capture.id, capture.amount, capture.reference, allocations, capture.refunded))
    refunds = [*order.refunds]
    for refund in seen.refunds:
        if refund.id in known or refund.failed:
            continue
        allocations = allocations_by_reference(current, refund.lines, "refunded")
        current = lines.add(current, allocations, "refunded")
        kept = allocations if refund.moving else ()
        refunds.append(Refund(refund.id, refund.amount, None, refund.reference, refund.moving, None, kept))
    return replace(order, lines=current, captures=tuple(captures), refunds=tuple(refunds))


def allocations_of(current: tuple[Line, ...], capture: CaptureSeen) -> tuple[Allocation, ...]:
    """By its lines; a capture of all that is left may list none."""
    if capture.lines:
        return allocations_by_reference(current, capture.lines, "captured")
    left = lines.allocate_rest(current)
    return left if sum(allocation.amount for allocation in left) == capture.amount else ()


def allocations_by_reference(
    current: tuple[Line, ...], seen: tuple[tuple[str, int, int], ...], counter: lines.Counter
) -> tuple[Allocation, ...]:
    """Each seen line goes to the first line of its reference that has room for it, best to one of which it is worth that."""
    pool_of = lines.captured_pool if counter == "refunded" else lines.open_pool
    places: dict[str, list[tuple[int, lines.Pool]]] = {}
    for i, line in enumerate(current):
        places.setdefault(line.reference, []).append((i, pool_of(line)))
    allocations: list[Allocation] = []
    for reference, quantity, amount in seen:
        of_it = places.get(reference, [])
        fitting = [n for n, (_, pool) in enumerate(of_it) if pool.left_quantity >= quantity or pool.left >= amount > 0]
        if fitting:
            n = next((n for n in fitting if _worth(of_it[n][1], quantity) == amount), fitting[0])
            i, pool = of_it[n]
            part = Allocation(i, min(quantity, pool.left_quantity), amount)
            allocations.append(part)
            of_it[n] = i, pool.less(part.quantity, part.amount)
    return tuple(allocations)


def _worth(pool: lines.Pool, quantity: int) -> int | None:
    if not 0 < quantity <= pool.left_quantity:
        return None
    return part_worth(pool.total, pool.quantity, pool.gone_quantity + quantity, pool.gone)


def by_payment(seen: Snapshot) -> bool:
    """Whether the customer's payment took the money, and not the shipments that followed it."""
    return seen.payment is None or any(one.id == seen.payment.id for one in seen.captures)


def recorded(order: Order, seen: Snapshot) -> tuple[Shipment, ...]:
    """The order's shipments that took no money, with those that the provider knows besides."""
    known = {one.id for one in order.recorded}
    unshipped = lines.unshipped(order.lines, order.recorded)
    shipments = [*order.recorded]
    for one in seen.shipments:
        if one.id not in known:
            allocations = lines.parts_of(unshipped, one.lines)
            unshipped = lines.add(unshipped, allocations, "captured")
            shipments.append(Shipment(one.id, "", allocations))
    return tuple(shipments)
