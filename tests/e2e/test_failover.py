"""Postgres loses its last commits while the service runs: by a failover to a standby that lacks them, or as its disk is set back."""

import asyncio
import shutil
import subprocess
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import pytest

from ordersaga_local import accounts
from ordersaga_local.parts import Kafka, Parts, Postgres
from ordersaga_local.postgres import LocalPostgres, LocalStandby
from ordersaga_local.stage import Process
from ordersaga_local.switch_proxy import SwitchProxy

from .play import Play, life, playing

ORDERS = 300
SHOWS_NOTHING = "no commit was lost, so that the test shows nothing"


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
            assert await stored(play) < before, SHOWS_NOTHING
            await publishing
            await all_is_well(play, services)


@pytest.mark.long
async def test_a_disk_that_is_set_back_under_load_loses_and_doubles_nothing(kafka: Kafka, tmp_path: Path) -> None:
    """The server and its timeline stay the same."""
    with LocalPostgres() as server:
        data, copy = server.directory / "data", tmp_path / "copy"
        async with playing(Parts(kafka, Postgres(server.url(), str(server))), None) as play:
            play.sandbox.control("faults", "POST", {"action": "delay", "effect": True, "seconds": 0.05})
            services = [play.service("one"), play.service("two")]
            publishing = asyncio.create_task(play.publish(life(map(str, range(ORDERS))), rate=40))
            await play.ended(100)
            await asyncio.to_thread(server.stop)
            await asyncio.to_thread(copied, data, copy)
            await asyncio.to_thread(server.start)
            await play.ended(len(play.books.finals) + 80)
            before = await stored(play)
            await asyncio.to_thread(server.kill)
            await asyncio.to_thread(shutil.rmtree, data)
            await asyncio.to_thread(copied, copy, data)
            await asyncio.to_thread(server.start)
            assert await stored(play) < before, SHOWS_NOTHING
            await publishing
            await all_is_well(play, services)


def copied(source: Path, target: Path) -> None:
    """With owners and permissions."""
    subprocess.run(["/bin/cp", "-a", source, target], check=True)


async def stored(play: Play) -> int:
    """How many records are taken in."""
    ((count,),) = await play.rows("SELECT sum(next_offset)::bigint FROM intake_offsets")
    return int(count)


async def all_is_well(play: Play, services: Sequence[Process]) -> None:
    await play.ended(2 * ORDERS, 60)
    for _ in range(100):
        if not await play.restless():
            break
        await asyncio.sleep(0.1)
    assert await amiss(play) == []
    assert [tuple(row) for row in await play.rows("SELECT epoch FROM epoch")] == [(2,)]
    assert sum(service.text().count('"raised":true') for service in services) == 1, "one process raised it for all"


async def amiss(play: Play) -> list[str]:
    """What isn't as after each order was placed and shipped once. An outcome may be told again, but no other one."""
    effects = play.sandbox.effects()
    took = Counter(effect["kind"] for effect in effects)
    problems = [] if took == {"authorize": ORDERS, "capture": ORDERS} else [f"the provider took {took}"]
    told = {name: {final.what for final in finals} for name, finals in play.books.finals.items()}
    counts = Counter(what for whats in told.values() for what in whats)
    problems += [] if counts == {"authorized": ORDERS, "captured": ORDERS} else [f"the shop was told {counts}"]
    problems += [f"other bytes: {one}" for one in play.books.differing]
    return problems + accounts.doubled(effects) + await play.restless()
