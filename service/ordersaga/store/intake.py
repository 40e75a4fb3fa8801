"""One batch of input in one transaction: BEGIN, two statements and COMMIT, whatever the batch contains."""
# ruff: noqa: S608 - statements are built from constants

from collections.abc import Iterable, Mapping, Sequence
from typing import Final, Literal
from uuid import UUID

from asyncpg import Record
from msgspec import Struct

from ordersaga.domain.model.order import Key, Order
from ordersaga.domain.model.outcomes import CallKind
from ordersaga.store import attentions, chunks, dead_letters, provider_ids
from ordersaga.store.appended import NO_ROWS, AppendedRows
from ordersaga.store.codec import Codec
from ordersaga.store.errors import ConflictError, OffsetsMovedError, ReadableElsewhereError
from ordersaga.store.orders import UPSERT, Write, arguments, in_lock_order, lease_of, lock, rows_of
from ordersaga.store.rows import Clock, Lease, ProviderId, Row, clock_of, clock_sql, columns_of, key_of
from ordersaga.store.session import Part, Session, renumbered
from ordersaga.store.vault import Vault

InboxMatch = Literal["new", "same", "other"]
"""`same`: the event was taken in before; `other`: another event was taken in under its id."""


class InboxRow(Struct, frozen=True):
    """One input. `digest`: of all that makes two events the same; `dead_letter`: the one that the input became."""

    merchant: str
    source: str
    id: str
    digest: bytes
    dead_letter: UUID | None = None


ProviderOrder = tuple[str, str, str]
"""Merchant, provider, the provider's id of an order."""


class InboxLookup(Struct, frozen=True):
    """What the inbox holds of each input, in the order given."""

    clock: Clock
    matches: list[InboxMatch]
    owners: Mapping[ProviderOrder, Key] = {}  # of provider orders that were asked for: who has them


def _owners(records: Sequence[Record]) -> dict[ProviderOrder, Key]:
    return {
        (record["taken_merchant"], record["taken_provider"], record["taken_id"]): Key(
            record["taken_merchant"], record["taken_kind"], record["taken_subject"]
        )
        for record in records
        if record["taken_id"] is not None
    }


class Change(Struct, frozen=True):
    """An order to write. `row`: as it was locked, None for a new order. `lease`: lease it to our worker, unless it is leased."""

    order: Order
    row: Row | None
    due_at: float | None
    lease: bool = False
    kind: CallKind | None = None  # of the call that is due then
    by: str = attentions.ITSELF  # who resolves the attentions that this clears


class OffsetProgress(Struct, frozen=True):
    """How far a partition is taken in. `first_offset`: of this batch; `next_offset`: of the next batch.

    `stored`: the offset from which the batch continues, which the store must have exactly; None: unknown or none.
    `caught_up`: how many seconds ago Kafka said that `next_offset` is the partition's end; None: it isn't.
    """

    topic: str
    partition: int
    first_offset: int
    next_offset: int
    caught_up: float | None = None
    stored: int | None = None


_LOOK_UP: Final = f"""
WITH clock AS ({clock_sql(6)}),
given AS (
    SELECT * FROM unnest($1::text[], $2::text[], $3::text[], $4::bytea[], $5::uuid[])
    WITH ORDINALITY AS g(merchant, source, id, digest, dead_letter, position)
),
inserted AS (
    INSERT INTO inbox (merchant, source, id, digest, dead_letter)
    SELECT merchant, source, id, digest, dead_letter FROM given ORDER BY position
    ON CONFLICT (merchant, source, id) DO NOTHING
    RETURNING 1
),
known AS (
    SELECT g.position, i.digest, row_number() OVER () AS n FROM given AS g JOIN inbox AS i USING (merchant, source, id)
),
locked AS ({renumbered(lock("(SELECT count(*) FROM inserted) >= 0"), 6)}),
found AS (SELECT *, row_number() OVER () AS n FROM locked),
taken AS (
    SELECT c.merchant AS taken_merchant, c.provider AS taken_provider, c.id AS taken_id, o.kind AS taken_kind,
           o.subject AS taken_subject, row_number() OVER () AS n
    FROM unnest($11::text[], $12::text[], $13::text[]) AS c(merchant, provider, id)
    JOIN orders AS o ON (o.merchant, o.provider, o.provider_order_id) = (c.merchant, c.provider, c.id)
    WHERE o.provider_order_id IS NOT NULL AND (o.status NOT IN ('rejected', 'abandoned') OR o.captured_amount > 0)
)
SELECT clock.*, (SELECT count(*) FROM inserted) AS inserted, looked_up.*
FROM clock LEFT JOIN (known FULL JOIN found USING (n) FULL JOIN taken USING (n)) AS looked_up ON true"""
"""The inbox first, then the orders' locks: so that no two transactions deadlock."""

_ADVANCE: Final = """
WITH given AS (
    SELECT * FROM unnest($1::text[], $2::int[], $3::bigint[], $4::bigint[], $5::float8[], $6::bigint[])
    AS g(topic, partition, first, next, caught_up, stored)
)
INSERT INTO intake_offsets AS o (topic, partition, next_offset, caught_up_at)
SELECT topic, partition, next, now() - make_interval(secs => caught_up) FROM given
WHERE stored IS NULL OR EXISTS (
    SELECT FROM intake_offsets AS known WHERE (known.topic, known.partition) = (given.topic, given.partition))
ON CONFLICT (topic, partition) DO UPDATE
SET next_offset = excluded.next_offset, caught_up_at = coalesce(excluded.caught_up_at, o.caught_up_at)
WHERE EXISTS (
    SELECT FROM given AS g WHERE (g.topic, g.partition) = (o.topic, o.partition)
    AND o.next_offset <= g.first AND o.next_offset = coalesce(g.stored, o.next_offset))
RETURNING o.topic, o.partition"""

_RESULTS: Final = {
    (False, False): "SELECT",
    (True, False): "SELECT * FROM written",
    (False, True): "SELECT * FROM advanced",
    (True, True): """
SELECT * FROM (SELECT *, row_number() OVER () AS n FROM written) AS written
FULL JOIN (SELECT *, row_number() OVER () AS n FROM advanced) AS advanced USING (n)""",
}
"""By whether orders are written and whether offsets are advanced."""


class IntakeTransaction:
    """An open transaction. Each method is one statement, and reading long lists of orders another one."""

    def __init__(self, session: Session, codec: Codec, vault: Vault, topics: Sequence[str]) -> None:
        self._session = session
        self._codec = codec
        self._vault = vault
        self._topics = list(topics)

    async def look_up(
        self, rows: Sequence[InboxRow], keys: Iterable[Key] = (), provider_orders: Sequence[ProviderOrder] = ()
    ) -> tuple[InboxLookup, dict[Key, Row]]:
        """Inserts new inputs into the inbox (of equal ones the first is new), and locks the orders.

        Orders that don't exist are missing in the result. Raises ReadableElsewhereError, UnreadableError, and ConflictError
        if another transaction has inserted one of the inputs meanwhile.
        """
        first: dict[tuple[str, str, str], InboxRow] = {}
        for row in rows:
            first.setdefault((row.merchant, row.source, row.id), row)
        names = sorted(first)
        given = [first[name] for name in names]
        records = await self._session.fetch(
            _LOOK_UP,
            [row.merchant for row in given],
            [row.source for row in given],
            [row.id for row in given],
            [row.digest for row in given],
            [row.dead_letter for row in given],
            self._topics,
            *columns_of(in_lock_order(keys)),
            self._codec.key_ids,
            [merchant for merchant, _, _ in provider_orders],
            [provider for _, provider, _ in provider_orders],
            [name for _, _, name in provider_orders],
        )
        known = {names[r["position"] - 1]: r["digest"] for r in records if r["position"] is not None}
        if len(known) + records[0]["inserted"] != len(names):
            raise ConflictError("another transaction has just taken in one of these events")
        found = [record for record in records if record["merchant"] is not None]
        if elsewhere := frozenset(key_of(record) for record in found if record["elsewhere"]):
            raise ReadableElsewhereError(elsewhere)
        orders = await rows_of(self._session, found, self._codec)
        return InboxLookup(clock_of(records[0]), _matches(rows, first, known), _owners(records)), orders

    async def write(
        self,
        changes: Sequence[Change] = (),
        owner: str = "",
        lease_seconds: float = 0.0,
        appended: AppendedRows = NO_ROWS,
        progress: Sequence[OffsetProgress] = (),
    ) -> list[Lease]:
        """Each order and each partition at most once. Returns the leases given; an order with an unsettled lease gets none.

        Raises ConflictError if a new order exists by now, OffsetsMovedError if one of the partitions isn't as the batch
        continues it (mostly as another consumer has advanced it), and InputRefusedError for a value that the database doesn't accept.
        """
        ordered = sorted(changes, key=lambda change: change.order.key)
        writes = [_write(change) for change in ordered]
        parts = [
            *appended.parts(self._vault),
            *attentions.changes(map(_changed, ordered)),
            *chunks.changes([(change.row.known if change.row else None, change.order) for change in ordered]),
        ]
        if ordered:
            parts.append(Part("written", UPSERT, (*arguments(writes, self._codec), owner, lease_seconds)))
        if progress:
            parts.append(_advance_offsets(progress))
        if not parts:
            return []
        records = await self._session.fetch_combined(parts, _RESULTS[bool(ordered), bool(progress)])
        written = [record for record in records if record["merchant"] is not None] if ordered else []
        if len(written) != len(ordered):
            raise ConflictError("another transaction has just written one of these orders")
        if progress:
            _check_advanced(progress, records)
        wanted = {one.order.key for one in writes if one.leasing}
        return [lease for record in written if (lease := lease_of(record)).key in wanted] if wanted else []

    async def resolve(self, dead_letter_id: UUID, state: Literal["replayed", "discarded"]) -> bool:
        """Ends an open dead letter; False: it isn't open. A replayed one leaves the inbox: look its event up afterwards."""
        return await dead_letters.resolve(self._session, dead_letter_id, state)

    async def close_attention(self, attention_id: int, by: str) -> bool:
        """Of an attention that the order's own state doesn't know. False: it isn't open."""
        return await attentions.close(self._session, attention_id, by)

    async def claim_id(self, one: ProviderId) -> Key:
        """Gives an id that no order has to this one. Returns the order that has it; its row is locked."""
        return await provider_ids.claim(self._session, one)

    async def move_id(self, one: ProviderId) -> None:
        """Gives a claimed id of another order to this one."""
        await provider_ids.move(self._session, one)


def _advance_offsets(progress: Sequence[OffsetProgress]) -> Part:
    ordered = sorted(progress, key=lambda one: (one.topic, one.partition))
    columns = (
        [one.topic for one in ordered],
        [one.partition for one in ordered],
        [one.first_offset for one in ordered],
        [one.next_offset for one in ordered],
        [one.caught_up for one in ordered],
        [one.stored for one in ordered],
    )
    return Part("advanced", _ADVANCE, columns)


def _check_advanced(progress: Sequence[OffsetProgress], records: Sequence[Record]) -> None:
    advanced = {(record["topic"], record["partition"]) for record in records}
    for one in progress:
        if (one.topic, one.partition) not in advanced:
            raise OffsetsMovedError(one.topic, one.partition, one.first_offset)


def _matches(
    rows: Sequence[InboxRow], first: dict[tuple[str, str, str], InboxRow], known: dict[tuple[str, str, str], bytes]
) -> list[InboxMatch]:
    matches: list[InboxMatch] = []
    for row in rows:
        name = (row.merchant, row.source, row.id)
        if name not in known and row is first[name]:
            matches.append("new")
        else:
            digest = known.get(name, first[name].digest)
            matches.append("same" if row.digest == digest else "other")
    return matches


def _write(change: Change) -> Write:
    leasing = change.lease and (change.row is None or not change.row.leased)
    return Write(change.order, change.row, change.due_at, leasing, None, change.kind, None)


def _changed(change: Change) -> attentions.Changed:
    return change.row.order if change.row is not None else None, change.order, change.by
