"""Results are settled on current rows, many orders at once; a failure affects one order only."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from msgspec.structs import replace
from prometheus_client import REGISTRY

from intake.test_handing_over import Log
from ordersaga.domain import saga
from ordersaga.domain.model.order import Order
from ordersaga.domain.model.outcomes import Call, Decision, Elapsed, Next, Outcome, Send
from ordersaga.domain.model.results import Result, Retryable, Succeeded
from ordersaga.domain.model.terms import Rules
from ordersaga.store.errors import ConflictError, StoreUnavailableError
from ordersaga.store.migrations import upgrade
from ordersaga.store.session import Session
from ordersaga.store.settle import SettleTransaction
from ordersaga.worker.violations import violations
from ordersaga_local.postgres import LocalPostgres
from roles_harness import Roles, Shop, roles, run_sql, until

Settle = Callable[[Order, Call | Elapsed, Result | None, float, Rules], Decision]


def violated(invariant: str) -> float:
    return REGISTRY.get_sample_value("ordersaga_invariant_violations_total", {"invariant": invariant}) or 0.0


def bug_in_settle(monkeypatch: pytest.MonkeyPatch, subject: str, bend: Callable[[Decision], Decision] | None) -> None:
    """For one order: a changed decision, or an exception."""
    right: Settle = saga.settle

    def settle(order: Order, call: Call | Elapsed, result: Result | None, now: float, rules: Rules) -> Decision:
        decision = right(order, call, result, now, rules)
        if order.key.subject != subject:
            return decision
        if bend is None:
            raise ZeroDivisionError
        return bend(decision)

    monkeypatch.setattr(saga, "settle", settle)


async def hold_calls(r: Roles) -> asyncio.Event:
    go_on = asyncio.Event()

    async def wait(_call: Call) -> Result | None:
        await go_on.wait()
        return None

    r.fake.on_call = wait
    return go_on


async def test_an_event_that_arrives_while_a_call_is_in_flight_is_not_overwritten(database: str) -> None:
    async with roles(database) as r:
        shop, go_on = Shop(), await hold_calls(r)
        await r.take(shop.placed())
        await until(lambda: len(r.fake.calls) == 1)
        await r.take(shop.shipped(name="meanwhile"))
        assert [one.cause.id for one in (await r.order()).pending] == ["meanwhile"]
        go_on.set()
        await r.until_idle()
        assert await r.outcome_types() == ["authorized", "captured"]
        assert (await r.order()).captured_amount == 1000


async def test_a_bug_in_settle_stalls_only_its_order(database: str, monkeypatch: pytest.MonkeyPatch) -> None:
    bug_in_settle(monkeypatch, "3", None)
    async with roles(database) as r:
        shop = Shop()
        await r.take(*(shop.placed(str(number)) for number in range(8)))
        await r.until_idle()
        assert await r.outcome_types("3") == ["attention_required"]
        stalled = await r.order("3")
        assert (stalled.operations[0].stage, stalled.attentions[0].reason) == (
            "stuck",
            "internal_error",
        )
        for number in (0, 1, 2, 4, 5, 6, 7):
            assert await r.outcome_types(str(number)) == ["authorized"]
        assert (r.slots_in_use, r.under_way) == (0, 0)
        await r.worker.claim()
        await r.until_idle()
        assert len(r.fake.calls) == 8, "nothing of it is repeated"
        notes = [entry.note for entry in (await r.shown("3")).journal if entry.what == "call"]
        assert notes == ["send: succeeded order-token-3"], "what the provider said is kept for the person"


async def test_a_bug_in_next_call_stalls_only_its_order(database: str, monkeypatch: pytest.MonkeyPatch) -> None:
    async with roles(database, dispatcher=False) as r:
        shop, right = Shop(), saga.next_call
        await r.take(*(shop.placed(str(number)) for number in range(5)))

        def next_call(order: Order, now: float, rules: Rules) -> Next:
            if order.key.subject == "3" and order.operations[0].stage != "stuck":
                raise ZeroDivisionError
            return right(order, now, rules)

        monkeypatch.setattr(saga, "next_call", next_call)
        await r.worker.claim()
        await r.until_idle()
        assert await r.outcome_types("3") == ["attention_required"]
        assert len(r.fake.calls) == 4
        assert (r.slots_in_use, r.under_way) == (0, 0)
        assert (await r.claim_as()).orders == []


async def test_an_order_that_fails_in_every_way_is_set_aside_for_a_person(
    database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """If even stalling the order fails, its row gets an attention, so that it isn't retried forever."""

    def broken(*_: object, **__: object) -> Next:
        raise ZeroDivisionError

    async with roles(database, dispatcher=False) as r:
        await r.take(Shop().placed())
        monkeypatch.setattr(saga, "next_call", broken)
        await r.worker.claim()
        await r.until_idle()
        assert (r.slots_in_use, r.under_way) == (0, 0)
        shown = await r.shown()
        assert (shown.attention, shown.due_at) == ("settle: ZeroDivisionError", None)
        assert (await r.claim_as()).orders == []


async def test_books_that_the_database_refuses_call_a_person_and_are_counted(
    database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    bug_in_settle(monkeypatch, "3", lambda one: replace(one, order=replace(one.order, captured_amount=99_999)))
    async with roles(database) as r:
        shop, before = Shop(), violated("I2")
        await r.take(*(shop.placed(str(number)) for number in range(8)))
        await r.until_idle()
        assert violated("I2") == before + 1
        assert await r.outcome_types("3") == ["attention_required"]
        assert (await r.order("3")).captured_amount == 0
        assert {one["subject"] for one in await r.outcomes() if one["type"] == "authorized"} == set("0124567")


async def test_an_outcome_whose_number_was_given_before_is_counted(
    database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def again(decision: Decision) -> Decision:
        return replace(decision, outcomes=tuple(replace(one, sequence=1) for one in decision.outcomes))

    bug_in_settle(monkeypatch, "1", again)
    async with roles(database) as r:
        before = violated("I5")
        shop = Shop()
        await r.take(shop.event("placed", "1", {}, name="bad"), shop.placed())
        await r.until_idle()
        assert violated("I5") == before + 1
        assert await r.outcome_types() == ["rejected", "attention_required"]


async def test_an_order_that_cannot_be_read_is_set_aside_and_its_batch_goes_on(database: str) -> None:
    async with roles(database) as r:
        shop, go_on = Shop(), await hold_calls(r)
        await r.take(*(shop.placed(str(number)) for number in range(4)))
        await until(lambda: len(r.fake.calls) == 4)
        await run_sql(
            database,
            """UPDATE orders SET version = 2, state = '{"version": 1, "order": 5}' WHERE subject = '2'""",
        )
        go_on.set()
        await r.until_idle()
        assert {one["subject"] for one in await r.outcomes()} == set("013")
        ((attention, due_at),) = await run_sql(database, "SELECT attention, due_at FROM orders WHERE subject = '2'")
        assert (attention, due_at) == ("settle: UnreadableError", None)
        assert (r.slots_in_use, r.under_way) == (0, 0)


async def test_a_claimed_row_that_cannot_be_read_is_set_aside(database: str) -> None:
    async with roles(database, dispatcher=False) as r:
        shop = Shop()
        await r.take(shop.placed("1"), shop.placed("2"))
        await run_sql(
            database, "UPDATE orders SET state = jsonb_set(state::jsonb, '{version}', '99')::json WHERE subject = '1'"
        )
        await r.worker.claim()
        await r.until_idle()
        ((attention, due_at),) = await run_sql(database, "SELECT attention, due_at FROM orders WHERE subject = '1'")
        assert (attention, due_at) == ("unreadable", None)
        assert await r.outcome_types("2") == ["authorized"]
        assert (r.slots_in_use, r.under_way) == (0, 0)


@pytest.mark.parametrize("size", [1, 200])
async def test_a_settle_is_three_statements_and_a_commit(database: str, size: int) -> None:
    async with roles(database, pool=1, settlers=0, slots={"default": 300}) as r:
        shop = Shop()
        await r.take(*(shop.placed(str(number)) for number in range(size)))
        await r.take(*(shop.shipped(str(number)) for number in range(size)))
        await until(lambda: r.settler._queue.qsize() == size)
        log = await Log.of(r)
        batch = [r.settler._queue.get_nowait() for _ in range(size)]
        continued = await r.settler.settle_batch(batch)
        await asyncio.sleep(0)
        assert len(continued) == size, "each continues with its capture, by the same transaction"
        assert (log.sent[0], log.sent[-1], len(log.sent)) == ("BEGIN", "COMMIT", 3 + 1)
        counts = r.store.engine.counts["settle"]
        assert (counts.statements, counts.commits) == (3, 1)
        assert r.slots_in_use == r.under_way == size


async def test_a_settle_that_is_beaten_is_run_again_and_calls_nobody(
    database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    right, left = (
        SettleTransaction.write,
        [ConflictError("deadlock"), StoreUnavailableError("away"), ConflictError("again")],
    )

    async def write(tx: SettleTransaction, *arguments: Any) -> Any:
        done = await right(tx, *arguments)
        if left:
            raise left.pop()
        return done

    monkeypatch.setattr(SettleTransaction, "write", write)
    async with roles(database) as r:
        shop = Shop()
        await r.take(shop.placed(), shop.shipped())
        await r.until_idle()
        assert left == []
        assert await r.outcome_types() == ["authorized", "captured"]
        assert (r.slots_in_use, r.under_way) == (0, 0)


@pytest.mark.parametrize("events", [1, 2])
async def test_a_commit_whose_answer_was_lost_is_not_done_twice(
    database: str, monkeypatch: pytest.MonkeyPatch, events: int
) -> None:
    right = Session.transaction
    lost: list[Session] = []

    @asynccontextmanager
    async def transaction(session: Session) -> AsyncIterator[None]:
        async with right(session):
            yield
        if session._counts is r.store.engine.counts["settle"] and not lost:
            lost.append(session)
            raise StoreUnavailableError("the answer to COMMIT was lost")

    monkeypatch.setattr(Session, "transaction", transaction)
    async with roles(database, lease=1.0, deadline=0.4) as r:
        shop = Shop()
        await r.take(shop.placed(), *([shop.shipped()] if events == 2 else []))
        await r.until_idle()
        assert lost
        assert await r.outcome_types() == ["authorized"]
        assert (r.slots_in_use, r.under_way) == (0, 0)
        r.start_claiming()
        await until(lambda: len(r.fake.calls) == events)
        await r.until_idle()
        assert await r.outcome_types() == ["authorized", "captured"][:events], "its lease in our name runs out"
        assert set(r.fake.klarna.effects.values()) == {1}
        await r.until_slots_free()


async def test_only_as_many_go_on_as_the_gate_has_room_for(database: str) -> None:
    async with roles(database, settlers=0) as r:
        shop = Shop()
        await r.take(*(shop.placed(str(number)) for number in range(20)))
        await r.take(*(shop.shipped(str(number)) for number in range(20)))
        await until(lambda: r.settler._queue.qsize() == 20)
        r.gates["default", "klarna"]["capturing"].breaker._ramp = 3
        batch = [r.settler._queue.get_nowait() for _ in range(20)]
        continued = await r.settler.settle_batch(batch)
        assert len(continued) == 3
        assert (r.slots_in_use, r.under_way) == (3, 3)
        assert len((await r.claim_as()).orders) == 17


async def test_calls_that_were_counted_for_a_settle_that_failed_are_given_back(
    database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with roles(database, settlers=0) as r:
        shop = Shop()
        await r.take(shop.placed(), shop.shipped())
        await until(lambda: r.settler._queue.qsize() == 1)

        async def fail(*_: object) -> None:
            raise StoreUnavailableError("away")

        settlement = r.settler._queue.get_nowait()
        with monkeypatch.context() as patch:
            patch.setattr(SettleTransaction, "write", fail)
            with pytest.raises(StoreUnavailableError):
                await r.settler.settle_batch([settlement])
        assert (r.slots_in_use, r.under_way) == (1, 0), "the result still has its slot"
        await r.settler.settle_batch([settlement])
        assert (r.slots_in_use, r.under_way) == (1, 1)


@pytest.fixture(scope="module")
def server() -> Iterator[LocalPostgres]:
    with LocalPostgres() as local:
        upgrade(local.url())
        yield local


async def test_results_wait_for_a_store_that_is_away(server: LocalPostgres) -> None:
    async with roles(server.url()) as r:
        shop, go_on = Shop(), await hold_calls(r)
        await r.take(*(shop.placed(str(number)) for number in range(10)))
        await r.take(*(shop.shipped(str(number), 3) for number in range(10)))
        await until(lambda: len(r.fake.calls) == 10)
        r.start_claiming()
        server.stop()
        go_on.set()
        await asyncio.sleep(0.5)
        assert r.slots_in_use == 10
        server.start()
        await until(lambda: len(r.fake.calls) >= 20)
        await r.until_idle()
        assert set(r.fake.klarna.effects.values()) == {1}
        assert [one["type"] for one in await r.outcomes()] == ["authorized", "captured"] * 10
        await r.until_slots_free()


async def test_results_wait_for_a_store_whose_disk_fails(database: str) -> None:
    async with roles(database) as r:
        shop, go_on = Shop(), await hold_calls(r)
        await r.take(*(shop.placed(str(number)) for number in range(3)))
        await until(lambda: len(r.fake.calls) == 3)
        await run_sql(
            database,
            "CREATE FUNCTION broken() RETURNS trigger LANGUAGE plpgsql AS "
            "$$ BEGIN RAISE EXCEPTION 'could not write block' USING ERRCODE = 'io_error'; END $$",
        )
        await run_sql(database, "CREATE TRIGGER broken BEFORE INSERT ON outbox EXECUTE FUNCTION broken()")
        go_on.set()
        await asyncio.sleep(0.5)
        await run_sql(database, "DROP TRIGGER broken ON outbox")
        await r.until_idle()
        for number in range(3):
            assert await r.outcome_types(str(number)) == ["authorized"]
            assert (await r.order(str(number))).attentions == ()


async def test_ids_that_the_provider_gave_lead_to_the_order(database: str) -> None:
    async with roles(database) as r:
        shop = Shop()
        await r.take(shop.placed(), shop.shipped())
        await r.until_idle()
        order = await r.order()
        for name in (order.provider_order_id, order.captures[0].id):
            assert await r.store.find("default", "klarna", name or "") == order.key


async def test_a_call_that_is_turned_away_is_retried_later_and_not_unknown(database: str) -> None:
    async with roles(database) as r:
        refusals = [Retryable("503", status=503)] * 3

        async def refuse(_call: Call) -> Result | None:
            return refusals.pop() if refusals else None

        r.fake.on_call = refuse
        r.start_claiming()
        await r.take(Shop().placed())
        await until(lambda: len(r.fake.calls) == 4)
        await r.until_idle()
        assert await r.outcome_types() == ["authorized"]
        assert all(not call.operation.unknown for call in r.fake.calls if call.operation)


async def test_a_request_that_is_not_the_frozen_one_and_a_second_effect_are_seen(database: str) -> None:
    async with roles(database, settlers=0) as r:
        await r.take(Shop().placed())
        await until(lambda: r.settler._queue.qsize() == 1)
        one = r.settler._queue.get_nowait()
        assert isinstance(one.call, Send)
        before, call = one.leased.order, one.call
        told = Decision(before)
        assert list(violations(before, call, one.result, told, r.rulebook.of("default"))) == []
        changed = replace(call, request=replace(call.request, body="{}"))
        assert list(violations(before, changed, one.result, told, r.rulebook.of("default"))) == ["I4"]
        done = replace(before, operations=(), provider_order_id="another")
        assert list(violations(done, call, Succeeded("order-token-1"), told, r.rulebook.of("default"))) == ["I1"]
        assert (
            list(
                violations(
                    replace(done, provider_order_id="order-token-1"), call, one.result, told, r.rulebook.of("default")
                )
            )
            == []
        )
        expired = replace(told, outcomes=(Outcome("expired", 1, 0.0, final=True),))
        rules = r.rulebook.of("default")
        assert list(violations(before, Elapsed(), None, expired, rules)) == [], "nothing was authorized yet"
        authorized = replace(before, accepted=True)
        assert list(violations(authorized, Elapsed(), None, expired, rules)) == ["I9"]
