"""Rows of orders: read under lock, and written as arrays, by the intake and by the settler."""

# ruff: noqa: S608 - statements are built from constants

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final
from uuid import UUID

from asyncpg import Record

from ordersaga.domain.model.order import Key, Order
from ordersaga.store import chunks
from ordersaga.store.appended import IF_UNCHANGED
from ordersaga.store.codec import Codec
from ordersaga.store.errors import InputRefusedError
from ordersaga.store.readers import OUTDATED, STATE_VERSION, can_read, somebody_can_read
from ordersaga.store.rows import REPLACED, WRITTEN, Known, Lease, Row, columns_of, key_of
from ordersaga.store.session import Session

_PLAIN: Final = (
    "provider, provider_order_id, status, fraud_status, currency, order_amount, captured_amount, released_amount, "
    "refunded_amount, expires_at, state, sequence, version, is_open, attention, blocked, "
    "call_kind, state_version, chunks"
)
"""Columns that are written as given."""

_GIVEN: Final = f"""
given AS (
    SELECT merchant, kind, subject, provider, provider_order_id, status, fraud_status, currency, order_amount,
           captured_amount, released_amount, refunded_amount, to_timestamp(expires) AS expires_at,
           json::json AS state, sealed, sealed_key, to_timestamp(due) AS due_at, sequence, version, is_open,
           attention, blocked, leasing, token, call_kind, {STATE_VERSION}::smallint AS state_version,
           chunks, hint, CASE WHEN leasing THEN now() + make_interval(secs => $29) END AS lease_until
    FROM unnest(
        $1::text[], $2::text[], $3::text[], $4::text[], $5::text[], $6::text[], $7::text[], $8::text[],
        $9::bigint[], $10::bigint[], $11::bigint[], $12::bigint[], $13::float8[], $14::text[], $15::bytea[],
        $16::bytea[], $17::float8[], $18::bigint[], $19::bigint[], $20::boolean[], $21::text[], $22::uuid[],
        $23::boolean[], $24::bigint[], $25::text[], $26::smallint[], $27::float8[])
    AS g(merchant, kind, subject, provider, provider_order_id, status, fraud_status, currency, order_amount,
         captured_amount, released_amount, refunded_amount, expires, json, sealed, sealed_key, due, sequence, version,
         is_open, attention, blocked, leasing, token, call_kind, chunks, hint)
)"""
"""The arrays of `columns()`, owner ($28) and seconds of a lease ($29). `version`: after the write; `sealed` NULL keeps what
is there; `hint`: when the last hint came that the state includes."""


def _set(source: str) -> str:
    plain = ", ".join(f"{name} = {source}.{name}" for name in _PLAIN.split(", ") if name != "call_kind")
    return f"""{plain}, updated_at = now(),
    sealed = coalesce({source}.sealed, o.sealed), sealed_key = coalesce({source}.sealed_key, o.sealed_key)"""


_RETURNING: Final = f"""
RETURNING o.merchant, o.kind, o.subject, o.version, o.lease_token, {WRITTEN},
          extract(epoch FROM o.lease_until)::float8 AS lease_until"""


def hinted_kind(kind: str, hinted_id: str, provider_order_id: str) -> str:
    """The kind of the call that is due for an order with a hint, instead of `kind`: a read, unless an operation is under way.

    Also then, if the hint names an order and there is none yet: its answer may have been lost.
    """
    named = f"({hinted_id} IS NOT NULL AND {provider_order_id} IS NULL)"
    return f"CASE WHEN {kind} = '' OR {named} THEN 'reading' ELSE {kind} END"


UPSERT: Final = f"""
WITH {_GIVEN}
INSERT INTO orders AS o (merchant, kind, subject, {_PLAIN}, sealed, sealed_key,
                         due_at, lease_owner, lease_until, lease_token, calling_since)
SELECT merchant, kind, subject, {_PLAIN}, sealed, sealed_key,
       coalesce(lease_until, due_at), CASE WHEN leasing THEN $28::text END, lease_until, leasing::int,
       CASE WHEN leasing THEN now() END
FROM given
ON CONFLICT (merchant, kind, subject) DO UPDATE SET {_set("excluded")},
    call_kind = CASE WHEN o.hinted_at IS NULL THEN excluded.call_kind
                     ELSE {hinted_kind("excluded.call_kind", "o.hinted_id", "excluded.provider_order_id")} END,
    due_at = CASE WHEN o.calling_since IS NOT NULL THEN o.lease_until
                  WHEN o.hinted_at IS NULL OR excluded.lease_until IS NOT NULL THEN excluded.due_at ELSE now() END,
    lease_owner = CASE WHEN o.calling_since IS NULL THEN excluded.lease_owner ELSE o.lease_owner END,
    lease_until = CASE WHEN o.calling_since IS NULL THEN excluded.lease_until ELSE o.lease_until END,
    lease_token = o.lease_token + CASE WHEN o.calling_since IS NULL THEN excluded.lease_token ELSE 0 END,
    calling_since = coalesce(o.calling_since, excluded.calling_since)
WHERE o.version = excluded.version - 1 {_RETURNING}"""
"""An unsettled lease is kept, and the order is due when it ends: what was called under it has to be found out."""

_HINT_LEFT: Final = "(o.hinted_at IS NOT NULL AND extract(epoch FROM o.hinted_at)::float8 > coalesce(g.hint, 0))"
"""A hint has come that the state doesn't include: during the call, or before one that knew nothing of it."""

_SETTLE: Final = f"""
UPDATE orders AS o SET {_set("g")},
    call_kind = CASE WHEN {_HINT_LEFT} THEN {hinted_kind("g.call_kind", "o.hinted_id", "g.provider_order_id")}
                     ELSE g.call_kind END,
    due_at = CASE WHEN g.token IS NULL AND o.calling_since IS NOT NULL THEN o.lease_until
                  WHEN {_HINT_LEFT} THEN coalesce(g.lease_until, now())
                  ELSE coalesce(g.lease_until, g.due_at) END,
    hinted_at = CASE WHEN {_HINT_LEFT} THEN o.hinted_at END,
    hinted_operation = CASE WHEN {_HINT_LEFT} THEN o.hinted_operation END,
    hinted_id = CASE WHEN {_HINT_LEFT} THEN o.hinted_id END,
    lease_owner = CASE WHEN g.token IS NULL THEN o.lease_owner WHEN g.leasing THEN $28::text END,
    lease_until = CASE WHEN g.token IS NULL THEN o.lease_until ELSE g.lease_until END,
    lease_token = o.lease_token + CASE WHEN g.token IS NULL THEN 0 ELSE 1 END,
    calling_since = CASE WHEN g.token IS NULL THEN o.calling_since WHEN g.leasing THEN now() END
FROM given AS g
WHERE (o.merchant, o.kind, o.subject) = (g.merchant, g.kind, g.subject)
  AND o.version = g.version - 1 AND (g.token IS NULL OR o.lease_token = g.token) {_RETURNING}"""

SETTLE: Final = f"WITH {_GIVEN} {_SETTLE}"
"""A settle uses the lease's token up, so that one whose COMMIT was lost isn't done twice."""

UNCHANGED: Final = f"""
SELECT o.merchant, o.kind, o.subject
FROM unnest($1::text[], $2::text[], $3::text[], $4::bigint[], $5::bigint[], $6::float8[])
     AS k(merchant, kind, subject, version, token, written)
JOIN orders AS o USING (merchant, kind, subject)
WHERE o.version = k.version AND o.lease_token = k.token AND extract(epoch FROM o.updated_at)::float8 = k.written
  AND (SELECT epoch.epoch = $7 AND NOT {REPLACED} AND NOT {OUTDATED} FROM epoch)
ORDER BY o.merchant, o.kind, o.subject FOR UPDATE OF o"""
"""The orders whose rows, which are locked, are still as known, under this lease and in this epoch."""

_GIVEN_UNCHANGED: Final = f"given AS MATERIALIZED (SELECT * FROM all_given AS g {IF_UNCHANGED})"
SETTLE_IF_UNCHANGED: Final = f"WITH {_GIVEN.replace('given AS (', 'all_given AS (', 1)}, {_GIVEN_UNCHANGED} {_SETTLE}"
"""Of these alone. Materialized, so that for a row that was locked before they aren't looked for once more."""

_LOCKED: Final = f"""
o.merchant, o.kind, o.subject, o.version, {WRITTEN}, o.lease_token,
extract(epoch FROM o.calling_since)::float8 AS since"""
_UNCHANGED: Final = "(o.version = g.version AND extract(epoch FROM o.updated_at)::float8 = g.written)"
_IN_ORDER: Final = "ORDER BY o.merchant, o.kind, o.subject FOR UPDATE OF o"


def lock(condition: str) -> str:
    """The orders that three arrays name, sorted by key. `$4`: our `key_ids`.

    `elsewhere`: this process can't read the row, but another one that is live can.
    """
    return f"""
SELECT {_LOCKED}, o.chunks, o.state::text AS state, o.sealed, o.sealed_key,
       CASE WHEN {can_read("o", "$4")} THEN false ELSE {somebody_can_read("o")} END AS elsewhere
FROM unnest($1::text[], $2::text[], $3::text[]) AS g(merchant, kind, subject)
JOIN orders AS o USING (merchant, kind, subject) WHERE {condition} {_IN_ORDER}"""


LOCK_KNOWN: Final = f"""
SELECT {_LOCKED}, o.chunks, {_UNCHANGED} AS unchanged, CASE WHEN NOT {_UNCHANGED} THEN o.state::text END AS state,
       CASE WHEN NOT {_UNCHANGED} THEN o.sealed END AS sealed,
       CASE WHEN NOT {_UNCHANGED} THEN o.sealed_key END AS sealed_key
FROM unnest($1::text[], $2::text[], $3::text[], $4::bigint[], $5::float8[])
     AS g(merchant, kind, subject, version, written)
JOIN orders AS o USING (merchant, kind, subject) {_IN_ORDER}"""
"""The same, without the content of rows that are unchanged since they were known."""


_LARGEST: Final = 2**63
_NOTHING_KNOWN: Final[Mapping[Key, Known]] = {}


def in_lock_order(keys: Iterable[Key]) -> list[Key]:
    """Without duplicates, sorted as the columns are: by bytes."""
    return sorted(set(keys))


async def rows_of(
    session: Session, records: Sequence[Record], codec: Codec, known: Mapping[Key, Known] = _NOTHING_KNOWN
) -> dict[Key, Row]:
    """Of locked orders. `known`: what unchanged rows are known to contain. Another statement if a list of one is long.

    Raises UnreadableError.
    """
    keys = [key_of(record) for record in records]
    long = await chunks.read(
        session, [key for key, one in zip(keys, records, strict=True) if one["chunks"] and key not in known]
    )
    rows = {}
    for key, record in zip(keys, records, strict=True):
        content = known.get(key) or known_of(long.get(key, record), codec)
        rows[key] = Row(content, record["lease_token"], record["since"])
    return rows


def known_of(record: Record, codec: Codec) -> Known:
    """Raises UnreadableError."""
    order = codec.order(
        key_of(record), record["state"], record["sealed_key"], record["sealed"], record.get("chunk_contents")
    )
    return Known(order, record["version"], record["written"], record["chunks"])


def columns(
    orders: Sequence[Order],
    rows: Sequence[Row | None],
    dues: Sequence[float | None],
    leasing: Sequence[bool],
    tokens: Sequence[int | None],
    kinds: Sequence[str | None],
    hints: Sequence[float | None],
    codec: Codec,
) -> list[list[Any]]:
    """The arrays of a write. Raises InputRefusedError, which names the order."""
    sealed = [
        codec.seal(order, row.order if row is not None else None) for order, row in zip(orders, rows, strict=True)
    ]
    return [
        *columns_of([order.key for order in orders]),
        [order.provider for order in orders],
        [order.provider_order_id for order in orders],
        [order.status for order in orders],
        [order.fraud_status for order in orders],
        [order.currency for order in orders],
        [_amount(order, order.order_amount) for order in orders],
        [_amount(order, order.captured_amount) for order in orders],
        [_amount(order, order.released_amount) for order in orders],
        [_amount(order, order.refunded_amount) for order in orders],
        [order.expires_at for order in orders],
        [codec.state(order) for order in orders],
        [data for _, data in sealed],
        [key for key, _ in sealed],
        list(dues),
        [order.sequence for order in orders],
        [row.version + 1 if row is not None else 1 for row in rows],
        [bool(order.operations or order.pending) for order in orders],
        [order.attentions[-1].reason if order.attentions else None for order in orders],
        [UUID(order.blocked) if order.blocked is not None else None for order in orders],
        list(leasing),
        list(tokens),
        [kind or "" for kind in kinds],
        [chunks.count(order) for order in orders],
        list(hints),
    ]


def _amount(order: Order, amount: int) -> int:
    if -_LARGEST <= amount < _LARGEST:
        return amount
    raise InputRefusedError("an amount doesn't fit into a bigint", order.key)


def lease_of(record: Record) -> Lease:
    return Lease(key_of(record), record["lease_token"], record["lease_until"], record["version"], record["written"])
