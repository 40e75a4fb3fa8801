"""`placed`: an authorization token becomes an order, or an order that the shop made is taken over; reviews."""

import msgspec
from msgspec import UNSET
from msgspec.structs import replace

from ordersaga.domain import lines
from ordersaga.domain.events import Cancelled, Cause, Placed
from ordersaga.domain.order import Capture, Draw, Line, Operation, OperationType, Order, Pending, Refund, Refusal
from ordersaga.domain.outcomes import Moved
from ordersaga.domain.results import CaptureSeen, Snapshot, Succeeded
from ordersaga.domain.work import Hold, Refused, Work, told

STARTS_AFRESH = frozenset({"new", "rejected", "abandoned"})


def decide(work: Work, pending: Pending, data: Placed) -> None:
    order = work.order
    if order.status == "pending_review":
        raise Hold("review")
    if order.status not in STARTS_AFRESH:
        raise Refused("order_exists", f"order is {order.status}")
    _supported(work, data)
    cancel = _whole_cancel_before(work, pending)
    _start_afresh(work, pending.cause, data)
    work.drop(pending)
    if data.payment.order_id is not UNSET:
        work.change(provider_order_id=data.payment.order_id)
        work.begin(work.plan("take_over", pending.cause, data.order_amount), data)
    elif cancel is not None:
        work.drop(cancel)
        operation = work.plan("cancel_authorization", cancel.cause, data.order_amount, also=pending.cause)
        work.begin(operation, data)
    else:
        operation = work.plan("create_order", pending.cause, data.order_amount, at_once=data.auto_capture)
        work.begin(operation, data)


def refused_by_rules(work: Work, data: Placed) -> None:
    """The order ends before it began, unless an earlier `placed` made one of it."""
    if work.order.status in STARTS_AFRESH:
        work.change(status="rejected", provider=data.payment.provider)


def _supported(work: Work, data: Placed) -> None:
    provider = data.payment.provider
    way: OperationType = "create_order" if data.payment.order_id is UNSET else "take_over"
    terms = work.rules.terms.get(provider)
    if terms is None or not terms.supports(way, data):
        refused_by_rules(work, data)
        what = f"has no account with {provider}" if terms is None else f"can't pay this way with {provider}"
        raise Refused("unsupported_by_provider", f"this merchant {what}")


def _start_afresh(work: Work, cause: Cause, data: Placed) -> None:
    """The sequence and what waits stay; the rest begins anew."""
    old = work.order
    work.order = Order(
        old.key,
        provider=data.payment.provider,
        currency=data.purchase_currency.upper(),
        country=data.purchase_country.upper(),
        order_amount=data.order_amount,
        placed=cause,
        placed_at=work.now,
        lines=tuple(lines.line_of(line) for line in data.order_lines),
        pending=old.pending,
        blocked=old.blocked,
        sequence=old.sequence,
        details=replace(old.details, lines=data.order_lines, requests={}),
    )


def _whole_cancel_before(work: Work, placed: Pending) -> Pending | None:
    for pending in work.order.pending:
        if pending.token == placed.token:
            break
        if pending.cause.type == "shop.order.cancelled.v1":
            data = work.data_of(pending)
            if isinstance(data, Cancelled) and data.order_lines is UNSET:
                return pending
    return None


def created(work: Work, operation: Operation, result: Succeeded) -> None:
    """The provider has an order now."""
    work.change(
        accepted=True,
        provider_order_id=result.provider_id,
        fraud_status=result.fraud_status or "PENDING",
        expires_at=work.terms.expiry(work.now),
        at_once=operation.at_once,
    )
    if operation.at_once and work.order.fraud_status == "ACCEPTED":
        work.change(status="authorized", creation=operation)
        reading = work.plan("take_over", operation.cause, operation.amount, step=1)
        work.begin(reading, None)
        work.keep(reading, msgspec.json.encode(result.result))
        return
    _by_review(work, operation, result.result)


def _by_review(work: Work, operation: Operation, result: dict[str, str] | None = None) -> None:
    work.change(creation=work.order.creation or operation)
    match work.order.fraud_status:
        case "ACCEPTED":
            accept_placed(work, operation.cause, result)
        case "REJECTED":
            refuse_review(work, operation.cause)
        case _:
            work.change(status="pending_review", review_due=work.now + work.rules.review_poll)
            work.say("review_pending", operation.cause, final=False, moved=_creation(work.order), result=result)


def _creation(order: Order) -> Moved | None:
    operation = order.creation
    return told(operation, order.provider_order_id, operation.amount) if operation else None


def accept_placed(work: Work, cause: Cause, result: dict[str, str] | None = None) -> None:
    """The final outcome of `placed`: `captured` when the money was taken with it."""
    order = work.order
    moved = _creation(order)
    taken = order.captured_amount > 0 and order.remaining == 0
    status = "captured" if taken else "part_captured" if order.captured_amount else "authorized"
    work.change(status=status, placed=None, review_due=None, creation=None)
    work.say("captured" if taken else "authorized", cause, moved=moved, result=result)


def refuse_review(work: Work, cause: Cause | None) -> None:
    order = work.order
    moved = _creation(order)
    work.change(
        status="rejected",
        fraud_status="REJECTED",
        released_amount=order.order_amount - order.captured_amount,
        placed=None,
        review_due=None,
        creation=None,
    )
    refusal = Refusal("review_rejected", ("the provider's review refused the order",))
    what = "rejected" if cause else "review_rejected"
    work.say(what, cause, moved=moved if cause else None, refusal=refusal if cause else None)


def refused(work: Work, operation: Operation, refusal: Refusal) -> None:
    """No order came about, or a person said that nothing is left of it."""
    order = work.order
    released = order.order_amount - order.captured_amount if order.accepted else 0
    work.change(status="rejected", released_amount=released, placed=None, creation=None)
    work.refuse(operation.cause, refusal, operation=operation)


def authorization_cancelled(work: Work, operation: Operation) -> None:
    """The authorization ended before an order was made of it: this `placed` counts as rejected."""
    work.change(status="rejected", placed=None)
    work.say("cancelled", operation.cause, moved=told(operation, None, operation.amount))
    if operation.also:
        refusal = Refusal("cancelled_before_authorized", ("the shop cancelled the order first",))
        work.refuse(operation.also, refusal)


def authorization_not_cancelled(work: Work, operation: Operation, refusal: Refusal) -> None:
    """The provider knows no unused authorization of this token; no order was made here either."""
    work.change(status="rejected", placed=None)
    work.refuse(operation.cause, refusal, operation=operation)
    if operation.also:
        work.refuse(operation.also, Refusal("cancelled_before_authorized", ("the shop cancelled the order first",)))


def taken_over(work: Work, operation: Operation, seen: Snapshot) -> None:
    """The provider's order, which doesn't differ, becomes ours with its captures and refunds; no money moves."""
    order = work.order
    released = seen.order_amount - seen.captured_amount - seen.remaining_amount
    counted = _counted(order, seen)
    whole = seen.captured_amount > 0 and seen.captured_amount == seen.order_amount
    work.change(
        accepted=True,
        fraud_status=seen.fraud_status,
        captured_amount=seen.captured_amount,
        refunded_amount=seen.refunded_amount,
        released_amount=max(released, 0),
        expires_at=seen.expires_at or (work.terms.expiry(work.now) if seen.remaining_amount else None),
        at_once=whole or (operation.at_once and seen.fraud_status == "PENDING"),
        lines=counted.lines,
        captures=counted.captures,
        refunds=counted.refunds,
    )
    kept = work.kept(operation)
    result = {} if kept is None else msgspec.json.decode(kept, type=dict[str, str])
    if work.order.at_once and len(counted.captures) == 1:
        result["capture_id"] = counted.captures[0].id
    _by_review(work, operation, result)


def differences(order: Order, seen: Snapshot) -> Refusal | None:
    """What the provider's order isn't as the shop says."""
    if seen.status in {"cancelled", "expired", "closed"}:
        return Refusal(f"order_{seen.status}", (f"the provider's order is {seen.status}",))
    amiss = []
    if seen.currency.upper() != order.currency:
        amiss.append(f"$.purchase_currency: {order.currency}, but the provider's order is in {seen.currency}")
    if seen.order_amount != order.order_amount:
        amiss.append(f"$.order_amount: {order.order_amount}, but the provider's order is over {seen.order_amount}")
    return Refusal("amounts_do_not_add_up", tuple(amiss)) if amiss else None


def _counted(order: Order, seen: Snapshot) -> Order:
    """The order with the provider's captures and refunds drawn from its lines, by reference."""
    current = order.lines
    captures = []
    for capture in seen.captures:
        draws = _draws_of(current, capture)
        current = lines.add(current, draws, "captured")
        captures.append(Capture(capture.id, capture.amount, capture.reference, draws, capture.refunded))
    refunds = []
    for refund in seen.refunds:
        draws = _draws_by_reference(current, refund.lines, "refunded")
        current = lines.add(current, draws, "refunded")
        refunds.append(Refund(refund.id, refund.amount, None, refund.reference))
    return replace(order, lines=current, captures=tuple(captures), refunds=tuple(refunds))


def _draws_of(current: tuple[Line, ...], capture: CaptureSeen) -> tuple[Draw, ...]:
    """By its lines; a capture of all that is left may tell none."""
    if capture.lines:
        return _draws_by_reference(current, capture.lines, "captured")
    left = lines.draw_all([lines.open_pool(line) for line in current])
    return left if sum(draw.amount for draw in left) == capture.amount else ()


def _draws_by_reference(
    current: tuple[Line, ...], seen: tuple[tuple[str, int, int], ...], counter: lines.Counter
) -> tuple[Draw, ...]:
    """Each seen line goes to the first line of its reference that has room for it."""
    draws: list[Draw] = []
    for reference, quantity, amount in seen:
        for i, line in enumerate(lines.add(current, draws, counter)):
            pool = lines.captured_pool(line) if counter == "refunded" else lines.open_pool(line)
            if line.reference == reference and (pool.left_quantity >= quantity or pool.left >= amount > 0):
                draws.append(Draw(i, min(quantity, pool.left_quantity), amount))
                break
    return tuple(draws)
