"""What goes into the store and comes out of it. Times are in seconds since the epoch, by the database's clock."""

from typing import Final

from asyncpg import Record
from msgspec import Struct

from ordersaga.domain.model.order import Key, Order
from ordersaga.store.errors import DatabaseReplacedError, OutdatedError
from ordersaga.store.readers import OUTDATED


class Clock(Struct, frozen=True):
    """Read along with another statement. `raised_at`: when the database was restored, 0: never.

    `input_watermark`: every event sent before then was taken in, 0: not every partition was ever read to its end.
    """

    now: float
    epoch: int
    raised_at: float
    input_watermark: float


class Known(Struct, frozen=True):
    """An order as last read or written; by `version` and `written` (when it was) one sees whether the row is unchanged.

    `chunks`: how many rows of its lists are stored; None: those that this process has written.
    """

    order: Order
    version: int
    written: float
    chunks: int | None = None


class Row(Struct, frozen=True):
    """An order as it was locked. `since`: start of a lease that isn't settled, expired or not; `token`: of the latest lease."""

    known: Known
    token: int
    since: float | None

    @property
    def leased(self) -> bool:
        return self.since is not None

    @property
    def order(self) -> Order:
        return self.known.order

    @property
    def version(self) -> int:
        return self.known.version


class Lease(Struct, frozen=True):
    """The right to act for an order until a time. `version` and `written`: of the row as the lease was given."""

    key: Key
    token: int
    until: float
    version: int
    written: float


class UnreadableOrder(Struct, frozen=True):
    """A claimed order whose row can't be read; `reason` names the order. Set it aside."""

    key: Key
    token: int
    reason: str


class OutboxRow(Struct, frozen=True):
    """An outcome as it will be published."""

    key: Key
    sequence: int
    type: str
    headers: bytes
    payload: bytes


class ProviderId(Struct, frozen=True):
    """An id at the provider, by which the order can be found. `what` it is of: order, capture, refund, …"""

    key: Key
    provider: str
    id: str
    what: str


WRITTEN: Final = "extract(epoch FROM o.updated_at)::float8 AS written"


def key_of(record: Record) -> Key:
    return Key(record["merchant"], record["kind"], record["subject"])


def clock_of(record: Record) -> Clock:
    """Raises DatabaseReplacedError and OutdatedError."""
    if record["replaced"]:
        raise DatabaseReplacedError
    if record["outdated"]:
        raise OutdatedError
    return Clock(record["now"], record["epoch"], record["raised_at"], record["input_watermark"])


def columns_of(keys: list[Key]) -> tuple[list[str], list[str], list[str]]:
    """For `unnest`: merchants, kinds, subjects."""
    return [key.merchant for key in keys], [key.kind for key in keys], [key.subject for key in keys]


def clock_sql(topics: int) -> str:
    """One row: the Clock. The argument with the number `topics` names the topics that count; an empty array: all of them.

    A partition that was never read to its end holds `input_watermark` back.
    """
    return _CLOCK.replace("$topics", f"${topics}::text[]").replace("$replaced", REPLACED).replace("$outdated", OUTDATED)


REPLACED: Final = "coalesce(epoch.lineage <> ordersaga_lineage(), false)"
"""Whether the database is another server, or on another timeline, than the one on which the epoch began."""

_CLOCK: Final = """
SELECT extract(epoch FROM now())::float8 AS now, epoch.epoch,
       coalesce(extract(epoch FROM epoch.raised_at), 0)::float8 AS raised_at,
       coalesce((SELECT extract(epoch FROM min(coalesce(caught_up_at, to_timestamp(0)))) FROM intake_offsets
                 WHERE cardinality($topics) = 0 OR topic = ANY($topics)), 0)::float8 AS input_watermark,
       $replaced AS replaced, $outdated AS outdated
FROM epoch"""
