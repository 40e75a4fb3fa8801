"""Reads of the provider that no operation asked for: reviews, expiry, and a look after a refusal."""

from typing import Final, Literal, assert_never

from ordersaga.domain import lines, placing
from ordersaga.domain.order import Order
from ordersaga.domain.results import Rejected, Result, Retryable, Snapshot, Succeeded, Unknown
from ordersaga.domain.terms import Rules
from ordersaga.domain.work import Work

_AGAIN: Final = 30.0  # seconds after a read that failed
_PAST_EXPIRY: Final = 300.0  # and between those of an authorization that should have ended
_UNCAPTURED: Final = frozenset({"authorized", "part_captured"})
_EXPIRES: Final = "authorization_expires"
_DIFFER: Final = "books_differ"
_UNREADABLE: Final = "order_unreadable"


def due(order: Order, rules: Rules) -> float | None:
    """When the provider is to be read; None: no need."""
    if order.provider_order_id is None:
        return None
    if order.refresh is not None:
        return order.refresh
    if order.status == "pending_review":
        return order.review_due
    if order.expires_at is None or order.status not in _UNCAPTURED:
        return None
    return order.expires_at if order.expiry_read else order.expires_at - rules.expiry_warning


def refreshed(work: Work, result: Result) -> None:
    """An answer that an operation has overtaken says nothing: the read is made again when that has ended."""
    if work.order.operations:
        return
    match result:
        case Succeeded(snapshot=snapshot) if snapshot is not None:
            work.change(refresh=None, unread=None)
            _compare(work, snapshot)
        case Succeeded() | Retryable() | Unknown():
            since = work.order.unread or work.now
            work.change(refresh=work.now + _AGAIN, unread=since)
            if work.now - since >= work.rules.attention_after:
                _tell(work, _UNREADABLE, "reads of this order fail; they go on by themselves: look it up there")
        case Rejected(code=code):
            again = work.now + work.rules.review_poll_most
            work.change(refresh=again if work.order.status in {"pending_review", *_UNCAPTURED} else None)
            _tell(work, _UNREADABLE, f"the provider answered {code} to a read of this order: look it up there")
        case _:
            assert_never(result)


def _later(work: Work) -> float | None:
    """The next look at a review: the longer it takes, the rarer."""
    order, rules = work.order, work.rules
    if order.review_due is None:
        return None
    waited = work.now - (order.placed_at or work.now)
    return work.now + min(max(rules.review_poll, waited / 10), rules.review_poll_most)


def _compare(work: Work, seen: Snapshot) -> None:
    work.calm(_UNREADABLE)
    order = work.order
    if order.status == "pending_review":
        _review(work, seen)
    elif order.status not in _UNCAPTURED:
        if order.status == "captured":
            _books(work, seen)
    elif order.status == "authorized" and seen.fraud_status == "REJECTED":
        placing.refuse_review(work, None)
    elif seen.status == "cancelled":
        _ended(work, "cancelled", seen.expires_at)
    elif seen.status == "expired" or _lapsed(work, seen):
        _ended(work, "expired", seen.expires_at)
    else:
        work.change(expires_at=seen.expires_at or order.expires_at)
        _expiry(work, agree=_books(work, seen))


def _review(work: Work, seen: Snapshot) -> None:
    order = work.order
    work.change(fraud_status=seen.fraud_status, expires_at=seen.expires_at or order.expires_at)
    if seen.status in {"cancelled", "expired"} or seen.fraud_status == "REJECTED":
        work.calm(_EXPIRES)
        placing.refuse_review(work, order.placed)
    elif seen.fraud_status == "ACCEPTED" and order.placed is not None:
        if order.at_once:
            work.change(status="authorized", review_due=None)
            work.begin(work.plan("take_over", order.placed, order.order_amount, step=1), None)
        else:
            placing.accept_placed(work, order.placed)
    else:
        work.change(review_due=_later(work))
        if work.order.expires_at is not None and work.order.expires_at - work.now <= work.rules.expiry_warning:
            _tell(work, _EXPIRES, "the provider's review isn't decided: ask there, before the authorization expires")


def _ended(work: Work, status: Literal["expired", "cancelled"], expires_at: float | None) -> None:
    """The provider ended what was left of the authorization."""
    order = work.order
    left = lines.draw_all([lines.open_pool(line) for line in order.lines])
    work.change(
        status="captured" if order.captured_amount else status,
        released_amount=order.order_amount - order.captured_amount,
        lines=lines.add(order.lines, left, "cancelled"),
        expires_at=expires_at or order.expires_at,
    )
    work.calm(_EXPIRES)
    work.say(status, None)


def _books(work: Work, seen: Snapshot) -> bool:
    """Do the provider's amounts agree with ours? Else somebody is told."""
    order = work.order
    ours = (order.captured_amount, order.refunded_amount, order.remaining)
    if ours == (seen.captured_amount, seen.refunded_amount, seen.remaining_amount):
        work.calm(_DIFFER)
        return True
    _tell(work, _DIFFER, "the provider's amounts are not ours: compare the order there with its journal")
    return False


def _lapsed(work: Work, seen: Snapshot) -> bool:
    """Past its end, all that is left of a part-captured order is what was captured."""
    order = work.order
    past = (seen.expires_at or order.expires_at or work.now) <= work.now
    return past and not seen.remaining_amount and seen.captured_amount == order.captured_amount


def _expiry(work: Work, *, agree: bool) -> None:
    """I9: read at the latest two days before; then somebody is told, unless books that differ have called them."""
    expires_at = work.order.expires_at
    if expires_at is None:
        return
    near = expires_at - work.now <= work.rules.expiry_warning
    past = expires_at <= work.now
    work.change(expiry_read=near, refresh=work.now + _PAST_EXPIRY if past else None)
    if near and agree:
        _tell(work, _EXPIRES, "capture, cancel or extend the authorization before it expires")
    elif not near:
        work.calm(_EXPIRES)


def _tell(work: Work, reason: str, advice: str) -> None:
    if work.order.attention is None or work.order.attention.reason != reason:
        work.call_somebody(None, reason, advice)
