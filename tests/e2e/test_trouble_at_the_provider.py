"""A provider that doesn't respond or is down stalls only its own calls; when it is back, calls increase slowly."""

import asyncio
import time
from pathlib import Path

import pytest

from ordersaga_local.stage import Process

from .conftest import Opening
from .play import Json, Play, life, placed

SLOTS = 16
MEBIBYTE = 1024


async def _timed(play: Play, run: str, orders: int) -> float:
    """Seconds until so many orders of the other merchant are placed and shipped."""
    before, started = len(play.books.finals), time.monotonic()
    await play.publish(life((f"{run}-{number}" for number in range(orders)), "gifts"))
    await play.ended(before + 2 * orders, 60)
    return time.monotonic() - started


@pytest.mark.long
async def test_more_stuck_orders_of_one_merchant_than_it_has_slots_do_not_slow_another_merchant(
    opened: Opening,
) -> None:
    orders, stuck = 1000, 3 * SLOTS
    async with opened(slots=SLOTS) as play:
        play.service()
        await _timed(play, "warm-up", 20)
        alone = await _timed(play, "alone", orders)
        play.sandbox.control("faults", "POST", {"action": "hang", "account": "default"})
        await play.publish(placed(f"stuck-{number}") for number in range(stuck))
        await asyncio.sleep(0.5)
        beside = await _timed(play, "beside", orders)
        print(f"{orders} orders: {alone:.1f} s alone, {beside:.1f} s beside {stuck} stuck ones of another merchant")
        assert beside < 3 * alone + 5
        assert not any(merchant == "default" for merchant, _, _ in play.books.finals)
        assert play.doubled() == []


def _memory(service: Process, what: str) -> float:
    """MiB. VmRSS: now; VmHWM: at most so far."""
    status = Path(f"/proc/{service.pid}/status").read_text()
    return int(status.split(f"{what}:")[1].split()[0]) / MEBIBYTE


def _crowding(requests: list[Json]) -> tuple[int, int]:
    """The maximum of concurrent requests, and of how far they exceeded the requests answered before plus one."""
    moments = sorted(
        [(one["received_at"], 1) for one in requests]
        + [(one["answered_at"] or one["received_at"], -1) for one in requests]
    )
    under_way = answered = most = beyond = 0
    for _, change in moments:
        under_way += change
        answered += change < 0
        most = max(most, under_way)
        beyond = max(beyond, under_way - answered - 1)
    return most, beyond


@pytest.mark.long
async def test_orders_that_wait_for_a_provider_that_is_down_cost_little_memory_and_all_end_when_it_is_back(
    opened: Opening,
) -> None:
    orders, seconds = 20_000, 60.0
    async with opened(merchants=("default",), slots=64) as play:
        service = play.service()
        await play.publish([placed("first")])
        await play.ended(1)
        before = _memory(service, "VmRSS")
        play.sandbox.kill()
        down = time.monotonic()
        await play.publish(placed(str(number)) for number in range(orders))
        await asyncio.sleep(max(0.0, down + seconds - time.monotonic()))
        play.sandbox.start()
        play.sandbox.control("faults", "POST", {"action": "delay", "seconds": 0.05})
        back = time.monotonic()
        await play.ended(orders + 1, 180)
        took, peak = time.monotonic() - back, _memory(service, "VmHWM")
        most, beyond = _crowding(play.sandbox.requests())
        print(f"{orders} orders, down for {seconds} s: memory {before:.0f} MiB before, {peak:.0f} at most;")
        print(
            f"all ended {took:.1f} s after; at most {most} calls at once, at the start {beyond} more than the ramp allows"
        )
        assert peak < 400
        assert most <= 64
        assert beyond <= 0
        assert play.doubled() == []
        assert await play.restless() == []
