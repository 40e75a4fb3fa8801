"""The demo's own doings: what it takes from whoever starts it, and what it leaves behind."""

import asyncio
import contextlib
import json
import os
import signal
import sys
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import asyncpg
import pytest
from aiokafka.admin import AIOKafkaAdminClient  # type: ignore[import-untyped]  # it ships no types

from ordersaga_local.parts import Kafka, Parts, Postgres
from ordersaga_local.stage import Stage, environment_with, stage


def test_settings_of_whoever_starts_it_stay_outside(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ORDERSAGA_MERCHANTS__DEFAULT__KLARNA__BASE_URL", "https://api.klarna.com")
    monkeypatch.setenv("OTHER", "stays")
    made = environment_with({"ORDERSAGA_LEASE": "10"})
    assert {name for name in made if name.startswith("ORDERSAGA_")} == {"ORDERSAGA_LEASE"}
    assert made["OTHER"] == "stays"


def test_any_merchant_has_an_account_with_mollie(tmp_path: Path) -> None:
    made = Stage("", "", "http://127.0.0.1:1", tmp_path, merchants=["default", "two-words"])
    accounts = json.loads(made.environment["ORDERSAGA_MERCHANTS"])
    keys = [account["mollie"]["api_key"] for account in accounts.values()]
    assert keys == ["test_default", "test_two_words"]


def test_on_servers_that_last_it_leaves_nothing(kafka: Kafka, postgres: Postgres) -> None:
    lasting = Parts(
        Kafka(kafka.bootstrap, kafka.origin, lasts=True), Postgres(postgres.address, postgres.origin, lasts=True)
    )
    with stage(lasting, template="template1") as (made, _):
        run = made.run
        assert asyncio.run(names(kafka, postgres, run))
    assert asyncio.run(names(kafka, postgres, run)) == []


async def names(kafka: Kafka, postgres: Postgres, run: str) -> list[str]:
    """Topics and databases of that run."""
    connection = await asyncpg.connect(postgres.url())
    databases = [record["datname"] for record in await connection.fetch("SELECT datname FROM pg_database")]
    await connection.close()
    admin = AIOKafkaAdminClient(bootstrap_servers=kafka.bootstrap)
    await admin.start()
    topics = await admin.list_topics()
    await admin.close()
    return [name for name in [*databases, *topics] if run in name]


@contextlib.asynccontextmanager
async def demo(kafka: Kafka, postgres: Postgres) -> AsyncIterator[asyncio.subprocess.Process]:
    """`make up`, ended by Ctrl-C."""
    named = {"ORDERSAGA_KAFKA": kafka.bootstrap, "ORDERSAGA_DATABASE": postgres.address}
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "ordersaga_local.demo", "--without-sample"),
        env=environment_with(named | {"PYTHONUNBUFFERED": "1"}),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
    )
    try:
        yield process
        process.send_signal(signal.SIGINT)
        assert await process.wait() == 0
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


async def said(process: asyncio.subprocess.Process, wanted: Callable[[str], bool]) -> str:
    """Its next line of that kind."""
    assert process.stdout is not None
    async with asyncio.timeout(30):
        while line := (await process.stdout.readline()).decode():
            if wanted(line):
                return line
    raise AssertionError("it ended before")


async def test_a_service_that_is_killed_is_started_again(kafka: Kafka, postgres: Postgres) -> None:
    async with demo(kafka, postgres) as process:
        first = int((await said(process, lambda line: "service started, pid" in line)).split()[-1])
        os.kill(first, signal.SIGKILL)
        again = await said(process, lambda line: "started again" in line)
        assert again.startswith("the service was ended by SIGKILL")
        assert int(again.split()[-1]) != first
