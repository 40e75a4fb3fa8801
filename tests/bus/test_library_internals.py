"""Internals of libraries that we rely on, where no other test would notice a change. See docs/dependencies.md."""

import asyncio
import gc
import warnings

import pytest
from aiokafka import AIOKafkaProducer  # type: ignore[import-untyped]  # it ships no types
from aiokafka.admin import AIOKafkaAdminClient  # type: ignore[import-untyped]  # as above
from aiokafka.client import AIOKafkaClient  # type: ignore[import-untyped]  # as above

from ordersaga.bus import admin, data, polling
from ordersaga.bus.batch import Handlers
from ordersaga.bus.kafka import KafkaSettings
from ordersaga.bus.membership import Membership
from ordersaga.bus.polling import PollingConsumer
from ordersaga.bus.producer import OutRecord, Producer

from .conftest import FAST, MakeConsumer, MakeTopic
from .doubles import MemoryStore, until


def tasks_of(consumer: PollingConsumer) -> list["asyncio.Task[None]"]:
    return [getattr(consumer._coordinator, name) for name in polling._COORDINATION]


async def test_a_consumer_whose_group_coordination_has_ended_is_started_anew(
    make_topic: MakeTopic, shop: AIOKafkaProducer, consume: MakeConsumer
) -> None:
    topic, store = await make_topic(1), MemoryStore()
    consumer = await consume(topic, store.take)
    membership = consumer._membership
    assert membership is not None
    inner = membership._consumer
    assert inner is not None
    tasks_of(inner)[0].cancel()
    await until(lambda: inner.broken == "its group coordination has ended")
    await until(lambda: consumer._membership not in {membership, None} and consumer.health().running)
    await shop.send_and_wait(topic, b"after")
    await until(lambda: store.values == [b"after"])


async def test_a_consumer_that_is_abandoned_leaves_no_task_running(
    make_topic: MakeTopic, settings: KafkaSettings
) -> None:
    topic, store = await make_topic(1), MemoryStore()
    membership = Membership(settings, [topic], topic, FAST, Handlers(store.take, store.start, None))
    await membership.open()
    inner = membership._consumer
    assert inner is not None
    tasks = tasks_of(inner)
    assert not any(task.done() for task in tasks)
    assert inner._client._metadata_max_age_ms == 30_000, "so that a partition that is added is noticed soon"
    await inner.abandon()
    _, left = await asyncio.wait(tasks, timeout=0.5)
    await membership.close()
    assert not left


async def test_a_producer_that_cannot_be_closed_in_time_is_not_complained_of(
    make_topic: MakeTopic, settings: KafkaSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    producer, topic = Producer(settings, linger=30.0), await make_topic(1)
    close = AIOKafkaClient.close

    async def close_slowly(client: AIOKafkaClient) -> None:
        await close(client)
        await asyncio.sleep(60)

    monkeypatch.setattr(AIOKafkaClient, "close", close_slowly)
    monkeypatch.setattr("ordersaga.bus.producer._CLOSING", 0.2)
    with warnings.catch_warnings(record=True) as complaints:
        warnings.simplefilter("always")
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.5):
                await producer.send_all([OutRecord(topic, b"k", b"lingers")])
        del producer
        await asyncio.sleep(0.1)  # until the cancelled sender doesn't reference it any more
        gc.collect()
    assert complaints == []


def test_a_new_topic_is_replicated_as_the_brokers_have_it() -> None:
    _name, partitions, replication, *_ = AIOKafkaAdminClient._convert_new_topic_request(admin._new("topic", 3))
    assert (partitions, replication) == (3, -1)


def test_a_field_that_the_types_refuse_and_the_schema_takes_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ordersaga.bus.schemas.problems", lambda _type, _data: ())
    broken = data.decode("shop.order.placed.v1", b'{"order_lines": [{"quantity": "many"}]}')
    assert broken == data.InvalidData("invalid_event", ("$.order_lines[0].quantity: can't be decoded",))
