"""The connection pool; every connection comes from it."""

from collections import defaultdict
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, Final, cast

import asyncpg
from asyncpg import Record
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine
from sqlalchemy.pool import Pool

from ordersaga.store.errors import StoreUnavailableError
from ordersaga.store.session import Counts, Session
from ordersaga.store.settings import Database
from ordersaga.store.translating import translate_errors

_TRIES: Final = 3
_ARRAYS: Final = ("text", "bytea", "bigint", "int", "smallint", "float8", "boolean", "uuid")
_TYPES: Final = "SELECT " + ", ".join(f"${place}::{name}[]" for place, name in enumerate(_ARRAYS, 1))
_KNOWS_TYPES: Final = "knows_types"
"""asyncpg asks the server about the types that it meets: let it, once per connection, before the first statement."""


class Engine:
    """`counts`: by kind of unit of work: intake, settle, relay, claim, …"""

    def __init__(self, database: Database | str, poolclass: type[Pool] | None = None) -> None:
        given = database if isinstance(database, Database) else Database(url=database)
        self.database: Final = given.checked()
        self.where: Final = self.database.where()
        self.counts: Final[defaultdict[str, Counts]] = defaultdict(Counts)
        self._arguments: Final = self.database.arguments()
        sizes = {"pool_size": self.database.pool_size, "max_overflow": 0, "pool_timeout": self.database.pool_wait}
        pooling = {"poolclass": poolclass} if poolclass else {**sizes, "pool_use_lifo": True}
        self.pool: Final[AsyncEngine] = create_async_engine(
            "postgresql+asyncpg://", async_creator=self._connect, **pooling
        )

    async def close(self) -> None:
        await self.pool.dispose()

    @asynccontextmanager
    async def session(self, kind: str) -> AsyncIterator[Session]:
        """One connection; each statement commits by itself."""
        connection = await translate_errors(self.pool.connect(), self.where)
        try:
            driver = await self._live_driver(connection)
            try:
                yield Session(driver, self.counts[kind], self.where)
            except StoreUnavailableError:
                driver.terminate()  # the state of its protocol is unknown
                raise
            finally:
                if driver.is_closed() or driver.is_in_transaction():
                    driver.terminate()
                    await translate_errors(connection.invalidate(), self.where)
        finally:
            await translate_errors(connection.close(), self.where)

    @asynccontextmanager
    async def transaction(self, kind: str) -> AsyncIterator[Session]:
        """One connection and one transaction on it."""
        async with self.session(kind) as session, session.transaction():
            yield session

    @asynccontextmanager
    async def plain_connection(self) -> AsyncIterator["PlainConnection"]:
        """Not of the pool, and without prepared statements."""
        driver = await translate_errors(asyncpg.connect(**self._arguments, statement_cache_size=0), self.where)
        try:
            yield PlainConnection(driver, self.where)
        finally:
            driver.terminate()

    async def _connect(self, *_args: Any, **_kwargs: Any) -> "asyncpg.Connection[Record]":
        driver: asyncpg.Connection[Record] = await asyncpg.connect(**self._arguments)
        try:
            await driver.execute(self.database.session_settings())
        except BaseException:  # also when cancelled: the connection mustn't stay open
            driver.terminate()
            raise
        return driver

    async def _live_driver(self, connection: AsyncConnection) -> "asyncpg.Connection[Record]":
        """The server may have closed a pooled connection; asyncpg knows that without a round trip."""
        for _ in range(_TRIES):
            driver = await translate_errors(_driver_of(connection), self.where)
            if not driver.is_closed():
                break
            await translate_errors(connection.invalidate(), self.where)
        return driver


class PlainConnection:
    """`claimed_process`: the id of the server's process, as it was given when connecting."""

    def __init__(self, driver: "asyncpg.Connection[Record]", where: str) -> None:
        self._driver = driver
        self._where = where
        self.claimed_process: Final[int] = driver.get_server_pid()

    async def process(self) -> int:
        """The id of the process that runs this statement."""
        found: int = await translate_errors(self._driver.fetchval("SELECT pg_backend_pid()"), self._where)
        return found


async def _driver_of(connection: AsyncConnection) -> "asyncpg.Connection[Record]":
    proxied = await connection.get_raw_connection()
    driver = cast("asyncpg.Connection[Record]", proxied.driver_connection)
    if _KNOWS_TYPES not in proxied.info and not driver.is_closed():
        await driver.prepare(_TYPES)
        proxied.info[_KNOWS_TYPES] = True
    return driver
