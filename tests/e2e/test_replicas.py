"""Several processes share the work; the others take over in time what a killed one leaves; nothing happens twice."""

import asyncio
import urllib.request

import pytest

from ordersaga_local.process import free_port
from ordersaga_local.stage import Process

from .conftest import Opening
from .play import LEASE, SESSION, Play, life, until

FIGURE = {
    "intake": "ordersaga_events_taken_in_total",
    "worker": "ordersaga_calls_total",
    "relay": "ordersaga_outcomes_published_total",
}
RELAY_LEASE = 5.0
"""Of the shards of outcomes; no setting."""


class Replica:
    """A process of the service with metrics."""

    def __init__(self, play: Play, name: str, *roles: str) -> None:
        self.roles = roles or tuple(FIGURE)
        self._port = free_port()
        self.process: Process = play.service(name, *roles, ORDERSAGA_METRICS_PORT=str(self._port))

    def done(self, role: str) -> float:
        """How much it has done in that role; 0 before it responds."""
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self._port}/metrics", timeout=5) as answer:
                lines = answer.read().decode().splitlines()
        except OSError:
            return 0.0
        return sum(float(line.rsplit(" ", 1)[1]) for line in lines if line.startswith(FIGURE[role]))


async def _share(replicas: list[Replica]) -> None:
    """Returns when each of them has done something in each of its roles."""

    def idle() -> list[str]:
        return [f"{one.process.name}: {role}" for one in replicas for role in one.roles if not one.done(role)]

    await until(lambda: not idle(), 20, lambda: f"have done nothing: {idle()}")


@pytest.mark.long
@pytest.mark.parametrize("split", [pytest.param(True, id="roles apart"), pytest.param(False, id="all in one")])
async def test_two_replicas_of_every_role_share_the_work_and_one_goes_on_when_the_other_is_killed(
    opened: Opening, *, split: bool
) -> None:
    async with opened() as play:
        play.sandbox.control("faults", "POST", {"action": "delay", "seconds": 0.05})
        roles = [(role,) for role in FIGURE] if split else [()]
        pairs = [[Replica(play, f"{'-'.join(of) or 'all'}-{number}", *of) for number in (1, 2)] for of in roles]
        everyone = [one for pair in pairs for one in pair]
        await until(lambda: all('"running"' in play.logged(one.process.name) for one in everyone), 60, "not running")
        await play.publish(life(str(number) for number in range(100)), rate=100)
        await _share(everyone)
        publishing = asyncio.create_task(play.publish(life(str(number) for number in range(100, 250)), rate=100))
        await asyncio.sleep(1)
        for one, _ in pairs:
            await asyncio.to_thread(one.process.kill)
        await publishing
        await play.ended(500, 30)
        slowest = max(play.books.latencies)
        print(f"one of each killed: the slowest outcome came {slowest:.1f} s after its event")
        assert slowest < SESSION + LEASE + RELAY_LEASE
        assert await play.lives_amiss(250) == []
