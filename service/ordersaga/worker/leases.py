"""An order in a worker's hands, and the clocks by which its lease is judged before a call."""

import time
from collections.abc import Callable

from msgspec import Struct

from ordersaga.domain.model.order import Order
from ordersaga.store.rows import Known, Row
from ordersaga.worker.bulkheads import AccountKey


def uptime() -> float:
    """Seconds since the boot, a suspended host's sleep included (where the system can tell)."""
    return time.clock_gettime(_CLOCK)


_CLOCK = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)
Clock = Callable[[], float]


class UncertainCall(Struct, frozen=True):
    """An earlier lease ended unsettled: its call may have been sent between these times (the database's clock)."""

    since: float
    until: float


class LeasedOrder(Struct, frozen=True):
    """A leased order as it was when leased.

    `ends`: when the lease does, by both local clocks, never later than in the database. `lane`: where it has its slot.
    """

    known: Known
    token: int
    ends: float
    ends_uptime: float
    bulkhead: AccountKey
    uncertain: UncertainCall | None = None

    @property
    def order(self) -> Order:
        return self.known.order

    @property
    def row(self) -> Row:
        """As it is unless somebody has written it meanwhile; when the lease began isn't said."""
        return Row(self.known, self.token, since=None)


class LeaseClock:
    """Turns lease seconds into local times. Taken *before* the statement that leases, so that it errs on the safe side."""

    def __init__(self, lease: float, monotonic: Clock = time.monotonic, boottime: Clock = uptime) -> None:
        self._lease = lease
        self._monotonic = monotonic
        self._boottime = boottime
        self._offset = 0.0

    def mark(self) -> tuple[float, float]:
        return self._monotonic() + self._lease, self._boottime() + self._lease

    def outlasts(self, held: LeasedOrder, seconds: float) -> bool:
        """Does the lease last for a call of so many seconds from now?"""
        return self._monotonic() + seconds < held.ends and self._boottime() + seconds < held.ends_uptime

    def heard(self, database_now: float) -> None:
        """Keeps what the database's clock says, to know between statements what is due."""
        self._offset = database_now - self._monotonic()

    def database_now(self) -> float:
        return self._monotonic() + self._offset
