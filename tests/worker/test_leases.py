"""Which worker may act for an order, and until when."""

import asyncio
import time
from collections import Counter

import pytest

from ordersaga.domain.model.order import Order, Request
from ordersaga.domain.model.outcomes import Call, Read, Send
from ordersaga.domain.model.results import Rejected, Result, Unknown
from ordersaga.store.claims import HandBack
from ordersaga.store.errors import StoreUnavailableError
from ordersaga.worker.leases import LeaseClock
from roles_harness import Roles, Shop, key, roles, run_sql, until

LOSE = "UPDATE orders SET lease_until = now(), due_at = now() WHERE lease_until IS NOT NULL"


class Clocks:
    """The two local clocks, which can be moved forward."""

    def __init__(self, lease: float) -> None:
        self.awake = 0.0
        self.asleep = 0.0
        self.lease = LeaseClock(
            lease,
            monotonic=lambda: time.monotonic() + self.awake,
            boottime=lambda: time.monotonic() + self.awake + self.asleep,
        )


def stopped_before_the_send(r: Roles) -> tuple[asyncio.Event, asyncio.Event]:
    """The worker stops between next_call and the call until the second event is set; it sets the first one there."""
    reached, go_on = asyncio.Event(), asyncio.Event()
    right = r.worker._call_or_hand_back

    async def act(*leased: object) -> object:
        reached.set()
        await go_on.wait()
        return await right(*leased)  # type: ignore[arg-type]  # passed on

    r.worker._call_or_hand_back = act  # type: ignore[method-assign,assignment]  # a pause, as the scheduler may make one
    return reached, go_on


@pytest.mark.parametrize("clock", ["awake", "asleep"])
async def test_a_lease_that_does_not_outlast_the_call_sends_nothing(database: str, clock: str) -> None:
    """The process was delayed, or its host was suspended, so that its monotonic clock stood still."""
    clocks = Clocks(30.0)
    async with roles(database, clock=clocks.lease, deadline=10.0) as r:
        reached, go_on = stopped_before_the_send(r)
        await r.take(Shop().placed())
        await reached.wait()
        setattr(clocks, clock, 20.5)
        go_on.set()
        await r.until_idle()
        assert r.fake.calls == []
        assert (r.slots_in_use, r.under_way) == (0, 0)
        (again,) = (await r.claim_as()).orders
        assert again.previous_since is None, "nothing was sent, so nothing is uncertain"


async def test_a_lease_that_outlasts_the_call_sends(database: str) -> None:
    clocks = Clocks(30.0)
    async with roles(database, clock=clocks.lease, deadline=10.0) as r:
        reached, go_on = stopped_before_the_send(r)
        await r.take(Shop().placed())
        await reached.wait()
        clocks.awake = 19.0
        go_on.set()
        await r.until_idle()
        assert r.fake.made == ["Send create_order"]


async def test_a_worker_that_was_held_up_leaves_the_call_to_the_one_that_has_the_order_now(database: str) -> None:
    clocks = Clocks(30.0)
    async with roles(database, clock=clocks.lease) as frozen, roles(database, owner="w2") as other:
        other.fake.klarna = frozen.fake.klarna
        reached, go_on = stopped_before_the_send(frozen)
        await frozen.take(Shop().placed())
        await reached.wait()
        await run_sql(database, LOSE)
        await other.worker.claim()
        await other.until_idle()
        clocks.awake = 31.0
        go_on.set()
        await frozen.until_idle()
        assert (frozen.fake.calls, other.fake.made) == ([], ["Send create_order"])
        assert await other.outcome_types() == ["authorized"]
        assert (frozen.slots_in_use, frozen.under_way) == (0, 0)


async def test_an_answer_after_the_lease_was_lost_is_evidence_and_nothing_else(database: str) -> None:
    async with roles(database) as late, roles(database, owner="w2") as other:
        other.fake.klarna = late.fake.klarna
        sent, answer = asyncio.Event(), asyncio.Event()

        async def hang(call: Call) -> Result | None:
            sent.set()
            await answer.wait()
            return None

        late.fake.on_call = hang
        await late.take(Shop().placed())
        await sent.wait()
        await run_sql(database, LOSE)
        await other.worker.claim()
        await other.until_idle()
        before = await other.shown()
        answer.set()
        await late.until_idle()
        after = await other.shown()
        assert (after.order, after.version, after.due_at) == (before.order, before.version, before.due_at)
        assert await other.outcome_types() == ["authorized"]
        calls = [entry.note for entry in after.journal if entry.what == "call"]
        assert len(calls) == 2
        assert len(after.journal) == len(before.journal) + 1
        assert sum(late.fake.klarna.effects.values()) == 1
        assert (late.slots_in_use, late.under_way) == (0, 0)


async def test_an_answer_after_the_lease_had_ended_counts_while_nobody_else_has_the_order(database: str) -> None:
    async with roles(database) as r:

        async def slow(_call: Call) -> Result | None:
            await run_sql(database, LOSE)
            return None

        r.fake.on_call = slow
        await r.take(Shop().placed())
        await r.until_idle()
        assert await r.outcome_types() == ["authorized"]


async def test_after_an_expired_lease_the_call_is_repeated_as_it_was(database: str) -> None:
    async with roles(database, dispatcher=False) as r:
        shop = Shop()
        await r.take(shop.placed())
        await r.worker.claim()
        await r.until_idle()
        await r.take(shop.shipped(quantity=3))
        (crashed,) = (await r.claim_as("gone", 0.0)).orders
        assert crashed.order.operations[0].type == "capture"
        r.fake.klarna.call(Send(crashed.order.operations[0], _request(crashed.order)), time.time())
        await r.worker.claim()
        await r.until_idle()
        sent = r.fake.calls[-1]
        assert isinstance(sent, Send)
        assert (sent.request, sent.operation.unknown) == (_request(crashed.order), True)
        (operation,) = [one for one in await r.outcomes() if one["type"] == "captured"]
        assert operation["operation"]["attempts"] == 2
        assert Counter(r.fake.klarna.effects.values()) == {1: 2}


async def test_an_answer_that_is_settled_late_does_not_make_the_key_younger(database: str) -> None:
    async with roles(database) as r:
        shop, go_on = Shop(), asyncio.Event()

        async def lose(_call: Call) -> Result | None:
            await go_on.wait()
            return Unknown("lost")

        r.fake.on_call = lose
        await r.take(shop.placed())
        await until(lambda: len(r.fake.calls) == 1)
        await run_sql(database, "UPDATE orders SET calling_since = calling_since - interval '2 hours'")
        go_on.set()
        await r.until_idle()
        (operation,) = (await r.order()).operations
        assert operation.first_sent is not None
        assert operation.first_sent < time.time() - 7_000


async def test_after_an_uncertain_call_a_refusal_is_not_final_and_the_order_is_read_first(database: str) -> None:
    async with roles(database, dispatcher=False) as r:
        shop = Shop()
        await r.take(shop.placed())
        await r.worker.claim()
        await r.until_idle()
        await r.take(shop.shipped(quantity=3))
        (crashed,) = (await r.claim_as("gone", 0.0)).orders
        r.fake.klarna.call(Send(crashed.order.operations[0], _request(crashed.order)), time.time())

        async def refuse_sends(call: Call) -> Result | None:
            return Rejected("CAPTURE_NOT_ALLOWED", status=403) if isinstance(call, Send) else None

        r.fake.on_call = refuse_sends
        r.start_claiming()
        await until(lambda: isinstance(r.fake.calls[-1], Read))
        await r.until_idle()
        assert await r.outcome_types() == ["authorized", "captured"]


async def test_a_lost_answer_is_unknown_until_there_is_evidence(database: str) -> None:
    async with roles(database) as r:
        lost: list[Result] = []

        async def lose(call: Call) -> Result | None:
            if len(lost) < 2:
                lost.append(r.fake.answer(call))
                return Unknown("dropped")
            return None

        r.fake.on_call = lose
        await r.take(Shop().placed())
        await r.until_idle()
        assert (await r.order()).operations[0].unknown
        r.start_claiming()
        await until(lambda: len(r.fake.calls) == 3)
        await r.until_idle()
        assert await r.outcome_types() == ["authorized"]
        assert sum(r.fake.klarna.effects.values()) == 1


async def test_two_workers_never_hold_the_same_order(database: str) -> None:
    async with (
        roles(database, dispatcher=False, owner="w1") as one,
        roles(database, dispatcher=False, owner="w2") as two,
    ):
        two.fake.klarna = one.fake.klarna
        acting: Counter[str] = Counter()
        most = 0

        async def act(call: Call) -> Result | None:
            nonlocal most
            assert call.operation
            acting[call.operation.cause.id] += 1
            most = max(most, *acting.values())
            await asyncio.sleep(0.002)
            acting[call.operation.cause.id] -= 1
            return None

        one.fake.on_call = two.fake.on_call = act
        shop = Shop()
        await one.take(*(shop.placed(str(number)) for number in range(120)))
        await one.take(*(shop.shipped(str(number), 3) for number in range(120)))
        one.start_claiming()
        two.start_claiming()
        await until(lambda: len(one.fake.calls) + len(two.fake.calls) == 240)
        await one.until_idle()
        await two.until_idle()
        assert most == 1
        assert len(one.fake.calls) > 20
        assert len(two.fake.calls) > 20
        assert set(one.fake.klarna.effects.values()) == {1}
        assert len(await one.outcomes()) == 240


async def test_an_order_in_two_hands_of_one_worker_goes_on_in_one(database: str) -> None:
    """A late result and the result under the next lease may be in the same batch."""
    async with roles(database, settlers=0) as r:
        shop, answers = Shop(), asyncio.Event()

        async def wait(call: Call) -> Result | None:
            await answers.wait()
            return r.fake.answer(call)

        r.fake.on_call = wait
        await r.take(shop.placed(), shop.shipped(quantity=3))
        await until(lambda: len(r.fake.calls) == 1)
        await run_sql(database, LOSE)
        await r.worker.claim()
        await until(lambda: len(r.fake.calls) == 2)
        assert r.slots_in_use == 2
        answers.set()
        await until(lambda: r.settler._queue.qsize() == 2)
        batch = [r.settler._queue.get_nowait() for _ in range(2)]
        continued = await r.settler.settle_batch(batch)
        assert [leased.order.operations[0].type for leased in continued] == ["capture"]
        assert (r.slots_in_use, r.under_way) == (1, 1)


async def test_an_order_that_is_handed_back_keeps_its_uncertain_call(database: str) -> None:
    async with roles(database, dispatcher=False, lease=30.0, deadline=40.0) as r:
        await r.take(Shop().placed())
        (crashed,) = (await r.claim_as("gone", 0.0)).orders
        await r.worker.claim()
        await r.until_idle()
        assert r.fake.calls == []
        (again,) = (await r.claim_as()).orders
        assert again.previous_since is not None
        assert again.previous_until == pytest.approx(crashed.until)
        await r.store.hand_back([HandBack(key(), again.token, again.previous_since, again.previous_until)])


async def test_an_order_that_cannot_be_handed_back_waits_for_its_lease(
    database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with roles(database, deadline=40.0) as r:

        async def away(_unsent: object) -> set[object]:
            raise StoreUnavailableError("away")

        monkeypatch.setattr(r.store, "hand_back", away)
        await r.take(Shop().placed())
        await r.until_idle()
        assert (r.slots_in_use, r.under_way, r.fake.calls) == (0, 0, [])
        assert (await r.shown()).lease_owner == "w1"


async def test_our_own_failure_in_a_call_leaves_open_whether_it_took_effect(database: str) -> None:
    async with roles(database) as r:
        failed: list[Result] = []

        async def fail(call: Call) -> Result | None:
            if failed:
                return None
            failed.append(r.fake.answer(call))
            raise KeyError("in an adapter")

        r.fake.on_call = fail
        await r.take(Shop().placed())
        await r.until_idle()
        assert (r.slots_in_use, r.under_way) == (0, 0)
        assert (await r.order()).operations[0].unknown
        assert not r.gates["default", "klarna"]["placing"].breaker._last, "it says nothing of the provider"
        r.start_claiming()
        await until(lambda: len(r.fake.calls) == 2)
        await r.until_idle()
        assert await r.outcome_types() == ["authorized"]


def _request(order: Order) -> Request:
    return order.details.requests[order.operations[0].id]
