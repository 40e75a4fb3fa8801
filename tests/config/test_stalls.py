"""Batches without progress are counted while the store is available, but not while they wait for it."""

from prometheus_client import REGISTRY

from ordersaga.telemetry import StallWatch


def violated() -> float:
    return REGISTRY.get_sample_value("ordersaga_invariant_violations_total", {"invariant": "I7"}) or 0.0


class Roles:
    """Two roles, with the times at which their batches were started."""

    def __init__(self) -> None:
        self.now = 1_000.0
        self.since: list[float | None] = [None, None]
        self.stalls = StallWatch([lambda: self._seconds(0), lambda: self._seconds(1)], lambda: self.now)

    def _seconds(self, role: int) -> float:
        since = self.since[role]
        return 0.0 if since is None else self.now - since

    def rise_at(self, now: float) -> float:
        """By how much the counter rises."""
        before = violated()
        self.now = now
        self.stalls.check()
        return violated() - before


def test_a_batch_that_is_worked_on_for_over_a_minute_counts_at_each_look() -> None:
    roles = Roles()
    roles.since = [1_000.0, None]
    assert [roles.rise_at(now) for now in (1_000.0, 1_060.0, 1_061.0, 1_076.0)] == [0, 0, 1, 1]
    roles.since = [1_070.0, 1_015.0]
    assert roles.rise_at(1_077.0) == 1
    roles.since = [None, None]
    assert roles.rise_at(1_200.0) == 0


def test_the_time_in_which_the_store_was_away_counts_for_nothing() -> None:
    roles = Roles()
    roles.since = [1_000.0, None]
    assert roles.rise_at(1_059.0) == 0
    roles.stalls.store_unavailable()
    assert [roles.rise_at(now) for now in (1_100.0, 1_160.0, 1_161.0)] == [0, 0, 1]
