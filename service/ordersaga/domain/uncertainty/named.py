"""An order that a notification named, besides the one that the operation made: money may be authorized twice.

The notification's address is signed, the id in it isn't: so that order is read, and somebody is told if it is there.
"""

from typing import Final, assert_never

from msgspec.structs import replace

from ordersaga.domain.deciding.builder import DecisionBuilder
from ordersaga.domain.model.order import NamedOrder, Order
from ordersaga.domain.model.outcomes import Next, Read, Rest, Wait
from ordersaga.domain.model.results import Rejected, Result, Retryable, Snapshot, Succeeded, Unknown

_SECOND: Final = "second_order"
_NOT_THERE: Final = frozenset({400, 404})
"""Statuses: nothing has this id, or nothing can have it. Any other refusal tells nothing about the order."""


def with_named(order: Order, provider_id: str, at: float) -> Order:
    """To be read, unless one is already, or a person is looking into it."""
    if order.named is not None or order.has_attention(_SECOND):
        return order
    return replace(order, named=NamedOrder(provider_id, at))


def instead_of_waiting(order: Order, following: Next, now: float) -> Next:
    """The read of the named order, where nothing else is to be done now."""
    named = order.named
    if named is None or not isinstance(following, Wait | Rest):
        return following
    if named.due <= now:
        return Read(named.id, of="named")
    return Wait(min(named.due, following.until)) if isinstance(following, Wait) else Wait(named.due)


def looked(builder: DecisionBuilder, read: Read, result: Result) -> None:
    """Applies the answer to that read."""
    named = builder.order.named
    if named is None or named.id != read.provider_order_id:
        return
    match result:
        case Succeeded(snapshot=snapshot) if snapshot is not None and snapshot.provider_id.lower() == named.id.lower():
            builder.change(named=None)
            _found(builder, snapshot)
        case Rejected(code=code, status=status) if status in _NOT_THERE:
            builder.change(named=None)
            builder.journal("decision", "named_order", note=f"{named.id} isn't there: {code}")
        case Succeeded() | Rejected() | Retryable() | Unknown():
            _unread(builder, named)
        case _:
            assert_never(result)


def _unread(builder: DecisionBuilder, named: NamedOrder) -> None:
    """It is read again, and for so long that a person had better look it up."""
    since = builder.now if named.since is None else named.since
    if builder.now - since < builder.rules.attention_after:
        again = builder.now + builder.pause_after(named.failed, named.id)
        builder.change(named=replace(named, due=again, failed=named.failed + 1, since=since))
        return
    builder.change(named=None)
    ours = builder.order.provider_order_id or "none"
    builder.raise_attention(
        None,
        _SECOND,
        f"a notification about this order named order {named.id}, which can't be read at the provider: it may be a second one."
        f" Ours is {ours}: look both up there by their ids",
    )


def _found(builder: DecisionBuilder, seen: Snapshot) -> None:
    order = builder.order
    if seen.provider_id.lower() == (order.provider_order_id or "").lower():
        return
    if not seen.captured_amount and not seen.remaining_amount:
        builder.journal("decision", "named_order", note=f"{seen.provider_id} holds no money")
        return
    ours = order.provider_order_id or "none"
    same = seen.facts.get("merchant_reference1") == order.key.subject
    builder.raise_attention(
        None,
        _SECOND,
        f"a notification about this order named order {seen.provider_id}, which the provider has, over"
        f" {seen.order_amount} {seen.currency} ({seen.captured_amount} captured); its merchant reference is"
        f" {'this order' if same else 'another one'}'s. Ours is {ours}: look both up there by their ids, and have the one"
        " that nobody wants cancelled or refunded",
    )
