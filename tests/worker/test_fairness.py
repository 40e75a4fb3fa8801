"""The longest due is served first, however busy an account is, and its next orders are leased before a call ends."""

import asyncio
import time
from collections.abc import Callable

import pytest

from ordersaga.domain.model.outcomes import Call, Send
from ordersaga.domain.model.results import Result, Retryable
from ordersaga.providers.breaker import Breaker, Gate
from ordersaga.worker.bulkheads import Bulkhead
from roles_harness import Roles, Shop, roles, run_sql, until, until_async


def bulkhead(slots: int = 4, closed: Callable[[], bool] = lambda: False) -> Bulkhead:
    """`closed`: the gate of refunds."""
    refunding = Breaker(lambda: 0.0)
    refunding.room = lambda slots: 0 if closed() else slots  # type: ignore[method-assign]  # as if it were open
    gate = Gate(slots, lambda: 0.0, breaker=refunding)
    return Bulkhead(slots, {"placing": Gate(slots, lambda: 0.0), "refunding": gate})


def fill(one: Bulkhead) -> None:
    while one.reserve("placing"):
        pass


def claim(one: Bulkhead, **used: int) -> bool:
    claimable = one.claimable(100)
    assert claimable is not None
    one.acquire_claimable(claimable)
    one.release_unclaimed(claimable, used)
    return one.claimed(claimable, used)


def end(one: Bulkhead, calls: int) -> None:
    for _ in range(calls):
        one.end_call("placing", None)
        one.release()


# who gets the next slot


def test_after_a_refusal_nobody_goes_before_those_that_wait() -> None:
    one = bulkhead()
    fill(one)
    end(one, 2)
    assert not one.reserve("placing")
    assert not one.reserve("refunding"), "slots are shared by all kinds"
    assert not claim(one, placing=1)
    assert one.reserve("placing"), "the claim found all that waited"


def test_who_is_refused_during_a_claim_waits_for_the_next_one() -> None:
    one = bulkhead()
    fill(one)
    end(one, 3)
    claimable = one.claimable(100)
    assert claimable is not None
    one.acquire_claimable(claimable)
    assert not one.reserve("placing")
    one.release_unclaimed(claimable, {"placing": 1})
    one.claimed(claimable, {"placing": 1})
    assert not one.reserve("placing")
    assert not claim(one)
    assert one.reserve("placing")


def test_a_claim_that_fills_all_slots_may_have_left_some() -> None:
    one = bulkhead()
    assert claim(one, placing=2)
    assert not one.reserve("placing")
    assert not claim(one)
    assert one.reserve("placing")


def test_a_claim_takes_all_free_slots_if_orders_wait_and_half_of_them_otherwise() -> None:
    one = bulkhead(8)
    found = one.claimable(100)
    assert found is not None
    assert found.most == 4
    fill(one)
    end(one, 8)
    found = one.claimable(100)
    assert found is not None
    assert found.most == 8


def test_orders_of_a_kind_whose_calls_are_stopped_keep_nobody_waiting() -> None:
    stopped = [True]
    one = bulkhead(closed=lambda: stopped[0])
    assert not one.reserve("refunding")
    assert one.reserve("placing")
    stopped[0] = False
    assert not one.reserve("placing"), "the refund is older"
    assert not one.reserve("refunding"), "and so is it than another one"


@pytest.mark.parametrize(("slots", "calls", "ended"), [(8, None, 1), (8, 4, 2)])
def test_a_claim_is_worth_it_when_some_slots_are_free(slots: int, calls: int | None, ended: int) -> None:
    one = Bulkhead(slots, {"placing": Gate(slots, lambda: 0.0)}, calls)
    fill(one)
    one.worth_claiming.clear()
    end(one, ended - 1)
    assert not one.worth_claiming.is_set()
    end(one, 1)
    assert one.worth_claiming.is_set()


async def test_orders_are_called_for_in_the_order_in_which_they_became_due(database: str) -> None:
    async with roles(database, slots={"default": 3}) as r:
        shop, gate = Shop(), asyncio.Event()
        wait(r, gate)
        for first in range(0, 12, 4):
            await r.take(*(shop.placed(f"{number:02}") for number in range(first, first + 4)))
        r.start_claiming()
        gate.set()
        await until(lambda: len(r.fake.calls) >= 8)
        await r.take(*(shop.placed(f"{number:02}") for number in range(12, 16)))
        await until(lambda: len(r.fake.calls) == 16)
        places = [int(one) for one in called(r)]
        assert all(abs(number - place) < 4 for place, number in enumerate(places)), "only within a batch"
        await r.until_slots_free()


# who waits for a turn


def wait(r: Roles, gate: asyncio.Event) -> None:
    async def answer(_call: Call) -> Result | None:
        await gate.wait()
        return None

    r.fake.on_call = answer


def called(r: Roles) -> list[str]:
    return [one.operation.cause.id.removeprefix("placed-") for one in r.fake.calls if isinstance(one, Send)]


async def leases(database: str) -> int:
    ((count,),) = await run_sql(database, "SELECT count(*) FROM orders WHERE lease_owner IS NOT NULL")
    return int(count)


async def test_as_many_are_called_for_as_there_are_calls_and_the_next_ones_follow_at_once(database: str) -> None:
    async with roles(database, slots={"default": 6}, calls=2) as r:
        shop, gate = Shop(), asyncio.Event()
        wait(r, gate)
        await r.take(*(shop.placed(str(number)) for number in range(8)))
        await asyncio.sleep(0.1)
        assert (called(r), r.slots_in_use, await leases(database)) == (["0", "1"], 6, 6)
        gate.set()
        await until(lambda: called(r) == list("012345"))
        await r.until_slots_free()


async def test_who_waits_is_handed_back_when_its_account_is_paused(database: str) -> None:
    async with roles(database, slots={"default": 6}, calls=2) as r:
        shop, gate = Shop(), asyncio.Event()
        wait(r, gate)
        await r.take(*(shop.placed(str(number)) for number in range(6)))
        await until(lambda: len(r.fake.calls) == 2)
        await r.store.pause("somebody", "default", "klarna")
        r.bulkheads.pause(await r.store.paused())
        gate.set()
        await r.until_slots_free()
        assert (called(r), await leases(database)) == (["0", "1"], 0)
        await r.store.resume("somebody", "default", "klarna")
        r.bulkheads.pause(await r.store.paused())
        r.start_claiming()
        await until(lambda: sorted(called(r)) == list("012345"))


async def test_who_waits_is_handed_back_when_the_breaker_opens(database: str) -> None:
    breaker = Breaker(time.monotonic, least=2, window=4, cooldown=0.5)
    async with roles(database, slots={"default": 6}, calls=2, breaker=breaker) as r:
        shop = Shop()

        async def down(_call: Call) -> Result | None:
            await asyncio.sleep(0.05)
            return Retryable("refused") if len(r.fake.calls) <= 2 else None

        r.fake.on_call = down
        await r.take(*(shop.placed(str(number)) for number in range(6)))
        await until(lambda: breaker.is_open)
        await r.until_slots_free()
        assert called(r) == ["0", "1"]
        r.start_claiming()
        await until_async(lambda: all_placed(r))


async def all_placed(r: Roles) -> bool:
    return len(await r.outcomes()) == 6


async def test_who_waits_is_handed_back_at_once_when_the_process_stops(database: str) -> None:
    async with roles(database, slots={"default": 6}, calls=2) as r:
        shop, gate = Shop(), asyncio.Event()
        wait(r, gate)
        await r.take(*(shop.placed(str(number)) for number in range(6)))
        await until(lambda: len(r.fake.calls) == 2)
        stopping = asyncio.create_task(r.worker.stop(5.0))
        await until_async(lambda: two_leases(database))
        gate.set()
        await stopping
        assert (called(r), await leases(database)) == (["0", "1"], 0)


async def two_leases(database: str) -> bool:
    return await leases(database) == 2


async def test_calls_of_one_kind_that_hang_leave_some_to_the_others() -> None:
    one = Bulkhead(32, {"placing": Gate(28, lambda: 0.0), "refunding": Gate(28, lambda: 0.0)}, 16)
    going, hanging = [0], asyncio.Event()

    async def refund() -> None:
        assert one.reserve("refunding")
        async with one.turn("refunding"):
            going[0] += 1
            await hanging.wait()

    tasks = [asyncio.create_task(refund()) for _ in range(28)]
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert (going[0], one.reserve("refunding")) == (14, False)
    assert one.reserve("placing")
    async with asyncio.timeout(1), one.turn("placing"):
        pass
    hanging.set()
    await asyncio.gather(*tasks)
    assert going[0] == 28
