"""A histogram that takes a batch of values at once."""

from bisect import bisect_left
from collections.abc import Iterable, Sequence

from prometheus_client import REGISTRY
from prometheus_client.core import HistogramMetricFamily, Metric
from prometheus_client.registry import Collector, CollectorRegistry

Labels = tuple[str, ...]


class BatchHistogram(Collector):
    """A value costs no lookup of labels and no lock, unlike the client's own. One thread observes; any may scrape."""

    def __init__(
        self,
        name: str,
        documentation: str,
        labels: Sequence[str],
        buckets: Sequence[float],
        registry: CollectorRegistry = REGISTRY,
    ) -> None:
        """`buckets`: upper bounds, ascending, without infinity."""
        self._name = name
        self._documentation = documentation
        self._labelnames = tuple(labels)  # as the client names it in its own
        self._bounds = tuple(buckets)
        self._counts: dict[Labels, list[int]] = {}
        self._sums: dict[Labels, float] = {}
        registry.register(self)

    def observe_all(self, labels: Labels, values: Iterable[float]) -> None:
        counts = self._counts.get(labels)
        if counts is None:
            self._sums[labels] = 0.0
            counts = self._counts[labels] = [0] * (len(self._bounds) + 1)
        bounds, total = self._bounds, 0.0
        for value in values:
            counts[bisect_left(bounds, value)] += 1
            total += value
        self._sums[labels] += total

    def describe(self) -> Iterable[Metric]:
        return [self._family()]

    def collect(self) -> Iterable[Metric]:
        family = self._family()
        for labels, counts in list(self._counts.items()):
            so_far, buckets = 0, list[tuple[str, float]]()
            for bound, count in zip((*map(_text, self._bounds), "+Inf"), list(counts), strict=True):
                so_far += count
                buckets.append((bound, so_far))
            family.add_metric(labels, buckets, self._sums[labels])
        return [family]

    def _family(self) -> HistogramMetricFamily:
        return HistogramMetricFamily(self._name, self._documentation, labels=self._labelnames)


def _text(bound: float) -> str:
    return repr(float(bound))
