"""An upgrade replica by replica under load, with a migration before it, the way back, and forward again."""

import asyncio
import time
from collections.abc import Callable

import pytest

from .conftest import Opening
from .play import PROVIDER, Play, slice_of_sample
from .rolling import NEWER, SHUTDOWN, Deployment, Load
from .test_stopping import IN_DOUBT

AS_IN_PRODUCTION = {"ORDERSAGA_LEASE": "30", "ORDERSAGA_INTAKE__SESSION_TIMEOUT": "45"}
SPLIT = (("intake",), ("worker",), ("relay",))
WARM = 6.0
"""Seconds of load before the upgrade."""


async def _upgrade(play: Play, deployments: list[Deployment]) -> list[float]:
    """Up, back while old replicas are live, and up again. The times between."""
    await asyncio.to_thread(play.stage.command, "migrate", script=NEWER)
    times = [time.time()]
    for script in (NEWER, None, NEWER):
        await asyncio.gather(*(one.roll(script) for one in deployments))
        times.append(time.time())
    return times


@pytest.mark.long
@pytest.mark.parametrize("split", [pytest.param(False, id="all in one"), pytest.param(True, id="roles apart")])
async def test_an_upgrade_replica_by_replica_loses_and_doubles_nothing_there_and_back(
    opened: Opening, say: Callable[[str], None], *, split: bool
) -> None:
    sample, of_sample = slice_of_sample(2)
    async with opened(AS_IN_PRODUCTION, call_deadline=10.0) as play:
        play.sandbox.control("switches", "PUT", PROVIDER)
        deployments = [Deployment(play, roles) for roles in (SPLIT if split else ((),))]
        await asyncio.gather(*(one.start(2) for one in deployments))
        load = Load(play, sample)
        loading = asyncio.create_task(load.run())
        await asyncio.sleep(2)  # until the first batches are through
        begun = time.time()
        await asyncio.sleep(WARM)
        before = time.time()
        times = await _upgrade(play, deployments)
        await asyncio.sleep(2)
        load.over = True
        await loading
        expected = load.expected(of_sample)
        await play.ended(len(expected.events(final=True)), 60)
        say(f"before: {load.progress(begun, before)}")
        say(f"migration: {load.progress(before, times[0])}")
        for what, since, then in zip(("upgrade", "back", "again"), times, times[1:], strict=False):
            say(f"{what} ({then - since:.0f} s): {load.progress(since, then)}")
        ended = [one for deployment in deployments for one in deployment.ended]
        say("stopped: " + ", ".join(f"{one.name} {one.seconds:.1f} s" for one in ended))
        assert [one for one in ended if one.code != 0 or one.seconds > SHUTDOWN] == []
        assert await play.inconsistencies(expected) == []
        assert play.doubled() == []
        assert await play.rows(IN_DOUBT) == []
