"""The results as a file and as tables."""

import os
import platform
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Final, Self

import msgspec
from msgspec import Struct
from rich.console import Console
from rich.table import Table

from bench import cpu
from bench.contenders import Who
from bench.figures import MEASURES, Figures, Measure, Ratio, median, ratios
from ordersaga_local.parts import Parts

_WHO: Final[tuple[Who, ...]] = ("ordersaga", "floor", "floor on aiohttp")
_LIBRARIES: Final = (
    "aiohttp",
    "aiokafka",
    "asyncpg",
    "faststream",
    "msgspec",
    "pyreqwest",
    "sqlalchemy",
    "uvloop",
)


class Judged(Struct, frozen=True):
    name: str
    value: float
    target: float
    at_least: bool
    met: bool
    unit: str


class Machine(Struct, frozen=True):
    """`load_average`: of the minute before the run; above 0 others were at work too."""

    cpu: str
    cores: int
    memory_gb: float
    system: str
    python: str
    kafka: str
    postgres: str
    load_average: float
    versions: dict[str, str]


class Result(Struct, frozen=True):
    """`stub_requests_per_second`: what the provider's stub can do alone."""

    machine: Machine
    loads: dict[str, str]
    stub_requests_per_second: float
    seconds: float
    rounds: list[Figures]
    medians: list[Figures]
    ratios: list[Judged]

    @classmethod
    def of(cls, machine: Machine, loads: dict[str, str], stub: float, seconds: float, rounds: list[Figures]) -> Self:
        medians = [one for measure in MEASURES for who in _WHO if (one := median(rounds, measure, who)) is not None]
        judged = [_judged(ratio) for ratio in ratios(medians, rounds)]
        return cls(machine, loads, stub, seconds, rounds, medians, judged)

    def median(self, measure: Measure, who: Who) -> Figures | None:
        return next((one for one in self.medians if (one.measure, one.who) == (measure, who)), None)


def _judged(ratio: Ratio) -> Judged:
    return Judged(ratio.name, ratio.value, ratio.target, ratio.at_least, ratio.met, ratio.unit)


def machine(parts: Parts) -> Machine:
    """Without addresses: results are shown to others."""
    pages = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return Machine(
        cpu.model(),
        os.cpu_count() or 0,
        round(pages / 2**30, 1),
        f"{platform.system()} {platform.release()}",
        platform.python_version(),
        parts.kafka.origin.rpartition(" at ")[0],
        f"{parts.postgres.origin.rpartition(' at ')[0]}, durable",
        os.getloadavg()[0],
        {name: version(name) for name in _LIBRARIES},
    )


def write(result: Result, path: Path) -> None:
    path.write_bytes(msgspec.json.format(msgspec.json.encode(result), indent=2) + b"\n")


def line(one: Figures) -> str:
    latency = "" if one.p50_ms is None else f"  p50 {_number(one.p50_ms, 1)}  p99 {_number(one.p99_ms, 1)} ms"
    return f"{one.round}  {one.measure:25}{one.who:17}{one.events_per_second:8,.0f} events/s{latency}"


def show(result: Result, console: Console) -> None:
    console.print(_speeds(result.medians))
    console.print(_costs(result.medians))
    console.print(_demanded(result.ratios))
    slow = sorted(one.p50_ms for one in result.rounds if _is_slow(one) and one.p50_ms is not None)
    console.print(f"p50 at 160 events/s, each run: {', '.join(f'{value:.1f}' for value in slow)} ms")
    found = result.machine
    console.print(
        f"{found.cpu}, {found.cores} cores, {found.memory_gb:g} GB, {found.system}, Python {found.python}; {found.kafka}; "
        f"{found.postgres}. Load average before the run: {found.load_average:.2f}. "
        f"The provider's stub alone: {result.stub_requests_per_second:,.0f} requests/s. Took {result.seconds:.0f} s."
    )
    for name, load in result.loads.items():
        console.print(f"  {name}: {load}")


def _speeds(medians: Sequence[Figures]) -> Table:
    table = _table("Medians of all rounds; an order is two events", "orders/s", "events/s", "p50 ms", "p99 ms")
    for one in medians:
        row = (
            f"{one.orders_per_second:,.0f}",
            f"{one.events_per_second:,.0f}",
            _number(one.p50_ms, 1),
            _number(one.p99_ms, 1),
        )
        table.add_row(one.measure, one.who, *row, end_section=_is_last(one, medians))
    return table


def _costs(medians: Sequence[Figures]) -> Table:
    names = ("service", "Postgres", "Kafka", "stub busy", "statements", "commits")
    table = _table("CPU ms an order; statements and commits an event", *names)
    for one in medians:
        row = (
            _number(one.cpu_ms_per_order, 3),
            _number(one.postgres_cpu_ms_per_order, 3),
            _number(one.kafka_cpu_ms_per_order, 3),
            "" if one.provider_cpu_share is None else f"{one.provider_cpu_share:.0%}",
            _number(one.statements_per_event, 4),
            _number(one.commits_per_event, 4),
        )
        table.add_row(one.measure, one.who, *row, end_section=_is_last(one, medians))
    return table


def _demanded(judged: Sequence[Judged]) -> Table:
    table = Table(title="What is demanded", title_justify="left")
    table.add_column("what")
    for name in ("is", "must be", ""):
        table.add_column(name, justify="right", no_wrap=True)
    for one in judged:
        table.add_row(
            one.name,
            f"{one.value:.3f} {one.unit}".rstrip(),
            f"{'≥' if one.at_least else '≤'} {one.target:.2f} {one.unit}".rstrip(),
            "[green]reached" if one.met else "[red]not reached",
        )
    return table


def _table(title: str, *figures: str) -> Table:
    table = Table(title=title, title_justify="left")
    for name in ("measure", "who"):
        table.add_column(name, no_wrap=True)
    for name in figures:
        table.add_column(name, justify="right", no_wrap=True)
    return table


def _is_slow(one: Figures) -> bool:
    return (one.measure, one.who) == ("latency at 160/s", "ordersaga")


def _is_last(one: Figures, medians: Sequence[Figures]) -> bool:
    return one is [other for other in medians if other.measure == one.measure][-1]


def _number(value: float | None, digits: int) -> str:
    return "" if value is None else f"{value:,.{digits}f}"
