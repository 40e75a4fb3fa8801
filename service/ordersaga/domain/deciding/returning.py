"""`returned`: what it refunds, one refund per capture."""

from collections.abc import Sequence

from msgspec import UNSET, Struct
from msgspec.structs import replace

from ordersaga.domain.deciding import waiting
from ordersaga.domain.deciding.builder import DecisionBuilder, Hold, Refused, summary_of
from ordersaga.domain.deciding.shipping import OPEN
from ordersaga.domain.model import allocating, lines
from ordersaga.domain.model.events import Returned
from ordersaga.domain.model.ids import operation_id
from ordersaga.domain.model.money import between, part_worth
from ordersaga.domain.model.order import Allocation, Capture, Operation, Order, Pending, Refund, Refusal
from ordersaga.domain.model.results import Succeeded

_PART = "a part of it was refunded: send what is missing as another return"
_CODES = {
    "nothing_left": "over_refund",
    "too_much": "over_refund",
    "does_not_add_up": "amounts_do_not_add_up",
    "needs_others": "over_refund",
}


class Share(Struct, frozen=True):
    """What a refund takes of one capture. `amount` is without the fee that is kept."""

    capture_id: str | None
    amount: int
    allocations: tuple[Allocation, ...] = ()
    kept: int = 0


def decide(builder: DecisionBuilder, pending: Pending, data: Returned) -> None:
    order = builder.order
    handle = pending.cause.id if data.return_id is UNSET else data.return_id
    if handle in order.returns:
        raise Refused("return_exists", f"return {handle!r} was taken in before")
    named = () if data.order_lines is UNSET else data.order_lines
    builder.known(named)
    kept = 0 if data.return_fee is UNSET else data.return_fee.amount
    try:
        total, allocations = _worked_out(builder, order, data, kept)
    except Refused as no:
        if no.refusal.code == "over_refund" and not waiting.waited_out(builder, pending, "shipment"):
            _wait_for_captures(builder, data, kept)
        raise
    if kept and (refusals := builder.terms.return_fee_refusals(order)):
        raise Refused("not_acceptable_to_provider", *refusals)
    if refusals := builder.terms.part_refusals(order, named):
        raise Refused("not_acceptable_to_provider", *refusals)
    builder.drop(pending)
    newly = lines.newly_named(order.lines, named)
    builder.change(lines=lines.mark_named(order.lines, newly), returns=(*order.returns, handle))
    if builder.terms.refund_per_capture:
        shares = split(order.captures, total, allocations, kept)
    else:
        shares = (Share(None, total - kept, allocations, kept),)
    _begin_refunds(builder, pending, data, shares, handle, newly)


def _begin_refunds(
    builder: DecisionBuilder,
    pending: Pending,
    data: Returned,
    shares: Sequence[Share],
    handle: str,
    newly: tuple[int, ...],
) -> None:
    for step, share in enumerate(shares):
        operation = builder.plan(
            "refund",
            pending.cause,
            share.amount,
            share.allocations,
            step,
            handle=handle,
            capture_id=share.capture_id,
            kept=share.kept,
            newly_named=() if step else newly,
        )
        if share.amount:
            builder.begin(operation, data)
        else:
            refunded(builder, operation, Succeeded())


def _wait_for_captures(builder: DecisionBuilder, data: Returned, kept: int) -> None:
    """Holds the return while enough may still be captured; its amounts are checked after that."""
    order = builder.order
    if order.status not in OPEN:
        return
    allocations = lines.allocate_rest(order.lines)
    if not order.remaining:
        allocations = tuple(allocation for allocation in allocations if not allocation.amount)
    captured = order.captured_amount + order.remaining
    then = replace(order, captured_amount=captured, lines=lines.add(order.lines, allocations, "captured"))
    try:
        _worked_out(builder, then, data, kept)
    except Refused as no:
        if no.refusal.code == "over_refund":
            return
    raise Hold("shipment", builder.rules.waits_shipment)


def _worked_out(
    builder: DecisionBuilder, order: Order, data: Returned, kept: int
) -> tuple[int, tuple[Allocation, ...]]:
    """What is refunded or kept as a fee, and its allocation to lines."""
    given = data.refunded_amount
    allocations: tuple[Allocation, ...] = ()
    if data.order_lines is not UNSET:
        following: allocating.Following = "whole" if builder.terms.whole_lines else "in_part"
        allocated = allocating.for_refund(order.lines, data.order_lines, order.refundable, following)
        if isinstance(allocated, allocating.Inconsistency):
            raise Refused(_CODES[allocated.why], *allocated.messages)
        allocations, wanted = allocated, sum(allocation.amount for allocation in allocated)
        if given is not UNSET and given != wanted - kept:
            raise Refused("amounts_do_not_add_up", f"$.refunded_amount: {given}, but the lines sum to {wanted - kept}")
    elif given is not UNSET:
        wanted = given + kept
    else:
        allocations, wanted = lines.allocate_all([lines.captured_pool(line) for line in order.lines]), order.refundable
        if not wanted and (not allocations or sum(allocation.amount for allocation in allocations) != 0):
            raise Refused("over_refund", "nothing is left to refund")
        if sum(allocation.amount for allocation in allocations) != wanted:
            allocations = ()
    if wanted > order.refundable:
        raise Refused("over_refund", f"{wanted} asked for, {order.refundable} left to refund")
    if kept > wanted:
        raise Refused("amounts_do_not_add_up", f"$.return_fee.amount: {kept}, but {wanted} comes back")
    return wanted, allocations


def split(captures: Sequence[Capture], total: int, allocations: tuple[Allocation, ...], kept: int) -> tuple[Share, ...]:
    """One share per capture, so that the provider can allocate each refund. `total` includes the fee that is kept."""
    if len(captures) <= 1:
        return (Share(captures[0].id if captures else None, total - kept, allocations, kept),)
    shares = _by_lines(captures, allocations) if sum(allocation.amount for allocation in allocations) == total else None
    if shares is None:
        first, *others = _by_amount(captures, total)
        shares = [replace(first, allocations=allocations), *others]
    return _joined(_kept_back(shares, kept))


def _kept_back(shares: Sequence[Share], kept: int) -> list[Share]:
    after = []
    for share in shares:
        part = min(kept, share.amount)
        kept -= part
        after.append(replace(share, amount=share.amount - part, kept=part))
    return after


def _joined(shares: Sequence[Share]) -> tuple[Share, ...]:
    """Shares without money join the first that has some: the provider isn't called for them."""
    paid = [share for share in shares if share.amount] or [shares[0]]
    free = [share for share in shares if not share.amount and share is not paid[0]]
    allocations = sum((share.allocations for share in free), paid[0].allocations)
    return (replace(paid[0], allocations=allocations, kept=paid[0].kept + sum(share.kept for share in free)), *paid[1:])


def _by_lines(captures: Sequence[Capture], allocations: Sequence[Allocation]) -> list[Share] | None:
    """Each line's allocation goes to the captures that took it, in their order; None when a capture can't cover its share."""
    parts: dict[str, list[Allocation]] = {capture.id: [] for capture in captures}
    left = _left_of(captures, {allocation.position for allocation in allocations})
    for allocation in allocations:
        rest = allocation
        for capture_id, taken, back in left.get(allocation.position, ()):
            part = _part_of(taken, back, rest)
            if part is not None:
                parts[capture_id].append(part)
                rest = Allocation(
                    allocation.position,
                    rest.quantity - part.quantity,
                    rest.amount - part.amount,
                )
        if rest.quantity or rest.amount:
            return None
    shares = []
    for capture in captures:
        allocated = tuple(parts[capture.id])
        amount = sum(allocation.amount for allocation in allocated)
        if not 0 <= amount <= capture.refundable:
            return None
        if allocated:
            shares.append(Share(capture.id, amount, allocated))
    return shares or None


def _left_of(captures: Sequence[Capture], positions: set[int]) -> dict[int, list[tuple[str, Allocation, Allocation]]]:
    """Of these lines: the captures that took them, each with what it took and what of that was refunded."""
    left: dict[int, list[tuple[str, Allocation, Allocation]]] = {}
    for capture in captures:
        taken, back = _sums(capture.allocations, positions), _sums(capture.refunded_allocations, positions)
        for position, one in taken.items():
            left.setdefault(position, []).append((capture.id, one, back.get(position, Allocation(position, 0, 0))))
    return left


def _sums(allocations: Sequence[Allocation], positions: set[int]) -> dict[int, Allocation]:
    sums: dict[int, Allocation] = {}
    for one in allocations:
        if one.position in positions:
            before = sums.get(one.position, Allocation(one.position, 0, 0))
            sums[one.position] = Allocation(one.position, before.quantity + one.quantity, before.amount + one.amount)
    return sums


def _part_of(taken: Allocation, back: Allocation, rest: Allocation) -> Allocation | None:
    """The part of `rest` that the capture took and that wasn't refunded yet."""
    quantity = min(rest.quantity, max(taken.quantity - back.quantity, 0))
    if quantity == rest.quantity:
        worth = between(rest.amount, 0, taken.amount - back.amount)
    else:
        after = part_worth(taken.amount, taken.quantity, back.quantity + quantity, back.amount)
        worth = between(after, 0, rest.amount)
    return Allocation(rest.position, quantity, worth) if quantity or worth else None


def _by_amount(captures: Sequence[Capture], total: int) -> list[Share]:
    """From the first capture that covers it all, else from one after the other."""
    for capture in captures:
        if capture.refundable >= total:
            return [Share(capture.id, total)]
    shares = []
    for capture in captures:
        amount = min(total, capture.refundable)
        if amount > 0:
            shares.append(Share(capture.id, amount))
            total -= amount
    if total:
        shares.append(Share(None, total))
    return shares


def _count(builder: DecisionBuilder, operation: Operation) -> None:
    order = builder.order
    captures = tuple(
        replace(
            capture,
            refunded=capture.refunded + operation.amount,
            kept=capture.kept + operation.kept,
            refunded_allocations=(*capture.refunded_allocations, *operation.allocations),
        )
        if capture.id == operation.capture_id
        else capture
        for capture in order.captures
    )
    builder.change(
        refunded_amount=order.refunded_amount + operation.amount,
        kept_amount=order.kept_amount + operation.kept,
        lines=lines.add(order.lines, operation.allocations, "refunded"),
        captures=captures,
    )


def count_refund(builder: DecisionBuilder, operation: Operation, result: Succeeded) -> None:
    """One that may still fail is watched."""
    _count(builder, operation)
    if not result.provider_id:
        return
    refund = Refund(result.provider_id, operation.amount, operation.capture_id, operation.id, kept=operation.kept)
    if result.moving:
        refund = replace(refund, moving=True, handle=operation.handle, allocations=operation.allocations)
    builder.change(refunds=(*builder.order.refunds, refund))
    if result.moving:
        builder.watch_refunds()


def refunded(builder: DecisionBuilder, operation: Operation, result: Succeeded) -> None:
    """The money was refunded. Only the last refund of a return is final."""
    last = not any(other.cause == operation.cause for other in builder.order.operations)
    count_refund(builder, operation, result)
    given = {"refund_id": result.provider_id} if result.provider_id else {}
    moved = summary_of(operation, result.provider_id, operation.amount)
    builder.emit("refunded", operation.cause, final=last, operation=moved, result=given)


def refused(builder: DecisionBuilder, operation: Operation, refusal: Refusal) -> None:
    """The refund failed, and those that would have followed aren't made. If nothing was refunded, the return may come again."""
    if operation.id == operation_id(builder.order.key, operation.cause, 0):
        builder.change(returns=tuple(handle for handle in builder.order.returns if handle != operation.handle))
    else:
        refusal = replace(refusal, advice=_PART)
    builder.refuse(operation.cause, refusal, operation=operation)
