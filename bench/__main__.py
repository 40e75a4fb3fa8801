"""`make bench`: see docs/performance.md."""

import argparse
import logging
import signal
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final

import uvloop
from msgspec import Struct
from msgspec.structs import replace
from rich.console import Console

from bench import backlog, chart, events, measure, probe, report
from bench.contenders import DELAYS_MS, IN_FLIGHT, PARTITIONS, Ground, Who
from bench.figures import Figures, Measure, median
from bench.growth import grown
from bench.latency import latency, saturated
from bench.load import Shop, fill
from ordersaga_local.parts import Parts
from ordersaga_local.process import MissingPartError, PartFailedError

_RESULTS: Final = Path(__file__).parent / "results"
_ALL: Final[tuple[Who, ...]] = ("ordersaga", "floor", "floor on aiohttp")
_BOTH: Final = _ALL[:2]
_SLOW: Final = 160.0  # events a second
_BUSY: Final = 400.0
_BUSY_CALLS: Final = 24
_BUSY_DELAY_MS: Final = 50
_LINES: Final[tuple[tuple[int, Measure], ...]] = (
    (1, "orders of 1 line"),
    (20, "orders of 20 lines"),
    (200, "orders of 200 lines"),
)
_FEW: Final = 1_000
_MANY_LINES: Final = 100


class Plan(Struct, frozen=True):
    """How much of everything; seconds are of each latency run.

    `slow_rounds`: runs at 160 events/s. `in_hand`: orders at once when saturated. `stored`: orders of the larger database.
    `long_lived`: orders that have 300 events, or as many as `events`.
    """

    rounds: int
    slow_rounds: int
    intake_orders: int
    relay_orders: int
    orders: int
    seconds: float
    warm_up: float
    probe_seconds: float
    in_hand: int
    stored: int
    long_lived: int
    events: int


_USUAL: Final = Plan(3, 5, 15_000, 15_000, 5_000, 6.0, 2.0, 2.0, 1_000, 200_000, 50, 300)
_QUICK: Final = Plan(1, 1, 1_500, 3_000, 400, 0.8, 0.5, 0.3, 200, 2_000, 5, 30)


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="bench", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="a minute's run that shows that it runs, not how fast")
    parser.add_argument("--results", type=Path, default=_RESULTS, help="the folder for latest.json and latest.svg")
    options = parser.parse_args(arguments)
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    logging.getLogger("aiokafka").setLevel(
        logging.CRITICAL
    )  # it tells of topics that are a moment old; errors are raised
    console = Console(highlight=False)
    if not console.is_terminal:
        console.width = 120
    try:
        with (
            Parts.started(durable=True, say=console.print) as parts,
            tempfile.TemporaryDirectory(prefix="ordersaga-bench-") as folder,
        ):
            ground = Ground(parts, Path(folder))
            bench = Bench(ground, _QUICK if options.quick else _USUAL, console)
            result = uvloop.run(bench.run())
    except (MissingPartError, PartFailedError, measure.BenchError) as error:
        console.print(f"[red]{error}", markup=True)
        return 1
    except KeyboardInterrupt:
        return 130
    options.results.mkdir(parents=True, exist_ok=True)
    report.write(result, options.results / "latest.json")
    chart.allocation(result, options.results / "latest.svg")
    report.show(result, console)
    console.print(f"{options.results}/latest.json, latest.svg")
    return 0


class Bench:
    """Ours and the floors in turn, in each round in another order."""

    def __init__(self, ground: Ground, plan: Plan, console: Console) -> None:
        self._ground = ground
        self._plan = plan
        self._console = console
        self._shop = Shop()
        self._done: list[Figures] = []

    async def run(self) -> report.Result:
        began = time.monotonic()
        machine = report.machine(self._ground.parts)
        async with self._prepared() as (for_intake, for_all):
            stub = await self._stub_alone()
            for round_ in range(1, self._plan.rounds + 1):
                await self._saturated(round_, for_intake, for_all)
            highest = median(self._done, "full way, 0 ms", "ordersaga")
            assert highest is not None
            third = highest.events_per_second / 3
            for round_ in range(1, self._plan.rounds + 1):
                await self._at_rates(round_, third)
            for round_ in range(1, self._plan.slow_rounds + 1):
                await self._slow(round_)
            await self._growing()
            for round_ in range(1, self._plan.rounds + 1):
                await self._longer(round_)
        loads = self._loads(third)
        return report.Result.of(machine, loads, stub, time.monotonic() - began, self._done)

    @asynccontextmanager
    async def _prepared(self) -> AsyncIterator[tuple[measure.Loaded, measure.Loaded]]:
        try:
            await self._ground.prepare()
            await backlog.prepare(self._ground, self._plan.relay_orders)
            for_intake = await self._loaded("intake", self._plan.intake_orders)
            yield for_intake, await self._loaded("all", self._plan.orders)
        finally:
            await self._ground.stop()

    async def _loaded(self, name: str, orders: int, shop: Shop | None = None) -> measure.Loaded:
        shop = shop or self._shop
        topic = await self._ground.new_topic(f"orders-{name}")
        await fill(self._ground.kafka, topic, shop.events(orders, name))
        ends = {event.id: event.what for event in shop.events(orders, name)}
        return measure.Loaded(topic, orders, ends)

    async def _stub_alone(self) -> float:
        """Requests a second of the stub with the body of a typical order."""
        body = self._shop.placed("probe", 0).value
        return await probe.requests_per_second(self._ground.stubs[0].url, body, self._plan.probe_seconds)

    async def _saturated(self, round_: int, for_intake: measure.Loaded, for_all: measure.Loaded) -> None:
        for who in _turn(_BOTH, round_):
            self._add(await measure.intake(self._ground, who, round_, for_intake))
        for who in _turn(_BOTH, round_):
            rows = 2 * self._plan.relay_orders
            self._add(await measure.relay(self._ground, who, round_, for_intake.topic, rows))
        for delay_ms in DELAYS_MS:
            for who in _turn(_ALL, round_):
                self._add(await measure.full_way(self._ground, who, round_, for_all, delay_ms))

    async def _at_rates(self, round_: int, third: float) -> None:
        pace = (self._plan.warm_up, self._plan.seconds)
        for who in _turn(_BOTH, round_):
            self._add(await latency(self._ground, self._shop, who, round_, "latency at a third", third, *pace))
        for who in _turn(_BOTH, round_):
            self._add(await saturated(self._ground, self._shop, who, round_, self._plan.in_hand, *pace))
        for who in _turn(_BOTH, round_):
            busy = (_BUSY, *pace, _BUSY_DELAY_MS, _BUSY_CALLS)
            self._add(await latency(self._ground, self._shop, who, round_, "latency, slots full", *busy))

    async def _slow(self, round_: int) -> None:
        pace = (self._plan.warm_up, self._plan.seconds)
        for who in _turn(_BOTH, round_):
            self._add(await latency(self._ground, self._shop, who, round_, "latency at 160/s", _SLOW, *pace))

    async def _growing(self) -> None:
        """With few orders stored and with many."""
        plan, names = self._plan, dict[int, Measure]({_FEW: "full way, 1,000 stored"})
        names[plan.stored] = "full way, 200,000 stored"
        found = await grown(self._ground, tuple(names), plan.orders, plan.rounds, self._console.print)
        for stored, figures in found.figures:
            self._done.append(replace(figures, measure=names[stored]))

    async def _longer(self, round_: int) -> None:
        """Orders with few and with many lines, and with few and with many events."""
        for lines, name in _LINES:
            orders = self._plan.orders // 10 if lines > _MANY_LINES else self._plan.orders
            load = await self._loaded(f"lines-{lines}-{round_}", orders, Shop(lines=lines))
            self._add(await measure.full_way(self._ground, "ordersaga", round_, load, 0, measure=name))
        for figures in await events.by_number(
            self._ground, self._shop, round_, self._plan.long_lived, self._plan.events
        ):
            self._add(figures)

    def _add(self, figures: Figures) -> None:
        self._done.append(figures)
        self._console.print(report.line(figures))

    def _loads(self, third: float) -> dict[str, str]:
        plan, full = (
            self._plan,
            f"placed and shipped whole, 250 orders apart, of {self._plan.orders:,} orders in the topic",
        )
        steady = f"open loop, a second from placed to shipped, {plan.seconds:g} s after {plan.warm_up:g} s of warm-up, provider at 0 ms"
        return {
            "events": f"{self._shop.described}; half of all events placed, half shipped; {PARTITIONS} partitions",
            "intake": f"{2 * plan.intake_orders:,} events in the topic, one process with intake alone",
            "relay": f"{2 * plan.relay_orders:,} outcomes in the outbox, one process with the relay alone",
            "full way, 0 ms": f"{full}; {IN_FLIGHT} calls in flight; provider answers at once",
            "full way, 50 ms": f"{full}; {IN_FLIGHT} calls in flight; provider answers after 50 ms",
            "latency at a third": f"{third:.0f} events/s, a third of the highest rate of ours at 0 ms; {steady}",
            "latency at 160/s": f"{_SLOW:.0f} events/s; {steady}",
            "latency, slots full": (
                f"{_BUSY:.0f} events/s, of at most {_BUSY_CALLS * 1000 / _BUSY_DELAY_MS:.0f} calls/s: {_BUSY_CALLS} in flight, "
                f"and the provider answers after {_BUSY_DELAY_MS} ms; else as above"
            ),
            "latency, saturated": f"closed loop: {plan.in_hand:,} orders at once, the next event when an outcome comes",
            "full way, 1,000 stored": f"as at 0 ms, with order ids at random, on a database with {_FEW:,} orders",
            "full way, 200,000 stored": f"the same with {plan.stored:,} orders",
            "orders of 1 line": "as at 0 ms, with carts of the sample's lines",
            "orders of 20 lines": "the same",
            "orders of 200 lines": "the same, a tenth of the orders",
            "first events of an order": (
                f"{plan.long_lived} orders, shipped piece by piece, the next event when all have ended; "
                "the first ten after placed"
            ),
            "300th event of an order": f"the same orders: the ten up to the {plan.events}th",
        }


def _turn(contenders: Sequence[Who], round_: int) -> Sequence[Who]:
    return contenders if round_ % 2 else contenders[::-1]


if __name__ == "__main__":
    sys.exit(main())
