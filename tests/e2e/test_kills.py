"""`kill -9` at any time, with answers lost beside it: the same end, every effect once."""

import asyncio
import random
from typing import Any

import pytest

from ordersaga_local.stage import Process

from .conftest import Opening
from .play import CAPTURES, CREATE, Json, Play, slice_of_sample, until

ORDER = "/ordermanagement/v1/orders/{order_id}"
LOST = (
    ("POST", CREATE),
    ("POST", CAPTURES),
    ("POST", f"{ORDER}/refunds"),
    ("POST", f"{ORDER}/cancel"),
    ("POST", f"{ORDER}/release-remaining-authorization"),
    ("PATCH", f"{ORDER}/authorization"),
)
READING = '"event":"reading"'
SETTLED = "SELECT operation_id FROM journal WHERE what = 'call' AND note LIKE 'send: succeeded%'"
PLACED = "SELECT merchant, subject FROM orders WHERE provider_order_id IS NOT NULL"


def _hinder(play: Play) -> None:
    """Most answers come late; some never, though the call took effect."""
    play.sandbox.control("switches", "PUT", {"pending_decision": "ACCEPTED", "pending_decision_after": 1})
    for seed, (method, route) in enumerate(LOST):
        where = {"method": method, "route": route, "seed": seed}
        play.sandbox.control("faults", "POST", where | {"action": "drop_after", "probability": 0.1})
        late = {"action": "delay", "effect": True, "seconds": 0.3, "probability": 0.8}
        play.sandbox.control("faults", "POST", where | late)
        play.sandbox.control("faults", "POST", where | {"action": "delay", "seconds": 0.1})


async def _unsettled(play: Play) -> int:
    """How many calls have taken effect at the provider without the database's knowing."""
    known: set[Any] = {row["operation_id"] for row in await play.rows(SETTLED)}
    known |= {tuple(row) for row in await play.rows(PLACED)}
    return sum(_call_of(effect) not in known for effect in play.sandbox.effects() if effect["by"] == "merchant")


def _call_of(effect: Json) -> Any:
    if effect["kind"] == "authorize":
        return effect["account"], effect["merchant_reference1"]
    return effect["idempotency_key"]


async def _kill(play: Play, service: Process, dice: random.Random, *, reading: bool) -> bool:
    """Kills it at a moment of its own after its calls have begun; were calls unsettled? `reading`: not before intake works.

    Intake does so only when Kafka has given up the member that was killed before.
    """
    before, met = len(play.sandbox.requests()), play.logged().count(READING)
    if reading:
        await until(lambda: play.logged().count(READING) > met, 20, play.logged)
    await until(lambda: len(play.sandbox.requests()) >= before + 3, 20, lambda: f"no calls: {play.logged()[-3000:]}")
    await asyncio.sleep(dice.uniform(0, 0.4))
    await asyncio.to_thread(service.kill)
    return await _unsettled(play) > 0


@pytest.mark.parametrize(
    ("each", "times"), [pytest.param(2, 3, id="three"), pytest.param(16, 24, id="two dozen", marks=pytest.mark.long)]
)
async def test_a_service_killed_again_and_again_comes_to_the_same_end(opened: Opening, each: int, times: int) -> None:
    events, expected = slice_of_sample(each)
    settings = {"ORDERSAGA_WAITS__ORDER": "5", "ORDERSAGA_WAITS__SHIPMENT": "5"}
    async with opened(settings, slots=4) as play:
        _hinder(play)
        publishing = asyncio.create_task(play.publish(events, rate=len(events) / 3))
        service, dice = play.service(), random.Random(times)
        unsettled = 0
        for number in range(times):
            unsettled += await _kill(play, service, dice, reading=number % 5 == 2)
            service.start()
        assert unsettled >= times / 2
        await publishing
        await play.ended(len(expected.events(final=True)), 120)
        assert await play.amiss(expected) == []
