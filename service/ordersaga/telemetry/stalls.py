"""Detects batches that make no progress although the database is available (I7)."""

import time
from collections.abc import Callable, Sequence
from typing import Final

from ordersaga.telemetry.metrics import VIOLATIONS

BatchAge = Callable[[], float]
"""Seconds since a role's oldest unfinished batch was started; 0: there is none."""
_MAX_AGE: Final = 60.0  # seconds


class StallWatch:
    """Each check counts the roles with a batch that is older than a minute, in which the store was always available."""

    def __init__(self, batch_ages: Sequence[BatchAge], monotonic: Callable[[], float] = time.monotonic) -> None:
        self._batch_ages = batch_ages
        self._monotonic = monotonic
        self._available_since: float | None = None

    def store_unavailable(self) -> None:
        """What waits for the store isn't stalled."""
        self._available_since = None

    def check(self) -> None:
        """Call it when the store has just answered."""
        now = self._monotonic()
        if self._available_since is None:
            self._available_since = now
        available = now - self._available_since
        VIOLATIONS.labels("I7").inc(sum(min(age(), available) > _MAX_AGE for age in self._batch_ages))
