"""Internals of asyncpg that we rely on, where no other test would notice a change. See docs/dependencies.md."""

import pytest

from ordersaga.store.engine import Engine
from ordersaga.store.errors import StoreUnavailableError


async def test_a_connection_that_was_closed_meanwhile_means_that_postgres_is_away(database: str) -> None:
    engine = Engine(database)
    async with engine.session("test") as session:
        session._driver.terminate()
        with pytest.raises(StoreUnavailableError, match="closed"):
            await session.fetch("SELECT 1")
    await engine.close()
