"""Leases: which worker may act for an order, until when."""
# ruff: noqa: S608 - statements are built from constants

from collections.abc import Mapping, Sequence
from typing import Any, Final

from asyncpg import Record
from msgspec import Struct

from ordersaga.domain.model.order import Key, Order
from ordersaga.domain.uncertainty.hints import Hint
from ordersaga.store import chunks, kept_results
from ordersaga.store.codec import Codec
from ordersaga.store.errors import UnreadableError, UnreadableHereError
from ordersaga.store.kept_results import KeptResult, kept_result
from ordersaga.store.orders import known_of
from ordersaga.store.readers import can_read
from ordersaga.store.rows import (
    WRITTEN,
    Clock,
    Known,
    UnreadableOrder,
    clock_of,
    clock_sql,
    columns_of,
    key_of,
)
from ordersaga.store.session import Session
from ordersaga.store.vault import Vault

CALLS: Final = "calls"
"""The switch that pauses claims."""


class FreeSlots(Struct, frozen=True):
    """How many orders of a merchant at a provider may be claimed, by the kind of the call that is due ('': none).

    The provider of an unplaced order is ''. `most`: of all kinds together.
    """

    merchant: str
    provider: str
    kinds: Mapping[str, int]
    most: int


class ClaimedOrder(Struct, frozen=True):
    """`previous_since`, `previous_until`: of an earlier lease that ended unsettled, so that its call may have been sent.

    `kept`: what that call came to, if its worker has kept it. `hint`: a notification that came since the order was read.
    """

    known: Known
    token: int
    until: float
    previous_since: float | None
    previous_until: float | None
    call_kind: str = ""  # that was due
    kept: KeptResult | None = None
    hint: Hint | None = None

    @property
    def order(self) -> Order:
        return self.known.order


class Claimed(Struct, frozen=True):
    clock: Clock
    orders: list[ClaimedOrder]
    unreadable: list[UnreadableOrder]


class HandBack(Struct, frozen=True):
    """A lease under which nothing was sent, and the times of the lease before it, from the `ClaimedOrder`.

    `call_kind`: of the call that wasn't made, if it isn't the one that the order was claimed for.
    """

    key: Key
    token: int
    previous_since: float | None = None
    previous_until: float | None = None
    call_kind: str | None = None


class Aside(Struct, frozen=True):
    """A leased order that can't be processed. `again`: seconds until it is due; None: only an event or a person resumes it."""

    key: Key
    token: int
    reason: str
    again: float | None = None


_CLAIM: Final = f"""
WITH clock AS ({clock_sql(8)}),
found AS (
    SELECT o.*, free.most,
           row_number() OVER (PARTITION BY free.merchant, free.provider ORDER BY o.due_at) AS place
    FROM unnest($1::text[], $2::text[], $3::text[], $4::int[], $5::int[]) AS free(merchant, provider, kind, slots, most)
    CROSS JOIN LATERAL (
        SELECT merchant, kind, subject, calling_since, lease_until, lease_token, due_at FROM orders
        WHERE merchant = free.merchant AND provider = free.provider AND call_kind = free.kind AND due_at <= now()
          AND (lease_until IS NULL OR lease_until <= now()) AND {can_read("orders", "$9")}
        ORDER BY due_at LIMIT free.slots FOR UPDATE SKIP LOCKED
    ) AS o
    WHERE NOT (SELECT replaced OR outdated FROM clock) AND NOT EXISTS (
        SELECT FROM switches AS s WHERE s.name = '{CALLS}' AND s.paused
        AND s.merchant IN (free.merchant, '*') AND s.provider IN (free.provider, '*'))
),
due AS (
    SELECT found.*, k.sealed AS kept, k.sealed_key AS kept_key FROM found {kept_results.LEFT_JOIN} WHERE place <= most
),
claimed AS (
    UPDATE orders AS o
    SET lease_owner = $6, lease_until = now() + make_interval(secs => $7), due_at = now() + make_interval(secs => $7),
        lease_token = o.lease_token + 1, calling_since = coalesce(o.calling_since, now())
    FROM due WHERE (o.merchant, o.kind, o.subject) = (due.merchant, due.kind, due.subject)
    RETURNING o.merchant, o.kind, o.subject, o.state::text AS state, o.sealed, o.sealed_key, o.chunks, o.version, {WRITTEN},
              o.lease_token, o.call_kind, due.kept, due.kept_key, o.hinted_operation, o.hinted_id,
              extract(epoch FROM o.hinted_at)::float8 AS hinted_at,
              extract(epoch FROM o.lease_until)::float8 AS lease_until,
              extract(epoch FROM due.calling_since)::float8 AS previous_since,
              extract(epoch FROM due.lease_until)::float8 AS previous_until
)
SELECT * FROM clock LEFT JOIN claimed ON true"""
"""A leased order is due when its lease ends, so that the index on due_at skips it until then."""

_HAND_BACK: Final = """
WITH given AS (
    SELECT * FROM unnest($1::text[], $2::text[], $3::text[], $4::bigint[], $5::float8[], $6::float8[], $7::text[])
    AS g(merchant, kind, subject, token, since, until, call_kind)
),
leased AS (
    SELECT o.merchant, o.kind, o.subject, to_timestamp(g.since) AS since, to_timestamp(g.until) AS until, g.call_kind
    FROM given AS g JOIN orders AS o USING (merchant, kind, subject) WHERE o.lease_token = g.token
    ORDER BY o.merchant, o.kind, o.subject FOR UPDATE OF o
)
UPDATE orders AS o
SET lease_owner = NULL, lease_until = leased.until, calling_since = leased.since, due_at = now(),
    lease_token = o.lease_token + 1, call_kind = coalesce(leased.call_kind, o.call_kind)
FROM leased WHERE (o.merchant, o.kind, o.subject) = (leased.merchant, leased.kind, leased.subject)
RETURNING o.merchant, o.kind, o.subject"""

_SET_ASIDE: Final = """
WITH given AS (
    SELECT * FROM unnest($1::text[], $2::text[], $3::text[], $4::bigint[], $5::text[], $6::float8[])
    AS g(merchant, kind, subject, token, reason, again)
),
leased AS (
    SELECT o.merchant, o.kind, o.subject, g.reason, now() + make_interval(secs => g.again) AS due_at
    FROM given AS g JOIN orders AS o USING (merchant, kind, subject) WHERE o.lease_token = g.token
    ORDER BY o.merchant, o.kind, o.subject FOR UPDATE OF o
),
raised AS (
    INSERT INTO attentions (merchant, kind, subject, reason, since)
    SELECT merchant, kind, subject, reason, now() FROM leased
    ON CONFLICT (merchant, kind, subject, reason, operation_id) WHERE until IS NULL DO NOTHING
)
UPDATE orders AS o
SET lease_owner = NULL, lease_until = now(), due_at = leased.due_at, lease_token = o.lease_token + 1,
    attention = leased.reason, updated_at = now()
FROM leased WHERE (o.merchant, o.kind, o.subject) = (leased.merchant, leased.kind, leased.subject)
RETURNING o.merchant, o.kind, o.subject"""
"""calling_since stays: whoever claims the order next has to find out what was called."""


async def claim(
    session: Session,
    free: Sequence[FreeSlots],
    owner: str,
    lease_seconds: float,
    codec: Codec,
    vault: Vault,
    topics: Sequence[str],
) -> Claimed:
    records = await session.fetch(
        _CLAIM,
        *_by_kind(free),
        owner,
        lease_seconds,
        list(topics),
        codec.key_ids,
    )
    claimed = Claimed(clock_of(records[0]), [], [])
    found_records = [record for record in records if record["merchant"] is not None]
    long = await chunks.read(session, [key_of(record) for record in found_records if record["chunks"]])
    for record in found_records:
        found = _claimed_order(record, long.get(key_of(record), record), codec, vault)
        if isinstance(found, ClaimedOrder):
            claimed.orders.append(found)
        elif found is not None:
            claimed.unreadable.append(found)
    return claimed


def _by_kind(free: Sequence[FreeSlots]) -> tuple[list[Any], ...]:
    rows = [(one.merchant, one.provider, kind, count, one.most) for one in free for kind, count in one.kinds.items()]
    return tuple([row[column] for row in rows] for column in range(5))


async def hand_back(session: Session, leases: Sequence[HandBack]) -> set[Key]:
    """Ends leases under which no call was made. Not in the result: leases that were lost."""
    records = await session.fetch(
        _HAND_BACK,
        *columns_of([one.key for one in leases]),
        [one.token for one in leases],
        [one.previous_since for one in leases],
        [one.previous_until for one in leases],
        [one.call_kind for one in leases],
    )
    return {key_of(record) for record in records}


async def set_aside(session: Session, aside: Sequence[Aside]) -> set[Key]:
    """Ends leases of orders that our own code fails on, and raises an attention. Not in the result: leases that were lost."""
    records = await session.fetch(
        _SET_ASIDE,
        *columns_of([one.key for one in aside]),
        [one.token for one in aside],
        [one.reason for one in aside],
        [one.again for one in aside],
    )
    return {key_of(record) for record in records}


def _claimed_order(
    record: Record, content: Record, codec: Codec, vault: Vault
) -> ClaimedOrder | UnreadableOrder | None:
    """`content`: the order's row, which may have been read after the claim.

    None: a process has written it meanwhile that this one can't read; another one claims it when the lease expires.
    """
    try:
        known = known_of(content, codec)
    except UnreadableError as error:
        if content is not record and isinstance(error, UnreadableHereError):
            return None
        return UnreadableOrder(key_of(record), record["lease_token"], str(error))
    return ClaimedOrder(
        known,
        record["lease_token"],
        record["lease_until"],
        record["previous_since"],
        record["previous_until"],
        record["call_kind"],
        kept_result(record, vault),
        _hint_of(record),
    )


def _hint_of(record: Record) -> Hint | None:
    at = record["hinted_at"]
    return None if at is None else Hint(at, record["hinted_operation"], record["hinted_id"])
