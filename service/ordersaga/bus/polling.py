"""aiokafka's consumer, changed so that an unreadable record loses no others, and that records arrive immediately."""

import asyncio
import contextlib
import struct
import time
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final

import structlog
from aiokafka import AIOKafkaConsumer, TopicPartition  # type: ignore[import-untyped]  # it ships no types
from aiokafka.errors import ConsumerStoppedError, CorruptRecordException, KafkaError  # type: ignore[import-untyped]  # as above

from ordersaga.bus.assignment import Assignment
from ordersaga.bus.header_decoding import fetch
from ordersaga.bus.records import Partition

log = structlog.get_logger(__name__)

_POLL: Final = 1000  # ms
_POLL_ONE: Final = 200  # ms for a partition that is polled alone
_MAX_END_AGE: Final = 1.0  # seconds since the fetch that returned the end of a partition
_MAX_SILENCE: Final = 60.0  # seconds without any response from a broker
_LONG_BATCH: Final = 5.0  # seconds between polls
_MAX_FAILURES: Final = 10
_UNREADABLE: Final = (ValueError, CorruptRecordException)  # UnicodeDecodeError is a ValueError

_COORDINATION: Final = ("_coordination_task", "_heartbeat_task", "_commit_refresh_task")

Records = dict[Any, list[Any]]
OnEnds = Callable[[Mapping[Partition, int]], Awaitable[None]]


class PollingConsumer(AIOKafkaConsumer):  # type: ignore[misc]  # its base has no types
    """The rebalance listener sets `assignment`. Records of partitions that aren't positioned yet are dropped."""

    def __init__(self, *topics: str, on_idle: OnEnds, **options: Any) -> None:
        super().__init__(*topics, **options)
        self.assignment: Assignment | None = None
        self.handed_out: tuple[Assignment, dict[Partition, int]] | None = None
        self.polled_at = time.monotonic()
        self._on_idle = on_idle
        self._idle_reported_at = 0.0
        self._failures = 0
        self._response_at = time.monotonic()

    def hold(self, offsets: Mapping[Partition, int], seconds: float) -> None:
        """Reads these partitions no further, and from these offsets again after so many seconds."""
        self.rewind(dict(offsets))
        assignment = self.assignment
        if assignment is None or not assignment.reading:
            return
        for partition in offsets:
            if assignment.holds(partition):
                assignment.standing[partition] = time.monotonic() + seconds
                self.pause(TopicPartition(*partition))

    def _resume_standing(self, assignment: Assignment) -> None:
        now = time.monotonic()
        for partition in [one for one, until in assignment.standing.items() if until <= now]:
            del assignment.standing[partition]
            self.resume(TopicPartition(*partition))

    async def getmany(self, *_: Any, timeout_ms: int = 0, max_records: int | None = None) -> Records:  # noqa: ARG002 - waiting longer here spares the caller's pause
        """Waits up to a second. An error in one partition blocks only that partition."""
        if time.monotonic() - self.polled_at > _LONG_BATCH:
            self._response_at = time.monotonic()  # nothing had to be fetched while a batch was processed
        if self.assignment is not None and self.assignment.reading:
            self._resume_standing(self.assignment)
        try:
            found: Records = await super().getmany(timeout_ms=_POLL, max_records=max_records)
            self._failures = 0
        except ConsumerStoppedError:
            raise
        except Exception as error:  # noqa: BLE001 - whatever it is, the records that it lost are read again
            found = await self._recover(error, max_records)
        self.polled_at = time.monotonic()
        if found:
            self._response_at = self.polled_at
        assignment = self.assignment
        if assignment is None or not assignment.reading:
            return {}
        self._update_next(assignment)
        positioned = assignment.positioned  # it may be positioned anew now, and what was found is read again
        await self._report_idle(assignment, found)
        if assignment is not self.assignment or not assignment.reading or positioned != assignment.positioned:
            return {}
        self.handed_out = assignment, dict(assignment.stored)
        return found

    def start_at(self, assignment: Assignment, stored: Mapping[Partition, int]) -> None:
        """Positions the partitions and starts reading them. One that isn't stored is read from its beginning."""
        offsets = {partition: stored.get(partition, 0) for partition in assignment.partitions}
        assignment.stored = {partition: stored[partition] for partition in offsets if partition in stored}
        assignment.positioned += 1
        assignment.standing.clear()
        for partition, offset in offsets.items():
            self.seek(TopicPartition(*partition), offset)
        assignment.next.update(offsets)
        self._response_at = time.monotonic()
        self.resume(*(TopicPartition(*partition) for partition in offsets))

    def at_end(self, partition: Partition) -> bool:
        """Whether all records that Kafka has of the partition now are handed out."""
        state = self._state(partition)
        if state is None or state.lso is None or not state.has_valid_position or state.timestamp is None:
            return False
        is_current: bool = time.time() - state.timestamp / 1000 < _MAX_END_AGE
        return is_current and state.position >= state.lso

    @property
    def lags(self) -> dict[Partition, int]:
        """Records that are still to be read of each partition, by what Kafka last said of its end."""
        assignment = self.assignment
        if assignment is None or not assignment.reading:
            return {}
        states = {partition: self._state(partition) for partition in list(assignment.next)}
        return {
            partition: max(state.lso - state.position, 0)
            for partition, state in states.items()
            if state is not None and state.lso is not None and state.has_valid_position
        }

    @property
    def broken(self) -> str | None:
        """Why this consumer can't read any more, or None."""
        if self._coordinator is not None and _ended(getattr(self._coordinator, "_coordination_task", None)):
            return "its group coordination has ended"
        if self._fetcher is not None and _ended(self._fetcher.error_future):
            return "its fetching has ended"
        if self._failures >= _MAX_FAILURES:
            return "its polls fail"
        return "no broker responds" if self._is_silent() else None

    def rewind(self, offsets: dict[Partition, int]) -> None:
        """Reads partitions that are still assigned again from these offsets."""
        assignment = self.assignment
        if assignment is None or not assignment.reading:
            return
        for partition, offset in offsets.items():
            if assignment.holds(partition):
                self.seek(TopicPartition(*partition), offset)
                assignment.next[partition] = offset

    async def abandon(self) -> None:
        """Ends what an interrupted stop() has left running."""
        tasks = [getattr(self._coordinator, name, None) for name in _COORDINATION]
        for task in tasks:
            if task is not None:
                task.cancel()
        with contextlib.suppress(TimeoutError, KafkaError, OSError):
            async with asyncio.timeout(1.0):
                if self._fetcher is not None:
                    await self._fetcher.close()
                await self._client.close()

    def _state(self, partition: Partition) -> Any:
        subscription = self._subscription.subscription
        assignment = None if subscription is None else subscription.assignment
        return None if assignment is None else assignment.state_value(TopicPartition(*partition))

    def _update_next(self, assignment: Assignment) -> None:
        for partition in assignment.next:
            state = self._state(partition)
            if state is not None and state.has_valid_position:
                assignment.next[partition] = state.position

    def _is_silent(self) -> bool:
        assignment = self.assignment
        if assignment is None or not assignment.reading:
            return False
        states = [self._state(partition) for partition in assignment.next]
        newest = max((state.timestamp or 0 for state in states if state is not None), default=0) / 1000
        self._response_at = max(self._response_at, time.monotonic() - max(0.0, time.time() - newest))
        return self.polled_at - self._response_at > _MAX_SILENCE

    async def _report_idle(self, assignment: Assignment, found: Records) -> None:
        now = time.monotonic()
        if now - self._idle_reported_at < _POLL / 1000:
            return
        self._idle_reported_at = now
        ends = {one: at for one, at in sorted(assignment.next.items()) if one not in found and self.at_end(one)}
        try:
            await self._on_idle(ends)
        except Exception as error:  # noqa: BLE001 - it is reported again in a second
            log.warning("couldn't record that the topics are read to their end", reason=type(error).__name__)

    async def _recover(self, error: Exception, max_records: int | None) -> Records:
        reason = f"{type(error).__name__}: {error}"
        assignment = self.assignment
        if assignment is not None:
            self.rewind(dict(assignment.next))
        if assignment is None or not assignment.reading or not isinstance(error, _UNREADABLE):
            self._failures += 1
            log.warning("a poll failed", reason=reason)
            await asyncio.sleep(1.0)
            return {}
        log.warning("a record can't be read, the partitions are read one by one", reason=reason)
        found: Records = {}
        for partition in sorted(assignment.next):
            if records := await self._poll_alone(assignment, partition, max_records):
                found[TopicPartition(*partition)] = records
        return found if assignment is self.assignment else {}

    async def _poll_alone(self, assignment: Assignment, partition: Partition, max_records: int | None) -> list[Any]:
        kafka_partition = TopicPartition(*partition)
        if not assignment.reading:
            return []
        try:
            found: Records = await super().getmany(kafka_partition, timeout_ms=_POLL_ONE, max_records=max_records)
            return found.get(kafka_partition, [])
        except ConsumerStoppedError:
            raise
        except _UNREADABLE:
            return await self._poll_leniently(assignment, partition)
        except Exception as error:  # noqa: BLE001 - records of other partitions must not be lost by it
            reason = f"{type(error).__name__}: {error}"
            log.warning("a poll failed", reason=reason, topic=partition.topic, partition=partition.number)
            return []

    async def _poll_leniently(self, assignment: Assignment, partition: Partition) -> list[Any]:
        offset = assignment.next[partition]
        try:
            records, next_offset = await fetch(self, partition, offset)
        except (ValueError, LookupError, KafkaError, struct.error) as error:
            topic, number, reason = partition.topic, partition.number, f"{type(error).__name__}: {error}"
            log.error("a partition can't be read", topic=topic, partition=number, offset=offset, reason=reason)  # noqa: TRY400 - the reason says it
            await asyncio.sleep(_POLL_ONE / 1000)
            return []
        if assignment.holds(partition):
            self.seek(TopicPartition(*partition), next_offset)
        return records


def _ended(task: "asyncio.Future[Any] | None") -> bool:
    return task is not None and task.done()
