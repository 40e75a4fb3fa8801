"""Replicas that are replaced one after the other, as Kubernetes does it by the chart, and a load whose progress is measured."""

import asyncio
import time
import urllib.request
from collections.abc import Awaitable, Callable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from statistics import quantiles
from typing import Any, Final

from ordersaga_local import accounts
from ordersaga_local.outcomes import EventKey
from ordersaga_local.process import free_port
from ordersaga_local.stage import Process

from .play import PROVIDER, Json, Play, placed, shipped, slice_of_sample, until
from .test_stopping import IN_DOUBT

NEWER: Final = Path(__file__).with_name("newer_version.py")
MIN_READY: Final = 1.5
"""Seconds that a replica has been ready for before an old one is stopped; 10 by the chart."""
SHUTDOWN: Final = 10.0
"""`ORDERSAGA_SHUTDOWN_TIMEOUT` of the play."""
GIFTS: Final = "gifts"
"""The merchant of the orders whose progress is measured: nothing hinders them."""
SLOW: Final = {"action": "delay", "seconds": 0.3}
"""Each call, so that each replica has calls under way when it is stopped."""
WARM: Final = 3.0
MEASURED: Final = 5.0
"""Seconds of load before the upgrade, of which the last ones are measured."""


@dataclass
class Ended:
    """A replica that was stopped, and how long that took."""

    name: str
    code: int | None
    seconds: float

    @property
    def well(self) -> bool:
        return self.code == 0 and self.seconds < SHUTDOWN

    def __str__(self) -> str:
        return f"{self.name} in {self.seconds:.1f} s"


@dataclass
class Replica:
    play: Play
    process: Process
    port: int

    async def ready(self) -> None:
        await until(self._is_ready, 60, lambda: f"{self.process.name} isn't ready: {self.process.tail()}")

    async def end(self) -> Ended:
        started = time.monotonic()
        code = await asyncio.to_thread(self.process.stop)
        return Ended(self.process.name, code, time.monotonic() - started)

    def _is_ready(self) -> bool:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/healthz/ready", timeout=5) as answer:
                return bool(answer.status == 200)
        except OSError:
            return False


@dataclass
class Deployment:
    """Of some roles, none: all. `maxSurge: 1, maxUnavailable: 0`: a replica is ready before one is stopped."""

    play: Play
    roles: Sequence[str] = ()
    replicas: list[Replica] = field(default_factory=list)
    ended: list[Ended] = field(default_factory=list)
    _made: int = 0

    async def start(self, count: int, script: Path | None = None) -> None:
        self.replicas += await asyncio.gather(*(self._new(script) for _ in range(count)))

    async def roll(self, script: Path | None = None) -> None:
        """The next replica is started while the old one still ends."""
        old, ending = self.replicas, []
        self.replicas = []
        for one in old:
            self.replicas.append(await self._new(script))
            await asyncio.sleep(MIN_READY)
            ending.append(asyncio.create_task(one.end()))
        self.ended += await asyncio.gather(*ending)

    async def _new(self, script: Path | None) -> Replica:
        self._made += 1
        version = "old" if script is None else "new"
        port = free_port()
        name = f"{version}-{'-'.join(self.roles) or 'all'}-{self._made}"
        process = self.play.service(name, *self.roles, script=script, ORDERSAGA_METRICS_PORT=str(port))
        replica = Replica(self.play, process, port)
        await replica.ready()
        return replica


@dataclass
class Load:
    """Orders that are placed, and shipped two seconds later, at a steady rate, with other events between them."""

    play: Play
    others: Sequence[Json]
    rate: float = 60.0  # events per second
    orders: int = 0
    over: bool = False

    def events(self) -> Iterator[Json]:
        others, waiting, number = list(reversed(self.others)), list[str](), 0
        while not self.over or waiting or others:
            number += 1
            if others and (number % 5 == 0 or self.over):
                yield others.pop()
            elif len(waiting) > self.rate or (self.over and waiting):
                yield shipped(waiting.pop(0), GIFTS)
            elif not self.over:
                self.orders += 1
                waiting.append(f"r{self.orders}")
                yield placed(waiting[-1], GIFTS)

    async def run(self) -> None:
        await self.play.publish(self.events(), self.rate)

    def expected(self, of_others: accounts.Expected) -> accounts.Expected:
        """Of all orders."""
        ours = [_life(f"r{number}") for number in range(1, self.orders + 1)]
        return accounts.Expected({**of_others.whole, "orders": [*of_others.orders, *ours]})

    def progress(self, since: float, until_then: float) -> "Progress":
        """Of what was published in that time (Unix times)."""
        books = self.play.books
        published = {key: at for key, at in books.published_at.items() if _is_ours(key) and since <= at < until_then}
        latencies = sorted(min(one.at for one in books.finals[key]) - at for key, at in published.items())
        told = sorted(one.at for key in books.finals if _is_ours(key) for one in books.finals[key])
        moments = [since, *(at for at in told if since <= at < until_then), until_then]
        gap = max(after - before for before, after in pairwise(moments))
        return Progress(
            len(latencies), gap, quantiles(latencies, n=100)[49], quantiles(latencies, n=100)[98], latencies[-1]
        )


@dataclass(frozen=True)
class Progress:
    """In seconds: the longest time without any outcome, and from an event to its final outcome."""

    events: int
    gap: float
    median: float
    p99: float
    longest: float

    def __str__(self) -> str:
        return (
            f"{self.events} events, the longest time without an outcome {self.gap:.2f} s; from event to final outcome "
            f"median {self.median:.2f} s, p99 {self.p99:.2f} s, longest {self.longest:.2f} s"
        )


def _is_ours(key: EventKey) -> bool:
    return key[0] == GIFTS and key[2].startswith("r")


def _life(subject: str) -> dict[str, Any]:
    """As in the sample's expected results."""
    events = {
        f"{subject}-1": {"type": "authorized", "amount": 1000},
        f"{subject}-2": {"type": "captured", "amount": 1000},
    }
    order = {"merchant": GIFTS, "kind": "order", "subject": subject, "history": "life", "provider": "klarna"}
    money = {
        "currency": "GBP",
        "order_amount": 1000,
        "captured": 1000,
        "released": 0,
        "refunded": 0,
        "status": "captured",
    }
    return {**order, **money, "events": events}


class Upgrade:
    """Deployments of two replicas each, and a load that flows all the time."""

    def __init__(self, play: Play, roles: Sequence[Sequence[str]] = ((),)) -> None:
        self.play = play
        self.deployments = [Deployment(play, of) for of in roles]
        sample, self._of_sample = slice_of_sample(1)
        self._load = Load(play, sample)
        self._phases: list[tuple[str, float, float]] = []

    async def start(self) -> "asyncio.Task[None]":
        """Returns the load."""
        self.play.sandbox.control("switches", "PUT", PROVIDER)
        self.play.sandbox.control("faults", "POST", SLOW)
        await asyncio.gather(*(one.start(2) for one in self.deployments))
        loading = asyncio.create_task(self._load.run())
        await asyncio.sleep(WARM)
        await self._phase("before", asyncio.sleep(MEASURED))
        return loading

    async def migrate(self) -> None:
        await self._phase("migration", asyncio.to_thread(self.play.stage.command, "migrate", script=NEWER))

    async def roll(self, what: str, script: Path | None) -> None:
        """All deployments at the same time."""
        await self._phase(what, asyncio.gather(*(one.roll(script) for one in self.deployments)))

    async def finish(self, loading: "asyncio.Task[None]", say: Callable[[str], None]) -> list[str]:
        """Ends the load. All differences from what must have come of it, and replicas that didn't end as they should."""
        self._load.over = True
        await loading
        expected = self._load.expected(self._of_sample)
        await self.play.ended(len(expected.events(final=True)), 60)
        ended = [one for deployment in self.deployments for one in deployment.ended]
        for what, began, then in self._phases:
            say(f"{what}, {then - began:.0f} s: {self._load.progress(began, then)}")
        say(f"stopped: {', '.join(map(str, ended))}")
        problems = [f"{one}: exit code {one.code}" for one in ended if not one.well]
        problems += [f"in doubt: {dict(row)}" for row in await self.play.rows(IN_DOUBT)]
        return problems + self.play.doubled() + await self.play.inconsistencies(expected)

    def repeated(self) -> list[str]:
        """Requests that were sent again, as if an answer had been lost."""
        return [f"sent again: {one['method']} {one['path']}" for one in self.play.sandbox.requests() if one["replay"]]

    async def _phase(self, what: str, work: Awaitable[object]) -> None:
        began = time.time()
        await work
        self._phases.append((what, began, time.time()))
