"""Work that stands still while the store answers is counted; what waits for the store isn't."""

from prometheus_client import REGISTRY

from ordersaga.telemetry import StallWatch


def violated() -> float:
    return REGISTRY.get_sample_value("ordersaga_invariant_violations_total", {"invariant": "I7"}) or 0.0


class Hands:
    """Two roles, whose batches have been in hand since a time."""

    def __init__(self) -> None:
        self.now = 1_000.0
        self.since: list[float | None] = [None, None]
        self.stalls = StallWatch([lambda: self._seconds(0), lambda: self._seconds(1)], lambda: self.now)

    def _seconds(self, role: int) -> float:
        since = self.since[role]
        return 0.0 if since is None else self.now - since

    def look_at(self, now: float) -> float:
        """By how much it rises."""
        before = violated()
        self.now = now
        self.stalls.look()
        return violated() - before


def test_a_batch_that_is_worked_on_for_over_a_minute_counts_at_each_look() -> None:
    hands = Hands()
    hands.since = [1_000.0, None]
    assert [hands.look_at(now) for now in (1_000.0, 1_060.0, 1_061.0, 1_076.0)] == [0, 0, 1, 1]
    hands.since = [1_070.0, 1_015.0]
    assert hands.look_at(1_077.0) == 1
    hands.since = [None, None]
    assert hands.look_at(1_200.0) == 0


def test_the_time_in_which_the_store_was_away_counts_for_nothing() -> None:
    hands = Hands()
    hands.since = [1_000.0, None]
    assert hands.look_at(1_059.0) == 0
    hands.stalls.away()
    assert [hands.look_at(now) for now in (1_100.0, 1_160.0, 1_161.0)] == [0, 0, 1]
