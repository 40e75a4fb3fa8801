"""What a consumer hands out, and what it asks for."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass

from ordersaga.bus.assignment import Assignment
from ordersaga.bus.records import Place, Record


class Batch:
    """Records of one poll, in the order of their offsets within each partition."""

    def __init__(self, records: Sequence[Record], assignment: Assignment, at_end: Callable[[Place], bool]) -> None:
        self.records = records
        self._assignment = assignment
        self._at_end = at_end

    @property
    def places(self) -> list[Place]:
        return sorted({Place(record.topic, record.partition) for record in self.records})

    def still_ours(self, place: Place) -> bool:
        """Whether no rebalance has taken the partition since; rebalances are eager, so they take all at once."""
        return self._assignment.holds(place)

    def at_end(self, place: Place) -> bool:
        """Whether Kafka has nothing behind this batch in the partition, as of this moment."""
        return self._at_end(place)


OnBatch = Callable[[Batch], Awaitable[None]]
OnIdle = Callable[[Mapping[Place, int]], Awaitable[None]]
StartOffsets = Callable[[Sequence[Place]], Awaitable[Mapping[Place, int]]]


@dataclass(frozen=True, slots=True)
class Handlers:
    on_batch: OnBatch
    start_offsets: StartOffsets
    on_idle: OnIdle | None


@dataclass(frozen=True, slots=True)
class ConsumerOptions:
    """Durations in seconds. `revoke_timeout`: how long a rebalance waits for the batch in hand."""

    max_records: int = 500
    session_timeout: float = 45.0
    revoke_timeout: float = 10.0


@dataclass(frozen=True, slots=True)
class Health:
    """`last_poll`: seconds since Kafka was last polled, long while a batch is worked on.

    `positioned`: the store has said where to start. `in_hand`: seconds since the batch in hand was handed out, 0: none is.
    """

    running: bool
    last_poll: float
    places: frozenset[Place]
    positioned: bool
    in_hand: float = 0.0
