import asyncio

import pytest

from ordersaga.store import migrations
from ordersaga.store.engine import Engine
from ordersaga.store.errors import SchemaMissingError, StoreUnavailableError
from ordersaga.store.store import Store
from ordersaga.store.vault import Vault
from ordersaga_local.admin import create_database, drop_database
from ordersaga_local.parts import Postgres

from .conftest import Connection


async def test_the_migrated_schema_is_that_of_the_tables(database: str) -> None:
    assert await asyncio.to_thread(migrations.differences, database) == []
    assert migrations.revision(database) == migrations.newest()


async def test_a_change_to_the_tables_without_a_migration_is_seen(database: str, connection: Connection) -> None:
    await connection.execute("ALTER TABLE inbox DROP COLUMN dead_letter; DROP INDEX orders_due_idx")
    assert len(await asyncio.to_thread(migrations.differences, database)) >= 2


async def test_down_to_nothing_and_up_again(database: str, connection: Connection) -> None:
    await asyncio.to_thread(migrations.downgrade, database, "base")
    left = await connection.fetchval("SELECT string_agg(tablename, ' ') FROM pg_tables WHERE schemaname = 'public'")
    assert left == "alembic_version"
    assert migrations.revision(database) is None
    await asyncio.to_thread(migrations.upgrade, database)
    assert await asyncio.to_thread(migrations.differences, database) == []


async def test_several_that_migrate_at_once_do_it_once(postgres: Postgres) -> None:
    await create_database(postgres.url(), "at_once")
    try:
        url = postgres.url("at_once")
        await asyncio.gather(*(asyncio.to_thread(migrations.upgrade, url) for _ in range(4)))
        assert migrations.revision(url) == migrations.newest()
    finally:
        await drop_database(postgres.url(), "at_once")


@pytest.mark.long
async def test_a_table_in_use_ends_the_migration_after_the_lock_timeout(database: str, connection: Connection) -> None:
    async with connection.transaction():
        await connection.execute("LOCK TABLE orders IN ACCESS SHARE MODE")
        with pytest.raises(StoreUnavailableError, match="lock timeout"):
            await asyncio.to_thread(migrations.downgrade, database, "base")
    assert migrations.revision(database) == migrations.newest()


async def test_without_the_schema_the_store_says_what_to_run(postgres: Postgres, vault: Vault) -> None:
    store = Store(Engine(postgres.url()), vault)
    with pytest.raises(SchemaMissingError, match="ordersaga migrate"):
        await store.open()
    await store.close()
