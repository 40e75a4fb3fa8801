"""Work that stands still though nothing outside is in its way (I7)."""

import time
from collections.abc import Callable, Sequence
from typing import Final

from ordersaga.telemetry.metrics import VIOLATIONS

InHand = Callable[[], float]
"""For how many seconds the oldest batch of a role has been worked on; 0: there is none."""
_LONGEST: Final = 60.0  # seconds


class StallWatch:
    """Counts, at each look, the roles whose batch has been in hand for over a minute in which the store was there all the time."""

    def __init__(self, in_hand: Sequence[InHand], monotonic: Callable[[], float] = time.monotonic) -> None:
        self._in_hand = in_hand
        self._monotonic = monotonic
        self._there_since: float | None = None

    def away(self) -> None:
        """The store doesn't answer: what waits for it isn't stalled by other work."""
        self._there_since = None

    def look(self) -> None:
        """The store has just answered."""
        now = self._monotonic()
        if self._there_since is None:
            self._there_since = now
        there = now - self._there_since
        VIOLATIONS.labels("I7").inc(sum(min(seconds(), there) > _LONGEST for seconds in self._in_hand))
