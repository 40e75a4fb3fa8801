"""What came of the calls of many orders, in one transaction: at most BEGIN, three statements and COMMIT."""

# ruff: noqa: S608 - statements are put together from constants

from collections.abc import Iterable, Sequence
from typing import Final

from msgspec import Struct

from ordersaga.domain.order import Key, Order
from ordersaga.domain.outcomes import Entry
from ordersaga.store import journal, outbox, provider_ids
from ordersaga.store.codec import Codec
from ordersaga.store.orders import LOCK, SETTLE, columns, in_lock_order, lease_of, row_of
from ordersaga.store.rows import Clock, Lease, OutboxRow, ProviderId, Row, clock_of, clock_sql, columns_of, key_of
from ordersaga.store.session import Session

_LOCK_WITH_CLOCK: Final = f"""
WITH clock AS ({clock_sql(4)}), locked AS ({LOCK})
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
    """Of one open transaction. Each method is one statement, or none when there is nothing to do."""

    def __init__(self, session: Session, codec: Codec, topics: Sequence[str]) -> None:
        self._session = session
        self._codec = codec
        self._topics = list(topics)

    async def lock(self, keys: Iterable[Key]) -> tuple[Clock, dict[Key, Row]]:
        """The orders as they are now, locked until the end. Raises UnreadableError."""
        records = await self._session.fetch(_LOCK_WITH_CLOCK, *columns_of(in_lock_order(keys)), self._topics)
        rows = {key_of(record): row_of(record, self._codec) for record in records if record["merchant"] is not None}
        return clock_of(records[0]), rows

    async def write(self, settled: Sequence[Settled], owner: str, lease_seconds: float) -> dict[Key, Lease | None]:
        """Each order at most once. Those absent from the answer weren't written: their lease was lost. A Lease where `keep`."""
        if not settled:
            return {}
        leasing = [one.keep and one.token is not None for one in settled]
        records = await self._session.fetch(
            SETTLE,
            *columns(
                [one.order for one in settled],
                [one.row for one in settled],
                [one.due_at for one in settled],
                leasing,
                [one.token for one in settled],
                self._codec,
            ),
            owner,
            lease_seconds,
        )
        kept = {one.order.key for one, leased in zip(settled, leasing, strict=True) if leased}
        written = [(key_of(record), record) for record in records]
        return {key: lease_of(record) if key in kept else None for key, record in written}

    async def record(
        self,
        entries: Sequence[tuple[Key, Entry]] = (),
        outcomes: Sequence[OutboxRow] = (),
        ids: Sequence[ProviderId] = (),
    ) -> None:
        """Journal, outbox (those of one order by sequence) and the provider's ids."""
        parts = [
            journal.appended(entries) if entries else None,
            outbox.put(outcomes) if outcomes else None,
            provider_ids.noted(ids) if ids else None,
        ]
        await self._session.execute_together([part for part in parts if part is not None])
