"""Postgres fails over to a standby that lacks the last commits, while the service runs."""

import asyncio
from collections import Counter

import pytest

from ordersaga_local import accounts
from ordersaga_local.parts import Kafka, Parts, Postgres
from ordersaga_local.postgres import LocalPostgres, LocalStandby
from ordersaga_local.switch_proxy import SwitchProxy

from .play import Play, life, playing

ORDERS = 300
LOST = "no commit was lost, so that the test shows nothing"


@pytest.mark.long
async def test_a_failover_that_lacks_the_last_commits_loses_and_doubles_nothing(kafka: Kafka) -> None:
    with LocalPostgres() as primary, LocalStandby(primary) as standby, SwitchProxy(primary.port) as proxy:
        address = f"postgresql://postgres@127.0.0.1:{proxy.port}/postgres"
        async with playing(Parts(kafka, Postgres(address, str(primary))), None) as play:
            play.sandbox.control("faults", "POST", {"action": "delay", "effect": True, "seconds": 0.05})
            services = [play.service("one"), play.service("two")]
            publishing = asyncio.create_task(play.publish(life(map(str, range(ORDERS))), rate=40))
            await play.ended(100)
            await asyncio.to_thread(standby.disconnect)
            await asyncio.sleep(2)
            before = await stored(play)
            await asyncio.to_thread(primary.kill)
            await asyncio.to_thread(standby.promote)
            proxy.switch(standby.port)
            assert await stored(play) < before, LOST
            await publishing
            await play.ended(2 * ORDERS, 60)
            assert await amiss(play) == []
            assert await play.rows("SELECT epoch FROM epoch") == [(2,)], "one process raised it, once"
            told = [service.text().count("the database went back") for service in services]
            assert sum(told) > 0


async def stored(play: Play) -> int:
    """How many records are taken in."""
    ((count,),) = await play.rows("SELECT sum(next_offset)::bigint FROM intake_offsets")
    return int(count)


async def amiss(play: Play) -> list[str]:
    """What isn't as after each order was placed and shipped once. Outcomes may be told again, but not others."""
    effects = play.sandbox.effects()
    took = Counter(effect["kind"] for effect in effects)
    problems = [] if took == {"authorize": ORDERS, "capture": ORDERS} else [f"the provider took {took}"]
    told = {name: {final.what for final in finals} for name, finals in play.books.finals.items()}
    counts = Counter(what for whats in told.values() for what in whats)
    problems += [] if counts == {"authorized": ORDERS, "captured": ORDERS} else [f"the shop was told {counts}"]
    problems += [f"other bytes: {one}" for one in play.books.differing]
    return problems + accounts.doubled(effects) + await play.restless()
