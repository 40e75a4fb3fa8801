"""pgbouncer between the store and Postgres."""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import urlsplit

import pytest

from ordersaga.store.engine import Engine
from ordersaga.store.errors import PoolerError
from ordersaga.store.store import Store
from ordersaga.store.vault import Vault
from ordersaga_local import parts
from ordersaga_local.process import Owner, Server, free_port, new_directory

from .factories import claim, key, order, put


@contextmanager
def pgbouncer(server: str, mode: str) -> Iterator[str]:
    """In front of the server of this URL. Its own URL, without the database."""
    program = shutil.which("pgbouncer", path=f"{os.environ.get('PATH', '')}:/usr/sbin:/usr/local/sbin")
    if program is None:
        pytest.skip("pgbouncer isn't installed: apt-get install pgbouncer")
    owner, port, to = Owner.unprivileged(), free_port(), urlsplit(server)
    directory = new_directory("pgbouncer", owner)
    settings = directory / "pgbouncer.ini"
    password = f" password={to.password}" if to.password else ""
    settings.write_text(
        f"[databases]\n* = host={to.hostname} port={to.port} user={to.username}{password}\n"
        f"[pgbouncer]\nlisten_addr = 127.0.0.1\nlisten_port = {port}\nunix_socket_dir =\nauth_type = any\n"
        f"pool_mode = {mode}\ndefault_pool_size = 8\n"
    )
    settings.chmod(0o644)
    running = Server([program, settings], directory, lambda _pid: _is_up(running), owner=owner)
    running.start()
    try:
        yield f"postgresql://{to.username}@127.0.0.1:{port}"
    finally:
        running.close()


def _is_up(server: Server) -> bool:
    return server.log.exists() and "process up" in server.log.read_text(errors="replace")


@pytest.mark.parametrize("mode", ["transaction", "statement"])
async def test_a_pooler_that_does_not_pool_sessions_is_refused_in_one_line(
    postgres: parts.Postgres, database: str, vault: Vault, mode: str
) -> None:
    with pgbouncer(postgres.url(), mode) as url:
        for _ in range(3):
            store = Store(Engine(f"{url}/{database.rpartition('/')[2]}"), vault)
            with pytest.raises(PoolerError, match="set pool_mode = session in pgbouncer") as refused:
                await store.open()
            assert "\n" not in str(refused.value)
            await store.close()


async def test_a_pooler_of_sessions_is_welcome(postgres: parts.Postgres, database: str, vault: Vault) -> None:
    with pgbouncer(postgres.url(), "session") as url:
        async with Store(Engine(f"{url}/{database.rpartition('/')[2]}"), vault) as store:
            await put(store, order())
            assert [one.order.key for one in (await claim(store)).orders] == [key()]
            async with store.engine.session("test") as session:
                (found,) = await session.fetch("SELECT current_setting('plan_cache_mode') AS plans")
            assert found["plans"] == "force_generic_plan"
