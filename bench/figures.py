"""What is measured, and what must come of it."""

import statistics
from collections.abc import Iterable, Sequence
from typing import Final, Literal

from msgspec import Struct

from bench.contenders import Costs, Who

Measure = Literal[
    "intake",
    "relay",
    "full way, 0 ms",
    "full way, 50 ms",
    "latency at a third",
    "latency at 160/s",
    "latency, slots full",
]
MEASURES: Final[tuple[Measure, ...]] = (
    "intake",
    "relay",
    "full way, 0 ms",
    "full way, 50 ms",
    "latency at a third",
    "latency at 160/s",
    "latency, slots full",
)


class Figures(Struct, frozen=True):
    """One contender in one measure. An order is two events. None: it isn't measured, or can't be on this machine."""

    measure: Measure
    who: Who
    round: int
    events: int
    seconds: float
    events_per_second: float
    orders_per_second: float
    cpu_ms_per_order: float | None
    postgres_cpu_ms_per_order: float | None
    kafka_cpu_ms_per_order: float | None
    provider_cpu_share: float | None
    statements_per_event: float | None
    commits_per_event: float | None
    p50_ms: float | None = None
    p99_ms: float | None = None


class Ratio(Struct, frozen=True):
    """`at_least`: the value must not be below the target, else not above it."""

    name: str
    value: float
    target: float
    at_least: bool
    unit: str = ""

    @property
    def met(self) -> bool:
        return self.value >= self.target if self.at_least else self.value <= self.target


def figures(
    measure: Measure,
    who: Who,
    round_: int,
    events: int,
    seconds: float,
    before: Costs,
    after: Costs,
    latencies: Sequence[float] = (),
) -> Figures:
    """`events` that were done between `before` and `after`; latencies in seconds."""
    orders = events / 2

    def each(first: float | None, last: float | None, of: float) -> float | None:
        return None if first is None or last is None else (last - first) / of

    cuts = statistics.quantiles(latencies, n=100) if len(latencies) > 1 else None
    return Figures(
        measure,
        who,
        round_,
        events,
        seconds,
        events / seconds,
        orders / seconds,
        each(before.service, after.service, orders / 1000),
        each(before.postgres, after.postgres, orders / 1000),
        each(before.kafka, after.kafka, orders / 1000),
        each(before.provider, after.provider, seconds),
        each(before.statements, after.statements, events),
        each(before.commits, after.commits, events),
        cuts[49] * 1000 if cuts else None,
        cuts[98] * 1000 if cuts else None,
    )


def median(all_rounds: Iterable[Figures], measure: Measure, who: Who) -> Figures | None:
    """Of each figure by itself."""
    found = [one for one in all_rounds if (one.measure, one.who) == (measure, who)]
    if not found:
        return None

    def middle(name: str) -> float | None:
        values = [value for one in found if (value := getattr(one, name)) is not None]
        return statistics.median(values) if values else None

    names = [name for name in Figures.__struct_fields__ if name not in {"measure", "who", "round"}]
    return Figures(measure=measure, who=who, round=0, **{name: middle(name) for name in names})  # type: ignore[arg-type]  # a figure that is always there has a median


def ratios(medians: Sequence[Figures]) -> list[Ratio]:
    """What is demanded."""
    of = {(one.measure, one.who): one for one in medians}

    def beside_floor(name: str, measure: Measure, target: float) -> Ratio:
        ours, floor = of[measure, "ordersaga"], of[measure, "floor"]
        return Ratio(name, ours.events_per_second / floor.events_per_second, target, at_least=True)

    full, late = of["full way, 0 ms", "ordersaga"], of["full way, 50 ms", "ordersaga"]
    third, third_floor = of["latency at a third", "ordersaga"], of["latency at a third", "floor"]
    busy = of["latency, slots full", "ordersaga"]
    return [
        beside_floor("full way at 0 ms, of the floor with the same HTTP client", "full way, 0 ms", 1 / 2),
        Ratio(
            "full way at 50 ms, of its own figure at 0 ms",
            late.orders_per_second / full.orders_per_second,
            0.8,
            at_least=True,
        ),
        beside_floor("intake alone, of its floor", "intake", 1 / 3),
        beside_floor("relay alone, of its floor", "relay", 1 / 2),
        Ratio(
            "p50 at a third of the highest rate, of the floor's",
            _ms(third.p50_ms) / _ms(third_floor.p50_ms),
            2,
            at_least=False,
        ),
        Ratio(
            "p99 at a third of the highest rate, of the floor's",
            _ms(third.p99_ms) / _ms(third_floor.p99_ms),
            2,
            at_least=False,
        ),
        Ratio(
            "p50 at 160 events/s, provider at 0 ms",
            _ms(of["latency at 160/s", "ordersaga"].p50_ms),
            20,
            at_least=False,
            unit="ms",
        ),
        Ratio("p99 with all slots in use, of its own p50", _ms(busy.p99_ms) / _ms(busy.p50_ms), 3, at_least=False),
    ]


def _ms(milliseconds: float | None) -> float:
    assert milliseconds is not None, "a latency run without latencies"
    return milliseconds
