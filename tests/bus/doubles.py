"""A store of offsets and records in memory, like the intake's, and waiting for a condition."""

import asyncio
from collections.abc import Callable, Mapping, Sequence

from ordersaga.bus.batch import Batch
from ordersaga.bus.records import Partition, Record


class MemoryStore:
    """Takes in records and their next offsets together, and skips records that were taken in before."""

    def __init__(self) -> None:
        self.offsets: dict[Partition, int] = {}
        self.records: list[Record] = []
        self.batches = 0

    async def take(self, batch: Batch) -> None:
        self.batches += 1
        for record in batch.records:
            partition = Partition(record.topic, record.partition)
            if record.offset >= self.offsets.get(partition, 0):
                self.records.append(record)
                self.offsets[partition] = record.offset + 1

    async def start(self, partitions: Sequence[Partition]) -> Mapping[Partition, int]:
        return {partition: self.offsets[partition] for partition in partitions if partition in self.offsets}

    @property
    def values(self) -> list[bytes | None]:
        return [record.value for record in self.records]


async def until(true: Callable[[], bool], seconds: float = 20.0) -> None:
    """Waits. AssertionError if it takes longer."""
    loop = asyncio.get_running_loop()
    deadline = loop.time() + seconds
    while not true():
        assert loop.time() < deadline, "it didn't come about in time"
        await asyncio.sleep(0.005)
