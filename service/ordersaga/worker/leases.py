"""Leased orders, and the clocks by which a lease is checked before a call."""

import time
from collections.abc import Callable

from msgspec import Struct

from ordersaga.domain.model.order import Order
from ordersaga.domain.model.outcomes import CallKind
from ordersaga.domain.uncertainty.hints import Hint
from ordersaga.store.kept_results import KeptResult
from ordersaga.store.rows import Known, Row
from ordersaga.worker.bulkheads import AccountKey


def uptime() -> float:
    """Seconds since boot, including the time that the host was suspended (where the system has such a clock)."""
    return time.clock_gettime(_CLOCK)


_CLOCK = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)
Clock = Callable[[], float]


class UncertainCall(Struct, frozen=True):
    """An earlier lease ended unsettled: its call may have been sent between these times, by the database's clock."""

    since: float
    until: float


class LeasedOrder(Struct, frozen=True):
    """An order as it was when it was leased.

    `ends`, `ends_uptime`: end of the lease by the two local clocks, never later than in the database. `account`: whose slot
    it uses.
    """

    known: Known
    token: int
    ends: float
    ends_uptime: float
    account: AccountKey
    kind: CallKind | None = None  # of the call that the gates have counted
    uncertain: UncertainCall | None = None
    kept: KeptResult | None = None  # of the call under the lease before
    hint: Hint | None = None  # that came before the lease

    @property
    def order(self) -> Order:
        return self.known.order

    @property
    def row(self) -> Row:
        """The row, unless it has been written meanwhile. It lacks the start of the lease."""
        return Row(self.known, self.token, since=None)


class LeaseClock:
    """Local times for leases, and the database's time between statements."""

    def __init__(self, lease: float, monotonic: Clock = time.monotonic, boottime: Clock = uptime) -> None:
        self._lease = lease
        self._monotonic = monotonic
        self._boottime = boottime
        self._offset = 0.0

    def mark(self) -> tuple[float, float]:
        """When a lease that is taken now ends. Call it before the statement, so that it isn't later than in the database."""
        return self._monotonic() + self._lease, self._boottime() + self._lease

    def outlasts(self, leased: LeasedOrder, seconds: float) -> bool:
        """Whether the lease lasts for a call of so many seconds from now."""
        return self._monotonic() + seconds < leased.ends and self._boottime() + seconds < leased.ends_uptime

    def observe(self, database_now: float) -> None:
        """Takes the time that a statement has returned."""
        self._offset = database_now - self._monotonic()

    def database_now(self) -> float:
        return self._monotonic() + self._offset
