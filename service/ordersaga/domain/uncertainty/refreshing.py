"""Reads of the provider that no operation asked for: reviews, expiry, and a look after a refusal."""

from typing import Final, Literal, assert_never

from ordersaga.domain.deciding import books, checkout, placing, tokens
from ordersaga.domain.deciding.builder import DecisionBuilder
from ordersaga.domain.model import lines
from ordersaga.domain.model.events import own_cause
from ordersaga.domain.model.order import Order
from ordersaga.domain.model.outcomes import Read
from ordersaga.domain.model.results import CheckoutSeen, Rejected, Result, Retryable, Snapshot, Succeeded, Unknown
from ordersaga.domain.model.terms import Rules
from ordersaga.domain.operations import gives_way
from ordersaga.domain.uncertainty import others

_PAST_EXPIRY: Final = 300.0  # seconds between reads of an authorization that should have ended
_EXTENDED_ONCE_IN: Final = 86_400.0  # seconds: providers count periods in days
_UNCAPTURED: Final = frozenset({"authorized", "part_captured"})
_OPEN: Final = _UNCAPTURED | {"pending_review"}
_READ_AGAIN: Final = _OPEN | {"checkout"}
_EXPIRES: Final = "authorization_expires"
_DIFFER: Final = "books_differ"
_UNREADABLE: Final = "order_unreadable"
_ANOTHER: Final = "another_order_read"


def warning_due(order: Order, rules: Rules) -> float | None:
    """When somebody is to be warned of the expiry, whatever else keeps the order from being read (I9); None: no need."""
    if order.expires_at is None or order.status not in _OPEN or order.has_attention(_EXPIRES):
        return None
    if order.operations and gives_way(order.operations[0]):  # the extension itself
        return None
    return order.expires_at - rules.expiry_warning


def warn_of_expiry(builder: DecisionBuilder) -> None:
    """Of an order whose next read has to wait."""
    at = warning_due(builder.order, builder.rules)
    if at is not None and at <= builder.now:
        _raise_once(builder, _EXPIRES, "settle what holds the order up, before its authorization expires")


def due(order: Order, rules: Rules) -> float | None:
    """When the provider is to be read; None: no need."""
    if order.provider_order_id is None:
        return order.refresh if order.details.customer_token and order.status == "active" else None
    if order.refresh is not None:
        return order.refresh
    times = [time for time in (order.watch, _due_by_status(order, rules)) if time is not None]
    return min(times, default=None)


def _due_by_status(order: Order, rules: Rules) -> float | None:
    if order.status == "pending_review":
        return order.review_due
    if order.status == "checkout" and order.checkout is not None:
        return order.checkout.due
    if order.expires_at is None or order.status not in _UNCAPTURED:
        return None
    return order.expires_at if order.expiry_read else order.expires_at - rules.expiry_warning


def read_of(order: Order, rules: Rules) -> Read:
    """The read that is due: until the customer has completed it, there is only a Checkout order; of a subscription, its token."""
    if order.provider_order_id is None:
        return Read("", request=rules.terms[order.provider].token_reading(order.details.customer_token))
    return Read(order.provider_order_id or "", of="checkout" if order.status == "checkout" else "order")


def read_of_another(order: Order, asked: str, result: Result) -> str | None:
    """What shows that a read of the id `asked` answered with another order; None: it's the one."""
    seen = _seen(result)
    if seen is None:
        return None
    if seen.provider_id.lower() != asked.lower():
        return "another id"
    if order.accepted and seen.currency.upper() != order.currency:
        return "another currency"
    return None


def _seen(result: Result) -> Snapshot | CheckoutSeen | None:
    return result.snapshot or result.checkout if isinstance(result, Succeeded) else None


def of_former_order(order: Order, read: Read) -> bool:
    """Was it asked for by an id that isn't the order's any more? The order has begun anew during the read."""
    return read.request is None and read.provider_order_id != (order.provider_order_id or "")


def of_this_order(builder: DecisionBuilder, read: Read, result: Result) -> Result:
    """Nothing of an answer that shows another order is believed; the read is made again."""
    difference = read_of_another(builder.order, read.provider_order_id, result)
    if difference is None:
        if _seen(result) is not None:
            builder.clear_attention(_ANOTHER)
        return result
    _raise_once(builder, _ANOTHER, f"a read of this order showed one with {difference}: look it up at the provider")
    return Retryable("read_of_another_order")


def refreshed(builder: DecisionBuilder, result: Result) -> None:
    """An answer is ignored once an operation has begun: the read is made again when that has ended."""
    if builder.order.operations:
        return
    match result:
        case Succeeded(snapshot=snapshot) if snapshot is not None:
            builder.change(refresh=None, unread=None, reads_failed=0)
            _compare(builder, snapshot)
        case Succeeded(checkout=seen) if seen is not None:
            builder.change(refresh=None, unread=None, reads_failed=0)
            builder.clear_attention(_UNREADABLE)
            checkout.looked(builder, seen)
        case Succeeded(token_status=status) if status is not None:
            builder.change(refresh=None, unread=None, reads_failed=0)
            builder.clear_attention(_UNREADABLE)
            tokens.looked(builder, status)
        case Rejected(status=404) if builder.order.status == "checkout" or checkout.never_came(builder.order):
            builder.change(refresh=None, unread=None, reads_failed=0)
            builder.clear_attention(_UNREADABLE)
            checkout.gone(builder)
        case Succeeded() | Retryable() | Unknown():
            since, failed = builder.order.unread or builder.now, builder.order.reads_failed
            again = builder.pause_after(failed, builder.order.key.subject)
            builder.change(refresh=builder.now + again, unread=since, reads_failed=failed + 1)
            if builder.now - since >= builder.rules.attention_after:
                _raise_once(
                    builder, _UNREADABLE, "reads of this order fail; they go on by themselves: look it up there"
                )
        case Rejected(code=code):
            again = builder.now + builder.rules.review_poll_most
            goes_on = builder.order.status in _READ_AGAIN or builder.order.watch is not None
            builder.change(refresh=again if goes_on else None)
            _raise_once(builder, _UNREADABLE, f"the provider answered {code} to a read of this order: look it up there")
        case _:
            assert_never(result)


def _payment(builder: DecisionBuilder, seen: Snapshot) -> None:
    """What came of the payment."""
    placing.go_by_amount(builder, seen)
    if seen.status == "pending_payment":
        placing.await_payment(builder, seen)
    else:
        placing.payment_ended(builder, seen)


def _later(builder: DecisionBuilder) -> float | None:
    """When to read a review again: the longer it takes, the less often."""
    order, rules = builder.order, builder.rules
    if order.review_due is None:
        return None
    waited = builder.now - (order.placed_at or builder.now)
    return builder.now + min(max(rules.review_poll, waited / 10), rules.review_poll_most)


def _compare(builder: DecisionBuilder, seen: Snapshot) -> None:
    builder.clear_attention(_UNREADABLE)
    if builder.order.status == "pending_payment":
        _payment(builder, seen)
        return
    others.refunds_moved(builder, seen)
    if builder.terms.follows_others:
        others.taken_over(builder, seen)
    builder.watch_refunds()
    order = builder.order
    if order.status == "pending_review":
        _review(builder, seen)
    elif checkout.never_came(order):
        checkout.came_late(builder, seen)
    elif order.status not in _UNCAPTURED:
        if order.status == "captured" or seen.captured_amount != order.captured_amount:
            _books(builder, seen)
    elif order.status == "authorized" and seen.fraud_status == "REJECTED":
        books.adopt_movements(builder, seen)
        placing.refuse_review(builder, None)
    elif seen.status == "cancelled":
        _ended(builder, "cancelled", seen)
    elif seen.status == "expired" or others.lapsed(builder, seen):
        _ended(builder, "expired", seen)
    else:
        builder.change(expires_at=seen.expires_at or order.expires_at)
        _expiry(builder, agree=_books(builder, seen))


def _review(builder: DecisionBuilder, seen: Snapshot) -> None:
    order = builder.order
    builder.change(fraud_status=seen.fraud_status, expires_at=seen.expires_at or order.expires_at)
    if seen.status in {"cancelled", "expired"} or seen.fraud_status == "REJECTED":
        books.adopt_movements(builder, seen)
        builder.clear_attention(_EXPIRES)
        placing.refuse_review(builder, order.placed)
    elif seen.fraud_status == "ACCEPTED":
        if order.at_once and order.placed is not None:
            builder.change(status="authorized", review_due=None)
            builder.begin_read(builder.plan("take_over", order.placed, order.order_amount, step=1))
        else:
            placing.accept_placed(builder, order.placed, books.taken_with_review(builder, seen))
    else:
        builder.change(review_due=_later(builder))
        if (
            builder.order.expires_at is not None
            and builder.order.expires_at - builder.now <= builder.rules.expiry_warning
        ):
            _raise_once(
                builder, _EXPIRES, "the provider's review isn't decided: ask there, before the authorization expires"
            )


def _ended(builder: DecisionBuilder, status: Literal["expired", "cancelled"], seen: Snapshot) -> None:
    """The provider ended what was left of the authorization."""
    books.adopt_movements(builder, seen)
    order = builder.order
    left = lines.allocate_rest(order.lines)
    builder.change(
        status="captured" if order.captured_amount else status,
        released_amount=order.order_amount - order.captured_amount,
        lines=lines.add(order.lines, left, "cancelled"),
        expires_at=seen.expires_at or order.expires_at,
    )
    builder.clear_attention(_EXPIRES)
    builder.emit(status, None)


def _books(builder: DecisionBuilder, seen: Snapshot) -> bool:
    """Do the provider's amounts agree with ours? If not, an attention is raised. A refund that is missing is waited for."""
    order = builder.order
    missing = sum(refund.amount for refund in order.refunds if refund.missing is not None)
    ours = (order.captured_amount, order.refunded_amount - missing, order.remaining)
    if ours == (seen.captured_amount, seen.refunded_amount, seen.remaining_amount):
        builder.clear_attention(_DIFFER)
        return True
    _raise_once(builder, _DIFFER, "the provider's amounts are not ours: compare the order there with its journal")
    return False


def _expiry(builder: DecisionBuilder, *, agree: bool) -> None:
    """I9: read at the latest two days before; then an attention is raised, unless one for differing books is open.

    It is raised too if an extension has left the end as near as it was.
    """
    expires_at = builder.order.expires_at
    if expires_at is None:
        return
    near = expires_at - builder.now <= builder.rules.expiry_warning
    past = expires_at <= builder.now
    builder.change(expiry_read=near, refresh=builder.now + _PAST_EXPIRY if past else None)
    if near and agree and not past and _may_extend(builder) and not builder.order.has_attention(_EXPIRES):
        last = builder.order.extended_at
        name = f"extension of {expires_at:.0f}" if last is None else f"extension of {expires_at:.0f} after {last:.0f}"
        builder.begin(builder.plan("extend_authorization", own_cause(name), 0), None)
    elif near and agree:
        extend = builder.terms.supports("extend_authorization")
        what = "capture, cancel or extend" if extend else "capture or cancel"
        _raise_once(builder, _EXPIRES, f"{what} the authorization before it expires")
    elif not near:
        builder.clear_attention(_EXPIRES)


def _may_extend(builder: DecisionBuilder) -> bool:
    """By itself; a further time only after a day."""
    last = builder.order.extended_at
    if last is not None and builder.now - last < _EXTENDED_ONCE_IN:
        return False
    return builder.terms.extends and builder.terms.supports("extend_authorization")


def _raise_once(builder: DecisionBuilder, reason: str, advice: str) -> None:
    if not builder.order.has_attention(reason):
        builder.raise_attention(None, reason, advice)
