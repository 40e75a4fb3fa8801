"""A batch that doesn't continue where the store is."""

from collections.abc import Mapping, Sequence

import pytest
from aiokafka import AIOKafkaProducer  # type: ignore[import-untyped]  # it ships no types

from ordersaga.bus.batch import Batch, ReadAgainError
from ordersaga.bus.records import Partition

from .conftest import MakeConsumer, MakeTopic
from .doubles import until
from .test_consumer import publish


@pytest.mark.parametrize("idle", [False, True])
async def test_a_store_that_went_back_gets_its_records_again(
    make_topic: MakeTopic, shop: AIOKafkaProducer, consume: MakeConsumer, *, idle: bool
) -> None:
    topic = await make_topic(1)
    partition = Partition(topic, 0)
    values: list[int] = []

    def check(stored: Mapping[Partition, int]) -> None:
        if stored.get(partition, 0) != len(values):
            raise ReadAgainError

    async def take(batch: Batch) -> None:
        check(batch.stored)
        values.extend(int(record.value or b"") for record in batch.records)

    async def on_idle(_at_end: Mapping[Partition, int], stored: Mapping[Partition, int]) -> None:
        if idle:
            check(stored)

    async def start(_places: Sequence[Partition]) -> Mapping[Partition, int]:
        return {partition: len(values)} if values else {}

    await consume(topic, take, start, on_idle=on_idle)
    await publish(shop, topic, range(5))
    await until(lambda: len(values) == 5)
    for lost in (2, 0):
        del values[lost:]
        if not idle:
            number = 5 + (lost == 0)
            await publish(shop, topic, range(number, number + 1))
        await until(lambda: len(values) >= 5)
    await until(lambda: values == list(range(len(values))))
    assert len(values) == (5 if idle else 7)
