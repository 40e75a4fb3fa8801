"""The results of calls for many orders, in one transaction: BEGIN, two statements and COMMIT."""

# ruff: noqa: S608 - statements are built from constants

from collections.abc import Iterable, Sequence
from typing import Final

from asyncpg import Record
from msgspec import Struct

from ordersaga.domain.model.order import Key, Order
from ordersaga.domain.model.outcomes import CallKind
from ordersaga.store import attentions, chunks
from ordersaga.store.appended import IF_UNCHANGED, NO_ROWS, AppendedRows
from ordersaga.store.codec import Codec
from ordersaga.store.errors import LeaseLostError
from ordersaga.store.orders import (
    LOCK_KNOWN,
    SETTLE,
    SETTLE_IF_UNCHANGED,
    UNCHANGED,
    Write,
    arguments,
    in_lock_order,
    known_orders,
    lease_of,
    rows_of,
)
from ordersaga.store.rows import Clock, Known, Lease, Row, clock_of, clock_sql, columns_of, key_of
from ordersaga.store.session import Part, Session
from ordersaga.store.vault import Vault

_LOCK_WITH_CLOCK: Final = f"""
WITH clock AS ({clock_sql(6)}), locked AS ({LOCK_KNOWN})
SELECT * FROM clock LEFT JOIN locked ON true"""
_CLOCK_AND_WRITTEN: Final = "SELECT * FROM clock LEFT JOIN written ON true"


class SettledOrder(Struct, frozen=True):
    """An order to write. `token`: of the lease under which the call was made; None: no lease, and an existing one is kept.

    `keep`: continue under a new lease, for the next call. `hint`: when the last hint came that the order includes; a later
    one keeps it due.
    """

    order: Order
    row: Row
    token: int | None
    due_at: float | None
    keep: bool = False
    kind: CallKind | None = None  # of the call that is due then
    hint: float | None = None

    @property
    def leasing(self) -> bool:
        return self.keep and self.token is not None


class SettleTransaction:
    """An open transaction. Each method is one statement, and reading long lists of orders another one."""

    def __init__(self, session: Session, codec: Codec, vault: Vault, topics: Sequence[str]) -> None:
        self._session = session
        self._codec = codec
        self._vault = vault
        self._topics = list(topics)

    async def lock(self, known: Iterable[Known]) -> tuple[Clock, dict[Key, Row]]:
        """Locks the orders, and reads those again that were written since they were known. Raises UnreadableError."""
        of_key = {one.order.key: one for one in known}
        keys = in_lock_order(of_key)
        records = await self._session.fetch(
            _LOCK_WITH_CLOCK,
            *columns_of(keys),
            [of_key[key].version for key in keys],
            [of_key[key].written for key in keys],
            self._topics,
        )
        found = [record for record in records if record["merchant"] is not None]
        unchanged = {key: of_key[key] for record in found if record["unchanged"] for key in (key_of(record),)}
        return clock_of(records[0]), await rows_of(self._session, found, self._codec, unchanged)

    async def write(
        self, settled: Sequence[SettledOrder], owner: str, lease_seconds: float, appended: AppendedRows = NO_ROWS
    ) -> dict[Key, Lease | None]:
        """Each order at most once. A Lease where `keep`.

        Raises LeaseLostError if an order's token or version has changed since it was locked.
        """
        parts = [
            *appended.parts(self._vault),
            *attentions.changes(map(_changed, settled)),
            *chunks.changes([(one.row.known, one.order) for one in settled]),
        ]
        if settled:
            parts.append(
                Part("written", SETTLE, (*arguments([*map(_write, settled)], self._codec), owner, lease_seconds))
            )
        if not parts:
            return {}
        records = await self._session.fetch_combined(parts, "SELECT * FROM written" if settled else "SELECT")
        written = _leases(settled, records) if settled else {}
        for one in settled:
            if one.order.key not in written:
                raise LeaseLostError(one.order.key)
        return written


async def settle_if_unchanged(
    session: Session,
    settled: Sequence[SettledOrder],
    owner: str,
    lease_seconds: float,
    appended: AppendedRows,
    epoch: int,
    codec: Codec,
    vault: Vault,
    topics: Sequence[str],
) -> tuple[Clock, dict[Key, Lease | None]]:
    """In one statement that commits by itself: writes the orders whose rows are still as known, and what is appended for them."""
    writes = [*map(_write, settled)]
    parts = [
        Part("clock", clock_sql(1), (list(topics),)),
        Part("unchanged", UNCHANGED, (known_orders(writes), epoch)),
        Part("written", SETTLE_IF_UNCHANGED, (*arguments(writes, codec), owner, lease_seconds)),
        *appended.parts(vault, IF_UNCHANGED),
        *attentions.changes(map(_changed, settled), IF_UNCHANGED),
        *chunks.changes([(one.row.known, one.order) for one in settled], IF_UNCHANGED),
    ]
    records = await session.commit_combined(parts, _CLOCK_AND_WRITTEN)
    written = [record for record in records if record["merchant"] is not None]
    return clock_of(records[0]), _leases(settled, written)


def _changed(one: SettledOrder) -> attentions.Changed:
    return one.row.order, one.order, attentions.ITSELF


def _leases(settled: Sequence[SettledOrder], written: Sequence[Record]) -> dict[Key, Lease | None]:
    kept = {one.order.key for one in settled if one.leasing}
    return {key: lease_of(record) if key in kept else None for record in written for key in (key_of(record),)}


def _write(one: SettledOrder) -> Write:
    return Write(one.order, one.row, one.due_at, one.leasing, one.token, one.kind, one.hint)
