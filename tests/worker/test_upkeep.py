"""Periodic work beside the roles."""

import asyncio
import time

import pytest
from msgspec.structs import replace
from prometheus_client import REGISTRY

from ordersaga.domain.model.results import Unknown
from ordersaga.store.errors import OutdatedError, StoreUnavailableError
from ordersaga.store.store import Store
from ordersaga.telemetry import stalls
from ordersaga.worker.pulse import Pulse
from ordersaga.worker.settler import Settler
from ordersaga.worker.upkeep import UpkeepSettings, run_upkeep
from roles_harness import Shop, gives, roles, run_sql, until, until_async

OFTEN = UpkeepSettings(100.0, margin=50.0, switches=0.02, gauges=0.02, prune=0.02, batch=3)


def gauge(name: str, **labels: str) -> float | None:
    return REGISTRY.get_sample_value(name, labels)


async def test_the_inbox_forgets_what_is_older_than_its_retention_and_some_more(database: str) -> None:
    async with roles(database, dispatcher=False) as r:
        shop = Shop()
        await r.take(*(shop.placed(str(number)) for number in range(20)))
        age = "UPDATE inbox SET taken_at = now() - make_interval(secs => $1) WHERE id = $2"
        for number in range(20):
            await run_sql(database, age, 149.0 if number < 5 else 151.0, f"placed-{number}")
        r.start(lambda: run_upkeep(r.store, r.bulkheads, OFTEN, [], "test"))

        async def only_five() -> bool:
            return len(await run_sql(database, "SELECT FROM inbox")) == 5

        await until_async(only_five)


async def test_a_pause_reaches_the_bulkheads_and_ends(database: str) -> None:
    async with roles(database) as r:
        bulkhead = r.bulkheads["default", "klarna"]
        r.start(lambda: run_upkeep(r.store, r.bulkheads, OFTEN, [], "test"))
        await r.store.pause("somebody", "default")
        await until(lambda: bulkhead.paused)
        await r.store.resume("somebody", "default")
        await until(lambda: not bulkhead.paused)


async def test_gauges_show_what_the_store_holds(database: str) -> None:
    async with roles(database, dispatcher=False) as r:
        shop = Shop()
        await r.take(shop.event("placed", "1", {}), shop.placed("2"))
        await run_sql(database, "UPDATE orders SET due_at = NULL WHERE subject = '2'")
        before = gauge("ordersaga_invariant_violations_total", invariant="I8") or 0.0
        r.start(lambda: run_upkeep(r.store, r.bulkheads, OFTEN, [], "test"))
        await until(lambda: gauge("ordersaga_orders_stuck", merchant="default") == 1.0)
        await until(lambda: gauge("ordersaga_outbox_rows") == 1.0)
        assert gauge("ordersaga_dead_letters_open", code="invalid_event") == 1.0
        assert (gauge("ordersaga_outbox_age_seconds") or 0.0) > 0
        await asyncio.sleep(0.1)
        assert gauge("ordersaga_invariant_violations_total", invariant="I8") == before + 1, "told once"
        assert await r.store.stuck() == [(await r.order("2")).key]


async def test_gauges_show_operations_without_an_answer_what_is_due_and_what_expires(database: str) -> None:
    labels = {"merchant": "default", "provider": "klarna"}
    async with roles(database, rules={"backoff": 100.0, "backoff_most": 100.0}) as r:
        r.start(lambda: run_upkeep(r.store, r.bulkheads, OFTEN, [], "test"))
        await r.take(Shop().placed("1"))
        await r.until_idle()
        assert (await r.order("1")).expires_at is not None
        r.fake.on_call = gives(Unknown("http_502", "corr-1", 502))
        await r.take(Shop(1).placed("2"))
        await until(lambda: gauge("ordersaga_operations_unknown", **labels) == 1.0)
        await r.until_idle()
        assert gauge("ordersaga_due_age_seconds", **labels) is None
        assert gauge("ordersaga_authorizations_expiring", **labels) is None
        late = "UPDATE orders SET due_at = now() - interval '50 s' WHERE subject = '2'"
        soon = "UPDATE orders SET due_at = now() + interval '1 h', expires_at = now() + interval '1 day' WHERE subject = '1'"
        await run_sql(database, late)
        await run_sql(database, soon)
        await until(lambda: gauge("ordersaga_authorizations_expiring", **labels) == 1.0)
        assert 50 <= (gauge("ordersaga_due_age_seconds", **labels) or 0.0) < 100
        await run_sql(database, "UPDATE orders SET captured_amount = order_amount WHERE subject = '1'")
        await until(lambda: gauge("ordersaga_authorizations_expiring", **labels) is None)


async def test_a_store_that_is_away_is_asked_again(database: str, monkeypatch: pytest.MonkeyPatch) -> None:
    async with roles(database) as r:
        right, failures = r.store.paused, [StoreUnavailableError("away")] * 3

        async def paused() -> object:
            if failures:
                raise failures.pop()
            return await right()

        monkeypatch.setattr(r.store, "paused", paused)
        await r.store.pause("somebody")
        r.start(lambda: run_upkeep(r.store, r.bulkheads, OFTEN, [], "test"))
        await until(lambda: r.bulkheads["default", "klarna"].paused)


async def test_results_that_stand_still_while_the_store_answers_are_counted(
    database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stalls, "_MAX_AGE", 0.2)

    async def never(*_: object) -> list[object]:
        return await asyncio.Future()

    monkeypatch.setattr(Settler, "_settle_if_unchanged", never)
    async with roles(database) as r:
        before = gauge("ordersaga_invariant_violations_total", invariant="I7") or 0.0
        assert r.settler.oldest_batch_age() == 0.0
        r.start(lambda: run_upkeep(r.store, r.bulkheads, OFTEN, [r.settler.oldest_batch_age], "test"))
        await asyncio.sleep(0.3)
        assert gauge("ordersaga_invariant_violations_total", invariant="I7") == before, "nothing is in hand"
        await r.take(Shop().placed())
        await until(lambda: (gauge("ordersaga_invariant_violations_total", invariant="I7") or 0.0) > before)


async def test_results_that_wait_for_the_store_are_not_counted(database: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stalls, "_MAX_AGE", 0.2)
    right, answers, given = Store.statistics, [True], 0

    async def away(*_: object) -> object:
        raise StoreUnavailableError("away")

    async def statistics(store: Store) -> object:
        nonlocal given
        if not answers:
            raise StoreUnavailableError("away")
        found = await right(store)
        answers.pop()
        given += 1
        return found

    monkeypatch.setattr(Settler, "settle_batch", away)
    monkeypatch.setattr(Store, "settle_if_unchanged", away)
    monkeypatch.setattr(Store, "statistics", statistics)
    async with roles(database) as r:
        before = gauge("ordersaga_invariant_violations_total", invariant="I7") or 0.0
        r.start(lambda: run_upkeep(r.store, r.bulkheads, OFTEN, [r.settler.oldest_batch_age], "test"))
        await until(lambda: given == 1)
        await r.take(Shop().placed())
        await until(lambda: r.settler.oldest_batch_age() > 0.5)
        answers.append(True)
        await until(lambda: given == 2)
        assert gauge("ordersaga_invariant_violations_total", invariant="I7") == before


async def test_a_database_that_lost_a_heartbeat_is_told_and_raises_the_epoch(database: str) -> None:
    async with roles(database, dispatcher=False) as r:
        before = gauge("ordersaga_database_regressions_total") or 0.0
        pulse = Pulse(r.store, "one", forget_after=3600.0)
        for _ in range(3):
            await pulse.beat()
        assert (gauge("ordersaga_database_regressions_total") or 0.0) == before
        await run_sql(database, "UPDATE heartbeats SET beat = 2")
        for _ in range(3):
            await pulse.beat()
        assert gauge("ordersaga_database_regressions_total") == before + 1
        assert (await run_sql(database, "SELECT epoch FROM epoch"))[0]["epoch"] == 2


async def test_an_outdated_process_ends(database: str) -> None:
    async with roles(database, dispatcher=False) as r:
        await run_sql(database, "UPDATE epoch SET lowest_version = 2")
        with pytest.raises(ExceptionGroup) as raised:
            await asyncio.wait_for(run_upkeep(r.store, r.bulkheads, OFTEN, [], "test"), 10)
        assert raised.group_contains(OutdatedError)


async def test_a_heartbeat_that_was_pruned_while_its_process_was_suspended_raises_nothing(
    database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with roles(database, dispatcher=False) as r:
        pulse, now = Pulse(r.store, "one", forget_after=3600.0), time.time()
        for _ in range(3):
            await pulse.beat()
        await r.store.prune_heartbeats(0.0)
        monkeypatch.setattr(time, "time", lambda: now + 3700.0)
        await pulse.beat()
        assert (await run_sql(database, "SELECT epoch FROM epoch"))[0]["epoch"] == 1


async def test_processes_beat_while_they_run(database: str) -> None:
    async with roles(database, dispatcher=False) as r:
        often = replace(OFTEN, beat=0.02)
        r.start(lambda: run_upkeep(r.store, r.bulkheads, often, [], "one:1"))

        async def beaten() -> bool:
            return len(await run_sql(database, "SELECT FROM heartbeats WHERE owner = 'one:1' AND beat > 3")) == 1

        await until_async(beaten)
