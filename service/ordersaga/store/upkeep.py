"""Offsets, inbox retention, the epoch, switches, and the check of master keys."""

from collections.abc import Sequence
from typing import Final

from asyncpg import Record
from msgspec import Struct

from ordersaga.store.errors import MasterKeyError
from ordersaga.store.session import Session
from ordersaga.store.vault import Sealed, Vault

ALL: Final = "*"
_PROOF: Final = b"ordersaga"


class PartitionEnd(Struct, frozen=True):
    """The end of a partition that is taken in completely. `stored`: the offset that the store has of it; None: unknown or none."""

    topic: str
    partition: int
    next_offset: int
    stored: int | None = None


class Switch(Struct, frozen=True):
    """A pause of one or all (`*`) merchants and providers; `by`: who set it, `at`: when."""

    name: str
    merchant: str
    provider: str
    by: str
    at: float


_OFFSETS: Final = "SELECT partition, next_offset FROM intake_offsets WHERE topic = $1"

_CAUGHT_UP: Final = """
WITH given AS (
    SELECT * FROM unnest($1::text[], $2::int[], $3::bigint[], $5::bigint[]) AS g(topic, partition, next_offset, stored)
)
INSERT INTO intake_offsets AS o (topic, partition, next_offset, caught_up_at)
SELECT topic, partition, next_offset, now() - make_interval(secs => $4)
FROM given WHERE stored IS NULL OR EXISTS (
    SELECT FROM intake_offsets AS known WHERE (known.topic, known.partition) = (given.topic, given.partition))
ON CONFLICT (topic, partition) DO UPDATE SET caught_up_at = excluded.caught_up_at
WHERE o.next_offset <= excluded.next_offset AND o.next_offset = coalesce((
    SELECT stored FROM given WHERE (given.topic, given.partition) = (o.topic, o.partition)), o.next_offset)
RETURNING topic, partition, next_offset"""

_RAISE_EPOCH: Final = """
UPDATE epoch SET epoch = epoch + 1, raised_at = now(), lineage = coalesce(ordersaga_lineage(), lineage)
RETURNING epoch"""

_PRUNE_INBOX: Final = """
DELETE FROM inbox WHERE (merchant, source, id) IN (
    SELECT merchant, source, id FROM inbox WHERE taken_at < now() - make_interval(secs => $1)
    ORDER BY taken_at LIMIT $2 FOR UPDATE SKIP LOCKED)
RETURNING 1"""

_PAUSE: Final = """
INSERT INTO switches (name, merchant, provider, paused, by, at) VALUES ($1, $2, $3, true, $4, now())
ON CONFLICT (name, merchant, provider) DO UPDATE SET paused = true, by = excluded.by, at = excluded.at"""

_END_PAUSE: Final = """
UPDATE switches SET paused = false, by = $4, at = now()
WHERE name = $1 AND merchant = $2 AND provider = $3 AND paused RETURNING name"""

_PAUSED: Final = """
SELECT name, merchant, provider, by, extract(epoch FROM at)::float8 AS at FROM switches WHERE paused
ORDER BY name, merchant, provider"""

_ADD_PROOFS: Final = """
INSERT INTO master_keys (id, proof, proof_key) SELECT * FROM unnest($1::text[], $2::bytea[], $3::bytea[])
ON CONFLICT (id) DO NOTHING"""

_PROOFS: Final = "SELECT id, proof, proof_key FROM master_keys ORDER BY id"


async def offsets(session: Session, topic: str) -> dict[int, int]:
    return {record["partition"]: record["next_offset"] for record in await session.fetch(_OFFSETS, topic)}


async def record_caught_up(session: Session, ends: Sequence[PartitionEnd], ago: float) -> list[PartitionEnd]:
    ordered = sorted(ends, key=lambda one: (one.topic, one.partition))
    records = await session.fetch(
        _CAUGHT_UP,
        [one.topic for one in ordered],
        [one.partition for one in ordered],
        [one.next_offset for one in ordered],
        ago,
        [one.stored for one in ordered],
    )
    return [PartitionEnd(record["topic"], record["partition"], record["next_offset"]) for record in records]


async def raise_epoch(session: Session) -> int:
    epoch: int = (await session.fetch(_RAISE_EPOCH))[0]["epoch"]
    return epoch


async def prune_inbox(session: Session, older_than: float, batch: int) -> int:
    return len(await session.fetch(_PRUNE_INBOX, older_than, batch))


async def pause(session: Session, name: str, merchant: str, provider: str, by: str) -> None:
    await session.fetch(_PAUSE, name, merchant, provider, by)


async def end_pause(session: Session, name: str, merchant: str, provider: str, by: str) -> bool:
    """False: there is no such pause."""
    return bool(await session.fetch(_END_PAUSE, name, merchant, provider, by))


async def paused(session: Session) -> list[Switch]:
    return [Switch(*(record[name] for name in Switch.__struct_fields__)) for record in await session.fetch(_PAUSED)]


async def record_master_keys(session: Session, vault: Vault) -> list[str]:
    """As `check_master_keys`; a key whose id this database doesn't know yet is recorded."""
    given = {name: vault.seal_as(name, _PROOF, name.encode()) for name in vault.names}
    await session.fetch(
        _ADD_PROOFS, [*given], [one.data for one in given.values()], [one.key for one in given.values()]
    )
    return await check_master_keys(session, vault)


async def check_master_keys(session: Session, vault: Vault) -> list[str]:
    """Ids of keys that this database knows and that are missing: what they encrypted can't be read.

    Raises MasterKeyError if a key isn't the one that this database knows by that id.
    """
    records = await session.fetch(_PROOFS)
    for record in records:
        if record["id"] in vault.names:
            _check(record, vault)
    return [record["id"] for record in records if record["id"] not in vault.names]


def _check(record: Record, vault: Vault) -> None:
    try:
        vault.open(Sealed(record["proof_key"], record["proof"]), record["id"].encode())
    except MasterKeyError:
        raise MasterKeyError(
            f"the master key {record['id']!r} isn't the one that this database knows by that id: "
            "use the original one, or give the new key a new id"
        ) from None
