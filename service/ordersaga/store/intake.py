"""One batch of input in one transaction: at most BEGIN, five statements and COMMIT, whatever the batch holds."""
# ruff: noqa: S608 - statements are put together from constants

from collections.abc import Iterable, Sequence
from typing import Final, Literal
from uuid import UUID

from msgspec import Struct

from ordersaga.domain.order import Key, Order
from ordersaga.domain.outcomes import Entry
from ordersaga.store import dead_letters, journal, outbox, provider_ids
from ordersaga.store.codec import Codec
from ordersaga.store.dead_letters import DeadLetter
from ordersaga.store.errors import ConflictError, OffsetsMovedError
from ordersaga.store.orders import LOCK, UPSERT, columns, in_lock_order, lease_of, row_of
from ordersaga.store.rows import Clock, Lease, OutboxRow, ProviderId, Row, clock_of, clock_sql, columns_of, key_of
from ordersaga.store.session import Session
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


_REMEMBER: Final = f"""
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
known AS (SELECT g.position, i.digest FROM given AS g JOIN inbox AS i USING (merchant, source, id))
SELECT clock.*, (SELECT count(*) FROM fresh) AS fresh, known.position, known.digest
FROM clock LEFT JOIN known ON true"""

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


class Intake:
    """Of one open transaction. Each method is one statement, or none when there is nothing to do."""

    def __init__(self, session: Session, codec: Codec, vault: Vault, topics: Sequence[str]) -> None:
        self._session = session
        self._codec = codec
        self._vault = vault
        self._topics = list(topics)

    async def remember(self, rows: Sequence[InboxRow]) -> Heard:
        """Puts what is new into the inbox. Of several that are the same here the first is new.

        Raises ConflictError when another transaction has put in one of them meanwhile.
        """
        first: dict[tuple[str, str, str], InboxRow] = {}
        for row in rows:
            first.setdefault((row.merchant, row.source, row.id), row)
        names = sorted(first)
        given = [first[name] for name in names]
        records = await self._session.fetch(
            _REMEMBER,
            [row.merchant for row in given],
            [row.source for row in given],
            [row.id for row in given],
            [row.digest for row in given],
            [row.dead_letter for row in given],
            self._topics,
        )
        known = {names[r["position"] - 1]: r["digest"] for r in records if r["position"] is not None}
        if len(known) + records[0]["fresh"] != len(names):
            raise ConflictError("another transaction has taken in one of these events just now")
        return Heard(clock_of(records[0]), _verdicts(rows, first, known))

    async def lock(self, keys: Iterable[Key]) -> dict[Key, Row]:
        """The orders as they are, locked until the end; those that don't exist are absent. Raises UnreadableError."""
        wanted = in_lock_order(keys)
        if not wanted:
            return {}
        records = await self._session.fetch(LOCK, *columns_of(wanted))
        return {key_of(record): row_of(record, self._codec) for record in records}

    async def write(self, changes: Sequence[Change], owner: str, lease_seconds: float) -> list[Lease]:
        """Each order at most once. The leases that were given: not to orders with a lease that isn't settled.

        Raises ConflictError when a new order exists by now, InputRefusedError for what the database won't take.
        """
        if not changes:
            return []
        ordered = sorted(changes, key=lambda change: change.order.key)
        leasing = [change.lease and (change.row is None or not change.row.leased) for change in ordered]
        records = await self._session.fetch(
            UPSERT,
            *columns(
                [change.order for change in ordered],
                [change.row for change in ordered],
                [change.due_at for change in ordered],
                leasing,
                [None] * len(ordered),
                self._codec,
            ),
            owner,
            lease_seconds,
        )
        if len(records) != len(ordered):
            raise ConflictError("another transaction has written one of these orders just now")
        wanted = {change.order.key for change, leased in zip(ordered, leasing, strict=True) if leased}
        return [lease for record in records if (lease := lease_of(record)).key in wanted] if wanted else []

    async def record(
        self,
        entries: Sequence[tuple[Key, Entry]] = (),
        outcomes: Sequence[OutboxRow] = (),
        letters: Sequence[DeadLetter] = (),
        ids: Sequence[ProviderId] = (),
    ) -> None:
        """Journal, outbox (those of one order by sequence), dead letters (none twice) and the provider's ids."""
        parts = [
            journal.appended(entries) if entries else None,
            outbox.put(outcomes) if outcomes else None,
            dead_letters.buried(letters, self._vault) if letters else None,
            provider_ids.noted(ids) if ids else None,
        ]
        await self._session.execute_together([part for part in parts if part is not None])

    async def move_offsets(self, moved: Sequence[Progress]) -> None:
        """Raises OffsetsMovedError when another consumer has taken one of the partitions further than `first`."""
        if not moved:
            return
        ordered = sorted(moved, key=lambda one: (one.topic, one.partition))
        records = await self._session.fetch(
            _MOVE,
            [one.topic for one in ordered],
            [one.partition for one in ordered],
            [one.first for one in ordered],
            [one.next for one in ordered],
            [one.caught_up for one in ordered],
        )
        done = {(record["topic"], record["partition"]) for record in records}
        for one in ordered:
            if (one.topic, one.partition) not in done:
                raise OffsetsMovedError(one.topic, one.partition, one.first)

    async def resolve(self, letter: UUID, state: Literal["replayed", "discarded"]) -> bool:
        """Ends an open dead letter; False: it isn't open. The inbox forgets a replayed one: remember it afterwards."""
        return await dead_letters.resolve(self._session, letter, state)


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
