"""`returned`: what it refunds, one refund per capture."""

from collections.abc import Sequence

from msgspec import UNSET, Struct
from msgspec.structs import replace

from ordersaga.domain import lines
from ordersaga.domain.events import Returned
from ordersaga.domain.ids import operation_id
from ordersaga.domain.money import between, part_worth
from ordersaga.domain.order import Capture, Draw, Operation, Order, Pending, Refund, Refusal
from ordersaga.domain.results import Succeeded
from ordersaga.domain.shipping import OPEN
from ordersaga.domain.work import Hold, Refused, Work, told

_PART = "a part of it was refunded: send what is missing as another return"
_CODES = {
    "nothing_left": "over_refund",
    "too_much": "over_refund",
    "does_not_add_up": "amounts_do_not_add_up",
}


class Share(Struct, frozen=True):
    """What a refund takes of one capture. `amount` is without the fee that is kept."""

    capture_id: str | None
    amount: int
    draws: tuple[Draw, ...] = ()
    kept: int = 0


def decide(work: Work, pending: Pending, data: Returned, *, expired: bool) -> None:
    order = work.order
    if order.status == "pending_review":
        raise Hold("review")
    handle = pending.cause.id if data.return_id is UNSET else data.return_id
    if handle in order.returns:
        raise Refused("return_exists", f"return {handle!r} was taken in before")
    named = () if data.order_lines is UNSET else data.order_lines
    work.known(named)
    kept = 0 if data.return_fee is UNSET else data.return_fee.amount
    try:
        total, draws = _worked_out(order, data, kept)
    except Refused as no:
        if no.refusal.code == "over_refund" and not expired:
            _wait_for_captures(work, data, kept)
        raise
    if kept and (refusals := work.terms.return_fee_refusals(order)):
        raise Refused("not_acceptable_to_provider", *refusals)
    work.drop(pending)
    newly = lines.newly_named(order.lines, named)
    work.change(lines=lines.mark_named(order.lines, newly), returns=(*order.returns, handle))
    _begin_refunds(work, pending, data, split(order.captures, total, draws, kept), handle, newly)


def _begin_refunds(
    work: Work, pending: Pending, data: Returned, shares: Sequence[Share], handle: str, newly: tuple[int, ...]
) -> None:
    for step, share in enumerate(shares):
        operation = work.plan(
            "refund",
            pending.cause,
            share.amount,
            share.draws,
            step,
            handle=handle,
            capture_id=share.capture_id,
            kept=share.kept,
            newly_named=() if step else newly,
        )
        if share.amount:
            work.begin(operation, data)
        else:
            refunded(work, operation, Succeeded(), last=True)


def _wait_for_captures(work: Work, data: Returned, kept: int) -> None:
    """Holds the return while enough may still be captured; whether its amounts add up shows when it has been."""
    order = work.order
    if order.status not in OPEN:
        return
    draws = lines.draw_all([lines.open_pool(line) for line in order.lines])
    if not order.remaining:
        draws = tuple(draw for draw in draws if not draw.amount)
    captured = order.captured_amount + order.remaining
    then = replace(order, captured_amount=captured, lines=lines.add(order.lines, draws, "captured"))
    try:
        _worked_out(then, data, kept)
    except Refused as no:
        if no.refusal.code == "over_refund":
            return
    raise Hold("shipment", work.rules.waits_shipment)


def _worked_out(order: Order, data: Returned, kept: int) -> tuple[int, tuple[Draw, ...]]:
    """What goes back or is kept as a fee, and the lines that bear it."""
    given = data.refunded_amount
    draws: tuple[Draw, ...] = ()
    if data.order_lines is not UNSET:
        drawn = lines.draw_for_refund(order.lines, data.order_lines, order.refundable)
        if isinstance(drawn, lines.Amiss):
            raise Refused(_CODES[drawn.why], *drawn.messages)
        draws, wanted = drawn, sum(draw.amount for draw in drawn)
        if given is not UNSET and given != wanted - kept:
            raise Refused("amounts_do_not_add_up", f"$.refunded_amount: {given}, but the lines sum to {wanted - kept}")
    elif given is not UNSET:
        wanted = given + kept
    else:
        draws, wanted = lines.draw_all([lines.captured_pool(line) for line in order.lines]), order.refundable
        if not wanted and (not draws or sum(draw.amount for draw in draws) != 0):
            raise Refused("over_refund", "nothing is left to refund")
        if sum(draw.amount for draw in draws) != wanted:
            draws = ()
    if wanted > order.refundable:
        raise Refused("over_refund", f"{wanted} asked for, {order.refundable} left to refund")
    if kept > wanted:
        raise Refused("amounts_do_not_add_up", f"$.return_fee.amount: {kept}, but {wanted} comes back")
    return wanted, draws


def split(captures: Sequence[Capture], total: int, draws: tuple[Draw, ...], kept: int) -> tuple[Share, ...]:
    """One share per capture, so that the provider can allocate each refund. `total` is with the fee that is kept of it."""
    if len(captures) <= 1:
        return (Share(captures[0].id if captures else None, total - kept, draws, kept),)
    shares = _by_lines(captures, draws) if sum(draw.amount for draw in draws) == total else None
    if shares is None:
        first, *others = _by_amount(captures, total)
        shares = [replace(first, draws=draws), *others]
    return _joined(_kept_back(shares, kept))


def _kept_back(shares: Sequence[Share], kept: int) -> list[Share]:
    after = []
    for share in shares:
        part = min(kept, share.amount)
        kept -= part
        after.append(replace(share, amount=share.amount - part, kept=part))
    return after


def _joined(shares: Sequence[Share]) -> tuple[Share, ...]:
    """Shares of no money go with the first that has some: the provider isn't called for them."""
    paid = [share for share in shares if share.amount] or [shares[0]]
    free = [share for share in shares if not share.amount and share is not paid[0]]
    draws = sum((share.draws for share in free), paid[0].draws)
    return (replace(paid[0], draws=draws, kept=paid[0].kept + sum(share.kept for share in free)), *paid[1:])


def _by_lines(captures: Sequence[Capture], draws: Sequence[Draw]) -> list[Share] | None:
    """Each line's draw goes to the captures that took it, in their order; None when a capture can't bear its share."""
    parts: dict[str, list[Draw]] = {capture.id: [] for capture in captures}
    for draw in draws:
        rest = draw
        for capture in captures:
            part = _part_of(capture, rest)
            if part is not None:
                parts[capture.id].append(part)
                rest = Draw(draw.position, rest.quantity - part.quantity, rest.amount - part.amount)
        if rest.quantity or rest.amount:
            return None
    shares = []
    for capture in captures:
        drawn = tuple(parts[capture.id])
        amount = sum(draw.amount for draw in drawn)
        if not 0 <= amount <= capture.refundable:
            return None
        if drawn:
            shares.append(Share(capture.id, amount, drawn))
    return shares or None


def _part_of(capture: Capture, rest: Draw) -> Draw | None:
    """What of `rest` the capture took and hasn't given back."""
    taken = _sum_of(capture.draws, rest.position)
    back = _sum_of(capture.refunded_draws, rest.position)
    quantity = min(rest.quantity, max(taken.quantity - back.quantity, 0))
    if quantity == rest.quantity:
        worth = between(rest.amount, 0, taken.amount - back.amount)
    else:
        after = part_worth(taken.amount, taken.quantity, back.quantity + quantity, back.amount)
        worth = between(after, 0, rest.amount)
    return Draw(rest.position, quantity, worth) if quantity or worth else None


def _sum_of(draws: Sequence[Draw], position: int) -> Draw:
    of_it = [draw for draw in draws if draw.position == position]
    return Draw(position, sum(draw.quantity for draw in of_it), sum(draw.amount for draw in of_it))


def _by_amount(captures: Sequence[Capture], total: int) -> list[Share]:
    """From the first capture that bears it all, else from one after the other."""
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


def _count(work: Work, operation: Operation) -> None:
    order = work.order
    captures = tuple(
        replace(
            capture,
            refunded=capture.refunded + operation.amount,
            kept=capture.kept + operation.kept,
            refunded_draws=(*capture.refunded_draws, *operation.draws),
        )
        if capture.id == operation.capture_id
        else capture
        for capture in order.captures
    )
    work.change(
        refunded_amount=order.refunded_amount + operation.amount,
        kept_amount=order.kept_amount + operation.kept,
        lines=lines.add(order.lines, operation.draws, "refunded"),
        captures=captures,
    )


def refunded(work: Work, operation: Operation, result: Succeeded, *, last: bool) -> None:
    """The money went back; `last`: no other refund of the same return follows."""
    _count(work, operation)
    if result.provider_id:
        refund = Refund(result.provider_id, operation.amount, operation.capture_id, operation.id)
        work.change(refunds=(*work.order.refunds, refund))
    given = {"refund_id": result.provider_id} if result.provider_id else {}
    moved = told(operation, result.provider_id, operation.amount)
    work.say("refunded", operation.cause, final=last, moved=moved, result=given)


def refused(work: Work, operation: Operation, refusal: Refusal) -> None:
    """The refund and those that would have followed come to nothing: the return may come again, if nothing of it went."""
    if operation.id == operation_id(work.order.key, operation.cause, 0):
        work.change(returns=tuple(handle for handle in work.order.returns if handle != operation.handle))
    else:
        refusal = replace(refusal, advice=_PART)
    work.refuse(operation.cause, refusal, operation=operation)
