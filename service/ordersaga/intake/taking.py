"""What one batch has come to so far, over all the parts in which it is taken in."""

from collections.abc import Container

from msgspec import Struct

from ordersaga.bus.records import Partition, Record
from ordersaga.domain.model.order import Key
from ordersaga.intake.inputs import Batch, EndTimes, key_of

Stored = dict[Partition, int]
"""The offset that the store has of each partition, as far as this consumer knows."""


class Taking(Struct):
    """One call of `take`. `standing`: the first offset of each partition that can't be taken in."""

    whole: Batch
    stored: Stored
    standing: dict[Partition, int] = {}

    def stand(self, batch: Batch, keys: Container[Key]) -> int:
        """From the first record of one of these orders on. How many partitions more stand."""
        before = len(self.standing)
        for record, decoded in reversed(batch):
            if key_of(decoded) in keys:
                self.standing[_partition_of(record)] = record.offset
        return len(self.standing) - before

    def before_standing(self, batch: Batch) -> Batch:
        return [one for one in batch if one[0].offset < self.standing.get(_partition_of(one[0]), one[0].offset + 1)]

    def without_standing(self, ends: EndTimes) -> EndTimes:
        return {partition: at for partition, at in ends.items() if partition not in self.standing}


def _partition_of(record: Record) -> Partition:
    return Partition(record.topic, record.partition)
