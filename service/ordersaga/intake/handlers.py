"""What the consumer of shop events calls: takes its batches in, and keeps its position in the store."""

import asyncio
from collections.abc import Mapping, Sequence
from typing import Final

from ordersaga.bus.consumer import Batch
from ordersaga.bus.records import Partition, Record
from ordersaga.intake.intake import Intake
from ordersaga.store.store import Store
from ordersaga.store.upkeep import PartitionEnd

_MAX_AGE: Final = 1.0
"""Seconds by which Kafka's information on the end of a partition may be outdated."""
_WORTH_SPLITTING: Final = 64  # records


class ConsumerHandlers:
    """The handlers that a `Consumer` takes."""

    def __init__(self, intake: Intake, store: Store) -> None:
        self._intake = intake
        self._store = store

    async def take(self, batch: Batch) -> None:
        """Takes the batch in, a large one as two at once. Raises the first error when both have ended."""
        at_end = {partition: _MAX_AGE for partition in batch.partitions if batch.at_end(partition)}
        taking = [self._intake.take(part, at_end) for part in split_batch(batch.records)]
        for failed in await asyncio.gather(*taking, return_exceptions=True):
            if failed is not None:
                raise failed

    async def start_offsets(self, partitions: Sequence[Partition]) -> dict[Partition, int]:
        """Where to read on, by the store. A partition that was never read is missing."""
        offsets = {topic: await self._store.offsets(topic) for topic in {partition.topic for partition in partitions}}
        return {
            Partition(topic, partition): offset
            for topic, found in offsets.items()
            for partition, offset in found.items()
        }

    async def caught_up(self, at_end: Mapping[Partition, int]) -> None:
        """Records that these partitions are read to their end."""
        await self._store.record_caught_up(
            [PartitionEnd(*partition, offset) for partition, offset in at_end.items()], _MAX_AGE
        )


def split_batch(records: Sequence[Record]) -> list[list[Record]]:
    """Two batches of whole partitions where it pays: one is decided while the database writes the other."""
    if len(records) < _WORTH_SPLITTING:
        return [list(records)]
    parts: tuple[list[Record], list[Record]] = ([], [])
    part_of: dict[Partition, list[Record]] = {}
    for record in records:
        partition = Partition(record.topic, record.partition)
        if partition not in part_of:
            part_of[partition] = min(parts, key=len)
        part_of[partition].append(record)
    return [part for part in parts if part]
