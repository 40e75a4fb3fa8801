"""A graceful stop finishes calls under way, hands other orders back, and leaves no call uncertain."""

import asyncio
from collections.abc import Sequence
from typing import Any

import pytest

from ordersaga.domain.model.outcomes import Call
from ordersaga.domain.model.results import Result
from ordersaga.store.claims import Claimed, FreeSlots
from ordersaga.store.settle import SettleTransaction
from roles_harness import Roles, Shop, roles, run_sql, until

UNCERTAIN = "SELECT subject FROM orders WHERE calling_since IS NOT NULL ORDER BY subject"


async def uncertain(database: str) -> list[str]:
    return [row["subject"] for row in await run_sql(database, UNCERTAIN)]


async def test_calls_under_way_end_and_are_settled_and_no_other_begins(
    database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    right = SettleTransaction.lock

    async def slow(tx: SettleTransaction, keys: Any) -> Any:
        await asyncio.sleep(0.1)
        return await right(tx, keys)

    monkeypatch.setattr(SettleTransaction, "lock", slow)
    async with roles(database) as r:
        shop, go_on = Shop(), asyncio.Event()

        async def wait(_call: Call) -> Result | None:
            await go_on.wait()
            return None

        r.fake.on_call = wait
        await r.take(*(shop.placed(str(number)) for number in range(5)))
        await r.take(*(shop.shipped(str(number)) for number in range(5)))
        await until(lambda: len(r.fake.calls) == 5)
        stopping = asyncio.create_task(r.worker.stop(5.0))
        await asyncio.sleep(0.05)
        assert not stopping.done()
        go_on.set()
        await stopping
        assert r.fake.made == ["Send create_order"] * 5
        assert [one["type"] for one in await r.outcomes()] == ["authorized"] * 5
        assert await uncertain(database) == []
        assert (r.slots_in_use, r.under_way) == (0, 0)
        assert len((await r.claim_as()).orders) == 5, "their captures are due, for whoever comes next"


async def test_a_call_that_takes_too_long_is_left_to_its_lease(database: str) -> None:
    async with roles(database) as r:
        shop, never = Shop(), asyncio.Event()

        async def hang(call: Call) -> Result | None:
            assert call.operation
            if call.operation.cause.id == "placed-1":
                await never.wait()
            return None

        r.fake.on_call = hang
        await r.take(shop.placed("1"), shop.placed("2"))
        await until(lambda: len(r.fake.calls) == 2)
        await r.worker.stop(0.2)
        assert await uncertain(database) == ["1"]
        assert (r.slots_in_use, r.under_way) == (0, 0)


async def test_what_was_claimed_and_not_sent_goes_back(database: str) -> None:
    async with roles(database, dispatcher=False) as r:
        shop = Shop()
        await r.take(*(shop.placed(str(number)) for number in range(5)))
        right, claimed = r.store.claim, asyncio.Event()

        async def slow(bulkheads: Sequence[FreeSlots], owner: str, lease: float) -> Claimed:
            found = await right(bulkheads, owner, lease)
            claimed.set()
            await asyncio.sleep(0.1)
            return found

        r.store.claim = slow  # type: ignore[method-assign,assignment]  # the answer takes its time
        r.start_claiming()
        await claimed.wait()
        assert len(await uncertain(database)) == 5
        await r.worker.stop(5.0)
        assert await uncertain(database) == []
        assert r.fake.calls == []
        await r.until_slots_free()


async def test_what_a_settle_had_passed_on_to_its_next_call_goes_back_too(
    database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with roles(database) as r:
        reached, go_on, right = asyncio.Event(), asyncio.Event(), SettleTransaction.write

        async def slow(tx: SettleTransaction, *given: object) -> object:
            reached.set()
            await go_on.wait()
            return await right(tx, *given)  # type: ignore[arg-type]  # passed on

        monkeypatch.setattr(SettleTransaction, "write", slow)
        shop = Shop()
        await r.take(shop.placed(), shop.shipped())
        await reached.wait()
        stopping = asyncio.create_task(r.worker.stop(5.0))
        await asyncio.sleep(0.05)
        go_on.set()
        await stopping
        assert r.fake.made == ["Send create_order"]
        assert await uncertain(database) == []
        await r.until_slots_free()


async def test_intake_hands_nothing_to_a_worker_that_stops(database: str) -> None:
    async with roles(database) as r:
        await r.worker.stop(1.0)
        await r.take(Shop().placed())
        assert (r.slots_in_use, r.fake.calls) == (0, [])
        assert len((await r.claim_as()).orders) == 1


async def test_the_next_start_finishes_everything(database: str) -> None:
    shop = Shop()
    async with roles(database) as first:
        await first.take(*(shop.placed(str(number)) for number in range(20)))
        await first.take(*(shop.shipped(str(number), 3) for number in range(20)))
        await until(lambda: len(first.fake.calls) >= 5)
        await first.worker.stop(5.0)
        klarna, made = first.fake.klarna, len(first.fake.calls)
        assert await uncertain(database) == []
    async with roles(database, owner="w2") as second:
        second.fake.klarna = klarna
        second.start_claiming()
        await until(lambda: made + len(second.fake.calls) >= 40)
        await second.until_idle()
        await _ended(second)
        assert set(klarna.effects.values()) == {1}


async def _ended(r: Roles) -> None:
    assert [one["type"] for one in await r.outcomes()] == ["authorized", "captured"] * 20
