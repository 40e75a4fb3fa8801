"""One batch of input in one transaction: BEGIN, two statements and COMMIT, whatever the batch holds."""
# ruff: noqa: S608 - statements are put together from constants

from collections.abc import Iterable, Sequence
from typing import Final, Literal
from uuid import UUID

from asyncpg import Record
from msgspec import Struct

from ordersaga.domain.model.order import Key, Order
from ordersaga.store import dead_letters, provider_ids
from ordersaga.store.appended import NOTHING, AppendedRows
from ordersaga.store.codec import Codec
from ordersaga.store.errors import ConflictError, OffsetsMovedError
from ordersaga.store.orders import UPSERT, columns, in_lock_order, lease_of, lock, row_of
from ordersaga.store.rows import Clock, Lease, ProviderId, Row, clock_of, clock_sql, columns_of, key_of
from ordersaga.store.session import Part, Session, numbered_on
from ordersaga.store.vault import Vault

Verdict = Literal["new", "same", "other"]


class InboxRow(Struct, frozen=True):
    """One input. `digest` of what makes it the same again; `dead_letter`: the one that it became."""

    merchant: str
    source: str
    id: str
    digest: bytes
    dead_letter: UUID | None = None


class Heard(Struct, frozen=True):
    """What the inbox says of each input, in the order given."""

    clock: Clock
    verdicts: list[Verdict]


class Change(Struct, frozen=True):
    """An order to write. `row`: as it was locked, None for a new one. `lease`: give it to our worker, if nobody has it."""

    order: Order
    row: Row | None
    due_at: float | None
    lease: bool = False


class Progress(Struct, frozen=True):
    """How far a partition was taken in: `first` is where this batch began, `next` where the next one will.

    `caught_up`: how many seconds before this transaction began it was seen that `next` was the end; None: it wasn't.
    """

    topic: str
    partition: int
    first: int
    next: int
    caught_up: float | None = None


_LOOK: Final = f"""
WITH clock AS ({clock_sql(6)}),
given AS (
    SELECT * FROM unnest($1::text[], $2::text[], $3::text[], $4::bytea[], $5::uuid[])
    WITH ORDINALITY AS g(merchant, source, id, digest, dead_letter, position)
),
fresh AS (
    INSERT INTO inbox (merchant, source, id, digest, dead_letter)
    SELECT merchant, source, id, digest, dead_letter FROM given ORDER BY position
    ON CONFLICT (merchant, source, id) DO NOTHING
    RETURNING 1
),
known AS (
    SELECT g.position, i.digest, row_number() OVER () AS n FROM given AS g JOIN inbox AS i USING (merchant, source, id)
),
locked AS ({numbered_on(lock("(SELECT count(*) FROM fresh) >= 0"), 6)}),
found AS (SELECT *, row_number() OVER () AS n FROM locked)
SELECT clock.*, (SELECT count(*) FROM fresh) AS fresh, looked.*
FROM clock LEFT JOIN (known FULL JOIN found USING (n)) AS looked ON true"""
"""The inbox first, the orders' locks after it: so no two transactions wait for each other."""

_MOVE: Final = """
WITH given AS (
    SELECT * FROM unnest($1::text[], $2::int[], $3::bigint[], $4::bigint[], $5::float8[])
    AS g(topic, partition, first, next, caught_up)
)
INSERT INTO intake_offsets AS o (topic, partition, next_offset, caught_up_at)
SELECT topic, partition, next, now() - make_interval(secs => caught_up) FROM given
ON CONFLICT (topic, partition) DO UPDATE
SET next_offset = excluded.next_offset, caught_up_at = coalesce(excluded.caught_up_at, o.caught_up_at)
WHERE o.next_offset <= (SELECT g.first FROM given AS g WHERE g.topic = o.topic AND g.partition = o.partition)
RETURNING o.topic, o.partition"""

_RESULTS: Final = {
    (False, False): "SELECT",
    (True, False): "SELECT * FROM written",
    (False, True): "SELECT * FROM moved",
    (True, True): """
SELECT * FROM (SELECT *, row_number() OVER () AS n FROM written) AS written
FULL JOIN (SELECT *, row_number() OVER () AS n FROM moved) AS moved USING (n)""",
}
"""By whether orders are written and offsets moved."""


class Intake:
    """Of one open transaction. Each method is one statement."""

    def __init__(self, session: Session, codec: Codec, vault: Vault, topics: Sequence[str]) -> None:
        self._session = session
        self._codec = codec
        self._vault = vault
        self._topics = list(topics)

    async def look(self, rows: Sequence[InboxRow], keys: Iterable[Key] = ()) -> tuple[Heard, dict[Key, Row]]:
        """Puts what is new into the inbox (of several that are the same here the first is new), and locks the orders.

        Orders that don't exist are absent. Raises UnreadableError, and ConflictError when another transaction has put in
        one of the inputs meanwhile.
        """
        first: dict[tuple[str, str, str], InboxRow] = {}
        for row in rows:
            first.setdefault((row.merchant, row.source, row.id), row)
        names = sorted(first)
        given = [first[name] for name in names]
        records = await self._session.fetch(
            _LOOK,
            [row.merchant for row in given],
            [row.source for row in given],
            [row.id for row in given],
            [row.digest for row in given],
            [row.dead_letter for row in given],
            self._topics,
            *columns_of(in_lock_order(keys)),
        )
        known = {names[r["position"] - 1]: r["digest"] for r in records if r["position"] is not None}
        if len(known) + records[0]["fresh"] != len(names):
            raise ConflictError("another transaction has taken in one of these events just now")
        orders = {key_of(record): row_of(record, self._codec) for record in records if record["merchant"] is not None}
        return Heard(clock_of(records[0]), _verdicts(rows, first, known)), orders

    async def write(
        self,
        changes: Sequence[Change] = (),
        owner: str = "",
        lease_seconds: float = 0.0,
        told: AppendedRows = NOTHING,
        moved: Sequence[Progress] = (),
    ) -> list[Lease]:
        """Each order and each partition at most once. The leases that were given: not to orders with one that isn't settled.

        Raises ConflictError when a new order exists by now, OffsetsMovedError when another consumer has taken one of the
        partitions further than `first`, InputRefusedError for what the database won't take.
        """
        ordered = sorted(changes, key=lambda change: change.order.key)
        leasing = [change.lease and (change.row is None or not change.row.leased) for change in ordered]
        parts = [*told.parts(self._vault)]
        if ordered:
            parts.append(Part("written", UPSERT, (*self._columns(ordered, leasing), owner, lease_seconds)))
        if moved:
            parts.append(_moving(moved))
        if not parts:
            return []
        records = await self._session.fetch_together(parts, _RESULTS[bool(ordered), bool(moved)])
        written = [record for record in records if record["merchant"] is not None] if ordered else []
        if len(written) != len(ordered):
            raise ConflictError("another transaction has written one of these orders just now")
        if moved:
            _all_moved(moved, records)
        wanted = {change.order.key for change, leased in zip(ordered, leasing, strict=True) if leased}
        return [lease for record in written if (lease := lease_of(record)).key in wanted] if wanted else []

    def _columns(self, ordered: Sequence[Change], leasing: Sequence[bool]) -> Sequence[Sequence[object]]:
        return columns(
            [change.order for change in ordered],
            [change.row for change in ordered],
            [change.due_at for change in ordered],
            leasing,
            [None] * len(ordered),
            self._codec,
        )

    async def resolve(self, letter: UUID, state: Literal["replayed", "discarded"]) -> bool:
        """Ends an open dead letter; False: it isn't open. The inbox forgets a replayed one: remember it afterwards."""
        return await dead_letters.resolve(self._session, letter, state)

    async def claim_id(self, one: ProviderId) -> Key:
        """Notes an id for the order, if nobody has it. The order that it is noted for, by us alone until the end."""
        return await provider_ids.claim(self._session, one)

    async def move_id(self, one: ProviderId) -> None:
        """Notes a claimed id for this order instead of the one that it was noted for."""
        await provider_ids.move(self._session, one)


def _moving(moved: Sequence[Progress]) -> Part:
    ordered = sorted(moved, key=lambda one: (one.topic, one.partition))
    columns = (
        [one.topic for one in ordered],
        [one.partition for one in ordered],
        [one.first for one in ordered],
        [one.next for one in ordered],
        [one.caught_up for one in ordered],
    )
    return Part("moved", _MOVE, columns)


def _all_moved(moved: Sequence[Progress], records: Sequence[Record]) -> None:
    done = {(record["topic"], record["partition"]) for record in records}
    for one in moved:
        if (one.topic, one.partition) not in done:
            raise OffsetsMovedError(one.topic, one.partition, one.first)


def _verdicts(
    rows: Sequence[InboxRow], first: dict[tuple[str, str, str], InboxRow], known: dict[tuple[str, str, str], bytes]
) -> list[Verdict]:
    verdicts: list[Verdict] = []
    for row in rows:
        name = (row.merchant, row.source, row.id)
        if name not in known and row is first[name]:
            verdicts.append("new")
        else:
            digest = known.get(name, first[name].digest)
            verdicts.append("same" if row.digest == digest else "other")
    return verdicts
