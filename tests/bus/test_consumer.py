"""The consumer on real Kafka: which records it reads, in which order, from where, and what it commits."""

import asyncio
import statistics
import struct
import time
from collections.abc import Callable, Mapping, Sequence

import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition  # type: ignore[import-untyped]  # it ships no types
from aiokafka.record.util import calc_crc32c  # type: ignore[import-untyped]  # as above

from ordersaga.bus.batch import Batch, ConsumerOptions
from ordersaga.bus.kafka import KafkaSettings
from ordersaga.bus.records import Partition
from ordersaga_local.parts import Kafka

from .conftest import FAST, MakeConsumer, MakeTopic
from .doubles import MemoryStore, until

Say = Callable[[str], None]


async def publish(shop: AIOKafkaProducer, topic: str, numbers: range, partition: int | None = 0) -> None:
    for number in numbers:
        await shop.send(topic, b"%d" % number, b"k%d" % (number % 7), partition=partition)
    await shop.flush()


def numbered(numbers: range) -> list[bytes]:
    return [b"%d" % number for number in numbers]


async def committed(settings: KafkaSettings, topic: str, group: str, partition: int = 0) -> int | None:
    async with AIOKafkaConsumer(
        bootstrap_servers=settings.brokers, group_id=group, enable_auto_commit=False
    ) as consumer:
        offset: int | None = await consumer.committed(TopicPartition(topic, partition))
        return offset


async def test_a_record_comes_whole(make_topic: MakeTopic, shop: AIOKafkaProducer, consume: MakeConsumer) -> None:
    topic, store = await make_topic(1), MemoryStore()
    sent = await shop.send_and_wait(
        topic,
        b"\xff\x00",
        None,
        headers=[("ce_id", b"\xff"), ("reply_to", b"elsewhere"), ("null", None), ("ce_merchant", None)],
    )
    await shop.send_and_wait(topic, None, b"key")
    await consume(topic, store.take)
    await until(lambda: len(store.records) == 2)
    one, tombstone = store.records
    assert (one.topic, one.partition, one.offset, one.timestamp) == (topic, 0, 0, sent.timestamp / 1000)
    assert (one.key, one.value) == (None, b"\xff\x00")
    assert one.headers == (("ce_id", b"\xff"), ("reply_to", b"elsewhere"), ("null", b""))
    assert (tombstone.key, tombstone.value) == (b"key", None)


async def test_records_around_a_mebibyte_arrive(make_topic: MakeTopic, kafka: Kafka, consume: MakeConsumer) -> None:
    topic, store = await make_topic(1), MemoryStore()
    sizes = [1024 * 1024 - 200, 10, 700_000, 700_000, 700_000]
    async with AIOKafkaProducer(bootstrap_servers=kafka.bootstrap, max_request_size=4_000_000) as shop:
        for size in sizes:
            await shop.send_and_wait(topic, b"x" * size)
    await consume(topic, store.take)
    await until(lambda: [len(value or b"") for value in store.values] == sizes)


async def test_a_header_name_that_is_not_utf_8_keeps_nothing_back(
    make_topic: MakeTopic, shop: AIOKafkaProducer, consume: MakeConsumer
) -> None:
    topic, store = await make_topic(2), MemoryStore()
    await publish(shop, topic, range(5))
    await publish(shop, topic, range(100, 103), partition=1)
    await _publish_unreadable(shop, topic)
    await publish(shop, topic, range(5, 8))
    await publish(shop, topic, range(103, 106), partition=1)
    await consume(topic, store.take)
    await until(lambda: len(store.records) == 17)
    by_partition = [[r.value for r in store.records if r.partition == partition] for partition in (0, 1)]
    assert by_partition[0] == [*numbered(range(5)), b"before", b"bad", b"after", *numbered(range(5, 8))]
    assert by_partition[1] == numbered(range(100, 106))
    bad = next(record for record in store.records if record.value == b"bad")
    assert [name for name, _ in bad.headers] == ["\ufffd\ufffdcd", "ce_id"]
    await publish(shop, topic, range(8, 9))
    await until(lambda: store.values[-1] == b"8")


async def _publish_unreadable(shop: AIOKafkaProducer, topic: str) -> None:
    """As aiokafka only encodes text, the batch's bytes are changed before they are sent."""
    batch = shop.create_batch()
    batch.append(timestamp=1, key=b"k", value=b"before", headers=[("ce_id", b"1")])
    batch.append(timestamp=1, key=b"k", value=b"bad", headers=[("abcd", b""), ("ce_id", b"2")])
    batch.append(timestamp=1, key=b"k", value=b"after")
    written = batch._build

    def build() -> bytes:
        data = bytes(written()).replace(b"abcd", b"\xff\xfecd")
        return data[:17] + struct.pack(">I", calc_crc32c(data[21:])) + data[21:]

    batch._build = build
    await (await shop.send_batch(batch, topic, partition=0))


async def test_what_the_shop_aborted_is_never_seen(kafka: Kafka, make_topic: MakeTopic, consume: MakeConsumer) -> None:
    topic, store, ends = await make_topic(1), MemoryStore(), []

    async def idle(at_end: Mapping[Partition, int], _stored: Mapping[Partition, int]) -> None:
        ends.append(dict(at_end))

    async with AIOKafkaProducer(bootstrap_servers=kafka.bootstrap, transactional_id=topic) as shop:
        await shop.begin_transaction()
        await shop.send_and_wait(topic, b"aborted")
        await shop.abort_transaction()
        await shop.begin_transaction()
        await shop.send_and_wait(topic, b"committed")
        await consume(topic, store.take, on_idle=idle)
        await asyncio.sleep(0.3)
        assert store.values == []
        await shop.commit_transaction()
    await until(lambda: store.values == [b"committed"])
    await until(lambda: ends[-1:] == [{Partition(topic, 0): 4}])  # after the commit marker


async def test_it_reads_from_where_the_store_says(
    make_topic: MakeTopic, shop: AIOKafkaProducer, consume: MakeConsumer, settings: KafkaSettings
) -> None:
    topic, first, second = await make_topic(2), MemoryStore(), MemoryStore()
    await publish(shop, topic, range(10))
    await publish(shop, topic, range(10), partition=1)
    reader = await consume(topic, first.take, group=topic)
    await until(lambda: len(first.records) == 20)
    await reader.stop()
    assert await committed(settings, topic, topic) == 10
    second.offsets = {Partition(topic, 0): 4}  # as after a restore; it has no offset of partition 1
    await consume(topic, second.take, second.start, group=topic)
    await until(lambda: len(second.records) == 16)
    assert [r.value for r in second.records if r.partition == 0] == numbered(range(4, 10))
    assert [r.value for r in second.records if r.partition == 1] == numbered(range(10))


async def test_while_the_store_is_away_nothing_is_read_and_the_group_is_kept(
    make_topic: MakeTopic, shop: AIOKafkaProducer, consume: MakeConsumer
) -> None:
    topic, store, asked = await make_topic(1), MemoryStore(), 0
    await publish(shop, topic, range(3))

    async def start(partitions: Sequence[Partition]) -> Mapping[Partition, int]:
        nonlocal asked
        asked += 1
        if asked < 4:
            raise ConnectionError("away")
        return dict.fromkeys(partitions, 1)

    consumer = await consume(topic, store.take, start)
    await until(lambda: asked == 3)
    assert store.batches == 0
    assert consumer.health().running
    assert not consumer.health().positioned
    await until(lambda: store.values == numbered(range(1, 3)))
    assert consumer.health().positioned


async def test_it_tells_the_age_of_the_current_batch(
    make_topic: MakeTopic, shop: AIOKafkaProducer, consume: MakeConsumer
) -> None:
    topic, tries, go_on = await make_topic(1), 0, asyncio.Event()
    await publish(shop, topic, range(1))

    async def take(_batch: Batch) -> None:
        nonlocal tries
        tries += 1
        if tries == 1:
            raise ConnectionError("away")
        await go_on.wait()

    consumer = await consume(topic, take)
    await until(lambda: tries == 2)
    assert consumer.health().batch_age >= 0.1, "it is still the same batch"
    go_on.set()
    await until(lambda: consumer.health().batch_age == 0.0)


async def test_a_batch_that_fails_comes_again_before_any_other(
    make_topic: MakeTopic, shop: AIOKafkaProducer, consume: MakeConsumer, settings: KafkaSettings
) -> None:
    topic, store, tries = await make_topic(1), MemoryStore(), []
    await publish(shop, topic, range(30))

    async def take(batch: Batch) -> None:
        tries.append([record.value for record in batch.records])
        if len(tries) in {2, 3, 4}:
            assert await committed(settings, topic, topic) in {10, None}
            raise ConnectionError("the database is away")
        await store.take(batch)

    await consume(topic, take, group=topic, options=ConsumerOptions(10, 6.0, 2.0))
    await until(lambda: len(store.records) == 30)
    assert store.values == numbered(range(30))
    assert tries[1] == tries[2] == tries[3] == tries[4] == numbered(range(10, 20))


async def test_the_offsets_that_are_committed_are_those_that_were_taken(
    make_topic: MakeTopic, shop: AIOKafkaProducer, consume: MakeConsumer, settings: KafkaSettings
) -> None:
    topic, taken = await make_topic(2), asyncio.Event()
    await publish(shop, topic, range(25))
    await publish(shop, topic, range(3), partition=1)
    batches: list[Batch] = []

    async def take(batch: Batch) -> None:
        batches.append(batch)
        if sum(len(one.records) for one in batches) > 20:
            taken.set()
            await asyncio.Event().wait()  # the last one never ends

    consumer = await consume(topic, take, group=topic, options=ConsumerOptions(10, 6.0, 2.0))
    await taken.wait()
    following: dict[int, int] = {}
    for batch in batches[:-1]:
        following |= {record.partition: record.offset + 1 for record in batch.records}
    await asyncio.sleep(0.5)
    for partition in (0, 1):
        assert await committed(settings, topic, topic, partition) == following.get(partition)
    await consumer.stop(0.0)
    for partition in (0, 1):
        assert await committed(settings, topic, topic, partition) == following.get(partition)


async def test_it_says_when_a_partition_is_read_to_its_end(
    make_topic: MakeTopic, shop: AIOKafkaProducer, consume: MakeConsumer
) -> None:
    topic, store = await make_topic(2), MemoryStore()
    await publish(shop, topic, range(15))
    seen: list[tuple[int, bool]] = []
    idle: list[Mapping[Partition, int]] = []

    async def take(batch: Batch) -> None:
        await store.take(batch)
        seen.append((len(store.records), batch.at_end(Partition(topic, 0))))
        assert batch.partitions == [Partition(topic, 0)]
        assert batch.is_assigned(Partition(topic, 0))

    async def on_idle(at_end: Mapping[Partition, int], _stored: Mapping[Partition, int]) -> None:
        idle.append(at_end)

    lags: list[int] = []

    async def take_and_look(batch: Batch) -> None:
        lags.append(consumer.lags()[Partition(topic, 0)])
        await take(batch)

    consumer = await consume(topic, take_and_look, on_idle=on_idle, options=ConsumerOptions(10, 6.0, 2.0))
    await until(lambda: len(store.records) == 15)
    assert seen == [(10, False), (15, True)]
    assert lags == [5, 0]
    await until(lambda: idle[-1:] == [{Partition(topic, 0): 15, Partition(topic, 1): 0}])
    idle.clear()
    await asyncio.sleep(2.6)
    assert 1 <= len(idle) <= 3


async def test_an_idle_call_that_fails_is_only_told(
    make_topic: MakeTopic, shop: AIOKafkaProducer, consume: MakeConsumer
) -> None:
    topic, store = await make_topic(1), MemoryStore()

    async def on_idle(_at_end: Mapping[Partition, int], _stored: Mapping[Partition, int]) -> None:
        raise ConnectionError("away")

    await consume(topic, store.take, on_idle=on_idle)
    await asyncio.sleep(1.5)
    await publish(shop, topic, range(2))
    await until(lambda: store.values == numbered(range(2)))


async def test_it_stops_within_its_time(make_topic: MakeTopic, shop: AIOKafkaProducer, consume: MakeConsumer) -> None:
    topic, store, begun = await make_topic(1), MemoryStore(), asyncio.Event()
    await publish(shop, topic, range(1))

    async def slow(batch: Batch) -> None:
        begun.set()
        await asyncio.sleep(0.4)
        await store.take(batch)

    async def stuck(_batch: Batch) -> None:
        begun.set()
        await asyncio.Event().wait()

    async def failing(_batch: Batch) -> None:
        begun.set()
        raise ConnectionError("away")

    for take, least, most in ((slow, 0.2, 2.0), (stuck, 1.0, 3.0), (failing, 0.0, 2.0)):
        begun.clear()
        consumer = await consume(topic, take, group=f"{topic}-{take.__name__}")
        await begun.wait()
        started = time.monotonic()
        await consumer.stop(1.0)
        assert least <= time.monotonic() - started < most, take.__name__
    assert store.values == [b"0"]


async def test_after_a_stop_the_next_member_has_the_partitions_at_once(
    make_topic: MakeTopic, shop: AIOKafkaProducer, consume: MakeConsumer
) -> None:
    topic, store = await make_topic(1), MemoryStore()
    first = await consume(topic, store.take, store.start, group=topic, options=ConsumerOptions())
    await publish(shop, topic, range(1))
    await until(lambda: store.values == [b"0"])
    await first.stop()
    started = time.monotonic()
    await consume(topic, store.take, store.start, group=topic)
    await publish(shop, topic, range(1, 2))
    await until(lambda: store.values == [b"0", b"1"])
    assert time.monotonic() - started < 5  # the session would have lasted 45 s


async def test_a_lone_record_is_there_at_once(
    make_topic: MakeTopic, shop: AIOKafkaProducer, consume: MakeConsumer, say: Say
) -> None:
    topic = await make_topic(8)
    came = asyncio.Event()

    async def take(_batch: Batch) -> None:
        came.set()

    await consume(topic, take)
    taken = []
    for number in range(40):
        await asyncio.sleep(0.02 + 0.007 * (number % 5))
        came.clear()
        await shop.send_and_wait(topic, b"x", b"%d" % number)
        started = time.monotonic()
        await came.wait()
        taken.append(time.monotonic() - started)
    median = statistics.median(taken)
    say(
        f"a lone record is handed out {median * 1000:.1f} ms (median) after its acknowledgement, at most {max(taken) * 1000:.1f} ms"
    )
    assert median < 0.015


async def test_many_records_come_fast(
    make_topic: MakeTopic, shop: AIOKafkaProducer, consume: MakeConsumer, say: Say
) -> None:
    topic, count, times = await make_topic(8), 0, []
    for number in range(20_000):
        await shop.send(topic, b"x" * 1000, b"%d" % number, headers=[("ce_id", b"1")])
    await shop.flush()

    async def take(batch: Batch) -> None:
        nonlocal count
        count += len(batch.records)
        times.append(time.monotonic())

    await consume(topic, take, options=ConsumerOptions(500, FAST.session_timeout))
    await until(lambda: count == 20_000)
    rate = count / (times[-1] - times[0])
    say(f"{rate:,.0f} records a second")
    assert rate > 4000  # it reaches about ten times as many; fewer on a busy machine


async def test_a_batch_that_takes_long_is_no_silence(
    make_topic: MakeTopic, shop: AIOKafkaProducer, consume: MakeConsumer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ordersaga.bus.polling._MAX_SILENCE", 0.5)
    monkeypatch.setattr("ordersaga.bus.polling._LONG_BATCH", 0.3)
    topic, store = await make_topic(1), MemoryStore()
    await publish(shop, topic, range(3))

    async def slow(batch: Batch) -> None:
        await asyncio.sleep(1.5)
        await store.take(batch)

    consumer = await consume(topic, slow, options=ConsumerOptions(1, 6.0, 2.0))
    membership = consumer._membership
    await until(lambda: len(store.records) == 3)
    assert consumer._membership is membership
    assert store.batches == 3
