"""Services for all cases that share one, and stages for those that need their own."""

import asyncio
import uuid
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import Any

import pytest
from aiokafka import AIOKafkaProducer  # type: ignore[import-untyped]  # it ships no types
from aiokafka.admin import AIOKafkaAdminClient, NewTopic  # type: ignore[import-untyped]  # as above

from e2e.play import Play, playing, until
from ordersaga_local import parts
from ordersaga_local.process import free_port

from .mollie import CUSTOMER
from .runner import SERVICES

Opening = Callable[..., AbstractAsyncContextManager[Play]]
_ANY_TIME = {"message.timestamp.after.max.ms": str(2**63 - 1), "retention.ms": "-1"}
"""The broker takes a record of any timestamp, and keeps it."""
_READING = '"event":"reading"'


@dataclass(frozen=True)
class Shared:
    play: Play
    producer: AIOKafkaProducer


@pytest.fixture
def opened(kafka: parts.Kafka, postgres: parts.Postgres, migrated: str) -> Opening:
    """Opens a stage of the test's own."""

    def open_stage(settings: dict[str, str] | None = None, **options: Any) -> AbstractAsyncContextManager[Play]:
        return playing(parts.Parts(kafka, postgres), migrated, settings, **options)

    return open_stage


@pytest.fixture(scope="package")
async def shared(kafka: parts.Kafka, postgres: parts.Postgres, migrated: str) -> AsyncIterator[Shared]:
    """Two services that share the partitions, for all cases: their orders are their own."""
    run = uuid.uuid4().hex[:8]
    admin = AIOKafkaAdminClient(bootstrap_servers=kafka.bootstrap)
    await admin.start()
    await admin.create_topics([NewTopic(f"shop.orders.{run}", 8, 1, topic_configs=_ANY_TIME)])
    await admin.close()
    port = str(free_port())
    settings = {
        "ORDERSAGA_WEB__SECRETS": "s" * 32,
        "ORDERSAGA_WEB__BASE_URL": f"http://127.0.0.1:{port}",
        "ORDERSAGA_WAITS__ORDER": "60",  # longer than a step between the events takes on a busy machine
    }
    async with playing(parts.Parts(kafka, postgres), migrated, settings, run=run) as play:
        play.sandbox.control("switches", "PUT", CUSTOMER)
        services = [play.service(SERVICES[0], ORDERSAGA_WEB__PORT=port), *map(play.service, SERVICES[1:])]
        await until(lambda: all(_READING in one.text() for one in services), 30, "not both services read")
        async with AIOKafkaProducer(bootstrap_servers=kafka.bootstrap, linger_ms=5) as producer:
            yield Shared(play, producer)
        assert [await asyncio.to_thread(one.stop) for one in services] == [0, 0]
