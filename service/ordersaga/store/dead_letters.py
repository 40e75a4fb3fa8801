"""Inputs that couldn't be processed, kept complete and encrypted until somebody replays or discards them."""

# ruff: noqa: S608 - statements are put together from constants

from collections.abc import Sequence
from hashlib import sha256
from typing import Final, Literal
from uuid import UUID, uuid5

import msgspec
from asyncpg import Record
from msgspec import Struct

from ordersaga.store.errors import MasterKeyError, UnreadableError
from ordersaga.store.journal import without_nul
from ordersaga.store.session import Part, Session
from ordersaga.store.vault import Sealed, Vault

State = Literal["open", "replayed", "discarded"]
_NAMESPACE: Final = UUID("b8a1f0de-2f35-5d0b-9f0a-6a8f4a6f1c30")


class Content(Struct, frozen=True, array_like=True):
    """The Kafka record as it came."""

    key: bytes | None
    value: bytes | None
    headers: tuple[tuple[str, bytes], ...] = ()


class DeadLetter(Struct, frozen=True):
    """`fingerprint` is the same for inputs with the same problem. `merchant` and `subject` where they could be read."""

    topic: str
    partition: int
    offset: int
    content: Content
    code: str
    reason: str
    fingerprint: str
    merchant: str | None = None
    subject: str | None = None

    @property
    def id(self) -> UUID:
        """Derived from offset and content: a record that is read again has the same id, another record at the offset doesn't."""
        content = sha256(_pack(self.content)).hexdigest()
        return uuid5(_NAMESPACE, f"{self.topic}\0{self.partition}\0{self.offset}\0{content}")


class DeadLetterSummary(Struct, frozen=True):
    """A dead letter without its content. `at` in seconds since the epoch."""

    id: UUID
    merchant: str | None
    subject: str | None
    topic: str
    partition: int
    offset: int
    code: str
    reason: str
    fingerprint: str
    state: State
    at: float


class DeadLetterFilter(Struct, frozen=True, kw_only=True):
    """None: any. `since` and `until` in seconds since the epoch, of when it became one; `until` excluded."""

    merchant: str | None = None
    subject: str | None = None
    code: str | None = None
    fingerprint: str | None = None
    since: float | None = None
    until: float | None = None


ANY: Final = DeadLetterFilter()


class DeadLetterGroup(Struct, frozen=True):
    """Those with the same problem. `first` and `last` in seconds since the epoch; `example`: the id of the last one."""

    fingerprint: str
    code: str
    number: int
    first: float
    last: float
    example: UUID


_pack: Final = msgspec.msgpack.Encoder().encode
_unpack: Final = msgspec.msgpack.Decoder(Content).decode

_INSERT: Final = """
INSERT INTO dead_letters (id, merchant, subject, topic, partition, "offset", sealed, sealed_key, code, reason, fingerprint)
SELECT * FROM unnest($1::uuid[], $2::text[], $3::text[], $4::text[], $5::int[], $6::bigint[], $7::bytea[], $8::bytea[],
                     $9::text[], $10::text[], $11::text[])
ON CONFLICT (id) DO NOTHING"""

_SUMMARY: Final = """
SELECT id, merchant, subject, topic, partition, "offset", code, reason, fingerprint, state,
       extract(epoch FROM at)::float8 AS at
FROM dead_letters"""
_WANTED: Final = """
state = $1 AND ($2::text IS NULL OR merchant = $2) AND ($3::text IS NULL OR subject = $3)
  AND ($4::text IS NULL OR code = $4) AND ($5::text IS NULL OR fingerprint = $5)
  AND ($6::float8 IS NULL OR at >= to_timestamp($6)) AND ($7::float8 IS NULL OR at < to_timestamp($7))"""
_LIST: Final = f"""{_SUMMARY}
WHERE {_WANTED} AND ($8::uuid IS NULL OR (at, id) < (SELECT d.at, d.id FROM dead_letters d WHERE d.id = $8))
ORDER BY at DESC, id DESC LIMIT $9"""
_OLDEST: Final = f"""
SELECT id FROM dead_letters
WHERE {_WANTED} AND ($8::uuid IS NULL OR (at, id) > (SELECT d.at, d.id FROM dead_letters d WHERE d.id = $8))
ORDER BY at, id LIMIT $9"""
_GROUPS: Final = f"""
SELECT fingerprint, code, count(*) AS number, extract(epoch FROM min(at))::float8 AS first,
       extract(epoch FROM max(at))::float8 AS last, (array_agg(id ORDER BY at DESC, id DESC))[1] AS example
FROM dead_letters WHERE {_WANTED} GROUP BY fingerprint, code ORDER BY number DESC, fingerprint, code LIMIT $8"""
_GET: Final = _SUMMARY.replace("SELECT id,", "SELECT sealed, sealed_key, id,") + " WHERE id = $1"

_RESOLVE: Final = """
WITH resolved AS (UPDATE dead_letters SET state = $2 WHERE id = $1 AND state = 'open' RETURNING id),
replayed AS (
    DELETE FROM inbox WHERE $2 = 'replayed' AND dead_letter IN (SELECT id FROM resolved)
)
SELECT id FROM resolved"""


def insert_dead_letters(dead_letters: Sequence[DeadLetter], vault: Vault) -> Part:
    by_id = {one.id: one for one in dead_letters}
    ids = sorted(by_id)
    ordered = [by_id[name] for name in ids]
    sealed = [vault.seal(_pack(one.content), name.bytes) for name, one in zip(ids, ordered, strict=True)]
    columns = (
        ids,
        [without_nul(one.merchant) for one in ordered],
        [without_nul(one.subject) for one in ordered],
        [one.topic for one in ordered],
        [one.partition for one in ordered],
        [one.offset for one in ordered],
        [one.data for one in sealed],
        [one.key for one in sealed],
        [one.code for one in ordered],
        [without_nul(one.reason) for one in ordered],
        [without_nul(one.fingerprint) for one in ordered],
    )
    return Part("new_dead_letters", _INSERT, columns)


async def resolve(session: Session, dead_letter_id: UUID, state: Literal["replayed", "discarded"]) -> bool:
    """False: it isn't open. The event of a replayed one is removed from the inbox, so that it counts as new again."""
    return bool(await session.fetch(_RESOLVE, dead_letter_id, state))


async def list_summaries(
    session: Session, state: State, wanted: DeadLetterFilter, limit: int, after: UUID | None
) -> list[DeadLetterSummary]:
    """Newest first; `after`: the last one of the previous page."""
    return [_summary(one) for one in await session.fetch(_LIST, state, *_arguments(wanted), after, limit)]


async def open_ids(session: Session, wanted: DeadLetterFilter, limit: int, after: UUID | None) -> list[UUID]:
    """Oldest first; `after`: the last one of the previous page."""
    return [one["id"] for one in await session.fetch(_OLDEST, "open", *_arguments(wanted), after, limit)]


async def groups(session: Session, state: State, wanted: DeadLetterFilter, limit: int) -> list[DeadLetterGroup]:
    """The largest first."""
    records = await session.fetch(_GROUPS, state, *_arguments(wanted), limit)
    return [DeadLetterGroup(*(record[name] for name in DeadLetterGroup.__struct_fields__)) for record in records]


def _arguments(wanted: DeadLetterFilter) -> tuple[str | float | None, ...]:
    return wanted.merchant, wanted.subject, wanted.code, wanted.fingerprint, wanted.since, wanted.until


async def get(session: Session, dead_letter_id: UUID, vault: Vault) -> tuple[DeadLetterSummary, Content] | None:
    """Raises UnreadableError."""
    for record in await session.fetch(_GET, dead_letter_id):
        try:
            content = _unpack(vault.open(Sealed(record["sealed_key"], record["sealed"]), dead_letter_id.bytes))
        except (MasterKeyError, msgspec.MsgspecError) as error:
            raise UnreadableError(dead_letter_id, str(error)) from error
        return _summary(record), content
    return None


def _summary(record: Record) -> DeadLetterSummary:
    return DeadLetterSummary(*(record[name] for name in DeadLetterSummary.__struct_fields__))
