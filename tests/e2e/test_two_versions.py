"""An upgrade under load: processes of two versions at once, of which the older one can't read what the newer one writes."""

import asyncio
from pathlib import Path

import pytest

from .conftest import Opening
from .play import CREATE, Play, placed, shipped, until

NEWER = Path(__file__).with_name("newer_version.py")
ORDERS = 120
UNDER_WAY = 30
LEFT = "a result is left to another process"


async def names_of(play: Play, query: str) -> list[list[str]]:
    return [row["names"] for row in await play.rows(query)]


@pytest.mark.long
async def test_an_upgrade_loses_no_answer_and_keeps_the_order_of_events(opened: Opening) -> None:
    async with opened({"ORDERSAGA_LEASE": "30"}, call_deadline=14.0) as play:
        slow = {"action": "delay", "seconds": 9, "route": CREATE, "times": UNDER_WAY, "probability": 1.0}
        play.sandbox.control("faults", "POST", slow)
        intake = play.service("old-intake", "intake")
        worker = play.service("old-worker", "worker", "relay")
        names = [str(number) for number in range(ORDERS)]
        first, others = names[:UNDER_WAY], names[UNDER_WAY:]
        await play.publish(placed(name) for name in first)
        await until(lambda: calls(play) == UNDER_WAY, 60, "not called")
        await asyncio.to_thread(intake.stop)
        await asyncio.to_thread(play.stage.command, "migrate", script=NEWER)
        play.service("new", script=NEWER)
        await play.publish(shipped(name) for name in first)
        await until(
            lambda: play.logged("old-worker").count(LEFT) == UNDER_WAY, 30, "no worker had to leave its answers"
        )
        await play.publish((event for name in others for event in (placed(name), shipped(name))), rate=100)
        await asyncio.to_thread(worker.stop)
        await play.ended(2 * ORDERS, 60)
        assert await play.lives_amiss(ORDERS) == []
        assert await play.dead_letter_codes() == {}
        told = "SELECT array_agg(name ORDER BY id) AS names FROM journal WHERE what = 'outcome' GROUP BY subject"
        assert await names_of(play, told) == [["authorized", "captured"]] * ORDERS
        assert calls(play) == 2 * ORDERS, "no answer was lost, so no request was repeated"


def calls(play: Play) -> int:
    return len([one for one in play.sandbox.requests() if one["method"] != "GET"])


@pytest.mark.long
async def test_the_older_version_does_not_come_back(opened: Opening) -> None:
    async with opened() as play:
        old = play.service("old")
        await until(lambda: '"running"' in play.logged("old"), 60, "not running")
        await asyncio.to_thread(play.stage.command, "migrate", script=NEWER)
        play.service("new", script=NEWER)
        await until(lambda: '"running"' in play.logged("new"), 60, "not running")
        await asyncio.sleep(2)
        assert await names_of(play, "SELECT array[lowest_version::text] AS names FROM epoch") == [["1"]]
        old.kill()
        await play.rows("UPDATE heartbeats SET seen_at = now() - interval '61 s' WHERE version = 1")
        await play.rows("UPDATE heartbeats SET since = now() - interval '61 s' WHERE version = 2")
        await asyncio.sleep(3)
        assert await names_of(play, "SELECT array[lowest_version::text] AS names FROM epoch") == [["2"]]
        again = play.service("again")
        assert await asyncio.to_thread(again.wait, 30) == 2
        assert "run the newer version" in again.tail(1)
