"""The measures at saturation: the work is there before the clock starts."""

import asyncio
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping
from typing import Final

import msgspec
from msgspec import Struct

from bench.contenders import Costs, Ground, Run, Who, running
from bench.figures import Figures, Measure, figures

_POLL: Final = 0.02
_LONGEST: Final = 120.0


class BenchError(Exception):
    """What was measured isn't what was to be done."""


class _Cause(Struct):
    id: str


class _Outcome(Struct):
    cause: _Cause
    final: bool


cause_of: Final = msgspec.json.Decoder(_Outcome).decode


class Loaded(Struct, frozen=True):
    """A topic that holds two events of each order; `ends`: event id to the outcome it must end in."""

    topic: str
    orders: int
    ends: Mapping[str, str]

    @property
    def events(self) -> int:
        return 2 * self.orders


class Mark(Struct, frozen=True):
    at: float
    done: int
    costs: Costs


async def reached(run: Run, progress: Callable[[], Awaitable[int]], wanted: int) -> Mark:
    """When progress is that far, and what it had cost by then."""
    deadline = time.monotonic() + _LONGEST
    while True:
        done = await progress()
        at = time.monotonic()
        if done >= wanted:
            return Mark(at, done, await run.costs())
        run.must_live()
        if at > deadline:
            raise BenchError(f"{run.process.name}: {done} of {wanted} after {_LONGEST:.0f} s\n{run.process.tail()}")
        await asyncio.sleep(_POLL)


async def intake(ground: Ground, who: Who, round_: int, load: Loaded) -> Figures:
    """Intake alone, from the first batch that is in the database to the last."""
    async with running(ground, who, "intake", load.topic) as run:
        first = await reached(run, run.taken_in, 1)
        last = await reached(run, run.taken_in, load.events)
        orders = await run.database.fetchval("SELECT count(*) FROM orders")
        if orders != load.orders:
            raise BenchError(f"{who}: {orders} orders in the database, not {load.orders}")
    return _between("intake", who, round_, first, last)


async def relay(ground: Ground, who: Who, round_: int, topic: str, rows: int) -> Figures:
    """Relay alone, from the first outcomes that are published to the last, and until the outbox is empty."""
    template = "ordersaga_relay" if who == "ordersaga" else "floor_relay"
    async with running(ground, who, "relay", topic, template=template) as run:

        async def emptied() -> int:
            return 0 if await run.database.fetchval("SELECT EXISTS (SELECT 1 FROM outbox)") else rows

        first = await reached(run, run.published, 1)
        await reached(run, run.published, rows)
        last = await reached(run, emptied, rows)
        if await run.published() != rows:
            raise BenchError(f"{who}: {await run.published()} outcomes published, not {rows}")
    return _between("relay", who, round_, first, last)


async def full_way(
    ground: Ground,
    who: Who,
    round_: int,
    load: Loaded,
    delay_ms: int,
    *,
    kept: str = "",
    measure: Measure | None = None,
) -> Figures:
    """From the first batch that is in the database to the last outcome on the topic. `kept`: on this database."""
    async with running(ground, who, "all", load.topic, delay_ms, kept=kept) as run:
        before = Counter(await run.asked())
        first = await reached(run, run.taken_in, 1)
        last = await reached(run, run.published, load.events)
        await verify(run, load.ends, Counter(await run.asked()) - before)
    usual: Measure = "full way, 0 ms" if delay_ms == 0 else "full way, 50 ms"
    return figures(measure or usual, who, round_, load.events, last.at - first.at, first.costs, last.costs)


def _between(measure: Measure, who: Who, round_: int, first: Mark, last: Mark) -> Figures:
    if last.done == first.done:
        raise BenchError(f"{measure}: {who} was done before it could be looked at, the load is too small")
    return figures(measure, who, round_, last.done - first.done, last.at - first.at, first.costs, last.costs)


async def verify(
    run: Run, ends: Mapping[str, str], asked: Mapping[str, int], wanted: Mapping[str, int] | None = None
) -> None:
    """Each event has exactly one final outcome, the right one, and the provider was asked for each exactly once.

    `wanted`: what it has to be asked for; None: each order is created and captured.
    """
    seen: dict[str, str] = {}
    left = await run.published()
    await run.outcomes.seek_to_beginning()
    while left > 0:
        for records in (await run.outcomes.getmany(timeout_ms=1000, max_records=5000)).values():
            left -= len(records)
            for record in records:
                outcome = cause_of(record.value)
                what = dict(record.headers)["ce_type"].decode().split(".")[2]
                if not outcome.final or outcome.cause.id in seen:
                    last = "isn't final" if not outcome.final else f"comes after {seen[outcome.cause.id]}"
                    raise BenchError(f"{run.process.name}: {what} for {outcome.cause.id} {last}")
                seen[outcome.cause.id] = what
    if seen != ends:
        wrong = [event for event, what in ends.items() if seen.get(event) != what]
        raise BenchError(f"{run.process.name}: {len(wrong)} events haven't ended as they must: {wrong[:3]}")
    wanted = wanted or {"create_order": len(ends) // 2, "capture": len(ends) // 2}
    if dict(asked) != wanted:
        raise BenchError(f"{run.process.name}: the provider was asked for {dict(asked)}, not {wanted}")
