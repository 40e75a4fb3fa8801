"""Postgres becomes unavailable and comes back."""

import asyncio
from collections.abc import Iterator

import pytest

from ordersaga.store.engine import Engine
from ordersaga.store.errors import StoreUnavailableError
from ordersaga.store.intake import Change
from ordersaga.store.migrations import upgrade
from ordersaga.store.settings import Database
from ordersaga.store.store import Store
from ordersaga.store.vault import Vault
from ordersaga_local.postgres import LocalPostgres
from ordersaga_local.process import free_port

from .conftest import Connection
from .factories import LEASE, OWNER, claim, inbox, key, locked, look_up_inbox, order, put


@pytest.fixture(scope="module")
def server() -> Iterator[LocalPostgres]:
    with LocalPostgres(durable=True) as local:
        upgrade(local.url())
        yield local


async def test_a_server_that_dies_and_comes_back(server: LocalPostgres, vault: Vault) -> None:
    async with Store(Engine(server.url()), vault) as store:
        await asyncio.gather(*(claim(store) for _ in range(4)))
        server.kill()
        with pytest.raises(StoreUnavailableError, match=r"Postgres at 127\.0\.0\.1"):
            await claim(store)
        with pytest.raises(StoreUnavailableError):
            await store.open()
        server.start()
        for _ in range(5):
            await claim(store)
        await put(store, order("after"))


async def test_a_server_that_stops_in_the_middle_of_a_transaction(server: LocalPostgres, vault: Vault) -> None:
    async with Store(Engine(server.url()), vault) as store:

        async def take_in() -> None:
            async with store.intake_transaction() as tx:
                await look_up_inbox(tx, [inbox("a")])
                server.restart()
                await tx.write([Change(order("lost"), None, 0.0)], OWNER, LEASE)

        with pytest.raises(StoreUnavailableError):
            await take_in()
        assert await store.show_order(key("lost")) is None


async def test_nobody_there(vault: Vault) -> None:
    store = Store(Engine(f"postgresql://postgres@127.0.0.1:{free_port()}/x"), vault)
    with pytest.raises(StoreUnavailableError, match="Connect"):
        await store.open()
    await store.close()


async def test_a_database_or_user_that_is_not_there_may_come(database: str, vault: Vault) -> None:
    store = Store(Engine(f"{database}_absent"), vault)
    with pytest.raises(StoreUnavailableError, match="does not exist"):
        await store.open()
    await store.close()


async def test_a_statement_that_takes_too_long_is_given_up(database: str, vault: Vault, connection: Connection) -> None:
    async with Store(Engine(Database(url=database, statement_timeout=0.2, pool_size=1)), vault) as store:
        await put(store, order())
        async with connection.transaction():
            await connection.execute("SELECT FROM orders FOR UPDATE")
            with pytest.raises(StoreUnavailableError, match="statement timeout"):
                async with store.intake_transaction() as tx:
                    await locked(tx, [key()])
        assert len((await claim(store)).orders) == 1


async def test_no_connection_free_is_told_after_the_wait(database: str, vault: Vault) -> None:
    async with (
        Store(Engine(Database(url=database, pool_size=1, pool_wait=0.1)), vault) as store,
        store.intake_transaction(),
    ):
        with pytest.raises(StoreUnavailableError, match="QueuePool"):
            await claim(store)


async def test_work_that_is_cancelled_leaves_nothing_and_gives_its_connection_back(
    database: str, vault: Vault, connection: Connection
) -> None:
    async with Store(Engine(Database(url=database, pool_size=1)), vault) as store:
        await put(store, order())

        async def stand_in_line() -> None:
            async with store.intake_transaction() as tx:
                await look_up_inbox(tx, [inbox("a")])
                await locked(tx, [key()])

        async with connection.transaction():
            await connection.execute("SELECT FROM orders FOR UPDATE")
            waiting = asyncio.create_task(stand_in_line())
            await asyncio.sleep(0.1)
            waiting.cancel()
            with pytest.raises(asyncio.CancelledError):
                await waiting
        assert len((await claim(store)).orders) == 1
        assert await connection.fetchval("SELECT count(*) FROM inbox") == 0


async def test_an_error_of_the_callers_stays_what_it_is(store: Store) -> None:
    with pytest.raises(TimeoutError):
        async with store.intake_transaction():
            raise TimeoutError
