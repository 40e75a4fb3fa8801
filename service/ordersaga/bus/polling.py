"""aiokafka's consumer, made to lose nothing by an unreadable record and to answer at once."""

import asyncio
import contextlib
import struct
import time
from typing import Any, Final

import structlog
from aiokafka import AIOKafkaConsumer, TopicPartition  # type: ignore[import-untyped]  # it ships no types
from aiokafka.errors import ConsumerStoppedError, CorruptRecordException, KafkaError  # type: ignore[import-untyped]  # as above

from ordersaga.bus.assignment import Assignment
from ordersaga.bus.batch import OnIdle
from ordersaga.bus.header_decoding import fetch
from ordersaga.bus.records import Place

log = structlog.get_logger(__name__)

_POLL: Final = 1000  # ms
_EACH: Final = 200  # ms for a partition that is polled alone
_FRESH: Final = 1.0  # seconds
_SILENCE: Final = 60.0  # seconds without any answer by a broker
_LULL: Final = 5.0  # seconds between polls
_FAILURES: Final = 10
_UNREADABLE: Final = (ValueError, CorruptRecordException)  # UnicodeDecodeError is a ValueError

_COORDINATION: Final = ("_coordination_task", "_heartbeat_task", "_commit_refresh_task")

Records = dict[Any, list[Any]]


class Polling(AIOKafkaConsumer):  # type: ignore[misc]  # its base has no types
    """`tenure` is set by whoever listens to rebalances. Records of partitions that aren't positioned yet are dropped."""

    def __init__(self, *topics: str, on_idle: OnIdle, **options: Any) -> None:
        super().__init__(*topics, **options)
        self.assignment: Assignment | None = None
        self.polled_at = time.monotonic()
        self._on_idle = on_idle
        self._idled_at = 0.0
        self._failures = 0
        self._heard_at = time.monotonic()

    async def getmany(self, *_: Any, timeout_ms: int = 0, max_records: int | None = None) -> Records:  # noqa: ARG002 - waiting longer here spares the caller's pause
        """Waits up to a second. An error of a single partition keeps back that partition alone."""
        if time.monotonic() - self.polled_at > _LULL:
            self._heard_at = time.monotonic()  # while a batch was worked on nothing had to be fetched
        try:
            found: Records = await super().getmany(timeout_ms=_POLL, max_records=max_records)
            self._failures = 0
        except ConsumerStoppedError:
            raise
        except Exception as error:  # noqa: BLE001 - whatever it is, the records that went down with it are read again
            found = await self._recover(error, max_records)
        self.polled_at = time.monotonic()
        if found:
            self._heard_at = self.polled_at
        assignment = self.assignment
        if assignment is None or not assignment.reading:
            return {}
        self._move_on(assignment)
        await self._tell_idle(assignment, found)
        return found if assignment is self.assignment and assignment.reading else {}

    def start_at(self, assignment: Assignment, offsets: dict[Place, int]) -> None:
        """Positions the partitions and reads them."""
        for place, offset in offsets.items():
            self.seek(TopicPartition(*place), offset)
        assignment.next.update(offsets)
        self._heard_at = time.monotonic()
        self.resume(*(TopicPartition(*place) for place in offsets))

    def at_end(self, place: Place) -> bool:
        """Whether all that Kafka had of the partition just now was handed out."""
        state = self._state(place)
        if state is None or state.lso is None or not state.has_valid_position or state.timestamp is None:
            return False
        fresh: bool = time.time() - state.timestamp / 1000 < _FRESH
        return fresh and state.position >= state.lso

    @property
    def broken(self) -> str | None:
        """Why this consumer won't read again, or None."""
        if self._coordinator is not None and _ended(getattr(self._coordinator, "_coordination_task", None)):
            return "its group coordination has ended"
        if self._fetcher is not None and _ended(self._fetcher.error_future):
            return "its fetching has ended"
        if self._failures >= _FAILURES:
            return "its polls fail"
        return "no broker answers" if self._silent() else None

    def rewind(self, offsets: dict[Place, int]) -> None:
        """Reads again from there what is still ours."""
        assignment = self.assignment
        if assignment is None or not assignment.reading:
            return
        for place, offset in offsets.items():
            if assignment.holds(place):
                self.seek(TopicPartition(*place), offset)
                assignment.next[place] = offset

    async def abandon(self) -> None:
        """Ends what a stop() that was given up has left running."""
        tasks = [getattr(self._coordinator, name, None) for name in _COORDINATION]
        for task in tasks:
            if task is not None:
                task.cancel()
        with contextlib.suppress(TimeoutError, KafkaError, OSError):
            async with asyncio.timeout(1.0):
                if self._fetcher is not None:
                    await self._fetcher.close()
                await self._client.close()

    def _state(self, place: Place) -> Any:
        subscription = self._subscription.subscription
        assignment = None if subscription is None else subscription.assignment
        return None if assignment is None else assignment.state_value(TopicPartition(*place))

    def _move_on(self, assignment: Assignment) -> None:
        for place in assignment.next:
            state = self._state(place)
            if state is not None and state.has_valid_position:
                assignment.next[place] = state.position

    def _silent(self) -> bool:
        assignment = self.assignment
        if assignment is None or not assignment.reading:
            return False
        states = [self._state(place) for place in assignment.next]
        newest = max((state.timestamp or 0 for state in states if state is not None), default=0) / 1000
        self._heard_at = max(self._heard_at, time.monotonic() - max(0.0, time.time() - newest))
        return self.polled_at - self._heard_at > _SILENCE

    async def _tell_idle(self, assignment: Assignment, found: Records) -> None:
        now = time.monotonic()
        if now - self._idled_at < _POLL / 1000:
            return
        self._idled_at = now
        places = {
            place: at for place, at in sorted(assignment.next.items()) if place not in found and self.at_end(place)
        }
        try:
            await self._on_idle(places)
        except Exception as error:  # noqa: BLE001 - it is told again in a second
            log.warning("couldn't note that the topics are read to their end", reason=type(error).__name__)

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
        log.warning("a record can't be read as it is, the partitions are read one by one", reason=reason)
        found: Records = {}
        for place in sorted(assignment.next):
            if records := await self._poll_alone(assignment, place, max_records):
                found[TopicPartition(*place)] = records
        return found if assignment is self.assignment else {}

    async def _poll_alone(self, assignment: Assignment, place: Place, max_records: int | None) -> list[Any]:
        partition = TopicPartition(*place)
        if not assignment.reading:
            return []
        try:
            found: Records = await super().getmany(partition, timeout_ms=_EACH, max_records=max_records)
            return found.get(partition, [])
        except ConsumerStoppedError:
            raise
        except _UNREADABLE:
            return await self._poll_leniently(assignment, place)
        except Exception as error:  # noqa: BLE001 - what was read of other partitions must not go down with it
            log.warning(
                "a poll failed", reason=f"{type(error).__name__}: {error}", topic=place.topic, partition=place.partition
            )
            return []

    async def _poll_leniently(self, assignment: Assignment, place: Place) -> list[Any]:
        offset = assignment.next[place]
        try:
            records, following = await fetch(self, place, offset)
        except (ValueError, LookupError, KafkaError, struct.error) as error:
            reason = f"{type(error).__name__}: {error}"
            log.error(  # noqa: TRY400 - the reason says it
                "a partition can't be read", topic=place.topic, partition=place.partition, offset=offset, reason=reason
            )
            await asyncio.sleep(_EACH / 1000)
            return []
        if assignment.holds(place):
            self.seek(TopicPartition(*place), following)
        return records


def _ended(task: "asyncio.Future[Any] | None") -> bool:
    return task is not None and task.done()
