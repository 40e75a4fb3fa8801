"""Simple successes are settled in one statement; otherwise the current rows are read first."""

import asyncio
import time
from collections.abc import Iterable
from typing import Any

import pytest
from msgspec.structs import replace

from ordersaga.domain.model.events import Cause
from ordersaga.domain.model.order import Key, Operation, Order, Request
from ordersaga.domain.model.outcomes import Call, Read, Send
from ordersaga.domain.model.results import Rejected, Result, Retryable, Succeeded, Unknown
from ordersaga.store.errors import StoreUnavailableError
from ordersaga.store.rows import Clock, Known, Row
from ordersaga.store.settle import SettleTransaction
from ordersaga.worker.leases import LeasedOrder, UncertainCall
from ordersaga.worker.settlement_batch import Settlement, SettlementBatch
from ordersaga.worker.settler import _simple_successes
from roles_harness import Roles, Shop, roles, run_sql, until

from .test_settling import hold_calls


async def claimed(r: Roles) -> None:
    """Claims what is due once, and settles it."""
    await r.worker.claim()
    await r.until_idle()


async def test_plain_answers_are_settled_in_one_statement(database: str) -> None:
    async with roles(database, dispatcher=False) as r:
        shop, counts = Shop(), r.store.engine.counts["settle"]
        await r.take(shop.placed("first"))
        await claimed(r)
        before, done = (counts.statements, counts.commits), r.settler._fault.done
        assert before == (3, 1), "its first settle learns the epoch"
        go_on = await hold_calls(r)
        await r.take(*(shop.placed(str(number)) for number in range(20)))
        r.start_claiming()
        await until(lambda: len(r.fake.calls) == 1 + 20)
        go_on.set()
        await r.until_idle()
        assert (counts.statements, counts.commits) <= (before[0] + 2, before[1] + 2), "at most one for each settler"
        assert len(await r.outcomes()) == 21
        assert r.settler._fault.done > done, "an order that fails meanwhile is at fault itself"


async def test_of_a_batch_only_orders_with_news_are_looked_at(database: str) -> None:
    async with roles(database) as r:
        shop = Shop()
        await r.take(shop.placed("first"))
        await r.until_idle()
        go_on = await hold_calls(r)
        await r.take(*(shop.placed(str(number)) for number in range(3)))
        await until(lambda: len(r.fake.calls) == 1 + 3)
        await r.take(shop.shipped("1", 3))
        go_on.set()
        await r.until_idle()
        told = [(one["subject"], one["type"]) for one in await r.outcomes() if one["subject"] == "1"]
        assert told == [("1", "authorized"), ("1", "captured")]
        assert len(await r.outcomes()) == 5
        assert set(r.fake.klarna.effects.values()) == {1}
        await r.until_slots_free()


async def test_an_order_that_was_changed_meanwhile_has_no_other_settled_again(database: str) -> None:
    async with roles(database, settlers=1) as r:
        shop, settled = Shop(), r.store.engine.counts["settle"]
        await r.take(shop.placed("first"))
        await r.until_idle()
        go_on = await hold_calls(r)
        await r.take(*(shop.placed(str(number)) for number in range(20)))
        await until(lambda: len(r.fake.calls) == 1 + 20)
        await r.take(shop.shipped("1", 3))
        before, locked = settled.commits, list[str]()
        lock = SettleTransaction.lock

        async def counted(self: SettleTransaction, known: Iterable[Known]) -> Any:
            found = [*known]
            locked.extend(one.order.key.subject for one in found)
            return await lock(self, found)

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(SettleTransaction, "lock", counted)
            go_on.set()
            await r.until_idle()
        assert locked == ["1"], "the others are settled on the rows as they were known"
        assert settled.commits - before <= 4
        assert len(await r.outcomes()) == 22
        assert set(r.fake.klarna.effects.values()) == {1}
        await r.until_slots_free()


async def test_a_result_that_waits_for_others_counts_as_unsettled(
    database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with roles(database) as r:
        shop, reached, go_on = Shop(), asyncio.Event(), asyncio.Event()
        await r.take(shop.placed("first"))
        await r.until_idle()
        right, batches = r.store.settle_if_unchanged, list[int]()

        async def slow(settled: Any, *more: Any) -> Any:
            batches.append(len(settled))
            reached.set()
            await go_on.wait()
            return await right(settled, *more)

        monkeypatch.setattr("ordersaga.worker.settler._PATIENCE", 60.0)
        monkeypatch.setattr(r.store, "settle_if_unchanged", slow)
        calls = await hold_calls(r)
        await r.take(*(shop.placed(str(number)) for number in range(10)))
        await until(lambda: len(r.fake.calls) == 1 + 10)
        calls.set()
        await reached.wait()
        await r.take(shop.placed("late"))
        await until(lambda: len(r.fake.calls) == 1 + 11 and r.settler._queue.qsize() == 1)
        drained = asyncio.create_task(r.settler.drained())
        assert batches == [10], "one result isn't enough for a batch beside ten"
        go_on.set()
        await drained
        assert batches == [10, 1]
        assert len(await r.outcomes()) >= 11
        await r.until_idle()


async def test_a_store_that_fails_at_once_is_looked_at_and_the_slots_are_kept_right(
    database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with roles(database) as r:
        shop = Shop()
        await r.take(shop.placed("first"))
        await r.until_idle()
        left: list[Exception] = [StoreUnavailableError("away"), ZeroDivisionError("a bug")]

        async def fail(*_: object) -> None:
            raise left.pop()

        with monkeypatch.context() as patch:
            patch.setattr(r.store, "settle_if_unchanged", fail)
            await r.take(shop.placed(), shop.shipped(quantity=3))
            await until(lambda: not left)
        await r.until_idle()
        assert len(await r.outcomes()) == 3
        assert set(r.fake.klarna.effects.values()) == {1}
        await r.until_slots_free()


OPERATION = Operation("o-1", "capture", Cause("/shop", "e-1", "shop.order.shipped.v1"), 1, 0.0, 0.0)
SEND = Send(OPERATION, Request("POST", "/captures"))


def settlement(call: Call = SEND, result: Result | None = None, subject: str = "1", **more: object) -> Settlement:
    leased = LeasedOrder(Known(Order(Key("default", "order", subject)), 1, 0.0), 1, 0.0, 0.0, ("default", "klarna"))
    return Settlement(leased, call, result or Succeeded("c-1"), 0.1, **more)  # type: ignore[arg-type]  # its other fields


async def test_of_an_order_that_was_not_written_nothing_is_reported(database: str) -> None:
    """Its result is settled once more, and reported then."""
    async with roles(database) as r:
        clock = Clock(time.time(), 1, 0.0, 0.0)
        batch = SettlementBatch(r.bulkheads, r.rulebook, "test", clock, keep_leases=True)
        for subject in ("1", "2"):
            one = settlement(subject=subject)
            order = one.leased.order
            given = replace(order, provider="klarna", provider_order_id="k-1", accepted=True, operations=(OPERATION,))
            one.leased = replace(one.leased, known=Known(given, 1, 0.0))
            batch.add(one, Row(one.leased.known, one.leased.token, 0.0))
            batch.violated.append((one, "I1"))
        assert (len(batch.changes), len(batch.decided), len(batch.violated), len(batch.outcomes)) == (2, 2, 2, 2)
        batch.leave_out_unwritten({Key("default", "order", "1")})
        subjects = {
            "changes": [one.order.key.subject for one in batch.changes],
            "decided": [order.key.subject for _, order, _ in batch.decided],
            "violated": [one.leased.order.key.subject for one, _ in batch.violated],
            "outcomes": [key.subject for key, _ in batch.outcomes],
            "ended": [one.order.key.subject for one in batch.ended({})],
        }
        assert subjects == {name: ["1"] for name in subjects}


def test_only_certain_successes_are_settled_at_once() -> None:
    uncertain_operation = settlement(subject="2")
    uncertain_operation.leased = replace(uncertain_operation.leased, uncertain=UncertainCall(0.0, 1.0))
    others = [
        settlement(Read("order-1", OPERATION), subject="3"),
        settlement(result=Rejected("NO"), subject="4"),
        settlement(result=Unknown("deadline"), subject="5"),
        settlement(result=Retryable("refused"), subject="6"),
        settlement(subject="7", failed="settle: ZeroDivisionError"),
        settlement(subject="twice"),
        settlement(subject="twice"),
    ]
    plain = settlement()
    assert _simple_successes([uncertain_operation, *others[:3], plain, *others[3:]]) == [plain]


async def test_an_answer_that_was_lost_is_settled_by_when_its_lease_began(database: str) -> None:
    """However late it is settled: the age of its key counts from then, and only the row knows it."""
    async with roles(database) as r:
        shop, go_on = Shop(), asyncio.Event()
        await r.take(shop.placed("first"))
        await r.until_idle()

        async def lose(_call: Call) -> Result | None:
            await go_on.wait()
            return Unknown("lost")

        r.fake.on_call = lose
        await r.take(shop.placed("1"))
        await until(lambda: len(r.fake.calls) == 2)
        await run_sql(database, "UPDATE orders SET calling_since = calling_since - interval '2 h' WHERE subject = '1'")
        go_on.set()
        await r.until_idle()
        (operation,) = (await r.order("1")).operations
        assert operation.first_sent is not None
        assert operation.first_sent < time.time() - 7_000
