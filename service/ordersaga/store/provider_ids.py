"""Which order an id at the provider belongs to: for notifications and search."""

# ruff: noqa: S608 - statements are built from constants

from collections.abc import Sequence
from typing import Final

from msgspec import Struct

from ordersaga.domain.model.order import Key
from ordersaga.store.rows import ProviderId, key_of
from ordersaga.store.rowset import Rowset
from ordersaga.store.session import Part, Session


class _NewRow(Struct, frozen=True, gc=False):
    merchant: str
    kind: str
    subject: str
    provider: str
    id: str
    what: str


_ROWS: Final = Rowset(_NewRow)
_INSERT: Final = f"""
INSERT INTO provider_ids ({_ROWS.columns}) SELECT {_ROWS.columns} FROM {_ROWS.source} {{condition}}
ON CONFLICT (merchant, provider, id) DO NOTHING"""

_CLAIM: Final = """
INSERT INTO provider_ids (merchant, kind, subject, provider, id, what) VALUES ($1, $2, $3, $4, $5, $6)
ON CONFLICT (merchant, provider, id) DO UPDATE SET id = excluded.id
RETURNING merchant, kind, subject"""
"""The update changes nothing: it locks the row and returns it."""

_MOVE: Final = """
UPDATE provider_ids SET kind = $2, subject = $3, what = $6 WHERE merchant = $1 AND provider = $4 AND id = $5"""

_FIND: Final = """
SELECT merchant, kind, subject FROM provider_ids WHERE merchant = $1 AND provider = $2 AND id = $3"""


def insert_provider_ids(ids: Sequence[ProviderId], condition: str = "") -> Part:
    """An id that exists already stays with its order."""
    ordered = sorted(ids, key=lambda one: (one.key.merchant, one.provider, one.id))
    rows = [
        _NewRow(key.merchant, key.kind, key.subject, one.provider, one.id, one.what)
        for one in ordered
        for key in (one.key,)
    ]
    return Part("new_provider_ids", _INSERT.format(condition=condition), (_ROWS.encode(rows),))


async def claim(session: Session, one: ProviderId) -> Key:
    """Inserts an id that no order has. Returns the order that has it, for as long as the transaction lasts."""
    key = one.key
    (record,) = await session.fetch(_CLAIM, key.merchant, key.kind, key.subject, one.provider, one.id, one.what)
    return key_of(record)


async def move(session: Session, one: ProviderId) -> None:
    key = one.key
    await session.fetch(_MOVE, key.merchant, key.kind, key.subject, one.provider, one.id, one.what)


async def find(session: Session, merchant: str, provider: str, name: str) -> Key | None:
    for record in await session.fetch(_FIND, merchant, provider, name):
        return key_of(record)
    return None
