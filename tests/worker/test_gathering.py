"""Results gather for a batch, and none of them waits for long."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from typing import Any

import asyncpg
import pytest

from roles_harness import Roles, Shop, roles, until, until_async

from .test_no_result_at_fault import aside, break_settling
from .test_settling import hold_calls

SLOW = 60.0  # seconds of patience that no test waits for


@pytest.fixture
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ordersaga.worker.settler._PATIENCE", SLOW)


@asynccontextmanager
async def results_of(r: Roles, count: int) -> AsyncIterator[Shop]:
    """Calls of so many orders are answered at the end, all at once. The epoch is known by an order before."""
    shop = Shop()
    await r.take(shop.placed("first"))
    await r.until_idle()
    go_on, before = await hold_calls(r), len(r.fake.calls)
    await r.take(*(shop.placed(str(number)) for number in range(count)))
    await until(lambda: len(r.fake.calls) == before + count)
    yield shop
    go_on.set()


async def test_a_batch_that_is_held_up_holds_no_later_result_up(database: str) -> None:
    """Somebody keeps one of twenty rows locked."""
    async with roles(database) as r:
        other = await asyncpg.connect(database)
        async with other.transaction():
            async with results_of(r, 20) as shop:
                await other.execute("SELECT FROM orders WHERE subject = '3' FOR UPDATE")
            await until(lambda: bool(r.settler._under_way))
            for name in ("late", "later"):
                await r.take(shop.placed(name))
                await until_async(partial(_told, r, name))
            assert not await _told(r, "3")
        await other.close()
        await r.until_idle()
        assert len(await r.outcomes()) == 23


async def _told(r: Roles, subject: str) -> bool:
    return bool(await r.outcomes(subject))


@pytest.mark.usefixtures("patient")
async def test_half_as_many_results_as_are_under_way_are_enough(database: str, monkeypatch: pytest.MonkeyPatch) -> None:
    async with roles(database) as r:
        batches, go_on = await _held(r, monkeypatch)
        async with results_of(r, 10) as shop:
            go_on.clear()
        await until(lambda: batches[-1] == 10)
        await r.take(*(shop.placed(f"late-{number}") for number in range(4)))
        await until(lambda: r.settler._queue.qsize() == 4)
        assert batches[-1] == 10
        await r.take(shop.placed("late-4"))
        await until(lambda: batches[-1] == 5)
        go_on.set()
        await r.until_idle()
        assert r.settler._queue.empty()


async def test_a_batch_is_no_larger_than_the_settings_say(database: str, monkeypatch: pytest.MonkeyPatch) -> None:
    async with roles(database, slots={"default": 300}, settlers=1) as r:
        batches, _ = await _held(r, monkeypatch)
        async with results_of(r, 250):
            pass
        await r.until_idle()
        assert batches[-2:] == [200, 50]


async def _held(r: Roles, monkeypatch: pytest.MonkeyPatch) -> tuple[list[int], asyncio.Event]:
    """The sizes of batches, which wait while the event isn't set; it is."""
    right, batches, go_on = r.store.settle_if_unchanged, [0], asyncio.Event()
    go_on.set()

    async def held(settled: Any, *more: Any) -> Any:
        batches.append(len(settled))
        await go_on.wait()
        return await right(settled, *more)

    monkeypatch.setattr(r.store, "settle_if_unchanged", held)
    return batches, go_on


async def test_calls_that_were_counted_for_results_whose_settle_is_cancelled_are_given_back(
    database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with roles(database) as r:
        async with results_of(r, 0) as shop:
            batches, go_on = await _held(r, monkeypatch)
            go_on.clear()
        await r.take(shop.placed(), shop.shipped(quantity=3))
        await until(lambda: batches[-1] == 1)
        assert r.under_way == 1, "the capture's"
        for task in r.tasks:
            task.cancel()
        await asyncio.gather(*r.tasks, return_exceptions=True)
        assert r.under_way == 0


async def test_orders_that_fail_beside_others_that_are_settled_at_once_are_at_fault(database: str) -> None:
    """And there is something left to settle as long as they are tried again."""
    async with roles(database) as r:
        async with results_of(r, 1) as shop:
            await break_settling(database, "NEW.subject IN ('0', 'a', 'b', 'c', 'd')")
            await r.take(*(shop.placed(name) for name in "abcd"))
            await until(lambda: len(r.fake.calls) == 6)
        await until(lambda: r.settler._later == 5)
        drained = asyncio.create_task(r.settler.drained())
        for number in range(100):
            await r.take(shop.placed(f"good-{number}"))
            if drained.done():
                break
            await asyncio.sleep(0.1)
        assert await aside(database) == {"0", "a", "b", "c", "d"}
        await r.until_idle()
