"""What the consumer of shop events calls: takes its batches in, and keeps its position in the store."""

import asyncio
from collections.abc import Mapping, Sequence
from typing import Final

from ordersaga.bus.batch import BatchWaitsError, PartitionsStandError
from ordersaga.bus.consumer import Batch, ReadAgainError
from ordersaga.bus.records import Partition, Record
from ordersaga.intake.intake import NOT_CAUSED_BY_INPUT, Intake
from ordersaga.store.errors import DatabaseWentBackError
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
        """Takes the batch in, a large one as two at once. Raises the first error when both have ended.

        Raises ReadAgainError if the database went back, BatchWaitsError if no record causes the error, and PartitionsStandError
        if orders can be read by another process only.
        """
        at_end = {partition: _MAX_AGE for partition in batch.partitions if batch.at_end(partition)}
        taking = [self._intake.take(part, at_end, _of(part, batch.stored)) for part in split_batch(batch.records)]
        results = await asyncio.gather(*taking, return_exceptions=True)
        failures = [one for one in results if isinstance(one, BaseException)]
        for failed in failures:
            if isinstance(failed, DatabaseWentBackError):
                raise ReadAgainError from failed
        for failed in failures:
            if isinstance(failed, NOT_CAUSED_BY_INPUT):
                raise BatchWaitsError(str(failed)) from failed
            raise failed
        standing = {partition: offset for one in results if isinstance(one, dict) for partition, offset in one.items()}
        if standing:
            raise PartitionsStandError(standing)

    async def start_offsets(self, partitions: Sequence[Partition]) -> dict[Partition, int]:
        """Where to read on, by the store. A partition that was never read is missing."""
        offsets = {topic: await self._store.offsets(topic) for topic in {partition.topic for partition in partitions}}
        return {
            Partition(topic, partition): offset
            for topic, found in offsets.items()
            for partition, offset in found.items()
        }

    async def caught_up(self, at_end: Mapping[Partition, int], stored: Mapping[Partition, int]) -> None:
        """Records that these partitions are read to their end. Raises ReadAgainError if the database went back."""
        ends = [PartitionEnd(*partition, offset, stored.get(partition)) for partition, offset in at_end.items()]
        recorded = {(one.topic, one.partition) for one in await self._store.record_caught_up(ends, _MAX_AGE)}
        left = [Partition(one.topic, one.partition) for one in ends if (one.topic, one.partition) not in recorded]
        if not left:
            return
        found = await self.start_offsets(left)
        lost = [partition for partition in left if found.get(partition, 0) < stored.get(partition, 0)]
        if lost:
            await self._intake.report_went_back(lost[0].topic, lost)
            raise ReadAgainError


def _of(records: Sequence[Record], stored: Mapping[Partition, int]) -> dict[Partition, int]:
    """Of the partitions of these records."""
    partitions = {Partition(record.topic, record.partition) for record in records}
    return {partition: stored[partition] for partition in partitions if partition in stored}


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
