"""`placed`: an authorization token becomes an order, or an order that the shop made is taken over; reviews."""

from typing import Any, Literal

import msgspec
from msgspec import UNSET
from msgspec.structs import replace

from ordersaga.domain.deciding import beginning, books, claiming
from ordersaga.domain.deciding.builder import DecisionBuilder, Refused, summary_of
from ordersaga.domain.model import lines
from ordersaga.domain.model.events import Cancelled, Cause, Placed
from ordersaga.domain.model.order import (
    Checkout,
    Operation,
    OperationType,
    Order,
    Payment,
    Pending,
    Refusal,
    Status,
)
from ordersaga.domain.model.outcomes import OperationSummary
from ordersaga.domain.model.results import PaymentSeen, Snapshot, Succeeded

NOT_COMPLETED = Refusal(
    "checkout_not_completed",
    ("the Checkout order has lapsed or was abandoned, or there was none: no order came of it",),
)
BEFORE = Refusal("cancelled_before_authorized", ("the shop cancelled the order first",))
_DIFFER = "books_differ"
_TOKEN_STEP = 2  # step 1 is the read of an order whose money was taken at once
_STARTS_AFRESH = frozenset({"new", "rejected", "abandoned"})
_REFERENCE = "merchant_reference1"
_CHECKOUT_IS_OPEN = (
    "the customer may still complete its Checkout order: end that by shop.order.checkout_abandoned.v1 first"
)


def decide(builder: DecisionBuilder, pending: Pending, data: Placed) -> None:
    order = builder.order
    if claiming.may_claim(order, data):
        claiming.claim(builder, pending, data)
        return
    same = order.checkout is not None and order.provider_order_id == data.payment.checkout_order_id
    if not starts_afresh(order) and not (same and order.status == "checkout"):
        advice = _CHECKOUT_IS_OPEN if order.status == "checkout" else None
        raise Refused("order_exists", f"order is {order.status}", advice=advice)
    _supported(builder, data)
    if pending.taken:
        refused_by_rules(builder, data)
        raise Refused("provider_order_taken", "another order has this order of the provider's")
    cancel = _whole_cancel_before(builder, pending)
    _start_afresh(builder, pending.cause, data)
    builder.drop(pending)
    if data.payment.order_id is not UNSET:
        builder.change(provider_order_id=data.payment.order_id)
        builder.begin_read(builder.plan("take_over", pending.cause, data.order_amount))
    elif data.payment.checkout_order_id is not UNSET:
        _complete_checkout(builder, pending, data, order if same else None)
    elif cancel is not None and data.payment.authorization_token is UNSET:
        builder.drop(cancel)
        builder.change(status="rejected", placed=None)
        builder.emit("cancelled", cancel.cause)
        builder.refuse(pending.cause, BEFORE)
    elif cancel is not None:
        builder.drop(cancel)
        operation = builder.plan("cancel_authorization", cancel.cause, data.order_amount, also=pending.cause)
        builder.begin(operation, data)
    else:
        if data.payment.tokenize is not UNSET:
            builder.begin(builder.plan("create_customer_token", pending.cause, 0, step=_TOKEN_STEP), data)
        operation = builder.plan(_way(data), pending.cause, data.order_amount, at_once=data.auto_capture)
        builder.begin(operation, data)


def _complete_checkout(builder: DecisionBuilder, pending: Pending, data: Placed, known: Order | None) -> None:
    """`known`: the order as `checkout_started` left it, from which comes what the event leaves out."""
    order = builder.order
    expected = claiming.amount_of(data)
    references = {_REFERENCE: order.key.subject} if known is None else known.details.references
    shipping = order.details.shipping if known is not None and expected is None else {}  # an amount says all of it
    details = replace(order.details, references=references | claiming.references_of(data), shipping=shipping)
    if known is not None and expected is None:
        expected = known.order_amount
    if known is not None and not data.order_lines:
        builder.change(lines=known.lines)
        details = replace(details, lines=known.details.lines)
    assert data.payment.checkout_order_id is not UNSET
    builder.change(
        provider_order_id=data.payment.checkout_order_id,
        checkout=Checkout(builder.now),
        order_amount=expected or 0,
        details=details,
    )
    refused = NOT_COMPLETED if known is not None and known.status == "abandoned" else None
    operation = builder.plan("complete_checkout", pending.cause, expected or 0, target=expected, refused=refused)
    builder.begin_read(operation)
    builder.keep_data(operation, pending)


def starts_afresh(order: Order) -> bool:
    """Captured money keeps its order: it may have to be returned."""
    return order.status in _STARTS_AFRESH and not order.captured_amount


def refused_by_rules(builder: DecisionBuilder, data: Placed) -> None:
    """The order is rejected before it began, unless an earlier `placed` was accepted."""
    if starts_afresh(builder.order):
        builder.change(status="rejected", provider=data.payment.provider)


def _supported(builder: DecisionBuilder, data: Placed) -> None:
    provider = data.payment.provider
    terms = builder.rules.terms.get(provider)
    if terms is None or not terms.supports(_way(data), data):
        refused_by_rules(builder, data)
        what = f"has no account with {provider}" if terms is None else f"can't pay this way with {provider}"
        raise Refused("unsupported_by_provider", f"this merchant {what}")


def _way(data: Placed) -> OperationType:
    if data.payment.order_id is not UNSET:
        return "take_over"
    if data.payment.checkout_order_id is not UNSET:
        return "complete_checkout"
    if data.payment.customer_token is not UNSET:
        return "create_token_order"
    return "create_order" if data.payment.authorization_token is not UNSET else "create_order_to_pay"


def _start_afresh(builder: DecisionBuilder, cause: Cause, data: Placed) -> None:
    """The sequence and what waits stay; the rest begins anew."""
    old = builder.order
    token = data.payment.customer_token
    builder.order = Order(
        old.key,
        provider=data.payment.provider,
        currency=data.purchase_currency.upper(),
        country=data.purchase_country.upper(),
        order_amount=max(data.order_amount, 0),
        placed=cause,
        placed_at=builder.now,
        lines=tuple(lines.line_of(line) for line in data.order_lines),
        pending=old.pending,
        blocked=old.blocked,
        sequence=old.sequence,
        named=beginning.left_behind(old, builder.now, data.payment.checkout_order_id),
        attentions=beginning.attentions_left(old),
        details=replace(old.details, lines=data.order_lines, requests={}, paid_by="" if token is UNSET else token),
    )


def _whole_cancel_before(builder: DecisionBuilder, placed: Pending) -> Pending | None:
    for pending in builder.order.pending:
        if pending.token == placed.token:
            break
        if pending.cause.type == "shop.order.cancelled.v1":
            data = builder.data_of(pending)
            if isinstance(data, Cancelled) and data.order_lines is UNSET:
                return pending
    return None


def created(builder: DecisionBuilder, operation: Operation, result: Succeeded) -> None:
    """The provider has an order now."""
    builder.change(
        accepted=True,
        provider_order_id=result.provider_id,
        fraud_status=result.fraud_status or "PENDING",
        expires_at=builder.terms.expiry(builder.now),
        at_once=operation.at_once,
    )
    if operation.at_once and builder.order.fraud_status == "ACCEPTED":
        builder.change(status="authorized", creation=operation)
        reading = builder.plan("take_over", operation.cause, operation.amount, step=1)
        builder.begin_read(reading)
        builder.keep(reading, msgspec.json.encode(result.result))
        return
    _by_review(builder, operation, result.result)


def opened(builder: DecisionBuilder, operation: Operation, result: Succeeded) -> None:
    """The provider has an order that the customer pays there: its answer shows whether that has happened."""
    assert result.snapshot is not None
    builder.change(provider_order_id=result.snapshot.provider_id)
    go_by_amount(builder, result.snapshot)
    taken_over(builder, operation, result.snapshot, result.result)


def go_by_amount(builder: DecisionBuilder, seen: Snapshot) -> None:
    """An amount that another hand has changed is what the customer pays."""
    if seen.order_amount == builder.order.order_amount:
        return
    builder.change(order_amount=seen.order_amount)
    if not builder.order.has_attention(_DIFFER):
        builder.raise_attention(None, _DIFFER, "the order's amount was changed at the provider: compare it there")


def await_payment(builder: DecisionBuilder, seen: Snapshot) -> None:
    """The customer has yet to pay. Tells the shop when that has begun, and when a payment came to nothing."""
    order, paid_by = builder.order, seen.payment
    assert paid_by is not None
    first = order.status != "pending_payment"
    before = order.payment
    same = before is not None and before.id == paid_by.id
    since = before.since if before is not None and same else builder.now
    crossed: Literal["", "read"] = "read" if before is not None and same and before.crossed else ""
    told = before is not None and (before.id, before.open) == (paid_by.id, paid_by.open)
    builder.change(
        status="pending_payment",
        payment=Payment(paid_by.id, paid_by.open, since, crossed),
        expires_at=seen.expires_at or order.expires_at,
    )
    builder.watch_payment()
    if first or not told:
        moved = _creation(builder.order) if first else None
        builder.emit("payment_pending", order.placed, final=False, operation=moved, result=payment_result(paid_by))


def payment_result(paid_by: PaymentSeen) -> dict[str, Any]:
    """What the shop needs: where to send the customer, or why there is no such place."""
    result = {"payment_id": paid_by.id, "payment_status": paid_by.status}
    return result | ({"checkout_url": paid_by.url} if paid_by.open and paid_by.url else {})


def payment_ended(builder: DecisionBuilder, seen: Snapshot) -> None:
    """What the customer did with an order that waited for the payment: `placed` ends with it."""
    builder.change(watch=None)
    order = builder.order
    cause, moved = order.placed, _creation(order)
    if seen.status not in {"cancelled", "expired"}:
        told = _taken(builder, order.creation, seen, {})
        accept_placed(builder, cause, told)
        return
    left = lines.allocate_rest(order.lines)
    builder.change(
        status=seen.status,
        released_amount=order.order_amount,
        lines=lines.add(order.lines, left, "cancelled"),
        placed=None,
        creation=None,
    )
    builder.emit(seen.status, cause, operation=moved)


def _by_review(builder: DecisionBuilder, operation: Operation, result: dict[str, Any] | None = None) -> None:
    builder.change(creation=builder.order.creation or operation)
    match builder.order.fraud_status:
        case "ACCEPTED" | None:
            accept_placed(builder, operation.cause, result)
        case "REJECTED":
            refuse_review(builder, operation.cause)
        case _:
            builder.change(status="pending_review", review_due=builder.now + builder.rules.review_poll)
            builder.emit(
                "review_pending", operation.cause, final=False, operation=_creation(builder.order), result=result
            )


def _creation(order: Order) -> OperationSummary | None:
    operation = order.creation
    return summary_of(operation, order.provider_order_id, operation.amount) if operation else None


def accept_placed(builder: DecisionBuilder, cause: Cause | None, result: dict[str, Any] | None = None) -> None:
    """The final outcome of `placed`: `captured` when the money was taken with it."""
    order = builder.order
    moved = _creation(order)
    builder.change(status=_status_of(order), placed=None, review_due=None, creation=None)
    taken = builder.order.status == "captured"
    builder.emit("captured" if taken else "authorized", cause, operation=moved, result=result)


def _status_of(order: Order) -> Status:
    if order.captured_amount and not order.remaining:
        return "captured"
    return "part_captured" if order.captured_amount else "authorized"


def refuse_review(builder: DecisionBuilder, cause: Cause | None) -> None:
    order = builder.order
    moved = _creation(order)
    builder.change(
        status="rejected",
        fraud_status="REJECTED",
        released_amount=order.order_amount - order.captured_amount,
        placed=None,
        review_due=None,
        creation=None,
    )
    refusal = Refusal("review_rejected", ("the provider's review refused the order",))
    what = "rejected" if cause else "review_rejected"
    builder.emit(what, cause, operation=moved if cause else None, refusal=refusal if cause else None)


def refused(builder: DecisionBuilder, operation: Operation, refusal: Refusal) -> None:
    """No order was created, or a person found that nothing is left of it."""
    order = builder.order
    released = order.order_amount - order.captured_amount if order.accepted else 0
    builder.change(status="rejected", released_amount=released, placed=None, creation=None)
    builder.refuse(operation.cause, refusal, operation=operation)


def read_only(_builder: DecisionBuilder, operation: Operation, _result: Succeeded) -> None:
    raise AssertionError(f"{operation.type} {operation.id} is a read: it ends by what the read shows")


def taken_over(
    builder: DecisionBuilder, operation: Operation, seen: Snapshot, result: dict[str, Any] | None = None
) -> None:
    """The provider's order, which doesn't differ, becomes ours with its captures and refunds; no money moves."""
    if result is None:
        kept = builder.kept(operation)
        result = {} if kept is None else msgspec.json.decode(kept, type=dict[str, Any])
    if seen.status == "pending_payment":
        _taken(builder, operation, seen, result)
        builder.change(creation=operation)
        await_payment(builder, seen)
    elif seen.status in {"cancelled", "expired"}:
        builder.change(creation=operation, accepted=True)
        payment_ended(builder, seen)
    else:
        _by_review(builder, operation, _taken(builder, operation, seen, result))


def completed_there(builder: DecisionBuilder, operation: Operation, seen: Snapshot, result: dict[str, Any]) -> None:
    """The same for an order that no `placed` has asked for."""
    told = _taken(builder, operation, seen, result)
    order = builder.order
    match order.fraud_status:
        case "ACCEPTED":
            builder.change(status=_status_of(order))
        case "REJECTED":
            refuse_review(builder, None)
            return
        case _:
            builder.change(status="pending_review", review_due=builder.now + builder.rules.review_poll)
    builder.emit("checkout_completed", None, result=told)


def _taken(
    builder: DecisionBuilder, operation: Operation | None, seen: Snapshot, result: dict[str, Any]
) -> dict[str, Any]:
    """Returns the result for the shop."""
    order = builder.order
    released = seen.order_amount - seen.captured_amount - seen.remaining_amount
    counted = books.counted(order, seen)
    whole = seen.captured_amount > 0 and seen.captured_amount == seen.order_amount and books.by_payment(seen)
    builder.change(
        accepted=True,
        fraud_status=seen.fraud_status or None,
        captured_amount=seen.captured_amount,
        refunded_amount=seen.refunded_amount,
        released_amount=max(released, 0),
        expires_at=seen.expires_at or (builder.terms.expiry(builder.now) if seen.remaining_amount else None),
        at_once=whole or (operation is not None and operation.at_once and seen.fraud_status == "PENDING"),
        lines=lines.with_cancelled(lines.with_ids(counted.lines, seen.lines), seen.lines),
        captures=counted.captures,
        refunds=counted.refunds,
        recorded=books.recorded(order, seen),
    )
    if seen.payment is not None:
        builder.change(payment=Payment(seen.payment.id, seen.payment.open, builder.now))
    builder.watch_refunds()
    if builder.order.at_once and len(counted.captures) == 1:
        return {**result, "capture_id": counted.captures[0].id}
    return result
