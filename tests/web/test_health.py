"""What the three kinds of health mean, in a process."""

import asyncio
import signal
import socket
import threading
from urllib.parse import urlsplit, urlunsplit

import httpx
import pytest

from ordersaga.web.health import LIVE, METRICS, READY, STARTUP, Health, health_app
from ordersaga.web.server import Server, listen
from ordersaga_local.process import free_port
from ordersaga_local.switch_proxy import SwitchProxy

from .conftest import Started


def through(proxy: SwitchProxy, database: str) -> str:
    parts = urlsplit(database)
    login = parts.netloc.rpartition("@")[0]
    return urlunsplit(parts._replace(netloc=f"{login}@127.0.0.1:{proxy.port}"))


async def test_while_postgres_is_away_the_process_lives_and_has_not_started(started: Started, database: str) -> None:
    port = urlsplit(database).port
    assert port is not None
    with SwitchProxy(free_port()) as proxy:
        running = started(through(proxy, database), "--role", "worker", "--role", "relay", "--role", "intake")
        running.wait_for(LIVE)
        assert running.healthy() == (503, 200, 503)
        assert running.asks(METRICS) == 200
        assert [running.asks(path) for path in ("/", "/healthz", "/metrics/x")] == [404] * 3
        proxy.switch(port)
        running.wait_for(READY)
        assert running.healthy() == (200, 200, 200), "although Kafka is away"
        proxy.switch(free_port())
        running.process.signal(signal.SIGSTOP)
        assert running.asks(LIVE) == 0
        running.process.signal(signal.SIGCONT)
        running.wait_for(LIVE)
        assert running.healthy() == (200, 200, 200), "although Postgres is away again"
        assert running.process.stop() == 0


async def test_a_process_that_waits_for_postgres_can_be_stopped(started: Started) -> None:
    running = started(f"postgresql://nobody@127.0.0.1:{free_port()}/none")
    running.wait_for(STARTUP, 503)
    assert running.process.stop() == 0


async def test_a_process_that_stops_is_not_ready_and_has_started() -> None:
    health = Health(started=True, ready=True)
    transport = httpx.ASGITransport(health_app(health))
    async with httpx.AsyncClient(transport=transport, base_url="http://service") as client:
        assert [(await client.get(path)).status_code for path in (STARTUP, LIVE, READY)] == [200, 200, 200]
        health.ready = False
        assert [(await client.get(path)).status_code for path in (STARTUP, LIVE, READY)] == [200, 200, 503]
        assert (await client.post(READY)).status_code == 405


async def test_metrics_are_told_in_the_format_that_is_asked_for() -> None:
    transport = httpx.ASGITransport(health_app(Health()))
    async with httpx.AsyncClient(transport=transport, base_url="http://service") as client:
        text = await client.get(METRICS)
        opened = await client.get(METRICS, headers={"Accept": "application/openmetrics-text; version=1.0.0"})
    assert text.headers["content-type"].startswith("text/plain; version=0.0.4")
    assert 'ordersaga_invariant_violations_total{invariant="I1"}' in text.text
    assert opened.text.endswith("# EOF\n")


async def test_a_server_leaves_the_signals_alone_and_its_port_when_it_stops() -> None:
    before = signal.getsignal(signal.SIGTERM)
    server = Server(health_app(Health()), listen(0, "127.0.0.1"))
    port = server.port
    serving = asyncio.create_task(server.run())
    async with httpx.AsyncClient() as client:
        assert (await client.get(f"http://127.0.0.1:{port}{LIVE}")).status_code == 200
    assert signal.getsignal(signal.SIGTERM) is before
    assert threading.current_thread() is threading.main_thread()
    server.stop()
    await serving
    with pytest.raises(OSError, match="refused"):
        socket.create_connection(("127.0.0.1", port)).close()
