"""Which order an id at the provider belongs to: for notifications and search."""

from collections.abc import Sequence
from typing import Final

from ordersaga.domain.model.order import Key
from ordersaga.store.rows import ProviderId, columns_of, key_of
from ordersaga.store.session import Part, Session

_INSERT: Final = """
INSERT INTO provider_ids (merchant, kind, subject, provider, id, what)
SELECT merchant, kind, subject, provider, id, what
FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[], $6::text[])
     AS g(merchant, kind, subject, provider, id, what) {condition}
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
    columns = (
        *columns_of([one.key for one in ordered]),
        [one.provider for one in ordered],
        [one.id for one in ordered],
        [one.what for one in ordered],
    )
    return Part("new_provider_ids", _INSERT.format(condition=condition), columns)


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
