"""Errors of the database that no input and no result causes: all roles wait, and continue when they are gone."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any
from uuid import uuid4

import asyncpg
import pytest

from ordersaga.bus.records import Record
from ordersaga.intake.intake import Intake
from ordersaga.relay.relay import Relay, RelaySettings
from ordersaga.store.errors import StoreError
from ordersaga.worker.upkeep import UpkeepSettings, run_upkeep
from roles_harness import FakeProducer, Roles, Shop, roles, run_sql, until

TABLES = ("orders", "journal", "outbox", "inbox", "relay_shards", "members", "intake_offsets", "switches", "attentions")
ORDERS = 12
UNDONE = "SELECT FROM orders WHERE status <> 'captured' OR attention IS NOT NULL OR blocked IS NOT NULL OR is_open"


async def break_by_trigger(database: str, code: str, when: str) -> None:
    """Every write of every table fails: at once, or at its COMMIT."""
    await run_sql(
        database,
        "CREATE FUNCTION fail() RETURNS trigger LANGUAGE plpgsql AS "
        f"$$ BEGIN RAISE EXCEPTION 'Ada Lovelace' USING ERRCODE = '{code}'; END $$",
    )
    for table in TABLES:
        constraint, deferred = ("CONSTRAINT ", "DEFERRABLE INITIALLY DEFERRED ") if when == "AFTER" else ("", "")
        await run_sql(
            database,
            f"CREATE {constraint}TRIGGER fail {when} INSERT OR UPDATE OR DELETE ON {table} {deferred}"
            "FOR EACH ROW EXECUTE FUNCTION fail()",
        )


async def drop_trigger(database: str) -> None:
    """One table after the other: all at once they would be locked in another order than the service's."""
    for table in TABLES:
        await run_sql(database, f"DROP TRIGGER fail ON {table}")
    await run_sql(database, "DROP FUNCTION fail")


@asynccontextmanager
async def all_roles(database: str) -> AsyncIterator[tuple[Roles, FakeProducer]]:
    """Worker, settlers, relay and upkeep; the intake takes what `keep_taking` gives it."""
    async with roles(database) as r:
        producer = FakeProducer()
        relay = Relay(r.store, producer, RelaySettings("w1", "outcomes", lease=0.3))  # type: ignore[arg-type]  # a double
        settings = UpkeepSettings(3600.0, 0.0, switches=0.05, gauges=0.05, prune=0.05)
        r.start_claiming()
        r.start(relay.run, lambda: run_upkeep(r.store, r.bulkheads, settings, [], "test"))
        yield r, producer
        for task in r.tasks:
            assert not task.done(), "a role ended"


@pytest.fixture
async def limited(database: str) -> AsyncIterator[str]:
    """The service's connections act as a role of this name, which may read and write all tables."""
    role = f"limited_{uuid4().hex[:8]}"
    owner = await asyncpg.connect(database)
    await owner.execute(
        f"CREATE ROLE {role}; GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO {role};"
        f'ALTER DATABASE "{database.rpartition("/")[2]}" SET role = {role}'
    )
    yield role
    await owner.execute(f"DROP OWNED BY {role}; DROP ROLE {role}")
    await owner.close()


async def keep_taking(intake: Intake, records: list[Record]) -> None:
    """As the consumer does: the same batch again until it succeeds."""
    while True:
        try:
            await intake.take(records, {})
        except StoreError:
            await asyncio.sleep(0.05)
        else:
            return


async def hold_half(r: Roles) -> tuple[Callable[[], None], list[Record]]:
    """Half of the orders have a call under way. Returns what lets the calls end, and the records of the other half."""
    shop, go_on = Shop(), asyncio.Event()
    names = [str(number) for number in range(ORDERS * 2)]

    async def hold(_call: Any) -> None:
        await go_on.wait()

    r.fake.on_call = hold
    first, later = names[:ORDERS], names[ORDERS:]
    await r.take(*(shop.placed(name) for name in first), *(shop.shipped(name, 3) for name in first))
    await until(lambda: len(r.fake.calls) == ORDERS)
    return go_on.set, [*(shop.placed(name) for name in later), *(shop.shipped(name, 3) for name in later)]


async def run_broken(
    database: str, break_it: Callable[[], Awaitable[None]], heal: Callable[[], Awaitable[None]]
) -> None:
    """Under load: everything waits while it is broken, and is done once when it is healed."""
    async with all_roles(database) as (r, producer):
        go_on, later = await hold_half(r)
        await break_it()
        go_on()
        taking = asyncio.create_task(keep_taking(r.intake, later))
        await asyncio.sleep(1.0)
        await heal()
        async with asyncio.timeout(30.0):
            await taking
        await until(lambda: len(producer.sent) >= 4 * ORDERS)
        await r.until_idle()
        assert await r.dead_letter_codes() == []
        assert set(r.fake.klarna.effects.values()) == {1}
        assert await run_sql(database, UNDONE) == []


@pytest.mark.parametrize(
    ("code", "when"),
    [
        ("P0001", "BEFORE"),  # a trigger's own exception
        ("XX000", "BEFORE"),  # an internal error
        ("XX001", "BEFORE"),  # corruption
        ("26000", "BEFORE"),  # a pooler lost the prepared statement
        ("23514", "BEFORE"),  # a constraint that isn't ours
        ("P0001", "AFTER"),
        ("XX000", "AFTER"),
        ("53100", "AFTER"),  # the disk is full, at the COMMIT
        ("58030", "AFTER"),
    ],
)
async def test_an_error_that_no_input_causes_is_waited_for(
    database: str, code: str, when: str, capsys: pytest.CaptureFixture[str]
) -> None:
    await run_broken(database, lambda: break_by_trigger(database, code, when), lambda: drop_trigger(database))
    told = "".join(capsys.readouterr())
    assert code in told, "the log has the SQLSTATE"
    assert "Lovelace" not in told, "what a trigger says may be personal"


@pytest.mark.parametrize("table", ["journal", "outbox", "orders"])
async def test_a_missing_right_is_waited_for(
    database: str, table: str, limited: str, capsys: pytest.CaptureFixture[str]
) -> None:
    async def alter(what: str) -> None:
        owner = await asyncpg.connect(database)
        await owner.execute(f"SET ROLE NONE; {what}")
        await owner.close()

    await run_broken(
        database,
        lambda: alter(f"REVOKE INSERT, UPDATE ON {table} FROM {limited}"),
        lambda: alter(f"GRANT INSERT, UPDATE ON {table} TO {limited}"),
    )
    assert f"permission denied for table {table}" in "".join(capsys.readouterr())


async def test_statements_that_a_pooler_has_lost_are_prepared_again(database: str) -> None:
    async with all_roles(database) as (r, producer):
        go_on, later = await hold_half(r)

        async def lose_statements() -> None:
            async with asyncio.TaskGroup() as group:
                for _ in range(r.options.pool):
                    group.create_task(lose_one())

        async def lose_one() -> None:
            async with r.store.engine.session("test") as session:
                await session._driver.execute("DEALLOCATE ALL")

        await lose_statements()
        go_on()
        await keep_taking(r.intake, later)
        await until(lambda: len(producer.sent) >= 4 * ORDERS)
        await r.until_idle()
        assert await r.dead_letter_codes() == []
        assert await run_sql(database, UNDONE) == []


async def test_connections_that_are_closed_under_their_statements_are_replaced(database: str) -> None:
    killing = True

    async def kill() -> None:
        while killing:
            await run_sql(
                database,
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                "WHERE datname = current_database() AND pid <> pg_backend_pid()",
            )
            await asyncio.sleep(0.01)

    tasks: list[asyncio.Task[None]] = []

    async def begin() -> None:
        tasks.append(asyncio.create_task(kill()))

    async def end() -> None:
        nonlocal killing
        killing = False
        await tasks[0]

    await run_broken(database, begin, end)
