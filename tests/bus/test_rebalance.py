"""Members join and leave the group: no record is lost, and none is taken in twice."""

import asyncio
import time
from collections.abc import Mapping, Sequence

from aiokafka import AIOKafkaProducer  # type: ignore[import-untyped]  # it ships no types

from ordersaga.bus.batch import Batch, ConsumerOptions
from ordersaga.bus.records import Partition

from .conftest import MakeConsumer, MakeTopic
from .doubles import MemoryStore, until


async def test_members_that_come_and_go_lose_and_double_nothing(
    make_topic: MakeTopic, shop: AIOKafkaProducer, consume: MakeConsumer
) -> None:
    topic, store = await make_topic(4), MemoryStore()
    repeats = 0

    async def take(batch: Batch) -> None:
        nonlocal repeats
        await asyncio.sleep(0.01)
        repeats += sum(
            record.offset < store.offsets.get(Partition(topic, record.partition), 0) for record in batch.records
        )
        await store.take(batch)

    async def feed() -> None:
        for number in range(2000):
            await shop.send(topic, b"%d" % number, b"%d" % (number % 40))
            if number % 20 == 0:
                await asyncio.sleep(0.03)
        await shop.flush()

    options = ConsumerOptions(20, 6.0, 2.0)
    first = await consume(topic, take, store.start, group=topic, options=options)
    feeding = asyncio.create_task(feed())
    await asyncio.sleep(0.5)
    second = await consume(topic, take, store.start, group=topic, options=options)
    await until(lambda: len(second.health().partitions) == 2 and second.health().positioned)
    await until(lambda: len(first.health().partitions) == 2)
    await first.stop()
    await asyncio.sleep(0.3)
    await consume(topic, take, store.start, group=topic, options=options)
    await feeding
    await until(lambda: len(store.records) == 2000)
    assert sorted(int(value or b"") for value in store.values) == list(range(2000))
    assert repeats == 0
    by_key: dict[bytes | None, list[int]] = {}
    for record in store.records:
        by_key.setdefault(record.key, []).append(int(record.value or b""))
    assert all(numbers == sorted(numbers) for numbers in by_key.values())


async def test_a_rebalance_waits_for_the_current_batch(
    make_topic: MakeTopic, shop: AIOKafkaProducer, consume: MakeConsumer
) -> None:
    topic, store, begun, ours = await make_topic(2), MemoryStore(), asyncio.Event(), []
    await shop.send_and_wait(topic, b"x", partition=0)

    async def slow(batch: Batch) -> None:
        begun.set()
        await asyncio.sleep(1.2)
        ours.append(batch.is_assigned(Partition(topic, 0)))
        await store.take(batch)

    starts: list[tuple[list[Partition], int]] = []

    async def start(partitions: Sequence[Partition]) -> Mapping[Partition, int]:
        starts.append((list(partitions), len(store.records)))
        return await store.start(partitions)

    await consume(topic, slow, start, group=topic)
    await begun.wait()
    await consume(topic, store.take, start, group=topic)
    await until(lambda: len(starts) >= 3)
    assert ours == [
        False
    ]  # it knew that it was revoked, and took it in all the same, before the next owner asked for offsets
    assert [taken for _, taken in starts] == [0, 1, 1]
    await asyncio.sleep(0.3)
    assert store.batches == 1


async def test_a_batch_that_fails_is_dropped_when_its_partitions_are_taken(
    make_topic: MakeTopic, shop: AIOKafkaProducer, consume: MakeConsumer
) -> None:
    topic, store, tried = await make_topic(1), MemoryStore(), 0
    await shop.send_and_wait(topic, b"x")

    async def fail(_batch: Batch) -> None:
        nonlocal tried
        tried += 1
        raise ConnectionError("away")

    first = await consume(topic, fail, store.start, group=topic)
    await until(lambda: tried > 2)
    others = [await consume(topic, store.take, store.start, group=topic)]
    await first.stop()
    await until(lambda: store.values == [b"x"])
    before = tried
    await asyncio.sleep(0.5)
    assert tried == before
    assert others[0].health().running


async def test_a_rebalance_does_not_wait_for_ever(
    make_topic: MakeTopic, shop: AIOKafkaProducer, consume: MakeConsumer
) -> None:
    topic, store, begun = await make_topic(1), MemoryStore(), asyncio.Event()
    await shop.send_and_wait(topic, b"x")

    async def stuck(_batch: Batch) -> None:
        begun.set()
        await asyncio.Event().wait()

    await consume(topic, stuck, store.start, group=topic, options=ConsumerOptions(10, 6.0, 0.5))
    await begun.wait()
    started = time.monotonic()
    await consume(topic, store.take, store.start, group=topic)
    assert time.monotonic() - started < 8
