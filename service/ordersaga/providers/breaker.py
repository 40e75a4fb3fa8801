"""How many calls an account may have under way: a breaker, a rate and a gate over both.

Pure but for the injected clock (seconds, monotonic). Each process judges by what it sees itself.
"""

from collections import deque
from collections.abc import Callable
from typing import Final, assert_never

from ordersaga.domain.model.results import Rejected, Result, Retryable, Succeeded, Unknown

Clock = Callable[[], float]

_PAUSE: Final = 1.0  # after a 429 that doesn't say for how long
_MOST_PAUSE: Final = 300.0  # after a 503: a repeat of a lost call is to come while its key is trusted


class Breaker:
    """Opens when `ratio` of the last `window` calls failed; closes after one successful probe, and then slowly.

    After closing, room is 1, 2, 4, … calls: each round of successes doubles it, a failure halves it.
    """

    def __init__(
        self,
        clock: Clock,
        *,
        window: int = 40,
        least: int = 10,
        ratio: float = 0.5,
        cooldown: float = 2.0,
        cooldown_most: float = 60.0,
        on_change: Callable[[bool], None] | None = None,
    ) -> None:
        """`on_change`: called when it opens (True) and when it closes (False)."""
        self._clock = clock
        self._last: deque[bool] = deque(maxlen=window)  # True: failed
        self._least = least
        self._ratio = ratio
        self._cooldown = self._first_cooldown = cooldown
        self._cooldown_most = cooldown_most
        self._open_until: float | None = None  # None: closed
        self._probing = False
        self._paused_until = 0.0
        self._on_change = on_change or _nobody
        self._ramp: int | None = None  # room while it grows
        self._grown = 0  # successes of this round
        self.limited = 0  # responses with status 429 so far

    @property
    def retry_at(self) -> float:
        """The clock's time from which there may be room again; in the past when there is."""
        return max(self._open_until or 0.0, self._paused_until)

    @property
    def is_open(self) -> bool:
        """Open, or waiting for what its probe says."""
        return self._open_until is not None

    def room(self, slots: int) -> int:
        """How many of `slots` calls may be under way at once."""
        if self._clock() < self.retry_at:
            return 0
        if self._open_until is not None:
            return min(1, slots)
        if self._ramp is not None and self._ramp >= slots:
            self._ramp = None
        return slots if self._ramp is None else self._ramp

    def started(self) -> None:
        """A call begins; the first one after the cooldown is the probe."""
        if self._open_until is not None and self._clock() >= self._open_until:
            self._probing = True

    def dropped(self) -> None:
        """A call that had begun wasn't made after all."""
        self._probing = False

    def record(self, result: Result, *, repeated: bool = False) -> None:
        """The result of a call. While open, only the probe's counts.

        `repeated`: a call for the same order had failed before; that it fails again says nothing about other orders.
        """
        if isinstance(result, Retryable) and result.status == 429:
            self.limited += 1
            self._paused_until = max(self._paused_until, self._clock() + (result.after or _PAUSE))
        elif isinstance(result, Retryable | Unknown) and result.status == 503 and result.after:
            self._paused_until = max(self._paused_until, self._clock() + min(result.after, _MOST_PAUSE))
        failed = is_failure(result)
        if failed and repeated:
            self._inconclusive()
        elif self._open_until is not None:
            if self._probing:
                self._probed(failed=failed)
        elif self._ramp is not None:
            self._grow(failed=failed)
            self._count(failed=failed)
        else:
            self._count(failed=failed)

    def _inconclusive(self) -> None:
        """Another order is to be the probe, soon."""
        if self._probing:
            self._probing = False
            self._open_until = self._clock() + self._first_cooldown

    def _probed(self, *, failed: bool) -> None:
        self._probing = False
        if failed:
            self._cooldown = min(self._cooldown * 2, self._cooldown_most)
            self._open_until = self._clock() + self._cooldown
            return
        self._cooldown = self._first_cooldown
        self._open_until = None
        self._ramp, self._grown = 1, 0
        self._last.clear()
        self._on_change(False)

    def _grow(self, *, failed: bool) -> None:
        assert self._ramp is not None
        self._grown = 0 if failed else self._grown + 1
        if failed:
            self._ramp = max(self._ramp // 2, 1)
        elif self._grown >= self._ramp:
            self._ramp, self._grown = self._ramp * 2, 0

    def _count(self, *, failed: bool) -> None:
        self._last.append(failed)
        if len(self._last) >= self._least and sum(self._last) >= self._ratio * len(self._last):
            self._open_until = self._clock() + self._cooldown
            self._ramp = None
            self._last.clear()
            self._on_change(True)


def _nobody(_opened: bool) -> None:
    """Nobody is told."""


def is_failure(result: Result) -> bool:
    """Does it say that the provider, or the way to it, is down, or that it knows us no more (401)?"""
    match result:
        case Succeeded() | Rejected():
            return False
        case Retryable(status=status):
            return status is None or status >= 500 or status == 401
        case Unknown(status=status):
            return status != 409  # a conflict is about one order
        case _:
            assert_never(result)


def of_one_kind(calls: int) -> int:
    """How many of so many calls at once, or orders for them, may be of one kind."""
    return calls - calls // 8


class Rate:
    """A token bucket that holds one second's calls."""

    def __init__(self, per_second: float, clock: Clock) -> None:
        self._clock = clock
        self._per_second = per_second
        self._level = max(per_second, 1.0)
        self._at = clock()
        self._exhausted = 0.0

    @property
    def exhausted_seconds(self) -> float:
        """For how long, in all, there was room for no call."""
        self._refill()
        return self._exhausted

    def change(self, per_second: float) -> None:
        """A new share of the account's rate."""
        self._refill()
        self._per_second = per_second
        self._level = min(self._level, max(per_second, 1.0))

    def room(self) -> int:
        self._refill()
        return max(int(self._level + 1e-9), 0)

    def taken(self, calls: int = 1) -> None:
        """Takes for calls that begin; a negative number gives back for calls that weren't made."""
        self._refill()
        self._level = min(self._level - calls, max(self._per_second, 1.0))

    @property
    def retry_at(self) -> float:
        self._refill()
        return self._at + max(1 - self._level, 0.0) / self._per_second

    def _refill(self) -> None:
        now = self._clock()
        if self._level < 1:
            self._exhausted += min(now - self._at, (1 - self._level) / self._per_second)
        self._level = min(self._level + (now - self._at) * self._per_second, max(self._per_second, 1.0))
        self._at = now


class Gate:
    """Room for one kind of calls of one account. Call `started` for what you take before you await anything, so that nobody takes it twice."""

    def __init__(self, slots: int, clock: Clock, *, rate: Rate | None = None, breaker: Breaker | None = None) -> None:
        """`rate`: of the account, shared by the gates of all its kinds of calls."""
        self.slots = slots
        self.breaker = breaker or Breaker(clock)
        self.rate = rate
        self._clock = clock
        self._under_way = 0

    @property
    def under_way(self) -> int:
        return self._under_way

    def room(self) -> int:
        """How many more calls may begin now. A probe waits until all earlier calls have ended."""
        free = self.breaker.room(self.slots) - self._under_way
        if self.rate is not None:
            free = min(free, self.rate.room())
        return max(free, 0)

    @property
    def closed(self) -> bool:
        """No call may be made now, not even one that was counted before."""
        return self._clock() < self.breaker.retry_at

    @property
    def retry_at(self) -> float:
        """The clock's time from which there may be room; the end of a call may make some sooner."""
        waits = [self._clock(), self.breaker.retry_at]
        if self.rate is not None:
            waits.append(self.rate.retry_at)
        return max(waits)

    def started(self, calls: int = 1) -> None:
        self._under_way += calls
        self.breaker.started()
        if self.rate is not None:
            self.rate.taken(calls)

    def ended(self, result: Result | None, *, repeated: bool = False) -> None:
        """A call has ended; None: it wasn't made after all. `repeated`: as in `Breaker.record`."""
        self._under_way -= 1
        if result is not None:
            self.breaker.record(result, repeated=repeated)
            return
        self.breaker.dropped()
        if self.rate is not None:
            self.rate.taken(-1)
