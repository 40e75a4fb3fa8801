"""Which order an id of the provider belongs to: for notifications and search."""

from collections.abc import Sequence
from typing import Final

from ordersaga.domain.order import Key
from ordersaga.store.rows import ProviderId, columns_of, key_of
from ordersaga.store.session import Part, Session

_NOTE: Final = """
INSERT INTO provider_ids (merchant, kind, subject, provider, id, what)
SELECT merchant, kind, subject, provider, id, what
FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[], $6::text[])
     AS g(merchant, kind, subject, provider, id, what) {where}
ON CONFLICT (merchant, provider, id) DO NOTHING"""

_FIND: Final = """
SELECT merchant, kind, subject FROM provider_ids WHERE merchant = $1 AND provider = $2 AND id = $3"""


def noted(ids: Sequence[ProviderId], where: str = "") -> Part:
    """Those that are known already stay with the order that has them."""
    ordered = sorted(ids, key=lambda one: (one.key.merchant, one.provider, one.id))
    columns = (
        *columns_of([one.key for one in ordered]),
        [one.provider for one in ordered],
        [one.id for one in ordered],
        [one.what for one in ordered],
    )
    return Part("noted", _NOTE.format(where=where), columns)


async def find(session: Session, merchant: str, provider: str, name: str) -> Key | None:
    for record in await session.fetch(_FIND, merchant, provider, name):
        return key_of(record)
    return None
