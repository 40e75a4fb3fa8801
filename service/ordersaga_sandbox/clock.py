"""The virtual clock: the real clock plus an offset that the control plane sets."""

import time
from collections.abc import Callable
from datetime import UTC, datetime

DAY = 86_400.0


class Clock:
    """Seconds since the epoch. It runs at the speed of the real clock, from the time it was set to."""

    def __init__(self, real: Callable[[], float] = time.time) -> None:
        self._real = real
        self.offset = 0.0

    def now(self) -> float:
        return self._real() + self.offset

    def advance(self, seconds: float) -> None:
        self.offset += seconds

    def set(self, at: float) -> None:
        self.offset = at - self._real()


def iso(at: float) -> str:
    """Klarna's time format: UTC, whole seconds, `Z`."""
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def midnight_after(at: float, days: float) -> float:
    """That many days later, truncated to midnight UTC: 2022-07-08T09:48 plus 28 days is 2022-08-05T00:00:00Z (docs.klarna.com, "View and change orders")."""
    later = at + days * DAY
    return later - later % DAY
