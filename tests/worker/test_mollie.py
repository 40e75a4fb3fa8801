"""Orders at Mollie in the worker: they cost no more statements than others, and a search is a read."""

import asyncio
import time
from collections.abc import Sequence
from typing import Any

import pytest

from intake.test_handing_over import Log
from mollie_harness import MOLLIE, FakeMollie, order_there, placed
from ordersaga.domain.model.outcomes import Call, Read, Send
from ordersaga.domain.model.results import Rejected, Result, Retryable, Unknown
from ordersaga.store import provider_ids
from ordersaga.store.hints import NewHint
from ordersaga.store.rows import ProviderId
from ordersaga.store.session import Part
from roles_harness import Roles, Shop, roles, run_sql, until, until_async

from .test_settling import hold_calls

SOON: dict[str, Any] = MOLLIE | {"rules": {"payment_poll": 3_000.0, "absent_after": 0.05, "absent_again": 0.05}}
_IDS = "SELECT what FROM provider_ids WHERE subject = $1 ORDER BY what"


@pytest.mark.parametrize("size", [1, 200])
async def test_a_settle_is_three_statements_and_a_commit_with_the_payments_ids(database: str, size: int) -> None:
    async with roles(database, fake=FakeMollie(), pool=1, settlers=0, slots={"default": 300}, **MOLLIE) as r:
        shop = Shop()
        await r.take(*(placed(shop, str(number)) for number in range(size)))
        await until(lambda: r.settler._queue.qsize() == size)
        log = await Log.of(r)
        batch = [r.settler._queue.get_nowait() for _ in range(size)]
        await r.settler.settle_batch(batch)
        await asyncio.sleep(0)
        assert (log.sent[0], log.sent[-1], len(log.sent)) == ("BEGIN", "COMMIT", 3 + 1)
        counts = r.store.engine.counts["settle"]
        assert (counts.statements, counts.commits) == (3, 1)
        assert [row["what"] for row in await run_sql(database, _IDS, "0")] == ["create_order_to_pay", "payment"]


@pytest.mark.parametrize("size", [1, 200])
async def test_taking_in_is_three_statements_and_a_commit(database: str, size: int) -> None:
    async with roles(database, fake=FakeMollie(), dispatcher=False, **MOLLIE) as r:
        shop = Shop()
        await r.take(*(placed(shop, str(number)) for number in range(size)))
        counts = r.store.engine.counts["intake"]
        assert (counts.statements, counts.commits) == (3, 1)


async def test_plain_answers_are_settled_in_one_statement(database: str) -> None:
    """The creation with its payment, and the shipment. A read with news locks the rows, as it does for every provider."""
    async with roles(database, fake=(fake := FakeMollie()), dispatcher=False, **MOLLIE) as r:
        shop, counts = Shop(), r.store.engine.counts["settle"]
        await r.take(placed(shop, "first"))
        await _claimed(r)
        names = [str(number) for number in range(20)]
        for step, each in (("placed", 1), ("paid", 3), ("shipped", 1)):
            before, calls = (counts.statements, counts.commits), len(fake.calls)
            go_on = await hold_calls(r)
            await _take(r, fake, shop, step, names)
            r.start_claiming()
            await until(lambda calls=calls: len(fake.calls) == calls + 20)  # type: ignore[misc]  # of this step
            go_on.set()
            await r.until_idle()
            statements, commits = counts.statements - before[0], counts.commits - before[1]
            assert statements <= each * 2, f"{step}: of each of two settlers"
            assert commits <= 2
        told = ["payment_pending", "authorized", "captured"]
        assert [await r.outcome_types(name) for name in names] == [told] * 20


async def _take(r: Roles, fake: FakeMollie, shop: Shop, step: str, names: list[str]) -> None:
    if step == "placed":
        await r.take(*(placed(shop, name) for name in names))
    elif step == "shipped":
        await r.take(*(shop.event("shipped", name, {}) for name in names))
    else:
        there = [await order_there(r, fake, name) for name in names]
        for one in there:
            fake.mollie.pay(one)
        await r.store.hint([NewHint("default", "mollie", one.id) for one in there])


async def _claimed(r: Roles) -> None:
    await r.worker.claim()
    await r.until_idle()


async def test_a_payment_that_is_read_again_is_noted_once(database: str, monkeypatch: pytest.MonkeyPatch) -> None:
    noted: list[str] = []

    def note(ids: Sequence[ProviderId], condition: str = "") -> Part:
        noted.extend(one.what for one in ids)
        return insert(ids, condition)

    insert = provider_ids.insert_provider_ids
    monkeypatch.setattr(provider_ids, "insert_provider_ids", note)
    async with roles(database, fake=(fake := FakeMollie()), dispatcher=False, **MOLLIE) as r:
        await r.take(placed(Shop()))
        await _claimed(r)
        there = await order_there(r, fake)
        await r.store.hint([NewHint("default", "mollie", there.id)])
        await _claimed(r)
        assert fake.made[-1] == "Read refresh"
        assert noted.count("payment") == 1


async def _lost(call: Call, fake: FakeMollie) -> Result | None:
    """The creation is answered by nothing, and a repeat is refused: only a search shows it."""
    if not isinstance(call, Send):
        return None
    first = (call.request.key or "") not in fake.mollie.keys
    fake.answer(call)
    return Unknown("dropped") if first else Rejected("422", (), None, 422)


async def test_a_search_finds_the_order_whose_creation_was_not_answered(database: str) -> None:
    async with roles(database, fake=(fake := FakeMollie()), **SOON) as r:
        fake.on_call = lambda call: _lost(call, fake)
        r.start_claiming()
        await r.take(placed(Shop()))
        await until_async(lambda: _is_told(r, "1", "payment_pending"))
        (there,) = fake.mollie.orders.values()
        order = await r.order()
        assert (order.provider_order_id, order.status, order.operations) == (there.id, "pending_payment", ())
        assert [row["what"] for row in await run_sql(database, _IDS, "1")] == ["create_order_to_pay", "payment"]
        assert fake.searches == 1


async def test_a_search_waits_for_reads_to_be_answered_again_and_new_orders_do_not(database: str) -> None:
    async with roles(database, fake=(fake := FakeMollie()), **SOON) as r:
        shop, names, reading = Shop(), [str(number) for number in range(12)], r.gates["default", "mollie"]["reading"]
        await r.take(*(placed(shop, name) for name in names))
        await r.until_idle()

        async def fails(call: Call) -> Result | None:
            if isinstance(call, Read):
                return Retryable("http_503", None, None, 503)
            return await _lost(call, fake) if _subject(call) == "lost" else None

        fake.on_call = fails
        await r.store.hint([NewHint("default", "mollie", one.id) for one in fake.mollie.orders.values()])
        r.start_claiming()
        await until(lambda: reading.breaker.is_open)
        reading.breaker._open_until = time.monotonic() + 60
        await r.take(placed(shop, "lost"))
        await until_async(lambda: _is_to_be_looked_up(r))
        await r.take(placed(shop, "another"))
        await until_async(lambda: _is_told(r, "another", "payment_pending"))
        assert fake.searches == 0
        fake.on_call = None
        reading.breaker._open_until = time.monotonic()
        await until_async(lambda: _is_told(r, "lost", "payment_pending"))
        assert fake.searches == 1


def _subject(call: Call) -> str:
    assert call.operation is not None
    return call.operation.cause.id.removeprefix("placed-")


async def _is_told(r: Roles, subject: str, what: str) -> bool:
    return what in await r.outcome_types(subject)


async def _is_to_be_looked_up(r: Roles) -> bool:
    operations = (await r.order("lost")).operations
    return bool(operations) and operations[0].stage == "read"
