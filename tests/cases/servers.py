"""Servers for the cases about databases: a standby that takes over, a proxy in front of both, and pgbouncer."""

import asyncio
import contextlib
import os
import re
import shutil
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

import asyncpg
import pytest

from ordersaga_local.postgres import LocalPostgres
from ordersaga_local.process import Owner, Server, free_port, new_directory, run

_HOST: Final = "127.0.0.1"
_SYSTEM_PROGRAMS: Final = "/usr/sbin"
"""Debian installs pgbouncer here; it isn't on every user's path."""
_VERSION: Final = re.compile(r"(\d+)\.(\d+)\.\d+")


async def query(url: str, sql: str) -> Any:
    """The value that the statement returns."""
    connection = await asyncpg.connect(url)
    try:
        return await connection.fetchval(sql)
    finally:
        await connection.close()


# failover


class Proxy:
    """An address that stays the same while the server behind it changes. Open connections stay with their server."""

    def __init__(self) -> None:
        self.port = free_port()
        self._target: int | None = None
        self._tasks: set[asyncio.Task[None]] = set()

    def url(self) -> str:
        return f"postgresql://postgres@{_HOST}:{self.port}/postgres"

    def set_target(self, server: LocalPostgres | None) -> None:
        """For new connections. None: they are closed at once."""
        self._target = None if server is None else urlsplit(server.url()).port

    @contextlib.asynccontextmanager
    async def listening(self) -> AsyncIterator[None]:
        server = await asyncio.start_server(self._connected, _HOST, self.port)
        try:
            yield
        finally:
            server.close()
            for task in self._tasks:
                task.cancel()

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.closing(writer), contextlib.suppress(OSError):
            if self._target is None:
                return
            server_reader, server_writer = await asyncio.open_connection(_HOST, self._target)
            with contextlib.closing(server_writer):
                tasks = [self._forward(reader, server_writer), self._forward(server_reader, writer)]
                await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)

    def _forward(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> asyncio.Task[None]:
        task = asyncio.create_task(_forward(reader, writer))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task


async def _forward(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(OSError):
        while content := await reader.read(65536):
            writer.write(content)
            await writer.drain()


@contextlib.contextmanager
def standby_of(primary: LocalPostgres) -> Iterator[LocalPostgres]:
    """A server that follows the primary by streaming replication."""
    standby = LocalPostgres()
    try:
        backup: list[str | Path] = [standby._programs / "pg_basebackup", "-D", standby._data, "-d", primary.url()]
        backup += ["--write-recovery-conf", "--checkpoint=fast", "--no-sync"]
        run(backup, Owner.unprivileged(), standby.directory)
        standby.start()
        yield standby
    finally:
        standby.close()


async def fail_over(proxy: Proxy, primary: LocalPostgres, standby: LocalPostgres) -> None:
    """The standby is promoted, with every commit; the old primary keeps its connections and refuses writes."""
    proxy.set_target(None)
    await query(primary.url(), "ALTER SYSTEM SET default_transaction_read_only = on")
    await query(primary.url(), "SELECT pg_reload_conf()")
    await asyncio.sleep(0.2)  # until each session has the signal
    await _until_true(primary, "SELECT NOT EXISTS (SELECT 1 FROM pg_stat_activity WHERE backend_xid IS NOT NULL)")
    last = await query(primary.url(), "SELECT pg_current_wal_insert_lsn()::text")
    await _until_true(standby, f"SELECT pg_last_wal_replay_lsn() >= '{last}'::pg_lsn")
    assert await query(standby.url(), "SELECT pg_promote()")
    proxy.set_target(standby)


async def _until_true(server: LocalPostgres, sql: str) -> None:
    for _ in range(200):
        if await query(server.url(), sql):
            return
        await asyncio.sleep(0.05)
    raise AssertionError(f"not within 10 s: {sql}")


# pgbouncer


class Pgbouncer:
    """In transaction mode, with fewer connections to the server than its clients have, and without support for prepared
    statements. `ignored`: startup parameters that it ignores; it refuses others.
    """

    def __init__(self, program: str, server: LocalPostgres, ignored: str = "") -> None:
        self._port = free_port()
        directory = new_directory("pgbouncer", Owner.unprivileged())
        settings = directory / "pgbouncer.ini"
        settings.write_text(
            f"[databases]\n* = host={_HOST} port={urlsplit(server.url()).port} user=postgres\n"
            f"[pgbouncer]\nlisten_addr = {_HOST}\nlisten_port = {self._port}\nunix_socket_dir =\nauth_type = any\n"
            f"pool_mode = transaction\ndefault_pool_size = 2\nignore_startup_parameters = {ignored}\n"
            f"{_without_prepared_statements(program)}\n"
        )
        settings.chmod(0o644)
        self._server = Server([program, settings], directory, self._ready, owner=Owner.unprivileged())

    def start(self) -> None:
        self._server.start()

    def close(self) -> None:
        self._server.close()

    def url(self, database: str) -> str:
        return f"postgresql://postgres@{_HOST}:{self._port}/{database}"

    def _ready(self, _pid: int) -> bool:
        return self._server.log.exists() and "process up" in self._server.log.read_text(errors="replace")


def _without_prepared_statements(program: str) -> str:
    """The setting exists since 1.21; older versions don't support them at all."""
    found = _VERSION.search(run([program, "--version"]))
    assert found is not None
    return "max_prepared_statements = 0" if (int(found[1]), int(found[2])) >= (1, 21) else ""


def pgbouncer_program() -> str:
    """Skips the test where it isn't installed."""
    program = shutil.which("pgbouncer", path=f"{os.environ.get('PATH', '')}:{_SYSTEM_PROGRAMS}")
    if program is None:
        pytest.skip("pgbouncer isn't installed: apt-get install pgbouncer")
    return program
