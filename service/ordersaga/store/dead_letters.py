"""Inputs that can't be processed, kept whole and sealed until somebody replays or discards them."""

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
_LETTERS: Final = UUID("b8a1f0de-2f35-5d0b-9f0a-6a8f4a6f1c30")


class Content(Struct, frozen=True, array_like=True):
    """The Kafka record as it came."""

    key: bytes | None
    value: bytes | None
    headers: tuple[tuple[str, bytes], ...] = ()


class DeadLetter(Struct, frozen=True):
    """`fingerprint` groups what has the same cause. `merchant` and `subject` where they could be read."""

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
        """Of place and content, so that input that is read again adds none, and another record at that place does."""
        content = sha256(_pack(self.content)).hexdigest()
        return uuid5(_LETTERS, f"{self.topic}\0{self.partition}\0{self.offset}\0{content}")


class Listed(Struct, frozen=True):
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


_pack: Final = msgspec.msgpack.Encoder().encode
_unpack: Final = msgspec.msgpack.Decoder(Content).decode

_BURY: Final = """
INSERT INTO dead_letters (id, merchant, subject, topic, partition, "offset", sealed, sealed_key, code, reason, fingerprint)
SELECT * FROM unnest($1::uuid[], $2::text[], $3::text[], $4::text[], $5::int[], $6::bigint[], $7::bytea[], $8::bytea[],
                     $9::text[], $10::text[], $11::text[])
ON CONFLICT (id) DO NOTHING"""

_LISTED: Final = """
SELECT id, merchant, subject, topic, partition, "offset", code, reason, fingerprint, state,
       extract(epoch FROM at)::float8 AS at
FROM dead_letters"""
_LIST: Final = f"""{_LISTED}
WHERE state = $1 AND ($2::uuid IS NULL OR (at, id) < (SELECT d.at, d.id FROM dead_letters d WHERE d.id = $2))
ORDER BY at DESC, id DESC LIMIT $3"""
_GET: Final = _LISTED.replace("SELECT id,", "SELECT sealed, sealed_key, id,") + " WHERE id = $1"

_RESOLVE: Final = """
WITH resolved AS (UPDATE dead_letters SET state = $2 WHERE id = $1 AND state = 'open' RETURNING id),
forgotten AS (
    DELETE FROM inbox WHERE $2 = 'replayed' AND dead_letter IN (SELECT id FROM resolved)
)
SELECT id FROM resolved"""


def dead_lettered(letters: Sequence[DeadLetter], vault: Vault) -> Part:
    by_id = {letter.id: letter for letter in letters}
    ids = sorted(by_id)
    ordered = [by_id[name] for name in ids]
    sealed = [vault.seal(_pack(letter.content), name.bytes) for name, letter in zip(ids, ordered, strict=True)]
    columns = (
        ids,
        [without_nul(letter.merchant) for letter in ordered],
        [without_nul(letter.subject) for letter in ordered],
        [letter.topic for letter in ordered],
        [letter.partition for letter in ordered],
        [letter.offset for letter in ordered],
        [one.data for one in sealed],
        [one.key for one in sealed],
        [letter.code for letter in ordered],
        [without_nul(letter.reason) for letter in ordered],
        [without_nul(letter.fingerprint) for letter in ordered],
    )
    return Part("buried", _BURY, columns)


async def resolve(session: Session, letter: UUID, state: Literal["replayed", "discarded"]) -> bool:
    """False: it isn't open. A replayed one is forgotten by the inbox, so that it is new when it comes again."""
    return bool(await session.fetch(_RESOLVE, letter, state))


async def listed(session: Session, state: State, limit: int, after: UUID | None) -> list[Listed]:
    """Newest first; `after`: the last one of the page before."""
    return [_listed(record) for record in await session.fetch(_LIST, state, after, limit)]


async def get(session: Session, letter: UUID, vault: Vault) -> tuple[Listed, Content] | None:
    """Raises UnreadableError."""
    for record in await session.fetch(_GET, letter):
        try:
            content = _unpack(vault.open(Sealed(record["sealed_key"], record["sealed"]), letter.bytes))
        except (MasterKeyError, msgspec.MsgspecError) as error:
            raise UnreadableError(letter, str(error)) from error
        return _listed(record), content
    return None


def _listed(record: Record) -> Listed:
    return Listed(*(record[name] for name in Listed.__struct_fields__))
