"""What is checked when the store is opened."""

import pytest

from ordersaga.store.engine import Engine
from ordersaga.store.errors import AccessDeniedError, SchemaMissingError
from ordersaga.store.store import Store
from ordersaga.store.vault import Vault

from .conftest import Connection


async def test_a_missing_table_or_column_is_named(store: Store, connection: Connection) -> None:
    await connection.execute("DROP TABLE switches; ALTER TABLE journal DROP COLUMN note")
    with pytest.raises(SchemaMissingError, match=r"lacks journal\.note, switches: run `ordersaga migrate`"):
        await store.open()


async def test_what_a_newer_version_has_added_is_no_obstacle(store: Store, connection: Connection) -> None:
    await connection.execute("CREATE TABLE newer (x int); ALTER TABLE journal ADD COLUMN newer int")
    await store.open()


async def test_a_missing_right_is_named(database: str, vault: Vault, connection: Connection) -> None:
    name = database.rpartition("/")[2]
    await connection.execute(
        f"CREATE ROLE {name}; GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO {name};"
        f"REVOKE INSERT, DELETE ON outbox FROM {name}; REVOKE UPDATE ON orders FROM {name};"
        f"ALTER DATABASE {name} SET role = {name}"
    )
    store = Store(Engine(database), vault)
    with pytest.raises(
        AccessDeniedError, match=rf"the role {name} at .* lacks UPDATE on orders; INSERT, DELETE on outbox"
    ):
        await store.open()
    await store.close()
    await connection.execute(f"DROP OWNED BY {name}; ALTER DATABASE {name} RESET role; DROP ROLE {name}")


async def test_opening_for_reading_writes_nothing(database: str, connection: Connection) -> None:
    store = Store(Engine(database), Vault({"mistyped": bytes(32)}, "mistyped"))
    await store.open_for_reading()
    await store.close()
    assert await connection.fetchval("SELECT count(*) FROM master_keys") == 0


async def test_the_settings_of_a_session_are_set(store: Store) -> None:
    async with store.engine.session("test") as session:
        (found,) = await session.fetch(
            "SELECT current_setting('plan_cache_mode') AS plans, current_setting('statement_timeout') AS timeout"
        )
    assert (found["plans"], found["timeout"]) == ("force_generic_plan", "30s")
