"""What operators and timers do: offsets, retention, the epoch, switches, the master keys' proof."""

from collections.abc import Sequence
from typing import Final

from asyncpg import Record
from msgspec import Struct

from ordersaga.store.errors import MasterKeyError
from ordersaga.store.session import Session
from ordersaga.store.vault import Sealed, Vault

ALL: Final = "*"
_PROOF: Final = b"ordersaga"


class AtEnd(Struct, frozen=True):
    """A partition of which nothing is left to take in; `next` is the consumer's position."""

    topic: str
    partition: int
    next: int


class Switch(Struct, frozen=True):
    """What is paused, for one or all (`*`) merchants and providers, by whom, since when."""

    name: str
    merchant: str
    provider: str
    by: str
    at: float


_OFFSETS: Final = "SELECT partition, next_offset FROM intake_offsets WHERE topic = $1"

_CAUGHT_UP: Final = """
INSERT INTO intake_offsets AS o (topic, partition, next_offset, caught_up_at)
SELECT topic, partition, next, now() - make_interval(secs => $4)
FROM unnest($1::text[], $2::int[], $3::bigint[]) AS g(topic, partition, next)
ON CONFLICT (topic, partition) DO UPDATE SET caught_up_at = excluded.caught_up_at
WHERE o.next_offset <= excluded.next_offset"""

_RESTORED: Final = "UPDATE epoch SET epoch = epoch + 1, raised_at = now() RETURNING epoch"

_FORGET: Final = """
DELETE FROM inbox WHERE (merchant, source, id) IN (
    SELECT merchant, source, id FROM inbox WHERE taken_at < now() - make_interval(secs => $1)
    ORDER BY taken_at LIMIT $2 FOR UPDATE SKIP LOCKED)
RETURNING 1"""

_SWITCH: Final = """
INSERT INTO switches (name, merchant, provider, paused, by, at) VALUES ($1, $2, $3, $4, $5, now())
ON CONFLICT (name, merchant, provider) DO UPDATE SET paused = excluded.paused, by = excluded.by, at = excluded.at"""

_PAUSED: Final = """
SELECT name, merchant, provider, by, extract(epoch FROM at)::float8 AS at FROM switches WHERE paused
ORDER BY name, merchant, provider"""

_PROVE: Final = """
INSERT INTO master_keys (id, proof, proof_key) SELECT * FROM unnest($1::text[], $2::bytea[], $3::bytea[])
ON CONFLICT (id) DO NOTHING"""

_PROOFS: Final = "SELECT id, proof, proof_key FROM master_keys ORDER BY id"


async def offsets(session: Session, topic: str) -> dict[int, int]:
    return {record["partition"]: record["next_offset"] for record in await session.fetch(_OFFSETS, topic)}


async def caught_up(session: Session, partitions: Sequence[AtEnd], ago: float) -> None:
    ordered = sorted(partitions, key=lambda one: (one.topic, one.partition))
    await session.fetch(
        _CAUGHT_UP,
        [one.topic for one in ordered],
        [one.partition for one in ordered],
        [one.next for one in ordered],
        ago,
    )


async def restored(session: Session) -> int:
    epoch: int = (await session.fetch(_RESTORED))[0]["epoch"]
    return epoch


async def forget_inbox(session: Session, older_than: float, batch: int) -> int:
    return len(await session.fetch(_FORGET, older_than, batch))


async def switch(session: Session, name: str, merchant: str, provider: str, by: str, *, paused: bool) -> None:
    await session.fetch(_SWITCH, name, merchant, provider, paused, by)


async def paused(session: Session) -> list[Switch]:
    return [Switch(*(record[name] for name in Switch.__struct_fields__)) for record in await session.fetch(_PAUSED)]


async def prove(session: Session, vault: Vault) -> list[str]:
    """Ids of the keys that this database knows and that aren't given: what they sealed can't be read.

    Raises MasterKeyError when a key isn't the one that this database knows by that id.
    """
    given: dict[str, Sealed] = {name: vault.seal_as(name, _PROOF, name.encode()) for name in vault.names}
    await session.fetch(_PROVE, [*given], [one.data for one in given.values()], [one.key for one in given.values()])
    records = await session.fetch(_PROOFS)
    for record in records:
        if record["id"] in given:
            _check(record, vault)
    return [record["id"] for record in records if record["id"] not in given]


def _check(record: Record, vault: Vault) -> None:
    try:
        vault.open(Sealed(record["proof_key"], record["proof"]), record["id"].encode())
    except MasterKeyError:
        raise MasterKeyError(
            f"the master key given as {record['id']!r} isn't the one that this database knows by that id: "
            "give the one it was first started with, or a new key under a new id"
        ) from None
