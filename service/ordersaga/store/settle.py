"""What came of the calls of many orders, in one transaction: BEGIN, two statements and COMMIT."""

# ruff: noqa: S608 - statements are put together from constants

from collections.abc import Iterable, Sequence
from typing import Final

from msgspec import Struct

from ordersaga.domain.order import Key, Order
from ordersaga.store.codec import Codec
from ordersaga.store.errors import LeaseLostError
from ordersaga.store.orders import SETTLE, columns, in_lock_order, lease_of, lock, row_of
from ordersaga.store.rows import Clock, Lease, Row, clock_of, clock_sql, columns_of, key_of
from ordersaga.store.session import Part, Session
from ordersaga.store.told import NOTHING, Told
from ordersaga.store.vault import Vault

_LOCK_WITH_CLOCK: Final = f"""
WITH clock AS ({clock_sql(4)}), locked AS ({lock()})
SELECT * FROM clock LEFT JOIN locked ON true"""


class Settled(Struct, frozen=True):
    """An order to write. `token`: of the lease under which the call was made; None: of no lease, which leaves one as it is.

    `keep`: go on under a new lease, for the next call.
    """

    order: Order
    row: Row
    token: int | None
    due_at: float | None
    keep: bool = False


class Settlement:
    """Of one open transaction. Each method is one statement."""

    def __init__(self, session: Session, codec: Codec, vault: Vault, topics: Sequence[str]) -> None:
        self._session = session
        self._codec = codec
        self._vault = vault
        self._topics = list(topics)

    async def lock(self, keys: Iterable[Key]) -> tuple[Clock, dict[Key, Row]]:
        """The orders as they are now, locked until the end. Raises UnreadableError."""
        records = await self._session.fetch(_LOCK_WITH_CLOCK, *columns_of(in_lock_order(keys)), self._topics)
        rows = {key_of(record): row_of(record, self._codec) for record in records if record["merchant"] is not None}
        return clock_of(records[0]), rows

    async def write(
        self, settled: Sequence[Settled], owner: str, lease_seconds: float, told: Told = NOTHING
    ) -> dict[Key, Lease | None]:
        """Each order at most once. A Lease where `keep`.

        Raises LeaseLostError where an order's token or version isn't what it was when it was locked.
        """
        leasing = [one.keep and one.token is not None for one in settled]
        parts = [*told.parts(self._vault)]
        if settled:
            parts.append(Part("written", SETTLE, (*self._columns(settled, leasing), owner, lease_seconds)))
        if not parts:
            return {}
        records = await self._session.fetch_together(parts, "SELECT * FROM written" if settled else "SELECT")
        written = {key_of(record): record for record in records} if settled else {}
        for one in settled:
            if one.order.key not in written:
                raise LeaseLostError(one.order.key)
        kept = {one.order.key for one, leased in zip(settled, leasing, strict=True) if leased}
        return {key: lease_of(record) if key in kept else None for key, record in written.items()}

    def _columns(self, settled: Sequence[Settled], leasing: Sequence[bool]) -> Sequence[Sequence[object]]:
        return columns(
            [one.order for one in settled],
            [one.row for one in settled],
            [one.due_at for one in settled],
            leasing,
            [one.token for one in settled],
            self._codec,
        )
