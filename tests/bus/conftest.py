"""The test's own topic, an independent producer, and consumers that are stopped at the end."""

import uuid
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from typing import Any

import pytest
from aiokafka import AIOKafkaProducer  # type: ignore[import-untyped]  # it ships no types

from ordersaga.bus.batch import Batch, ConsumerOptions, StartOffsets
from ordersaga.bus.consumer import Consumer
from ordersaga.bus.kafka import KafkaSettings
from ordersaga.bus.records import Partition
from ordersaga_local.admin import create_topics
from ordersaga_local.parts import Kafka

MakeTopic = Callable[[int], Awaitable[str]]
MakeConsumer = Callable[..., Awaitable[Consumer]]
FAST = ConsumerOptions(session_timeout=6.0, revoke_timeout=2.0)


@pytest.fixture
def settings(kafka: Kafka) -> KafkaSettings:
    return KafkaSettings(kafka.bootstrap)


@pytest.fixture
def make_topic(kafka: Kafka, topic_name: Callable[[str], str]) -> MakeTopic:
    async def make(partitions: int = 1) -> str:
        name = topic_name("shop.orders")
        await create_topics(kafka.bootstrap, name, partitions=partitions)
        return name

    return make


@pytest.fixture
async def shop(kafka: Kafka) -> AsyncIterator[AIOKafkaProducer]:
    """A producer of the library, not ours."""
    producer = AIOKafkaProducer(bootstrap_servers=kafka.bootstrap, acks="all")
    await producer.start()
    yield producer
    await producer.stop()


async def from_the_beginning(_places: Sequence[Partition]) -> Mapping[Partition, int]:
    return {}


@pytest.fixture
async def consume(settings: KafkaSettings) -> AsyncIterator[MakeConsumer]:
    """Starts a consumer, by default in a group of its own."""
    running: list[Consumer] = []

    async def make(
        topic: str,
        on_batch: Callable[[Batch], Awaitable[None]],
        start: StartOffsets = from_the_beginning,
        *,
        group: str = "",
        options: ConsumerOptions = FAST,
        **more: Any,
    ) -> Consumer:
        group = group or f"group-{uuid.uuid4().hex[:8]}"
        consumer = Consumer(settings, [topic], group, on_batch, start, options=options, **more)
        running.append(consumer)
        await consumer.start()
        return consumer

    yield make
    for consumer in running:
        await consumer.stop(1.0)
