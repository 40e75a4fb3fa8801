"""The outbox: written with the decision, read and deleted by the relay that holds the shard."""

# ruff: noqa: S608 - statements are put together from constants

import zlib
from collections.abc import Sequence
from typing import Final

from msgspec import Struct

from ordersaga.domain.model.order import Key
from ordersaga.store.codec import place_of
from ordersaga.store.rows import OutboxRow, columns_of, key_of
from ordersaga.store.session import Part, Session
from ordersaga.store.tables import SHARDS

_PUBLISH: Final = """
INSERT INTO outbox (shard, merchant, kind, subject, sequence, type, headers, payload)
SELECT shard, merchant, kind, subject, sequence, type, headers, payload
FROM unnest($1::smallint[], $2::text[], $3::text[], $4::text[], $5::bigint[], $6::text[], $7::bytea[], $8::bytea[])
     WITH ORDINALITY AS g(shard, merchant, kind, subject, sequence, type, headers, payload, position) {where}
ORDER BY position"""

_TAKE_SHARDS: Final = """
WITH seen AS (
    INSERT INTO members (role, owner, seen_until) VALUES ('relay', $1, now() + make_interval(secs => $2))
    ON CONFLICT (role, owner) DO UPDATE SET seen_until = excluded.seen_until
),
gone AS (DELETE FROM members WHERE role = 'relay' AND owner <> $1 AND seen_until <= now()),
fair AS (
    SELECT ceil($3::float8 / count(*))::int AS share
    FROM (SELECT owner FROM members WHERE role = 'relay' AND seen_until > now() UNION SELECT $1) AS living
),
mine AS (SELECT shard FROM relay_shards WHERE owner = $1 AND lease_until > now() ORDER BY shard FOR UPDATE),
kept AS (SELECT shard FROM mine ORDER BY shard LIMIT (SELECT share FROM fair)),
free AS (
    SELECT shard FROM relay_shards WHERE lease_until IS NULL OR lease_until <= now() ORDER BY shard
    LIMIT (SELECT greatest(share - (SELECT count(*) FROM kept), 0) FROM fair) FOR UPDATE SKIP LOCKED
),
given_back AS (
    UPDATE relay_shards SET owner = NULL, lease_until = NULL
    WHERE shard IN (SELECT shard FROM mine EXCEPT SELECT shard FROM kept)
)
UPDATE relay_shards SET owner = $1, lease_until = now() + make_interval(secs => $2)
WHERE shard IN (SELECT shard FROM kept UNION ALL SELECT shard FROM free)
RETURNING shard"""

_LEAVE: Final = """
WITH gone AS (DELETE FROM members WHERE role = 'relay' AND owner = $1)
UPDATE relay_shards SET owner = NULL, lease_until = NULL WHERE owner = $1"""

_DELETE: Final = """
DELETE FROM outbox USING relay_shards AS s
WHERE outbox.id = ANY($1::bigint[]) AND s.shard = outbox.shard AND s.owner = $2 AND s.lease_until > now()
RETURNING outbox.id"""

_DELETE_AND_READ: Final = f"""
WITH sent AS ({_DELETE})
SELECT id, merchant, kind, subject, sequence, type, headers, payload
FROM outbox WHERE shard = ANY($3::smallint[]) AND id <> ALL($1::bigint[]) ORDER BY id LIMIT $4"""


class Unsent(Struct, frozen=True):
    """An outcome that waits to be published. Of one order, ids grow with `sequence`."""

    id: int
    row: OutboxRow


def shard_of(key: Key) -> int:
    return zlib.crc32(place_of(key)) % SHARDS


def put(rows: Sequence[OutboxRow], where: str = "") -> Part:
    """Those of one order in the order of their sequence."""
    keys = [row.key for row in rows]
    columns = (
        [shard_of(key) for key in keys],
        *columns_of(keys),
        [row.sequence for row in rows],
        [row.type for row in rows],
        [row.headers for row in rows],
        [row.payload for row in rows],
    )
    return Part("put_out", _PUBLISH.format(where=where), columns)


async def take_shards(session: Session, owner: str, lease_seconds: float) -> list[int]:
    """Keeps or takes this relay's fair share of all shards, by the number of relays that live, and gives back what is over."""
    return sorted(record["shard"] for record in await session.fetch(_TAKE_SHARDS, owner, lease_seconds, SHARDS))


async def leave(session: Session, owner: str) -> None:
    """Gives all shards back, so that others needn't wait for the lease's end."""
    await session.fetch(_LEAVE, owner)


async def read(session: Session, shards: Sequence[int], limit: int, sent: Sequence[int], owner: str) -> list[Unsent]:
    """The oldest rows but those `sent`, in order of id; these are deleted by the same statement.

    Ids become visible out of order, so "above the last one read" would leave out an outcome and publish its successor.
    """
    records = await session.fetch(_DELETE_AND_READ, list(sent), owner, list(shards), limit)
    return [
        Unsent(
            record["id"],
            OutboxRow(key_of(record), record["sequence"], record["type"], record["headers"], record["payload"]),
        )
        for record in records
    ]


async def delete(session: Session, ids: Sequence[int], owner: str) -> int:
    """How many were deleted; those of a shard that is no longer ours stay."""
    return len(await session.fetch(_DELETE, list(ids), owner))
