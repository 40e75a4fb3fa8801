"""Reads an order at the provider now, and compares its books with ours. Nothing is changed."""

from collections.abc import Awaitable, Callable, Mapping
from typing import assert_never

from msgspec import Struct

from ordersaga.domain.model.order import Key, Order
from ordersaga.domain.model.outcomes import Read
from ordersaga.domain.model.results import Rejected, Result, Retryable, Snapshot, Succeeded, Unknown
from ordersaga.domain.uncertainty.refreshing import read_of_another
from ordersaga.operating.errors import OperatingError
from ordersaga.operating.orders import show_order
from ordersaga.store.store import Store

AccountKey = tuple[str, str]  # merchant, provider
ReadCall = Callable[[Read], Awaitable[Result]]
"""Makes a read at one account's provider, as the port does."""


class ComparedAmount(Struct, frozen=True):
    """In minor units."""

    name: str
    ours: int
    theirs: int

    @property
    def differs(self) -> bool:
        return self.ours != self.theirs


class Comparison(Struct, frozen=True):
    """`only_ours`, `only_theirs`: ids of captures and refunds. `under_way`: operations, whose effects may be there already."""

    merchant: str
    kind: str
    subject: str
    provider: str
    provider_order_id: str
    currency: str
    agree: bool
    our_status: str
    their_status: str
    their_fraud_status: str
    their_expires_at: float | None
    amounts: tuple[ComparedAmount, ...]
    only_ours: tuple[str, ...]
    only_theirs: tuple[str, ...]
    under_way: tuple[str, ...]


class Check:
    """`reads`: by account, those that are configured."""

    def __init__(self, store: Store, reads: Mapping[AccountKey, ReadCall]) -> None:
        self._store = store
        self._reads = reads

    async def check(self, key: Key) -> Comparison:
        """Raises OperatingError."""
        order = (await show_order(self._store, key)).order
        name = f"{key.kind} {key.subject!r} of merchant {key.merchant!r}"
        if order.provider_order_id is None:
            raise OperatingError(f"{name} has no id at a provider: there is nothing to read")
        if order.status == "checkout":
            raise OperatingError(
                f"{name} is in Checkout: until the customer completes it, there is no order to compare"
            )
        read = self._reads.get((key.merchant, order.provider))
        if read is None:
            raise OperatingError(f"merchant {key.merchant!r} has no account with {order.provider!r} in the settings")
        result = await read(Read(order.provider_order_id))
        return _compare(order, order.provider_order_id, _snapshot(order, order.provider_order_id, result, name))


def _snapshot(order: Order, asked: str, result: Result, name: str) -> Snapshot:
    other = read_of_another(order, asked, result)
    if other is not None:
        raise OperatingError(f"a read of {name} showed one with {other}: look it up at the provider")
    match result:
        case Succeeded(snapshot=snapshot) if snapshot is not None:
            return snapshot
        case Succeeded():
            raise OperatingError(f"a read of {name} showed no order")
        case Rejected(code=code):
            raise OperatingError(f"the provider refuses a read of {name}: {code}")
        case Retryable(reason=reason) | Unknown(reason=reason):
            raise OperatingError(f"the provider didn't respond to a read of {name}: {reason}; try again")
        case _:
            assert_never(result)


def _compare(order: Order, provider_order_id: str, seen: Snapshot) -> Comparison:
    amounts = (
        ComparedAmount("captured", order.captured_amount, seen.captured_amount),
        ComparedAmount("refunded", order.refunded_amount, seen.refunded_amount),
        ComparedAmount("remaining", order.remaining, seen.remaining_amount),
    )
    ours = {*(one.id for one in order.captures), *(one.id for one in order.refunds)}
    theirs = {*(one.id for one in seen.captures), *(one.id for one in seen.refunds)} - {""}
    key = order.key
    return Comparison(
        merchant=key.merchant,
        kind=key.kind,
        subject=key.subject,
        provider=order.provider,
        provider_order_id=provider_order_id,
        currency=order.currency,
        agree=not any(one.differs for one in amounts),
        our_status=order.status,
        their_status=seen.status,
        their_fraud_status=seen.fraud_status,
        their_expires_at=seen.expires_at,
        amounts=amounts,
        only_ours=tuple(sorted(ours - theirs)),
        only_theirs=tuple(sorted(theirs - ours)),
        under_way=tuple(f"{one.type} {one.id}" for one in order.operations),
    )
