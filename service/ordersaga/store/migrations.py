"""Upgrades a database to the newest schema. Several processes may try at once: one does it, the others wait."""

import asyncio
from collections.abc import Callable, Coroutine
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Final, TypeVar

from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from alembic.util import CommandError
from sqlalchemy import Connection, text
from sqlalchemy.pool import NullPool

import ordersaga
from ordersaga.store.engine import Engine
from ordersaga.store.errors import StoreError
from ordersaga.store.settings import Database
from ordersaga.store.tables import metadata
from ordersaga.store.translating import translate_errors

_T = TypeVar("_T")
_LOCK: Final = 0x6F72646572736167  # "ordersag"
_LOCK_TIMEOUT: Final = "5s"
"""For a statement that locks a table exclusively: other statements queue behind it for no longer than this."""


class MigrationError(StoreError):
    """The schema couldn't be upgraded. The steps before the failing one are done; it can be run again."""


def upgrade(database: Database | str, revision: str = "head") -> None:
    """To the newest revision, or to another one."""
    _run(database, lambda connection: _locked(connection, lambda config: command.upgrade(config, revision)))


def downgrade(database: Database | str, revision: str) -> None:
    """Back to a revision, or to `base`: no tables. Data that the older schema can't hold is lost."""
    _run(database, lambda connection: _locked(connection, lambda config: command.downgrade(config, revision)))


def revision(database: Database | str) -> str | None:
    """Of the database; None: it has no schema yet."""
    return _run(database, lambda connection: MigrationContext.configure(connection).get_current_revision())


def newest() -> str:
    """The revision that this version needs."""
    head = ScriptDirectory.from_config(_config()).get_current_head()
    if head is None:
        raise MigrationError(f"there are no migrations in {_scripts()}: the installation is broken")
    return head


def differences(database: Database | str) -> list[Any]:
    """How the database's schema differs from the tables in the code; empty: not at all."""
    return _run(database, _differences)


def _differences(connection: Connection) -> list[Any]:
    context = MigrationContext.configure(connection, opts={"compare_type": True, "compare_server_default": True})
    found: list[Any] = compare_metadata(context, metadata)
    return found


def _scripts() -> Path:
    """In an installed wheel inside the package, in a checkout next to it."""
    package = Path(ordersaga.__file__).parent
    within = package / "_migrations"
    return within if within.is_dir() else package.parents[1] / "migrations"


def _config() -> Config:
    config = Config()
    config.set_main_option("script_location", str(_scripts()).replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    return config


def _locked(connection: Connection, work: Callable[[Config], None]) -> None:
    connection.execute(text("SELECT set_config('statement_timeout', '0', false)"))
    connection.execute(text("SELECT pg_advisory_lock(:lock)"), {"lock": _LOCK})
    connection.execute(text("SELECT set_config('lock_timeout', :most, false)"), {"most": _LOCK_TIMEOUT})
    connection.commit()
    config = _config()
    config.attributes["connection"] = connection
    try:
        work(config)
    except CommandError as error:
        raise MigrationError(
            f"the database's schema isn't known to this version: a newer version has upgraded it ({error})"
        ) from error


def _run(database: Database | str, work: Callable[[Connection], _T]) -> _T:
    """Does `work` on a connection of its own; closing it releases the lock.

    In a thread of its own, so that it may be called while an event loop runs.
    """
    with ThreadPoolExecutor(1) as thread:
        return thread.submit(asyncio.run, _on_connection(database, work)).result()


def _on_connection(database: Database | str, work: Callable[[Connection], _T]) -> Coroutine[Any, Any, _T]:
    async def run() -> _T:
        engine = Engine(database, poolclass=NullPool)
        connection = await translate_errors(engine.pool.connect(), engine.where)
        try:
            return await translate_errors(connection.run_sync(work), engine.where)
        finally:
            await connection.close()
            await engine.close()

    return run()
