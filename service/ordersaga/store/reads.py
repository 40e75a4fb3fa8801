"""Reads for people and for metrics."""
# ruff: noqa: S608 - statements are built from constants

from collections.abc import Sequence
from typing import Any, Final

from asyncpg import Record
from msgspec import Struct

from ordersaga.domain.model.order import Key, Order
from ordersaga.domain.model.outcomes import Entry
from ordersaga.store.chunks import CHUNKS
from ordersaga.store.codec import Codec
from ordersaga.store.readers import LIVE, somebody_can_read
from ordersaga.store.rows import key_of
from ordersaga.store.session import Session


class OrderView(Struct, frozen=True):
    """An order with its journal, oldest entry first. `calling_since`: start of a lease that isn't settled."""

    order: Order
    version: int
    due_at: float | None
    lease_owner: str | None
    lease_until: float | None
    calling_since: float | None
    attention: str | None
    created_at: float
    updated_at: float
    journal: list[Entry]


class Count(Struct, frozen=True):
    """How many there are with two labels; `Statistics` says which."""

    first: str
    second: str
    number: int


class Age(Struct, frozen=True):
    """Of the oldest with two labels, in seconds; `Statistics` says which."""

    first: str
    second: str
    seconds: float


class Statistics(Struct, frozen=True):
    """For gauges. Ages are in seconds, 0 if there is nothing."""

    outbox_rows: int
    outbox_age: float
    overdue: list[Count]  # merchant, provider: orders that have been due for `late` seconds
    leases_lost: list[Count]  # merchant, provider: leases that expired unsettled, of orders that aren't claimed again
    attentions: list[Count]  # merchant, reason
    stuck: list[Count]  # merchant, '': unfinished orders without a next step or an alert (I8)
    unreadable: list[
        Count
    ]  # merchant, 'version' or 'key': due orders that no live process can read, and what they lack
    dead_letters: list[Count]  # code, state 'open'
    intake_lag: float  # seconds by which the intake may be behind
    unknown: list[Count]  # merchant, provider: orders whose operation waits for evidence, as its answer was lost
    expiring: list[Count]  # merchant, provider: orders with an authorized rest that expires within two days
    due: list[Age]  # merchant, provider: since when the order that is due for longest is due


_ORDER: Final = f"""
SELECT merchant, kind, subject, state::text AS state, sealed, sealed_key, {CHUNKS}, version, lease_owner, attention,
       extract(epoch FROM due_at)::float8 AS due_at, extract(epoch FROM lease_until)::float8 AS lease_until,
       extract(epoch FROM calling_since)::float8 AS calling_since,
       extract(epoch FROM created_at)::float8 AS created_at, extract(epoch FROM updated_at)::float8 AS updated_at
FROM orders AS o WHERE merchant = $1 AND kind = $2 AND subject = $3"""

_JOURNAL: Final = """
SELECT what, extract(epoch FROM at)::float8 AS at, name, event_id, operation_id, amount, note, correlation_id, status,
       duration
FROM journal WHERE merchant = $1 AND kind = $2 AND subject = $3 ORDER BY id"""

_STUCK: Final = """
SELECT merchant, kind, subject FROM orders
WHERE is_open AND due_at IS NULL AND attention IS NULL AND blocked IS NULL
ORDER BY merchant, kind, subject LIMIT $1"""

_SOON: Final = 3_600  # seconds in which an operation whose answer was lost is looked at again
_MOST_OPENED: Final = 5_000  # rows whose state is looked into
# An order is due when its authorization is about to expire, and when it has expired: the index of `due_at` finds it.
_WARNED: Final = 2 * 86_400  # seconds
_STATISTICS: Final = f"""
SELECT 'outbox' AS statistic, '' AS first, '' AS second, count(*) AS number,
       coalesce(extract(epoch FROM now() - min(created_at)), 0)::float8 AS age FROM outbox
UNION ALL
SELECT 'overdue', merchant, provider, count(*), 0 FROM orders
WHERE due_at < now() - make_interval(secs => $1) GROUP BY merchant, provider
UNION ALL
SELECT 'leases_lost', merchant, provider, count(*), 0 FROM orders
WHERE due_at <= now() AND calling_since IS NOT NULL GROUP BY merchant, provider
UNION ALL
SELECT 'attentions', merchant, attention, count(*), 0 FROM orders
WHERE attention IS NOT NULL GROUP BY merchant, attention
UNION ALL
SELECT 'stuck', merchant, '', count(*), 0 FROM orders
WHERE is_open AND due_at IS NULL AND attention IS NULL AND blocked IS NULL GROUP BY merchant
UNION ALL
SELECT 'unreadable', merchant, CASE WHEN EXISTS (
    SELECT FROM heartbeats WHERE seen_at > now() - interval '{LIVE} s' AND version >= g.state_version
) THEN 'key' ELSE 'version' END, sum(number)::bigint, 0
FROM (
    SELECT merchant, state_version, key_id, count(*) AS number FROM orders WHERE due_at <= now()
    GROUP BY merchant, state_version, key_id
) AS g WHERE NOT {somebody_can_read("g")} GROUP BY 2, 3
UNION ALL
SELECT 'dead_letters', code, state, count(*), 0 FROM dead_letters WHERE state = 'open' GROUP BY code, state
UNION ALL
SELECT 'intake_lag', '', '', count(*),
       coalesce(extract(epoch FROM now() - min(coalesce(caught_up_at, to_timestamp(0)))), 0)::float8
FROM intake_offsets
UNION ALL
SELECT 'unknown', merchant, provider, count(*), 0 FROM (
    SELECT merchant, provider, state->'order'->'operations'->0->>'unknown' AS unknown FROM orders
    WHERE is_open AND due_at < now() + interval '{_SOON} s' LIMIT {_MOST_OPENED}
) AS g WHERE unknown = 'true' GROUP BY merchant, provider
UNION ALL
SELECT 'expiring', merchant, provider, count(*), 0 FROM orders
WHERE due_at < now() + interval '{_WARNED} s' AND expires_at > now() AND expires_at < now() + interval '{_WARNED} s'
  AND order_amount > captured_amount + released_amount GROUP BY merchant, provider
UNION ALL
SELECT 'due', merchant, provider, 0, extract(epoch FROM now() - min(due_at))::float8 FROM orders
WHERE due_at <= now() GROUP BY merchant, provider"""


_COUNTED: Final = (
    "overdue", "leases_lost", "attentions", "stuck", "unreadable", "dead_letters", "unknown", "expiring",
)  # fmt: skip


async def show(session: Session, key: Key, codec: Codec) -> OrderView | None:
    """Raises UnreadableError."""
    place = (key.merchant, key.kind, key.subject)
    for record in await session.fetch(_ORDER, *place):
        order = codec.order(key, record["state"], record["sealed_key"], record["sealed"], record["chunk_contents"])
        entries = [Entry(*found) for found in await session.fetch(_JOURNAL, *place)]
        times = {name: record[name] for name in ("due_at", "lease_until", "calling_since", "created_at", "updated_at")}
        return OrderView(
            order=order,
            version=record["version"],
            lease_owner=record["lease_owner"],
            attention=record["attention"],
            journal=entries,
            **times,
        )
    return None


async def stuck(session: Session, limit: int) -> list[Key]:
    return [key_of(record) for record in await session.fetch(_STUCK, limit)]


async def statistics(session: Session, late: float) -> Statistics:
    records = await session.fetch(_STATISTICS, late)
    [outbox] = (record for record in records if record["statistic"] == "outbox")
    [intake] = (record for record in records if record["statistic"] == "intake_lag")
    labelled: dict[str, Any] = {name: _counts(records, name) for name in _COUNTED}
    due = [Age(one["first"], one["second"], one["age"]) for one in records if one["statistic"] == "due"]
    return Statistics(
        outbox_rows=outbox["number"], outbox_age=outbox["age"], intake_lag=intake["age"], due=due, **labelled
    )


def _counts(records: Sequence[Record], name: str) -> list[Count]:
    return [
        Count(record["first"], record["second"], record["number"]) for record in records if record["statistic"] == name
    ]
