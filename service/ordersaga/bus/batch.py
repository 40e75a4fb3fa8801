"""The batches that a consumer hands out, and the handlers that it calls."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass

from ordersaga.bus.assignment import Assignment
from ordersaga.bus.records import Partition, Record


class BatchWaitsError(Exception):
    """What a batch needs isn't available; the message says what. No record causes it: the batch is handed out again."""


class PartitionsStandError(Exception):
    """The rest of these partitions waits; all other records of the batch were taken in.

    `offsets`: those that the store has, None: none of it.
    """

    def __init__(self, offsets: Mapping[Partition, int | None]) -> None:
        self.offsets = dict(offsets)
        super().__init__(", ".join(f"{topic}[{number}]" for topic, number in sorted(offsets)))


class Batch:
    """The records of one poll, those of each partition by offset.

    `stored`: the next offset that the store must have of each partition, so that the batch leaves no gap.
    """

    def __init__(
        self,
        records: Sequence[Record],
        assignment: Assignment,
        at_end: Callable[[Partition], bool],
        stored: Mapping[Partition, int],
    ) -> None:
        self.records = records
        self.stored = stored
        self._assignment = assignment
        self._at_end = at_end

    @property
    def partitions(self) -> list[Partition]:
        return sorted({Partition(record.topic, record.partition) for record in self.records})

    @property
    def first_offsets(self) -> dict[Partition, int]:
        return {Partition(one.topic, one.partition): one.offset for one in reversed(self.records)}

    @property
    def next_offsets(self) -> dict[Partition, int]:
        """After the batch."""
        return {Partition(one.topic, one.partition): one.offset + 1 for one in self.records}

    def is_assigned(self, partition: Partition) -> bool:
        """False: a rebalance has revoked it. Rebalances are eager, so that they revoke all partitions at once."""
        return self._assignment.holds(partition)

    def at_end(self, partition: Partition) -> bool:
        """Whether the partition has no records after this batch, at this moment."""
        return self._at_end(partition)


class ReadAgainError(Exception):
    """Raised by `on_batch` and `on_idle`: the store isn't where these records continue. Reading starts again from its offsets."""


OnBatch = Callable[[Batch], Awaitable[None]]
OnIdle = Callable[[Mapping[Partition, int], Mapping[Partition, int]], Awaitable[None]]
StartOffsets = Callable[[Sequence[Partition]], Awaitable[Mapping[Partition, int]]]


@dataclass(frozen=True, slots=True)
class Handlers:
    on_batch: OnBatch
    start_offsets: StartOffsets
    on_idle: OnIdle | None


@dataclass(frozen=True, slots=True)
class ConsumerOptions:
    """Durations in seconds. `revoke_timeout`: how long a rebalance waits for the current batch.

    `version`: of what this member can read. Members of the highest version get all partitions.
    """

    max_records: int = 500
    session_timeout: float = 45.0
    revoke_timeout: float = 10.0
    version: int = 0


@dataclass(frozen=True, slots=True)
class Health:
    """`last_poll`: seconds since the last poll; it grows while a batch is processed.

    `positioned`: the store has said where to start. `batch_age`: seconds since the current batch was handed out, 0: none.
    """

    running: bool
    last_poll: float
    partitions: frozenset[Partition]
    positioned: bool
    batch_age: float = 0.0
