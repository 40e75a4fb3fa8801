"""The outbox: written with the decision, read and deleted by the relay that owns the shard."""

# ruff: noqa: S608 - statements are put together from constants

import zlib
from collections.abc import Sequence
from typing import Final

from msgspec import Struct

from ordersaga.domain.model.order import Key
from ordersaga.store.codec import key_bytes
from ordersaga.store.rows import OutboxRow, key_of
from ordersaga.store.rowset import Rowset
from ordersaga.store.session import Part, Session
from ordersaga.store.tables import SHARDS


class _NewRow(Struct, frozen=True, gc=False):
    shard: int
    merchant: str
    kind: str
    subject: str
    sequence: int
    type: str


_ROWS: Final = Rowset(_NewRow, headers="bytea", payload="bytea")
_INSERT: Final = f"""
INSERT INTO outbox ({_ROWS.columns}) SELECT {_ROWS.columns} FROM {_ROWS.source} {{condition}} ORDER BY position"""

_TAKE_SHARDS: Final = """
WITH seen AS (
    INSERT INTO members (role, owner, seen_until) VALUES ('relay', $1, now() + make_interval(secs => $2))
    ON CONFLICT (role, owner) DO UPDATE SET seen_until = excluded.seen_until
),
expired AS (DELETE FROM members WHERE role = 'relay' AND owner <> $1 AND seen_until <= now()),
fair AS (
    SELECT ceil($3::float8 / count(*))::int AS share
    FROM (SELECT owner FROM members WHERE role = 'relay' AND seen_until > now() UNION SELECT $1) AS live
),
owned AS (SELECT shard FROM relay_shards WHERE owner = $1 AND lease_until > now() ORDER BY shard FOR UPDATE),
kept AS (SELECT shard FROM owned ORDER BY shard LIMIT (SELECT share FROM fair)),
free AS (
    SELECT shard FROM relay_shards WHERE lease_until IS NULL OR lease_until <= now() ORDER BY shard
    LIMIT (SELECT greatest(share - (SELECT count(*) FROM kept), 0) FROM fair) FOR UPDATE SKIP LOCKED
),
given_back AS (
    UPDATE relay_shards SET owner = NULL, lease_until = NULL
    WHERE shard IN (SELECT shard FROM owned EXCEPT SELECT shard FROM kept)
)
UPDATE relay_shards SET owner = $1, lease_until = now() + make_interval(secs => $2)
WHERE shard IN (SELECT shard FROM kept UNION ALL SELECT shard FROM free)
RETURNING shard"""

_LEAVE: Final = """
WITH member AS (DELETE FROM members WHERE role = 'relay' AND owner = $1)
UPDATE relay_shards SET owner = NULL, lease_until = NULL WHERE owner = $1"""

_DELETE: Final = """
DELETE FROM outbox USING relay_shards AS s
WHERE outbox.id = ANY($1::bigint[]) AND s.shard = outbox.shard AND s.owner = $2 AND s.lease_until > now()
    AND (SELECT epoch.epoch FROM epoch) = coalesce($3::int, (SELECT epoch.epoch FROM epoch))
RETURNING outbox.id"""

_DELETE_AND_READ: Final = f"""
WITH deleted AS ({_DELETE})
SELECT id, merchant, kind, subject, sequence, type, headers, payload, epoch.epoch
FROM outbox CROSS JOIN epoch WHERE shard = ANY($4::smallint[])
    AND (id <> ALL($1::bigint[]) OR epoch.epoch <> coalesce($3::int, epoch.epoch))
ORDER BY id LIMIT $5"""
"""In another epoch than the one in which they were published, the ids may be those of other rows: the database went back."""


class UnpublishedOutcome(Struct, frozen=True):
    """A row of the outbox. The ids of one order's rows grow with `sequence`. `epoch`: in which it was read."""

    id: int
    row: OutboxRow
    epoch: int


def shard_of(key: Key) -> int:
    return zlib.crc32(key_bytes(key)) % SHARDS


def insert_outbox(rows: Sequence[OutboxRow], condition: str = "") -> Part:
    """`rows`: those of one order by sequence."""
    new = [
        _NewRow(shard_of(key), key.merchant, key.kind, key.subject, row.sequence, row.type)
        for row in rows
        for key in (row.key,)
    ]
    arguments = _ROWS.encode(new), [row.headers for row in rows], [row.payload for row in rows]
    return Part("new_outbox", _INSERT.format(condition=condition), arguments)


async def take_shards(session: Session, owner: str, lease_seconds: float) -> list[int]:
    """Takes or keeps this relay's fair share of the shards, by the number of live relays, and gives surplus shards back."""
    return sorted(record["shard"] for record in await session.fetch(_TAKE_SHARDS, owner, lease_seconds, SHARDS))


async def leave(session: Session, owner: str) -> None:
    """Gives all shards back, so that others needn't wait for the leases to expire."""
    await session.fetch(_LEAVE, owner)


async def read(
    session: Session, shards: Sequence[int], limit: int, published: Sequence[int], owner: str, epoch: int | None
) -> list[UnpublishedOutcome]:
    """The oldest rows in order of id, without those `published`, which the same statement deletes.

    `epoch`: in which those were read; None: in this one.

    Ids become visible out of order: reading "above the last id" could miss an outcome and publish its successor.
    """
    records = await session.fetch(_DELETE_AND_READ, list(published), owner, epoch, list(shards), limit)
    return [
        UnpublishedOutcome(
            record["id"],
            OutboxRow(key_of(record), record["sequence"], record["type"], record["headers"], record["payload"]),
            record["epoch"],
        )
        for record in records
    ]


async def delete(session: Session, ids: Sequence[int], owner: str, epoch: int | None) -> int:
    """How many were deleted; rows of a shard that the owner has lost stay, and so do all in another epoch."""
    return len(await session.fetch(_DELETE, list(ids), owner, epoch))
