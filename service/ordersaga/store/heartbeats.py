"""Recognises a database that went back: it lacks what a process has written to it."""

from collections.abc import Sequence
from typing import Final

from msgspec import Struct

from ordersaga.store.session import Session


class Beat(Struct, frozen=True):
    """What a process has last written, and the epoch in which it did. `number` 0: nothing yet."""

    number: int = 0
    epoch: int = 0


class Heard(Struct, frozen=True):
    """`went_back`: what was written before is missing. `replaced`: by another server or timeline. `raised`: by this beat."""

    beat: Beat
    went_back: bool
    replaced: bool
    raised: bool


_BEAT: Final = """
WITH seen AS (
    SELECT coalesce((SELECT beat FROM heartbeats WHERE owner = $1), 0) < $2 AS went_back, lineage.now AS lineage
    FROM (SELECT ordersaga_lineage() AS now) AS lineage
),
beaten AS (
    INSERT INTO heartbeats AS h (owner, beat, version, key_ids, seen_at) VALUES ($1, $2 + 1, $4, $5, now())
    ON CONFLICT (owner) DO UPDATE
    SET beat = greatest(h.beat, $2) + 1, version = excluded.version, key_ids = excluded.key_ids, seen_at = now()
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
       coalesce(e.lineage <> seen.lineage, false) AS replaced
FROM epoch AS e CROSS JOIN seen CROSS JOIN beaten LEFT JOIN raised ON true"""
"""The epoch is raised by one process for all: others find a greater one than they knew, or the new lineage."""

_RAISE_BEYOND: Final = """
UPDATE epoch SET epoch = epoch + 1, raised_at = now(), lineage = coalesce(ordersaga_lineage(), lineage)
WHERE epoch <= $1 RETURNING epoch"""

_PRUNE: Final = "DELETE FROM heartbeats WHERE seen_at < now() - make_interval(secs => $1)"


async def beat(session: Session, owner: str, last: Beat, version: int, key_ids: Sequence[str]) -> Heard:
    record = (await session.fetch(_BEAT, owner, last.number, last.epoch, version, list(key_ids)))[0]
    new = Beat(record["beat"], record["epoch"])
    return Heard(new, record["went_back"], record["replaced"], record["raised"])


async def raise_epoch_beyond(session: Session, known: int) -> int | None:
    records = await session.fetch(_RAISE_BEYOND, known)
    return records[0]["epoch"] if records else None


async def prune(session: Session, older_than: float) -> None:
    await session.fetch(_PRUNE, older_than)
