"""Rows of orders: read under lock, and written many at once, by the intake and by the settler."""

# ruff: noqa: S608 - statements are built from constants

from collections.abc import Iterable, Mapping, Sequence
from typing import Final
from uuid import UUID

from asyncpg import Record
from msgspec import Struct

from ordersaga.domain.model.order import Key, Order
from ordersaga.domain.model.outcomes import CallKind
from ordersaga.store import chunks
from ordersaga.store.appended import IF_UNCHANGED
from ordersaga.store.codec import Codec
from ordersaga.store.errors import InputRefusedError
from ordersaga.store.readers import OUTDATED, STATE_VERSION, can_read, somebody_can_read
from ordersaga.store.rows import REPLACED, WRITTEN, Known, Lease, Row, key_of
from ordersaga.store.rowset import Rowset
from ordersaga.store.session import Session


class Write(Struct, frozen=True, gc=False):
    """An order to write. `row`: as it was locked, None: it is new. `token`: of the lease under which its call was made.

    `leasing`: under a new lease. `kind`: of the call that is due then. `hint`: when the last hint came that it includes.
    """

    order: Order
    row: Row | None
    due_at: float | None
    leasing: bool
    token: int | None
    kind: CallKind | None
    hint: float | None


class _OrderRow(Struct, frozen=True, gc=False, omit_defaults=True, kw_only=True):
    """`version`: after the write."""

    merchant: str
    kind: str
    subject: str
    provider: str
    provider_order_id: str | None = None
    status: str
    fraud_status: str | None = None
    currency: str
    order_amount: int
    captured_amount: int
    released_amount: int
    refunded_amount: int
    expires: float | None = None
    due: float | None = None
    sequence: int
    version: int
    is_open: bool
    attention: str | None = None
    blocked: UUID | None = None
    leasing: bool
    token: int | None = None
    call_kind: str
    chunks: int
    hint: float | None = None


class _KnownRow(Struct, frozen=True, gc=False):
    merchant: str
    kind: str
    subject: str
    version: int
    token: int | None
    written: float


_ORDERS: Final = Rowset(_OrderRow, json="text", sealed="bytea", sealed_key="bytea")
_KNOWN: Final = Rowset(_KnownRow)
_PLAIN: Final = (
    "provider, provider_order_id, status, fraud_status, currency, order_amount, captured_amount, released_amount, "
    "refunded_amount, expires_at, state, sequence, version, is_open, attention, blocked, "
    "call_kind, state_version, chunks"
)
"""Columns that are written as given."""

_GIVEN: Final = f"""
SELECT merchant, kind, subject, provider, provider_order_id, status, fraud_status, currency, order_amount,
       captured_amount, released_amount, refunded_amount, to_timestamp(expires) AS expires_at,
       json::json AS state, sealed, sealed_key, to_timestamp(due) AS due_at, sequence, version, is_open,
       attention, blocked, leasing, token, call_kind, {STATE_VERSION}::smallint AS state_version,
       chunks::smallint, hint, CASE WHEN leasing THEN now() + make_interval(secs => $6) END AS lease_until
FROM {_ORDERS.source}"""
"""The arguments of `arguments()`, owner ($5) and seconds of a lease ($6). `sealed` NULL keeps what is there."""


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
WITH given AS ({_GIVEN})
INSERT INTO orders AS o (merchant, kind, subject, {_PLAIN}, sealed, sealed_key,
                         due_at, lease_owner, lease_until, lease_token, calling_since)
SELECT merchant, kind, subject, {_PLAIN}, sealed, sealed_key,
       coalesce(lease_until, due_at), CASE WHEN leasing THEN $5::text END, lease_until, leasing::int,
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
    lease_owner = CASE WHEN g.token IS NULL THEN o.lease_owner WHEN g.leasing THEN $5::text END,
    lease_until = CASE WHEN g.token IS NULL THEN o.lease_until ELSE g.lease_until END,
    lease_token = o.lease_token + CASE WHEN g.token IS NULL THEN 0 ELSE 1 END,
    calling_since = CASE WHEN g.token IS NULL THEN o.calling_since WHEN g.leasing THEN now() END
FROM given AS g
WHERE (o.merchant, o.kind, o.subject) = (g.merchant, g.kind, g.subject)
  AND o.version = g.version - 1 AND (g.token IS NULL OR o.lease_token = g.token) {_RETURNING}"""

SETTLE: Final = f"WITH given AS ({_GIVEN}) {_SETTLE}"
"""A settle uses the lease's token up, so that one whose COMMIT was lost isn't done twice."""

UNCHANGED: Final = f"""
SELECT o.merchant, o.kind, o.subject
FROM {_KNOWN.source} JOIN orders AS o USING (merchant, kind, subject)
WHERE o.version = g.version AND o.lease_token = g.token AND extract(epoch FROM o.updated_at)::float8 = g.written
  AND (SELECT epoch.epoch = $2 AND NOT {REPLACED} AND NOT {OUTDATED} FROM epoch)
ORDER BY o.merchant, o.kind, o.subject FOR UPDATE OF o"""
"""The orders whose rows, which are locked, are still as known, under this lease and in this epoch: `known_orders()` and $2."""

SETTLE_IF_UNCHANGED: Final = f"""
WITH all_given AS ({_GIVEN}), given AS MATERIALIZED (SELECT * FROM all_given AS g {IF_UNCHANGED}) {_SETTLE}"""
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


def arguments(writes: Sequence[Write], codec: Codec) -> tuple[str, list[str], list[bytes | None], list[bytes | None]]:
    """Of a statement that writes orders. Raises InputRefusedError, which mostly names the order."""
    sealed = [codec.seal(one.order, one.row.order if one.row is not None else None) for one in writes]
    return (
        _ORDERS.encode([_order_row(one) for one in writes]),
        [codec.state(one.order) for one in writes],
        [data for _, data in sealed],
        [key for key, _ in sealed],
    )


def known_orders(writes: Iterable[Write]) -> str:
    """Of `UNCHANGED`: the rows as they are known, of orders that aren't new."""
    return _KNOWN.encode(
        [
            _KnownRow(key.merchant, key.kind, key.subject, row.version, one.token, row.known.written)
            for one in writes
            if (row := one.row) is not None
            for key in (one.order.key,)
        ]
    )


def _order_row(one: Write) -> _OrderRow:
    order, key, row = one.order, one.order.key, one.row
    amounts = order.order_amount, order.captured_amount, order.released_amount, order.refunded_amount
    if not -_LARGEST <= min(amounts) <= max(amounts) < _LARGEST:
        raise InputRefusedError("an amount doesn't fit into a bigint", key)
    return _OrderRow(
        merchant=key.merchant,
        kind=key.kind,
        subject=key.subject,
        provider=order.provider,
        provider_order_id=order.provider_order_id,
        status=order.status,
        fraud_status=order.fraud_status,
        currency=order.currency,
        order_amount=order.order_amount,
        captured_amount=order.captured_amount,
        released_amount=order.released_amount,
        refunded_amount=order.refunded_amount,
        expires=order.expires_at,
        due=one.due_at,
        sequence=order.sequence,
        version=row.version + 1 if row is not None else 1,
        is_open=bool(order.operations or order.pending),
        attention=order.attentions[-1].reason if order.attentions else None,
        blocked=UUID(order.blocked) if order.blocked is not None else None,
        leasing=one.leasing,
        token=one.token,
        call_kind=one.kind or "",
        chunks=chunks.count(order),
        hint=one.hint,
    )


def lease_of(record: Record) -> Lease:
    return Lease(key_of(record), record["lease_token"], record["lease_until"], record["version"], record["written"])
