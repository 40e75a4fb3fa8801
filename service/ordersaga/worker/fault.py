"""Whether an order causes the error on which its settle fails alone, or whether any order would fail on it."""

from typing import Final

from ordersaga.domain.model.order import Key
from ordersaga.failures import ENOUGH, kind_of
from ordersaga.worker.settlement_batch import Settlement

_TRIES: Final = 4
_TRIES_ALONE: Final = 8
"""While nothing else is settled: long enough that others come and show whether they fail, too."""
_FIRST_PAUSE: Final = 0.05  # seconds
_MAX_PAUSE: Final = 2.0


class FaultFinder:
    """`done`: how many batches were settled."""

    def __init__(self) -> None:
        self.done = 0
        self._failing: dict[str, set[Key]] = {}  # by kind of error, since something was settled

    def settled(self) -> None:
        self.done += 1
        self._failing.clear()

    def is_at_fault(self, one: Settlement, error: Exception, done: int) -> bool:
        """It has failed alone, in a pass that began when so many batches were `done`.

        True: again and again, although others are settled, or nobody else fails. False: try it again after a pause.
        """
        if one.failed is not None:
            return True
        if one.first_failed is None:
            one.first_failed = done
        one.failures += 1
        failing = self._failing.setdefault(kind_of(error), set())
        failing.add(one.leased.order.key)
        if done > one.first_failed:
            return one.failures >= _TRIES
        return one.failures >= _TRIES_ALONE and len(failing) < ENOUGH

    def nobody_is(self, error: Exception) -> bool:
        """Enough orders fail with this error, and nothing is settled in between."""
        return len(self._failing.get(kind_of(error), ())) >= ENOUGH


def pause_after(failures: int) -> float:
    """Seconds."""
    return min(_FIRST_PAUSE * 2.0 ** (failures - 1), _MAX_PAUSE)
