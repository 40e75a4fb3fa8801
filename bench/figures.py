"""What is measured, and what must come of it."""

import statistics
from collections.abc import Iterable, Sequence
from typing import Final, Literal, get_args

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
    "latency, saturated",
    "full way, 1,000 stored",
    "full way, 200,000 stored",
    "orders of 1 line",
    "orders of 20 lines",
    "orders of 200 lines",
    "first events of an order",
    "300th event of an order",
]
MEASURES: Final[tuple[Measure, ...]] = get_args(Measure)


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


def ratios(medians: Sequence[Figures], rounds: Sequence[Figures]) -> list[Ratio]:
    """What is demanded."""
    of = {(one.measure, one.who): one for one in medians}

    def beside(name: str, measure: Measure, floor: Who, target: float) -> Ratio:
        value = of[measure, "ordersaga"].events_per_second / of[measure, floor].events_per_second
        return Ratio(name, value, target, at_least=True)

    def of_own(name: str, measure: Measure, other: Measure, target: float) -> Ratio:
        value = of[measure, "ordersaga"].events_per_second / of[other, "ordersaga"].events_per_second
        return Ratio(name, value, target, at_least=True)

    def spread(name: str, measure: Measure) -> Ratio:
        one = of[measure, "ordersaga"]
        return Ratio(name, _ms(one.p99_ms) / _ms(one.p50_ms), 3, at_least=False)

    third, third_floor = of["latency at a third", "ordersaga"], of["latency at a third", "floor"]
    slow = [_ms(one.p50_ms) for one in rounds if (one.measure, one.who) == ("latency at 160/s", "ordersaga")]
    p50, p99 = _ms(third.p50_ms) / _ms(third_floor.p50_ms), _ms(third.p99_ms) / _ms(third_floor.p99_ms)
    return [
        beside("full way at 0 ms, of the floor on aiohttp", "full way, 0 ms", "floor on aiohttp", 0.4),
        of_own("full way at 50 ms, of its own figure at 0 ms", "full way, 50 ms", "full way, 0 ms", 0.8),
        beside("intake alone, of its floor", "intake", "floor", 1 / 3),
        beside("relay alone, of its floor", "relay", "floor", 1 / 2),
        Ratio("p50 at a third of the highest rate, of the floor's", p50, 2, at_least=False),
        Ratio("p99 at a third of the highest rate, of the floor's", p99, 2, at_least=False),
        Ratio("p50 at 160 events/s, provider at 0 ms, the worst run", max(slow), 10, at_least=False, unit="ms"),
        spread("p99 with all slots in use, of its own p50", "latency, slots full"),
        spread("p99 when saturated, of its own p50", "latency, saturated"),
        of_own(
            "full way with most orders stored, of that with 1,000",
            "full way, 200,000 stored",
            "full way, 1,000 stored",
            0.9,
        ),
    ]


def _ms(milliseconds: float | None) -> float:
    assert milliseconds is not None, "a latency run without latencies"
    return milliseconds
