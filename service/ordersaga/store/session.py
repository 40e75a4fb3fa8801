"""One connection for one unit of work. Every statement goes through here and is counted; errors become the store's own."""

import asyncio
import re
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import cache
from typing import Any, Final

import asyncpg
from asyncpg import Record

from ordersaga.store.translating import translate_errors

_ROLLBACK_SECONDS: Final = 5.0
_ARGUMENT: Final = re.compile(r"\$(\d+)")


@dataclass(slots=True)
class Counts:
    """Statements sent, including BEGIN, and transactions committed; of statements that commit by themselves, only settles."""

    statements: int = 0
    commits: int = 0


@dataclass(frozen=True, slots=True)
class Part:
    """A statement with its arguments, as a named part (CTE) of a larger statement."""

    name: str
    sql: str
    arguments: Sequence[Any]


@cache
def _combined(statements: tuple[tuple[str, str], ...], select: str) -> str:
    """Several statements as one, with their arguments renumbered."""
    parts, before = [], 0
    for name, sql in statements:
        parts.append(f"{name} AS ({renumbered(sql, before)})")
        before += max(int(one) for one in _ARGUMENT.findall(sql))
    return f"WITH {', '.join(parts)} {select}"


def renumbered(sql: str, before: int) -> str:
    """With argument numbers that follow `before` other arguments."""

    def renumber(found: re.Match[str]) -> str:
        return f"${int(found[1]) + before}"

    return _ARGUMENT.sub(renumber, sql)


class Session:
    """Directly on asyncpg: arrays in, records out. Raises the store's errors."""

    def __init__(self, driver: "asyncpg.Connection[Record]", counts: Counts, where: str) -> None:
        self._driver = driver
        self._counts = counts
        self._where = where

    @property
    def where(self) -> str:
        """The database, for messages."""
        return self._where

    async def fetch(self, sql: str, *arguments: Any) -> Sequence[Record]:
        self._counts.statements += 1
        return await translate_errors(self._driver.fetch(sql, *arguments), self._where)

    async def fetch_combined(self, parts: Sequence["Part"], select: str) -> Sequence[Record]:
        """Independent statements in one round trip; `select` says what they return."""
        sql = _combined(tuple((part.name, part.sql) for part in parts), select)
        return await self.fetch(sql, *(argument for part in parts for argument in part.arguments))

    async def commit_combined(self, parts: Sequence["Part"], select: str) -> Sequence[Record]:
        """The same, as a transaction of its own."""
        records = await self.fetch_combined(parts, select)
        self._counts.commits += 1
        return records

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[None]:
        """COMMIT at the end, ROLLBACK on an exception."""
        self._counts.statements += 1
        await translate_errors(self._driver.execute("BEGIN"), self._where)
        try:
            yield
        except BaseException:  # also when cancelled: nothing of it may be committed
            await self._roll_back()
            raise
        await translate_errors(self._driver.execute("COMMIT"), self._where)
        self._counts.commits += 1

    async def _roll_back(self) -> None:
        """If this fails the connection is closed, and the server rolls back by itself."""
        try:
            async with asyncio.timeout(_ROLLBACK_SECONDS):
                await self._driver.execute("ROLLBACK")
        except (asyncpg.PostgresError, asyncpg.InterfaceError, asyncpg.InternalClientError, OSError):
            self._driver.terminate()
        except asyncio.CancelledError:
            self._driver.terminate()
            raise
