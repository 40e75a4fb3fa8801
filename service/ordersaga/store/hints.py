"""Hints: the provider notified us of orders, which are then read, once however many hints came."""

# ruff: noqa: S608 - the statement is built from constants

from collections.abc import Sequence
from typing import Final

from msgspec import Struct

from ordersaga.domain.model.order import Key
from ordersaga.store.orders import hinted_kind
from ordersaga.store.session import Session


class NewHint(Struct, frozen=True):
    """`id`: of the order, a payment, a capture or a refund at the provider.

    `key`, `operation_id`: whose answer, with this id of the order, may have been lost, or that may have made a second order.
    Without `operation_id` an unknown id is of something else of that order.
    """

    merchant: str
    provider: str
    id: str
    key: Key | None = None
    operation_id: str | None = None


_OF_ORDER: Final = "provider_order_id IS NOT NULL AND (status NOT IN ('rejected', 'abandoned') OR captured_amount > 0)"
_BY_ORDER_ID: Final = f"""
SELECT merchant, kind, subject FROM orders
WHERE merchant = g.merchant AND provider = g.provider AND provider_order_id = g.id AND {_OF_ORDER}"""
_BY_ANY_ID: Final = """
SELECT merchant, kind, subject FROM provider_ids WHERE merchant = g.merchant AND provider = g.provider AND id = g.id"""

_HINT: Final = f"""
WITH given AS (
    SELECT * FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[], $6::text[]) WITH ORDINALITY
    AS g(merchant, provider, id, kind, subject, operation, place)
),
known AS (
    SELECT g.place, found.* FROM given AS g CROSS JOIN LATERAL ({_BY_ORDER_ID} UNION {_BY_ANY_ID}) AS found
),
named AS (
    SELECT place, merchant, kind, subject, NULL AS operation, NULL AS id FROM known
    UNION ALL
    SELECT g.place, o.merchant, o.kind, o.subject, g.operation, CASE WHEN g.operation IS NOT NULL THEN g.id END
    FROM given AS g JOIN orders AS o USING (merchant, kind, subject, provider)
    WHERE NOT EXISTS (SELECT FROM known WHERE known.place = g.place)
),
locked AS (
    SELECT o.merchant, o.kind, o.subject, n.operation, n.id
    FROM (SELECT DISTINCT ON (merchant, kind, subject) * FROM named
          ORDER BY merchant, kind, subject, operation NULLS LAST) AS n
    JOIN orders AS o USING (merchant, kind, subject)
    WHERE o.hinted_at IS NULL OR o.calling_since IS NOT NULL OR (n.id IS NOT NULL AND o.hinted_id IS NULL)
    ORDER BY o.merchant, o.kind, o.subject FOR UPDATE OF o
),
hinted AS (
    UPDATE orders AS o
    SET hinted_at = greatest(o.hinted_at, now()),
        hinted_operation = coalesce(l.operation, o.hinted_operation), hinted_id = coalesce(l.id, o.hinted_id),
        due_at = CASE WHEN o.lease_until > now() THEN o.due_at ELSE least(o.due_at, now()) END,
        call_kind = {hinted_kind("o.call_kind", "l.id", "o.provider_order_id")}
    FROM locked AS l WHERE (o.merchant, o.kind, o.subject) = (l.merchant, l.kind, l.subject)
)
SELECT DISTINCT place FROM named"""
"""Version, lease and state stay: who acts for an order isn't disturbed, and learns of the hint when it settles.

An order that is due because of a hint, and that nobody acts for, needs no other one.
"""


async def add(session: Session, hints: Sequence[NewHint]) -> list[bool]:
    """One statement. Of each hint: whether it is of an order."""
    records = await session.fetch(
        _HINT,
        [one.merchant for one in hints],
        [one.provider for one in hints],
        [one.id for one in hints],
        [one.key.kind if one.key else None for one in hints],
        [one.key.subject if one.key else None for one in hints],
        [one.operation_id for one in hints],
    )
    found = {record["place"] for record in records}
    return [place in found for place in range(1, len(hints) + 1)]
