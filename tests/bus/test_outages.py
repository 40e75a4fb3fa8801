"""Kafka becomes unavailable and comes back."""

import asyncio
import time
from collections.abc import AsyncIterator, Iterator

import pytest

from ordersaga.bus.admin import KafkaUnavailable, ensure_topics
from ordersaga.bus.batch import ConsumerOptions
from ordersaga.bus.consumer import Consumer
from ordersaga.bus.kafka import KafkaSettings
from ordersaga.bus.producer import OutRecord, Producer
from ordersaga_local.admin import create_topics
from ordersaga_local.kafka import LocalKafka

from .doubles import MemoryStore, until

pytestmark = pytest.mark.long  # it stops and starts brokers
OPTIONS = ConsumerOptions(500, 6.0, 1.0)


@pytest.fixture(scope="module")
def broker() -> Iterator[LocalKafka]:
    with LocalKafka() as local:
        yield local


@pytest.fixture
async def producer(broker: LocalKafka) -> AsyncIterator[Producer]:
    made = Producer(KafkaSettings(broker.bootstrap), deadline=5.0)
    yield made
    await made.close()


def numbered(topic: str, numbers: range, size: int = 0) -> list[OutRecord]:
    return [OutRecord(topic, b"k%d" % (number % 5), b"%d" % number + b" " * size) for number in numbers]


@pytest.mark.parametrize("how", ["stop", "kill"])
async def test_the_consumer_comes_back_by_itself(broker: LocalKafka, producer: Producer, how: str) -> None:
    topic, store = f"back-{how}", MemoryStore()
    await create_topics(broker.bootstrap, topic, partitions=2)
    consumer = Consumer(KafkaSettings(broker.bootstrap), [topic], topic, store.take, store.start, options=OPTIONS)
    await consumer.start()
    assert not any(await producer.send_all(numbered(topic, range(10))))
    await until(lambda: len(store.records) == 10)
    pid = broker.server.pid
    await asyncio.to_thread(getattr(broker, how))
    await asyncio.sleep(2)
    await asyncio.to_thread(broker.start)
    assert broker.server.pid != pid
    started = time.monotonic()
    while any(await producer.send_all(numbered(topic, range(10, 20)))):
        assert time.monotonic() - started < 40
    await until(lambda: {int(value or b"") for value in store.values} == set(range(20)), 60)
    assert consumer.health().running
    await consumer.stop(1.0)


async def test_it_waits_for_kafka_at_the_start(broker: LocalKafka, producer: Producer) -> None:
    topic, store = "late", MemoryStore()
    await create_topics(broker.bootstrap, topic, partitions=1)
    assert await producer.send_all(numbered(topic, range(3))) == [None] * 3
    await asyncio.to_thread(broker.stop)
    consumer = Consumer(KafkaSettings(broker.bootstrap), [topic], topic, store.take, store.start, options=OPTIONS)
    starting = asyncio.create_task(consumer.start())
    await asyncio.sleep(1.0)
    assert not starting.done()
    assert not consumer.health().running
    with pytest.raises(KafkaUnavailable, match=broker.bootstrap):
        await ensure_topics(KafkaSettings(broker.bootstrap), [topic])
    await asyncio.to_thread(broker.start)
    async with asyncio.timeout(30):
        await starting
    await until(lambda: len(store.records) == 3)
    await consumer.stop(1.0)


async def test_it_can_be_stopped_while_kafka_is_away(broker: LocalKafka) -> None:
    topic, store = "gone", MemoryStore()
    await create_topics(broker.bootstrap, topic, partitions=1)
    joined, waiting = (
        Consumer(KafkaSettings(broker.bootstrap), [topic], name, store.take, store.start, options=OPTIONS)
        for name in ("joined", "waiting")
    )
    await joined.start()
    await asyncio.to_thread(broker.kill)
    starting = asyncio.create_task(waiting.start())
    await asyncio.sleep(0.5)
    started = time.monotonic()
    await asyncio.gather(joined.stop(1.0), waiting.stop(1.0))
    assert time.monotonic() - started < 9
    await asyncio.gather(starting, return_exceptions=True)
    await asyncio.to_thread(broker.start)


async def test_a_broken_consumer_is_started_anew(broker: LocalKafka, producer: Producer) -> None:
    topic, store = "broken", MemoryStore()
    await create_topics(broker.bootstrap, topic, partitions=1)
    consumer = Consumer(KafkaSettings(broker.bootstrap), [topic], topic, store.take, store.start, options=OPTIONS)
    working = asyncio.create_task(consumer.run())
    await until(lambda: consumer.health().positioned)
    assert consumer._membership is not None
    inner = consumer._membership._consumer
    assert inner is not None
    inner._fetcher.error_future.cancel()
    await until(lambda: consumer._membership is not None and consumer._membership._consumer not in {inner, None}, 30)
    assert await producer.send_all(numbered(topic, range(3))) == [None] * 3
    await until(lambda: len(store.records) == 3, 30)
    await consumer.stop(1.0)
    await working


async def test_when_no_broker_answers_it_looks_for_them_anew(
    broker: LocalKafka, producer: Producer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ordersaga.bus.polling._MAX_SILENCE", 2.0)
    topic, store = "silent", MemoryStore()
    await create_topics(broker.bootstrap, topic, partitions=1)
    consumer = Consumer(KafkaSettings(broker.bootstrap), [topic], topic, store.take, store.start, options=OPTIONS)
    await consumer.start()
    assert await producer.send_all(numbered(topic, range(1))) == [None]
    await until(lambda: len(store.records) == 1)
    await asyncio.sleep(3.0)
    membership = consumer._membership
    assert membership is not None
    assert membership.health().running
    await asyncio.to_thread(broker.kill)
    await until(lambda: consumer._membership is not membership, 30)
    await asyncio.to_thread(broker.start)
    while any(await producer.send_all(numbered(topic, range(1, 3)))):
        pass
    await until(lambda: {int(value or b"") for value in store.values} == {0, 1, 2}, 40)
    await consumer.stop(1.0)


async def test_a_kill_in_the_middle_of_sending_loses_and_disorders_nothing(broker: LocalKafka) -> None:
    topic, store = "killed", MemoryStore()
    settings = KafkaSettings(broker.bootstrap)
    await create_topics(broker.bootstrap, topic, partitions=3)
    producer = Producer(settings, deadline=3.0)
    unsent = numbered(topic, range(6000), size=500)
    killing: asyncio.Task[None] | None = None
    failures = 0
    started = time.monotonic()
    while unsent:
        batch = unsent[:1000]
        if len(unsent) <= 4000 and killing is None:
            killing = asyncio.create_task(_kill_and_start(broker))
        failed = [position for position, error in enumerate(await producer.send_all(batch)) if error is not None]
        failures += bool(failed)
        keys = {batch[position].key for position in failed}
        first = {key: min(position for position in failed if batch[position].key == key) for key in keys}
        # as the relay does: after a failure the later records of the same order are sent again
        again = [record for position, record in enumerate(batch) if position >= first.get(record.key, len(batch))]
        unsent = again + unsent[1000:]
        assert time.monotonic() - started < 60
    assert killing is not None
    await killing
    assert failures > 0
    await producer.close()
    consumer = Consumer(settings, [topic], topic, store.take, store.start, options=OPTIONS)
    await consumer.start()
    await until(lambda: len(set(store.values)) == 6000, 30)
    await consumer.stop(1.0)
    last: dict[bytes | None, int] = {}
    for record in store.records:  # a consumer drops what isn't greater than the last number it saw
        number = int(record.value or b"")
        expected = last.get(record.key, int((record.key or b"")[1:]) - 5) + 5
        assert number <= expected, "something was published before what should come before it"
        last[record.key] = max(last.get(record.key, -5), number)


async def _kill_and_start(broker: LocalKafka) -> None:
    await asyncio.sleep(0.01)
    await asyncio.to_thread(broker.kill)
    await asyncio.sleep(1)
    await asyncio.to_thread(broker.start)
