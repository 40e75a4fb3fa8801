"""A platform that gives less time to stop than a hanging call takes."""

import asyncio

import pytest

from e2e.play import CAPTURES, Play, life, placed, shipped, until
from ordersaga_local.stage import Process

from .conftest import Opening
from .files import case_of

CASE = case_of("short-grace-while-calls-hang")
ORDERS = 40
LATER = 10
GRACE = 8.0
DEADLINE = 10.0
SETTINGS = {"ORDERSAGA_LEASE": "20", "ORDERSAGA_SHUTDOWN_TIMEOUT": "25"}
"""Neither a call's deadline nor the service's own patience ends within the grace."""


def _captures(play: Play) -> int:
    return sum(request["route"] == CAPTURES for request in play.sandbox.requests())


@pytest.mark.long
async def test_a_service_killed_while_its_captures_hang_captures_each_once(opened: Opening) -> None:
    async with opened(SETTINGS, call_deadline=DEADLINE) as play:
        service = play.service()
        await play.publish(map(placed, map(str, range(ORDERS))))
        await play.ended(ORDERS)
        hang = {"action": "hang", "method": "POST", "route": CAPTURES}
        play.sandbox.control("faults", "POST", hang | {"effect": True, "probability": 0.5, "seed": 31})
        play.sandbox.control("faults", "POST", hang)
        await play.publish(map(shipped, map(str, range(ORDERS))))
        await until(lambda: _captures(play) == ORDERS, 10, "not all captures were sent")
        await _stopped_by_force(play, service)
        took = len(play.sandbox.effects()) - ORDERS
        assert 0 < took < ORDERS, "some took effect, some didn't"
        play.sandbox.control("faults", "DELETE")
        service.start()
        await play.ended(2 * (ORDERS + LATER), 60)
        assert await play.lives_amiss(ORDERS + LATER) == [], CASE.why


async def _stopped_by_force(play: Play, service: Process) -> None:
    """SIGTERM, then SIGKILL; what comes meanwhile isn't begun."""
    stopping = asyncio.create_task(asyncio.to_thread(service.stop, GRACE))
    await asyncio.sleep(1)
    requests = len(play.sandbox.requests())
    await play.publish(life(f"later-{number}" for number in range(LATER)))
    assert await stopping is None, f"it ended by itself: {service.text()[-2000:]}"
    assert len(play.sandbox.requests()) == requests, "new work was begun"
