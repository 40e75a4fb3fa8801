"""Lists of orders for people, and which orders an id belongs to."""

# ruff: noqa: S608 - statements are put together from constants

from collections.abc import Sequence
from typing import Any, Final, Literal
from uuid import UUID

from asyncpg import Record
from msgspec import Struct

from ordersaga.domain.model.order import Key, WaitsFor
from ordersaga.store.rows import columns_of, key_of
from ordersaga.store.session import Session

ListedWait = Literal["person", "provider"] | WaitsFor
"""What an order waits for, itself or its first event that waits."""


class OrderSummary(Struct, frozen=True):
    """An order in a list: amounts in minor units, times in seconds since the epoch.

    `waits_for`: None: nothing. `attention`: the latest reason. `overdue`: for how many seconds it has been due.
    """

    merchant: str
    kind: str
    subject: str
    provider: str
    provider_order_id: str | None
    status: str
    currency: str
    order_amount: int
    captured_amount: int
    released_amount: int
    refunded_amount: int
    waits_for: ListedWait | None
    due_at: float | None
    overdue: float | None
    attention: str | None
    dead_letter: str | None
    updated_at: float

    @property
    def key(self) -> Key:
        return Key(self.merchant, self.kind, self.subject)


class OrderFilter(Struct, frozen=True, kw_only=True):
    """None: any. `attention` `*`: any reason. `overdue`: due for at least so many seconds. `after`: last of the page before.

    `keys`: only these.
    """

    merchant: str | None = None
    status: str | None = None
    attention: str | None = None
    waits_for: ListedWait | None = None
    overdue: float | None = None
    after: Key | None = None
    keys: tuple[Key, ...] | None = None


_WAITS_FOR: Final = """CASE WHEN o.blocked IS NOT NULL AND json_array_length(coalesce(o.state #> '{order,operations}', '[]')) = 0
          THEN 'dead_letter'
     WHEN o.state #>> '{order,operations,0,stage}' = 'stuck' OR o.attention = 'internal_error'
          OR (o.is_open AND o.due_at IS NULL) THEN 'person'
     WHEN o.state #>> '{order,operations,0,id}' IS NOT NULL THEN 'provider'
     WHEN o.status = 'pending_review' THEN 'review'
     ELSE coalesce(o.state #>> '{order,pending,0,waits_for}', CASE
         WHEN json_array_length(coalesce(o.state #> '{order,pending}', '[]')) > 0 THEN 'operation'
         WHEN o.status = 'pending_payment' THEN 'payment' END) END"""

_ANY: Final = "orders AS o WHERE true"
_UNFINISHED: Final = """
orders AS o WHERE (o.due_at IS NOT NULL OR o.attention IS NOT NULL OR o.blocked IS NOT NULL)"""
"""Few of all orders, each by a partial index."""
_OF_KEYS: Final = """
unnest($10::text[], $11::text[], $12::text[]) AS g(merchant, kind, subject)
JOIN orders AS o USING (merchant, kind, subject) WHERE true"""

_LIST: Final = """
SELECT * FROM (
    SELECT o.merchant, o.kind, o.subject, o.provider, o.provider_order_id, o.status, o.currency, o.order_amount,
           o.captured_amount, o.released_amount, o.refunded_amount, {waits_for} AS waits_for,
           extract(epoch FROM o.due_at)::float8 AS due_at,
           CASE WHEN o.due_at < now() THEN extract(epoch FROM now() - o.due_at)::float8 END AS overdue,
           o.attention, o.blocked::text AS dead_letter, extract(epoch FROM o.updated_at)::float8 AS updated_at
    FROM {source}
      AND ($1::text IS NULL OR o.merchant = $1) AND ($2::text IS NULL OR o.status = $2)
      AND ($3::text IS NULL OR o.attention = $3 OR ($3 = '*' AND o.attention IS NOT NULL))
      AND ($4::float8 IS NULL OR o.due_at < now() - make_interval(secs => $4))
      AND ($5::text IS NULL OR (o.merchant, o.kind, o.subject) > ($5, $6::text, $7::text))
) AS listed WHERE $8::text IS NULL OR waits_for = $8
ORDER BY merchant, kind, subject LIMIT $9"""

_MERCHANTS: Final = """
WITH RECURSIVE merchants AS (
    (SELECT merchant FROM orders ORDER BY merchant LIMIT 1)
    UNION ALL
    SELECT (SELECT o.merchant FROM orders AS o WHERE o.merchant > m.merchant ORDER BY o.merchant LIMIT 1)
    FROM merchants AS m WHERE m.merchant IS NOT NULL
)"""
"""Each merchant by one look into the primary key's index."""

_FIND: Final = f"""{_MERCHANTS}
SELECT o.merchant, o.kind, o.subject FROM merchants AS m CROSS JOIN unnest(ARRAY['order', 'subscription']) AS k(kind)
JOIN orders AS o ON (o.merchant, o.kind, o.subject) = (m.merchant, k.kind, $1)
UNION
SELECT p.merchant, p.kind, p.subject FROM merchants AS m CROSS JOIN unnest($2::text[]) AS n(provider)
JOIN provider_ids AS p ON (p.merchant, p.provider, p.id) = (m.merchant, n.provider, $1)
UNION
SELECT o.merchant, o.kind, o.subject FROM dead_letters AS d
JOIN orders AS o ON (o.merchant, o.kind, o.subject) = (d.merchant, 'order', d.subject) WHERE d.id = $3
UNION
SELECT merchant, kind, subject FROM orders WHERE blocked = $3
ORDER BY merchant, kind, subject"""


async def list_orders(session: Session, wanted: OrderFilter, limit: int) -> list[OrderSummary]:
    """By merchant, kind and the shop's id."""
    after = wanted.after
    arguments: list[Any] = [
        wanted.merchant,
        wanted.status,
        wanted.attention,
        wanted.overdue,
        *((None, None, None) if after is None else (after.merchant, after.kind, after.subject)),
        wanted.waits_for,
        limit,
    ]
    of_all = wanted.waits_for is None and wanted.attention is None and wanted.overdue is None
    source = _ANY if of_all else _UNFINISHED
    if wanted.keys is not None:
        source = _OF_KEYS
        arguments += columns_of([*wanted.keys])
    sql = _LIST.format(waits_for=_WAITS_FOR, source=source)
    return [_summary(record) for record in await session.fetch(sql, *arguments)]


async def find_keys(session: Session, name: str, providers: Sequence[str]) -> list[Key]:
    """Of orders with this id: the shop's, the provider's (of the order, a capture or a refund), or a dead letter's."""
    try:
        dead_letter = UUID(name)
    except ValueError:
        dead_letter = None
    return [key_of(record) for record in await session.fetch(_FIND, name, [*providers], dead_letter)]


def _summary(record: Record) -> OrderSummary:
    return OrderSummary(*(record[name] for name in OrderSummary.__struct_fields__))
