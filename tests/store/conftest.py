"""A store on a database of the test's own, and a second pair of eyes on it."""

from collections.abc import AsyncIterator
from typing import TypeAlias

import asyncpg
import pytest
from asyncpg import Record

from ordersaga.store.engine import Engine
from ordersaga.store.store import Store
from ordersaga.store.vault import Vault

Eyes: TypeAlias = "asyncpg.Connection[Record]"


@pytest.fixture
def vault() -> Vault:
    return Vault({"k1": bytes(range(32))}, "k1")


@pytest.fixture
async def store(database: str, vault: Vault) -> AsyncIterator[Store]:
    async with Store(Engine(database), vault) as opened:
        yield opened


@pytest.fixture
async def eyes(database: str) -> AsyncIterator[Eyes]:
    """A connection that isn't the store's."""
    connection = await asyncpg.connect(database)
    yield connection
    await connection.close()
