"""Slots per merchant and provider: what is stuck, down or paused takes no slots from others, and no slot is ever lost."""

import asyncio
import time
from collections import Counter

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ordersaga.domain.model.outcomes import CALL_KINDS, Call, CallKind, Next
from ordersaga.domain.model.results import Rejected, Result, Retryable
from ordersaga.providers.breaker import Breaker, Gate
from ordersaga.store.errors import StoreUnavailableError
from ordersaga.store.upkeep import PartitionEnd
from ordersaga.worker.bulkheads import Bulkhead, Bulkheads
from ordersaga.worker.leases import LeasedOrder
from ordersaga.worker.worker import Worker
from roles_harness import TOPIC, Shop, gives, roles, until

from .test_settling import hold_calls

TWO = {"a": 8, "b": 8}


async def test_more_stuck_orders_of_one_merchant_than_slots_while_a_thousand_of_another_finish(database: str) -> None:
    async with roles(database, slots=TWO, dispatcher=False, settlers=3) as r:
        shop = Shop()
        never = asyncio.Event()

        async def stuck(call: Call) -> Result | None:
            assert call.operation
            if call.operation.cause.id.startswith("placed-stuck"):
                await never.wait()
            return None

        r.fake.on_call = stuck
        await r.take(*(shop.placed(f"stuck-{number}", merchant="a") for number in range(40)))
        for first in range(0, 1_000, 250):
            await r.take(*(shop.placed(f"{number}", merchant="b") for number in range(first, first + 250)))
        r.start_claiming()
        await until(lambda: len(r.fake.calls) >= 1_007, 60.0)  # one of the 8 slots is for other kinds of calls
        await until(lambda: r.slots_in_use == 8)
        assert len(await r.outcomes()) == 1_000
        assert r.under_way == 8


async def test_orders_of_a_provider_that_is_down_are_not_claimed(database: str) -> None:
    now = [0.0]
    breaker = Breaker(lambda: now[0], least=3, window=4, cooldown=100.0)
    async with roles(database, dispatcher=False, breaker=breaker) as r:
        shop = Shop()
        r.fake.on_call = gives(Retryable("refused"))
        await r.take(*(shop.placed(str(number)) for number in range(3)))
        await r.worker.claim()
        await r.until_idle()
        assert breaker.is_open
        r.fake.on_call = None
        await asyncio.sleep(0.1)
        await r.worker.claim()
        assert len(r.fake.calls) == 3
        assert len((await r.claim_as("other", 0.0)).orders) == 3, "another process may still find it up"


async def test_after_an_outage_calls_come_back_one_two_four(database: str) -> None:
    breaker = Breaker(time.monotonic, least=4, window=8, cooldown=0.2)
    async with roles(database, dispatcher=False, breaker=breaker) as r:
        shop, most, acting, is_up = Shop(), [], 0, [False]

        async def answer(call: Call) -> Result | None:
            nonlocal acting
            if not is_up[0]:
                return Retryable("refused")
            acting += 1
            most.append(acting)
            await asyncio.sleep(0.03)
            acting -= 1
            return None

        r.fake.on_call = answer
        await r.take(*(shop.placed(str(number)) for number in range(60)))
        await r.worker.claim()
        await r.until_idle()
        assert breaker.is_open
        is_up[0] = True
        r.start_claiming()
        await until(lambda: len(most) == 60)
        assert max(most[:1]) == 1
        assert max(most[:3]) <= 2
        assert max(most[:7]) <= 4
        assert max(most) > 4
        await r.until_slots_free()


async def test_paused_orders_are_not_claimed_and_do_not_continue(database: str) -> None:
    async with roles(database, slots=TWO) as r:
        shop, go_on = Shop(), asyncio.Event()

        async def wait(_call: Call) -> Result | None:
            await go_on.wait()
            return None

        r.fake.on_call = wait
        await r.take(shop.placed("1", merchant="a"), shop.shipped("1", merchant="a"))
        await until(lambda: len(r.fake.calls) == 1)
        await r.store.pause("somebody", "a", "klarna")
        r.bulkheads.pause(await r.store.paused())
        await r.take(shop.placed("2", merchant="a"), shop.placed("3", merchant="b"))
        go_on.set()
        await r.until_idle()
        assert await r.outcome_types("1") == ["authorized"], "what was under way is settled, its capture waits"
        assert await r.outcome_types("2") == []
        assert await r.outcome_types("3") == ["authorized"]
        await r.worker.claim()
        assert (r.slots_in_use, len(r.fake.calls)) == (0, 2)
        await r.store.resume("somebody", "a", "klarna")
        r.bulkheads.pause(await r.store.paused())
        r.start_claiming()
        await until(lambda: len(r.fake.calls) == 4)
        await r.until_slots_free()


async def test_a_pause_holds_for_all_that_its_words_name() -> None:
    class Switch:
        def __init__(self, merchant: str, provider: str) -> None:
            self.merchant, self.provider = merchant, provider

    bulkheads = Bulkheads({("a", "klarna"): Bulkhead(1), ("a", ""): Bulkhead(1), ("b", "klarna"): Bulkhead(1)})

    def paused(*switches: Switch) -> set[tuple[str, str]]:
        bulkheads.pause(switches)
        return {place for place, bulkhead in bulkheads if not bulkhead.room("placing")}

    assert paused(Switch("a", "klarna")) == {("a", "klarna")}
    assert paused(Switch("a", "*")) == {("a", "klarna"), ("a", "")}
    assert paused(Switch("*", "klarna")) == {("a", "klarna"), ("b", "klarna")}
    assert paused(Switch("*", "*")) == {place for place, _ in bulkheads}
    assert paused() == set()


async def test_a_429_pauses_the_account_for_as_long_as_it_says(database: str) -> None:
    async with roles(database) as r:
        shop = Shop()
        r.fake.on_call = gives(Retryable("rate limit", after=0.5, status=429))
        began = time.monotonic()
        await r.take(shop.placed("1"))
        await r.until_idle()
        r.fake.on_call = None
        await r.take(shop.placed("2"))
        await r.worker.claim()
        assert (r.slots_in_use, len(r.fake.calls)) == (0, 1)
        r.start_claiming()
        await until(lambda: len(r.fake.calls) == 3)
        assert time.monotonic() - began > 0.5


async def test_orders_of_a_merchant_that_is_configured_no_more_are_left_and_show_as_overdue(database: str) -> None:
    async with roles(database, slots=TWO, dispatcher=False) as before, roles(database, slots={"b": 8}) as r:
        shop = Shop()
        await before.take(shop.placed("1", merchant="a"), shop.placed("2", merchant="b"))
        r.start_claiming()
        await until(lambda: len(r.fake.calls) == 1)
        await r.until_idle()
        assert await r.outcome_types("2") == ["authorized"]
        statistics = await r.store.statistics(late=0.0)
        assert [(count.first, count.number) for count in statistics.overdue] == [("a", 1)]
        claims = r.store.engine.counts["claim"].statements
        await asyncio.sleep(0.4)
        assert r.store.engine.counts["claim"].statements - claims < 40


async def test_nothing_due_is_asked_for_now_and_then_and_not_all_the_time(database: str) -> None:
    async with roles(database, rules={"backoff": 30.0, "backoff_most": 60.0}) as r:
        shop = Shop()
        r.fake.on_call = gives(Retryable("503", status=503))
        r.start_claiming()
        await r.take(shop.placed("1"), shop.shipped("2"))
        await r.until_idle()
        claims = r.store.engine.counts["claim"].statements
        await asyncio.sleep(0.5)
        assert r.store.engine.counts["claim"].statements - claims < 40, "of a poll each 20 ms"
        assert len(r.fake.calls) == 1


async def test_a_claim_that_fails_gives_all_its_slots_back(database: str, monkeypatch: pytest.MonkeyPatch) -> None:
    async with roles(database, dispatcher=False) as r:
        await r.take(Shop().placed())

        async def away(*_: object) -> None:
            raise StoreUnavailableError("away")

        with monkeypatch.context() as patch:
            patch.setattr(r.store, "claim", away)
            with pytest.raises(StoreUnavailableError):
                await r.worker.claim()
        assert (r.slots_in_use, r.under_way) == (0, 0)


async def test_a_full_bulkhead_does_not_make_the_claims_of_others_any_faster(database: str) -> None:
    async with roles(database, slots=TWO) as r:
        shop, never = Shop(), asyncio.Event()

        async def stuck(_call: Call) -> Result | None:
            await never.wait()
            return None

        r.fake.on_call = stuck
        await r.take(*(shop.placed(str(number), merchant="a") for number in range(8)))
        r.start_claiming()
        await asyncio.sleep(0.5)
        assert r.store.engine.counts["claim"].statements < 40, "of a poll each 20 ms"


async def test_a_deadline_that_passed_needs_no_provider(database: str) -> None:
    async with roles(database, rules={"waits_order": 0.2}) as r:
        await r.take(Shop().shipped())
        await asyncio.sleep(0.3)
        await r.store.record_caught_up([PartitionEnd(TOPIC, 0, 1)], 0.0)
        r.start_claiming()
        await until(lambda: r.woken > 0)
        await r.until_slots_free()
        (told,) = await r.outcomes()
        assert (told["type"], told["error"]["code"]) == ("rejected", "order_unknown")
        assert r.fake.calls == []


async def test_a_deadline_holds_until_all_that_was_sent_before_it_is_taken_in(database: str) -> None:
    async with roles(database, rules={"waits_order": 0.1}) as r:
        await r.take(Shop().shipped())
        r.start_claiming()
        await asyncio.sleep(0.4)
        await r.until_slots_free()
        assert await r.outcomes() == []


Step = tuple[str, int]


STEPS = ["acquire", "claim", "next call", "called", "not called", "release", "unused"]


@given(st.lists(st.tuples(st.sampled_from(STEPS), st.integers(1, 5))))
@settings(max_examples=200, suppress_health_check=[HealthCheck.too_slow], deadline=None)
def test_a_bulkhead_never_counts_below_zero_nor_beyond_its_slots(steps: list[Step]) -> None:
    """As it is used: for each slot a call is made or not, and then the slot is released or kept for another call."""
    gate = Gate(4, lambda: 0.0)
    bulkhead, calling, called = Bulkhead(4, {"placing": gate}), 0, 0
    for what, number in steps:
        match what:
            case "acquire" if bulkhead.reserve("placing"):
                calling += 1
            case "claim" if claimable := bulkhead.claimable(number):
                bulkhead.acquire_claimable(claimable)
                bulkhead.release_unclaimed(claimable, {"placing": 1})
                bulkhead.claimed(claimable, {"placing": 1})
                calling += 1
            case "next call" if called and bulkhead.allows_call("placing"):
                bulkhead.start_call("placing")
                called, calling = called - 1, calling + 1
            case "called" | "not called" if calling:
                bulkhead.end_call("placing", Rejected("no", status=403) if what == "called" else None)
                calling, called = calling - 1, called + 1
            case "release" if called:
                bulkhead.release()
                called -= 1
            case "unused" if calling:
                bulkhead.release_unused("placing")
                calling -= 1
            case _:
                pass
        assert (bulkhead.in_use, gate.under_way) == (calling + called, calling)
        assert bulkhead.in_use + bulkhead.room("placing") <= 4


async def test_an_order_that_waited_for_its_turn_is_looked_at_again_and_no_other_is(
    database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    looked, look = Counter[str](), Worker._next_step

    def counted(self: Worker, leased: LeasedOrder) -> Next | None:
        looked[leased.order.key.subject] += 1
        return look(self, leased)

    monkeypatch.setattr(Worker, "_next_step", counted)
    async with roles(database, calls=1) as r:
        shop, go_on = Shop(), await hold_calls(r)
        await r.take(shop.placed("1"))
        await until(lambda: len(r.fake.calls) == 1)
        await r.take(shop.placed("2"))
        await until(lambda: looked["2"] == 1)
        go_on.set()
        await r.until_idle()
    assert looked == {"1": 1, "2": 2}


async def test_who_is_cancelled_while_waiting_for_a_turn_gives_back_what_it_had() -> None:
    bulkhead = Bulkhead(4, {kind: Gate(4, time.monotonic) for kind in CALL_KINDS}, calls=2)
    async with bulkhead.turn("placing"), bulkhead.turn("capturing"):
        for _ in range(4):
            waiting = asyncio.create_task(_take_turn(bulkhead, "refunding"))
            await asyncio.sleep(0)
            waiting.cancel()
            await asyncio.gather(waiting, return_exceptions=True)
    await asyncio.wait_for(_take_turn(bulkhead, "refunding"), 5.0)


async def _take_turn(bulkhead: Bulkhead, kind: CallKind) -> None:
    async with bulkhead.turn(kind):
        pass
