"""Which records were published, and what `send_all` returns for them."""

import asyncio
import time
from collections.abc import AsyncIterator

import pytest

from ordersaga.bus.admin import TopicsMissingError, ensure_topics
from ordersaga.bus.kafka import KafkaSettings
from ordersaga.bus.producer import NotSentError, OutRecord, Producer
from ordersaga_local.admin import create_topics
from ordersaga_local.parts import Kafka

from .conftest import MakeConsumer, MakeTopic
from .doubles import MemoryStore, until


@pytest.fixture
async def producer(settings: KafkaSettings) -> AsyncIterator[Producer]:
    made = Producer(settings, deadline=5.0)
    yield made
    await made.close()


async def test_records_arrive_whole_and_in_the_order_of_their_key(
    make_topic: MakeTopic, producer: Producer, consume: MakeConsumer
) -> None:
    topic, store = await make_topic(4), MemoryStore()
    records = [OutRecord(topic, b"k%d" % (n % 9), b"%d" % n + b" " * 2000, [("ce_id", b"%d" % n)]) for n in range(3000)]
    assert await producer.send_all(records) == [None] * 3000
    assert await producer.send_all([OutRecord(topic, b"k0", None)]) == [None]
    assert await producer.send_all([]) == []
    await consume(topic, store.take)
    await until(lambda: len(store.records) == 3001)
    for key in {record.key for record in records}:
        sent = [record.value for record in records if record.key == key] + ([None] if key == b"k0" else [])
        assert [record.value for record in store.records if record.key == key] == sent
    assert all(
        record.headers == (("ce_id", (record.value or b"").strip()),) for record in store.records if record.value
    )


async def test_a_topic_that_is_missing_fails_in_time_and_the_next_call_starts_anew(
    make_topic: MakeTopic, settings: KafkaSettings
) -> None:
    producer, topic = Producer(settings, deadline=1.5), await make_topic(1)
    started = time.monotonic()
    results = await producer.send_all([OutRecord(topic, b"k", b"1"), OutRecord("missing-topic", b"k", b"2")])
    assert time.monotonic() - started < 5
    assert all(result is not None for result in results)
    assert await producer.send_all([OutRecord(topic, b"k", b"3")]) == [None]
    await producer.close()


async def test_what_comes_after_a_failure_is_not_sent(
    kafka: Kafka, make_topic: MakeTopic, producer: Producer, consume: MakeConsumer
) -> None:
    topic, store = await make_topic(1), MemoryStore()
    records = [
        OutRecord(topic, b"k", b"first"),
        OutRecord(topic, b"k", b"x" * 1_500_000),
        OutRecord(topic, b"k", b"last"),
    ]
    first, too_large, last = await producer.send_all(records)
    assert first is None
    assert type(too_large).__name__ == "MessageSizeTooLargeError"
    assert isinstance(last, NotSentError)
    assert await producer.send_all([records[2]]) == [None]
    await consume(topic, store.take)
    await until(lambda: store.values == [b"first", b"last"])


async def test_a_record_that_is_too_large_holds_up_its_own_key_alone(
    make_topic: MakeTopic, producer: Producer, consume: MakeConsumer
) -> None:
    topic, store = await make_topic(1), MemoryStore()
    left = [
        OutRecord(topic, b"bad", b"x" * 1_500_000),
        OutRecord(topic, b"bad", b"behind"),
        *(OutRecord(topic, b"k%d" % n, b"%d" % n) for n in range(20)),
    ]
    for _ in range(12):
        results = await producer.send_all(left)
        left = [record for record, result in zip(left, results, strict=True) if result is not None]
    assert [record.key for record in left] == [b"bad", b"bad"]
    await consume(topic, store.take)
    await until(lambda: store.values == [b"%d" % n for n in range(20)])
    assert await producer.send_all(left[1:]) == [None]


async def test_a_caller_that_gives_up_leaves_nothing_behind(make_topic: MakeTopic, settings: KafkaSettings) -> None:
    producer, topic = Producer(settings, linger=30.0, deadline=60.0), await make_topic(1)
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(1.0):
            await producer.send_all([OutRecord(topic, b"k", b"lingers")])
    assert producer._client is None
    await producer.close()


async def test_topics_are_made_when_they_may_be(settings: KafkaSettings, kafka: Kafka, topic_name: object) -> None:
    assert callable(topic_name)
    there, missing = topic_name("there"), topic_name("missing")
    await create_topics(kafka.bootstrap, there)
    with pytest.raises(TopicsMissingError, match=missing):
        await ensure_topics(settings, [there, missing])
    assert await ensure_topics(settings, [there, missing], partitions=3) == [missing]
    assert await ensure_topics(settings, [there, missing], partitions=3) == []
    with pytest.raises(TopicsMissingError, match="refused"):
        await ensure_topics(settings, ["not a name"], partitions=1)
