"""An upgrade under load: processes of two versions at once, of which the older one can't read what the newer one writes."""

import asyncio
from pathlib import Path

import pytest

from .conftest import Opening
from .play import Play, placed, shipped, until

NEWER = Path(__file__).with_name("newer_version.py")
ORDERS = 300
LEFT = "a result is left to another process"


async def names(play: Play, query: str) -> list[list[str]]:
    return [row["names"] for row in await play.rows(query)]


@pytest.mark.long
async def test_an_upgrade_loses_no_answer_and_keeps_the_order_of_events(opened: Opening) -> None:
    async with opened() as play:
        play.sandbox.control("faults", "POST", {"action": "delay", "seconds": 0.3})
        old = [play.service(f"old-{number}") for number in (1, 2)]
        await until(lambda: all('"running"' in play.logged(one.name) for one in old), 60, "not running")
        lives = [event for name in map(str, range(ORDERS)) for event in (placed(name), shipped(name))]
        publishing = asyncio.create_task(play.publish(lives, rate=60))
        await asyncio.sleep(1.5)
        new = play.service("new-1", script=NEWER)
        await until(lambda: '"reading"' in play.logged(new.name), 30, "not reading")
        await until(lambda: LEFT in play.logged("old-1", "old-2"), 30, "no worker had to leave an answer")
        for one in old:
            await asyncio.to_thread(one.stop)
        await publishing
        await play.ended(2 * ORDERS, 60)
        assert await play.lives_amiss(ORDERS) == []
        assert await play.dead_letter_codes() == {}
        told = "SELECT array_agg(name ORDER BY id) AS names FROM journal WHERE what = 'outcome' GROUP BY subject"
        assert await names(play, told) == [["authorized", "captured"]] * ORDERS
        sent = await play.rows(
            "SELECT subject, operation_id FROM journal WHERE what = 'call' AND note LIKE 'send: succeeded%'"
            " GROUP BY subject, operation_id HAVING count(*) > 1"
        )
        assert sent == [], "no answer was lost, so no request was repeated"


@pytest.mark.long
async def test_the_older_version_does_not_come_back(opened: Opening) -> None:
    async with opened() as play:
        old = play.service("old")
        await until(lambda: '"running"' in play.logged("old"), 60, "not running")
        play.service("new", script=NEWER)
        await until(lambda: '"running"' in play.logged("new"), 60, "not running")
        await asyncio.sleep(2)
        assert await names(play, "SELECT array[lowest_version::text] AS names FROM epoch") == [["1"]]
        old.kill()
        await play.rows("UPDATE heartbeats SET seen_at = now() - interval '61 s' WHERE version = 1")
        await asyncio.sleep(3)
        assert await names(play, "SELECT array[lowest_version::text] AS names FROM epoch") == [["2"]]
        again = play.service("again")
        assert await asyncio.to_thread(again.wait, 30) == 2
        assert "run the newer version" in again.tail(1)
