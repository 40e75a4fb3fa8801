"""What goes into the store and comes out of it. Times are seconds since the epoch by the database's clock."""

from typing import Final

from asyncpg import Record
from msgspec import Struct

from ordersaga.domain.model.order import Key, Order


class Clock(Struct, frozen=True):
    """Read by a statement that is run anyway. `raised_at` 0: never restored; `input_watermark` 0: not yet caught up everywhere.

    `input_watermark`: everything that was sent before has been taken in.
    """

    now: float
    epoch: int
    raised_at: float
    input_watermark: float


class Known(Struct, frozen=True):
    """An order as it was read or written last; `version` and `written` (when that was) tell whether the row is still the same."""

    order: Order
    version: int
    written: float


class Row(Struct, frozen=True):
    """An order as it was locked. `since`: a lease was given then and not settled, be it over or not; `token` is of the last one."""

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
    """The right to act for an order until a time. `version` and `written` are those of the row it came with."""

    key: Key
    token: int
    until: float
    version: int
    written: float


class Leased(Struct, frozen=True):
    """A claimed order. `previous_since`: a lease given then ended at `previous_until` without settle: a call may have been sent."""

    known: Known
    token: int
    until: float
    previous_since: float | None
    previous_until: float | None

    @property
    def order(self) -> Order:
        return self.known.order


class Unreadable(Struct, frozen=True):
    """A claimed order whose row can't be read; `reason` names it. Set it aside."""

    key: Key
    token: int
    reason: str


class OutboxRow(Struct, frozen=True):
    """One outcome, as it will be published."""

    key: Key
    sequence: int
    type: str
    headers: bytes
    payload: bytes


class ProviderId(Struct, frozen=True):
    """An id that the provider gave, so that the order can be found by it. `what`: order, capture, refund, …"""

    key: Key
    provider: str
    id: str
    what: str


WRITTEN: Final = "extract(epoch FROM o.updated_at)::float8 AS written"


def key_of(record: Record) -> Key:
    return Key(record["merchant"], record["kind"], record["subject"])


def clock_of(record: Record) -> Clock:
    return Clock(record["now"], record["epoch"], record["raised_at"], record["input_watermark"])


def columns_of(keys: list[Key]) -> tuple[list[str], list[str], list[str]]:
    """For `unnest`: merchants, kinds, subjects."""
    return [key.merchant for key in keys], [key.kind for key in keys], [key.subject for key in keys]


def clock_sql(topics: int) -> str:
    """One row: the Clock. The argument at `topics` names the topics that count, an empty array all of them.

    A partition that has never been at its end holds `input_watermark` back.
    """
    return _CLOCK.replace("$topics", f"${topics}::text[]")


_CLOCK: Final = """
SELECT extract(epoch FROM now())::float8 AS now, epoch.epoch,
       coalesce(extract(epoch FROM epoch.raised_at), 0)::float8 AS raised_at,
       coalesce((SELECT extract(epoch FROM min(coalesce(caught_up_at, to_timestamp(0)))) FROM intake_offsets
                 WHERE cardinality($topics) = 0 OR topic = ANY($topics)), 0)::float8 AS input_watermark
FROM epoch"""
