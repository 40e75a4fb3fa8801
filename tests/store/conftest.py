"""A store on the test's own database, and another connection to it."""

from collections.abc import AsyncIterator
from typing import TypeAlias

import asyncpg
import pytest
from asyncpg import Record

from ordersaga.store.engine import Engine
from ordersaga.store.store import Store
from ordersaga.store.vault import Vault

Connection: TypeAlias = "asyncpg.Connection[Record]"


@pytest.fixture
def vault() -> Vault:
    return Vault({"k1": bytes(range(32))}, "k1")


@pytest.fixture
async def store(database: str, vault: Vault) -> AsyncIterator[Store]:
    async with Store(Engine(database), vault) as opened:
        yield opened


@pytest.fixture
async def connection(database: str) -> AsyncIterator[Connection]:
    """Not one of the store's connections."""
    connection = await asyncpg.connect(database)
    yield connection
    await connection.close()
