"""The time from an event to its outcome, at a rate that doesn't wait for the answers."""

import asyncio
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Final

from aiokafka import AIOKafkaProducer  # type: ignore[import-untyped]  # it ships no types

from bench.contenders import IN_FLIGHT, Costs, Ground, Run, Who, running
from bench.figures import Figures, Measure, figures
from bench.load import Event, Shop
from bench.measure import BenchError, cause_of, verify

_BEHIND: Final = 1.0  # seconds from placed to shipped
_PATIENCE: Final = 15.0


class _Watch:
    """Events as they are sent, outcomes as they come; by the clock of this process alone."""

    def __init__(self, run: Run) -> None:
        self._run = run
        self.due: dict[str, float] = {}
        self.took: dict[str, float] = {}

    async def follow(self, wanted: int) -> None:
        while len(self.took) < wanted:
            for records in (await self._run.outcomes.getmany(timeout_ms=500)).values():
                now = time.monotonic()
                for record in records:
                    cause = cause_of(record.value).cause.id
                    self.took[cause] = now - self.due[cause]
            self._run.must_live()


async def latency(
    ground: Ground,
    shop: Shop,
    who: Who,
    round_: int,
    measure: Measure,
    rate: float,
    warm_up: float,
    seconds: float,
    delay_ms: int = 0,
    in_flight: int = IN_FLIGHT,
) -> Figures:
    """`rate`: events a second, half of them placed, half shipped; each counts from when it was to be sent.

    What is sent in the first `warm_up` seconds, or after the last `placed`, isn't counted.
    """
    topic = await ground.new_topic(f"{who.replace(' ', '-')}-{round_}-{rate:.0f}")
    behind = round(_BEHIND * rate / 2)
    events = list(shop.events(round((warm_up + seconds) * rate / 2), f"l{round_}", behind))
    schedule = list(_schedule(events, rate, behind))
    counted = warm_up, schedule[-1][1] - _BEHIND
    async with running(ground, who, "all", topic, delay_ms, in_flight=in_flight) as run:
        producer = AIOKafkaProducer(bootstrap_servers=ground.kafka, acks="all", max_batch_size=900_000)
        await producer.start()
        try:
            await _settled_in(run, producer, topic, shop)
            asked, watch = Counter(await run.asked()), _Watch(run)
            following = asyncio.create_task(watch.follow(len(events)))
            costs = [asyncio.create_task(_costs_after(run, at)) for at in counted]
            await _send(producer, topic, schedule, watch)
            await _ended(following, watch, len(events))
        finally:
            await producer.stop()
        ends = {event.id: event.what for event in [*shop.events(1, "warm", 0), *events]}
        await verify(run, ends, Counter(await run.asked()) - asked + Counter(create_order=1, capture=1))
    took = [watch.took[event.id] for event, at in schedule if counted[0] <= at < counted[1]]
    before, after = await asyncio.gather(*costs)
    return figures(measure, who, round_, len(took), counted[1] - counted[0], before, after, took)


async def _costs_after(run: Run, seconds: float) -> Costs:
    await asyncio.sleep(seconds)
    return await run.costs()


async def _settled_in(run: Run, producer: AIOKafkaProducer, topic: str, shop: Shop) -> None:
    """One order goes through before the clock starts."""
    for event in shop.events(1, "warm", 0):
        await producer.send_and_wait(topic, event.value, event.key, headers=list(event.headers))
    deadline = time.monotonic() + 30
    while await run.published() < 2:
        run.must_live()
        if time.monotonic() > deadline:
            raise BenchError(f"{run.process.name} does nothing: {run.process.tail()}")
        await asyncio.sleep(0.05)
    await run.outcomes.seek_to_end()


def _schedule(events: Sequence[Event], rate: float, behind: int) -> Iterator[tuple[Event, float]]:
    """At half the rate while nothing ships yet, and at the end while nothing is placed any more."""
    at = 0.0
    for position, event in enumerate(events):
        yield event, at
        alone = position < behind or position >= len(events) - behind
        at += (2 if alone else 1) / rate


async def _send(producer: AIOKafkaProducer, topic: str, schedule: Sequence[tuple[Event, float]], watch: _Watch) -> None:
    began = time.monotonic()
    for event, at in schedule:
        due = began + at
        if (wait := due - time.monotonic()) > 0:
            await asyncio.sleep(wait)
        watch.due[event.id] = due
        await producer.send(topic, event.value, event.key, headers=list(event.headers))


async def _ended(following: asyncio.Task[None], watch: _Watch, wanted: int) -> None:
    try:
        async with asyncio.timeout(_PATIENCE):
            await following
    except TimeoutError:
        raise BenchError(
            f"{len(watch.took)} of {wanted} outcomes came {_PATIENCE:.0f} s after the last event"
        ) from None


async def saturated(
    ground: Ground, shop: Shop, who: Who, round_: int, in_hand: int, warm_up: float, seconds: float
) -> Figures:
    """As many orders at once as `in_hand`: the next event is sent when an outcome comes. Each counts from when it was sent."""
    topic = await ground.new_topic(f"{who.replace(' ', '-')}-{round_}-saturated")
    async with running(ground, who, "all", topic) as run:
        producer = AIOKafkaProducer(bootstrap_servers=ground.kafka, acks="all", max_batch_size=900_000)
        await producer.start()
        try:
            await _settled_in(run, producer, topic, shop)
            asked = Counter(await run.asked())
            loop = _Loop(run, producer, topic, shop, f"s{round_}", in_hand)
            before, after = await loop.run(warm_up, seconds)
        finally:
            await producer.stop()
        ends = {event.id: event.what for event in [*shop.events(1, "warm", 0), *loop.sent]}
        await verify(run, ends, Counter(await run.asked()) - asked + Counter(create_order=1, capture=1))
    return figures("latency, saturated", who, round_, len(loop.took), seconds, before, after, loop.took)


class _Loop:
    """A closed loop: `placed`, its outcome, `shipped`, its outcome, and the next order."""

    def __init__(self, run: Run, producer: AIOKafkaProducer, topic: str, shop: Shop, prefix: str, in_hand: int) -> None:
        self._run = run
        self._producer = producer
        self._topic = topic
        self._shop = shop
        self._prefix = prefix
        self._in_hand = in_hand
        self._next = 0
        self._open: dict[str, tuple[int, float]] = {}  # event id: order number, when it was sent
        self.sent: list[Event] = []
        self.took: list[float] = []

    async def run(self, warm_up: float, seconds: float) -> tuple[Costs, Costs]:
        """What it had cost before and after the seconds that count."""
        for _ in range(self._in_hand):
            await self._place()
        start = time.monotonic() + warm_up
        costs: list[Costs] = []
        while self._open:
            now = time.monotonic()
            if not costs and now >= start:
                costs.append(await self._run.costs())
            if len(costs) == 1 and now >= start + seconds:
                costs.append(await self._run.costs())
            await self._follow(counts=len(costs) == 1, more=len(costs) < 2)
        before, after = costs
        return before, after

    async def _follow(self, *, counts: bool, more: bool) -> None:
        found = await self._run.outcomes.getmany(timeout_ms=500)
        if not found:
            self._run.must_live()
        now = time.monotonic()
        for records in found.values():
            for record in records:
                cause = cause_of(record.value).cause.id
                number, sent = self._open.pop(cause)
                if counts:
                    self.took.append(now - sent)
                if cause.endswith("-placed"):
                    await self._send(number, self._shop.shipped(self._prefix, number))
                elif more:
                    await self._place()

    async def _place(self) -> None:
        number, self._next = self._next, self._next + 1
        await self._send(number, self._shop.placed(self._prefix, number))

    async def _send(self, number: int, event: Event) -> None:
        self.sent.append(event)
        self._open[event.id] = number, time.monotonic()
        await self._producer.send(self._topic, event.value, event.key, headers=list(event.headers))
