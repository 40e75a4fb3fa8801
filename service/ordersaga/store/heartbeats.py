"""Shows which processes are live, and recognises a database that went back: it lacks what a process has written to it."""
# ruff: noqa: S608 - statements are built from constants

from collections.abc import Sequence
from typing import Final

from msgspec import Struct

from ordersaga.store.readers import GAP, LIVE, STATE_VERSION, WATCHED
from ordersaga.store.session import Session


class Beat(Struct, frozen=True):
    """What a process has last written, and the epoch in which it did. `number` 0: nothing yet."""

    number: int = 0
    epoch: int = 0


class Heard(Struct, frozen=True):
    """`went_back`: what was written before is missing. `replaced`: by another server or timeline. `raised`: by this beat.

    `outdated`: newer processes have taken over, and this one may not write any more.
    """

    beat: Beat
    went_back: bool
    replaced: bool
    raised: bool
    outdated: bool


_BEAT: Final = f"""
WITH seen AS (
    SELECT coalesce((SELECT beat FROM heartbeats WHERE owner = $1), 0) < $2 AS went_back, lineage.now AS lineage
    FROM (SELECT ordersaga_lineage() AS now) AS lineage
),
beaten AS (
    INSERT INTO heartbeats AS h (owner, beat, version, key_ids, seen_at) VALUES ($1, $2 + 1, $4, $5, now())
    ON CONFLICT (owner) DO UPDATE
    SET beat = greatest(h.beat, $2) + 1, version = excluded.version, key_ids = excluded.key_ids, seen_at = now(),
        since = CASE WHEN h.seen_at < now() - interval '{GAP} s' THEN now() ELSE h.since END
    RETURNING beat
),
raised AS (
    UPDATE epoch AS e SET epoch = greatest(e.epoch, $3) + 1, raised_at = now(), lineage = coalesce(seen.lineage, e.lineage)
    FROM seen WHERE e.lineage <> seen.lineage OR (seen.went_back AND e.epoch <= $3)
    RETURNING e.epoch
),
begun AS (
    UPDATE epoch AS e SET lineage = seen.lineage
    FROM seen WHERE e.lineage IS NULL AND seen.lineage IS NOT NULL AND NOT (seen.went_back AND e.epoch <= $3)
)
SELECT beaten.beat, coalesce(raised.epoch, e.epoch) AS epoch, seen.went_back, raised.epoch IS NOT NULL AS raised,
       coalesce(e.lineage <> seen.lineage, false) AS replaced, e.lowest_version,
       (SELECT min(version) FROM heartbeats WHERE owner <> $1 AND seen_at > now() - interval '{LIVE} s') AS lowest_other
FROM epoch AS e CROSS JOIN seen CROSS JOIN beaten LEFT JOIN raised ON true"""
"""The epoch is raised by one process for all: others find a greater one than they knew, or the new lineage."""

_RAISE_BEYOND: Final = """
UPDATE epoch SET epoch = epoch + 1, raised_at = now(), lineage = coalesce(ordersaga_lineage(), lineage)
WHERE epoch <= $1 RETURNING epoch"""

_RAISE_LOWEST: Final = f"""
UPDATE epoch SET lowest_version = $1 WHERE lowest_version < $1
AND NOT EXISTS (SELECT FROM heartbeats WHERE version < $1 AND seen_at > now() - interval '{LIVE} s')
AND {WATCHED}"""

_PRUNE: Final = "DELETE FROM heartbeats WHERE seen_at < now() - make_interval(secs => $1)"


async def beat(session: Session, owner: str, last: Beat, key_ids: Sequence[bytes]) -> Heard:
    record = (await session.fetch(_BEAT, owner, last.number, last.epoch, STATE_VERSION, list(key_ids)))[0]
    lowest_live = min(STATE_VERSION, record["lowest_other"] or STATE_VERSION)
    if lowest_live > record["lowest_version"]:
        await session.fetch(_RAISE_LOWEST, lowest_live)
    new = Beat(record["beat"], record["epoch"])
    outdated = record["lowest_version"] > STATE_VERSION
    return Heard(new, record["went_back"], record["replaced"], record["raised"], outdated)


async def raise_epoch_beyond(session: Session, known: int) -> int | None:
    records = await session.fetch(_RAISE_BEYOND, known)
    return records[0]["epoch"] if records else None


async def prune(session: Session, older_than: float) -> None:
    await session.fetch(_PRUNE, older_than)
