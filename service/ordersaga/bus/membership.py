"""A membership in the consumer group, from joining to leaving: a FastStream broker with one batch subscriber."""

import asyncio
import contextlib
import time
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any, Final

import structlog
from aiokafka import TopicPartition  # type: ignore[import-untyped]  # it ships no types
from aiokafka.abc import ConsumerRebalanceListener  # type: ignore[import-untyped]  # as above
from faststream import AckPolicy
from faststream.kafka import KafkaBroker
from faststream.kafka.message import FAKE_CONSUMER, KafkaMessage

from ordersaga.bus.assignment import Assignment
from ordersaga.bus.assignor import assignor
from ordersaga.bus.batch import (
    Batch,
    BatchWaitsError,
    ConsumerOptions,
    Handlers,
    Health,
    PartitionsStandError,
    ReadAgainError,
)
from ordersaga.bus.commits import Commits
from ordersaga.bus.kafka import KafkaSettings, security_of, token_provider
from ordersaga.bus.polling import PollingConsumer
from ordersaga.bus.records import Partition, Record

log = structlog.get_logger(__name__)

FIRST_PAUSE: Final = 0.1  # seconds before a batch, the store or Kafka is retried
MAX_PAUSE: Final = 5.0
_CHECK_EVERY: Final = 1.0  # seconds between checks whether the consumer is broken
_LEAVE_TIMEOUT: Final = 5.0  # seconds for leaving the group and closing
_FLUSH_TIMEOUT: Final = 1.0  # seconds for the last commit
_GRACE: Final = 0.1  # seconds; `finish` has already waited for the batch
_METADATA_MAX_AGE: Final = 30_000  # ms until a partition that was added is noticed
_HEARTBEAT: Final = (
    0.5  # seconds between heartbeats, which tell of rebalances: partitions wait for the last member to hear of it
)
_FETCH_WAIT: Final = 100  # ms; also how long a partition may be missing in a fetch that is under way
_LARGEST_FETCH: Final = 2 * 1024 * 1024  # bytes per partition; a larger record is fetched alone


class Membership(ConsumerRebalanceListener):  # type: ignore[misc]  # its base has no types
    """Raises OSError or ssl.SSLError if a certificate or key can't be read."""

    def __init__(
        self, settings: KafkaSettings, topics: Sequence[str], group: str, options: ConsumerOptions, handlers: Handlers
    ) -> None:
        self._options = options
        self._handlers = handlers
        self._commits = Commits()
        self._tasks: set[asyncio.Task[None]] = set()
        self._assignment = Assignment(())
        self._idle = asyncio.Event()
        self._idle.set()
        self._batch_started: float | None = None
        self._broker = KafkaBroker(
            settings.brokers,
            client_id=settings.client_id,
            security=security_of(settings),
            sasl_oauth_token_provider=token_provider(settings),
            consumer_only=True,
            allow_auto_create_topics=False,
            metadata_max_age_ms=_METADATA_MAX_AGE,
            apply_types=False,
            logger=None,
            graceful_timeout=_GRACE,
        )
        self._subscriber = self._broker.subscriber(
            *topics,
            group_id=group,
            batch=True,
            max_records=options.max_records,
            batch_timeout_ms=1,  # a pause after an empty poll; PollingConsumer itself waits for records
            ack_policy=AckPolicy.MANUAL,
            auto_offset_reset="earliest",
            partition_assignment_strategy=[assignor(options.version)],
            isolation_level="read_committed",
            session_timeout_ms=round(options.session_timeout * 1000),
            heartbeat_interval_ms=round(min(options.session_timeout / 6, _HEARTBEAT) * 1000),
            rebalance_timeout_ms=round((options.revoke_timeout + 15.0) * 1000),
            fetch_max_wait_ms=_FETCH_WAIT,
            max_partition_fetch_bytes=_LARGEST_FETCH,
            listener=self,
            parser=self._unparsed,
            decoder=_raw_records,
            no_reply=True,  # else it would publish where a record has a reply_to header
        )
        self._subscriber(self._handle)

    async def open(self) -> None:
        """Joins the group. Raises KafkaError and OSError; then close it."""
        await self._broker.connect()
        config = self._broker.config.broker_config
        config.builder = partial(PollingConsumer, on_idle=self._on_idle, **_keywords(config.builder))
        await self._broker.start()
        self._run(self._commits.run(self._subscriber.consumer))

    async def wait_until_broken(self) -> str:
        """Returns the reason when it can't read any more."""
        while True:
            consumer = self._consumer
            reason = "it is closed" if consumer is None else consumer.broken
            if reason is None and all(task.done() for task in self._subscriber.tasks):
                reason = "its loop has ended"
            if reason is not None:
                return reason
            await asyncio.sleep(_CHECK_EVERY)

    async def finish(self, seconds: float) -> None:
        """Takes no more batches, and waits for the current one."""
        self._assignment.finish()
        await self._until_idle(seconds)

    async def close(self) -> None:
        """Leaves the group, if Kafka answers. A batch that is still being processed is cancelled."""
        if self._consumer is not None:
            await self._commits.flush(self._consumer, _FLUSH_TIMEOUT)
        self._assignment.revoke()
        loops = [*self._tasks, *self._subscriber.tasks]
        for task in self._tasks:
            task.cancel()
        consumer = self._consumer
        try:
            async with asyncio.timeout(_LEAVE_TIMEOUT):
                await self._broker.stop()
        except Exception as error:  # noqa: BLE001 - it is closed anyway
            log.warning("couldn't leave the Kafka group", reason=type(error).__name__)
            if consumer is not None:
                await consumer.abandon()
        if loops:
            await asyncio.wait(loops, timeout=1.0)

    def health(self) -> Health:
        consumer, assignment = self._consumer, self._assignment
        running = (
            consumer is not None and consumer.broken is None and any(not task.done() for task in self._subscriber.tasks)
        )
        age = 0.0 if consumer is None else time.monotonic() - consumer.polled_at
        batch_age = 0.0 if self._batch_started is None else time.monotonic() - self._batch_started
        return Health(running, age, assignment.partitions, assignment.reading, batch_age)

    def lags(self) -> dict[Partition, int]:
        return {} if self._consumer is None else self._consumer.lags

    # rebalances

    async def on_partitions_revoked(self, _revoked: set[TopicPartition]) -> None:
        self._assignment.revoke()
        await self._until_idle(self._options.revoke_timeout)
        if self._consumer is not None:
            await self._commits.flush(self._consumer, _FLUSH_TIMEOUT)
        self._commits.clear()

    async def on_partitions_assigned(self, assigned: set[TopicPartition]) -> None:
        """They stay paused until the store has said where to start; it remains a member of the group meanwhile."""
        consumer = self._consumer
        if consumer is None:
            return
        consumer.pause(*assigned)
        self._assignment.revoke()
        self._assignment = consumer.assignment = Assignment(Partition(*partition) for partition in assigned)
        log.info("partitions assigned", partitions=len(assigned))
        if assigned:
            self._run(self._position(consumer, self._assignment))

    async def _position(self, consumer: PollingConsumer, assignment: Assignment) -> None:
        pause, stored = FIRST_PAUSE, dict[Partition, int]()
        while assignment.active:
            try:
                stored = dict(await self._handlers.start_offsets(sorted(assignment.partitions)))
                if assignment.active:
                    consumer.start_at(assignment, stored)
                break
            except Exception as error:  # noqa: BLE001 - it is retried until it succeeds
                log.warning("waiting for the store's offsets", reason=type(error).__name__, seconds=pause)
                await assignment.sleep(pause)
                pause = min(pause * 2, MAX_PAUSE)
        if assignment.reading:
            log.info("reading", partitions=len(assignment.partitions))
            await _check_offsets(consumer, stored)

    # batches

    async def _unparsed(self, records: tuple[Any, ...]) -> KafkaMessage:
        """FastStream's own parser would lose the whole batch because of one header that isn't UTF-8."""
        return KafkaMessage(raw_message=records, body=b"", consumer=FAKE_CONSUMER)

    async def _handle(self, records: tuple[Any, ...]) -> None:
        """It must not raise: FastStream would continue with the next batch."""
        consumer = self._consumer
        if consumer is None or consumer.handed_out is None:
            return
        assignment, stored = consumer.handed_out
        self._idle.clear()
        self._batch_started = time.monotonic()
        try:
            batch = Batch([_record(one) for one in records], assignment, consumer.at_end, stored)
            next_offsets = {one: assignment.next[one] for one in batch.partitions if one in assignment.next}
            await self._deliver(batch, assignment, next_offsets)
        except ReadAgainError:
            await self._position(consumer, assignment)
        except Exception:  # whatever it is, the records are read again
            log.exception("a batch couldn't be handed out and is read again")
            consumer.rewind(_first_offsets(records))
        finally:
            self._batch_started = None
            self._idle.set()

    async def _deliver(self, batch: Batch, assignment: Assignment, next_offsets: Mapping[Partition, int]) -> None:
        pause, tried = FIRST_PAUSE, False
        while assignment.active or not tried:
            tried = True
            try:
                await self._handlers.on_batch(batch)
            except ReadAgainError:
                raise
            except PartitionsStandError as error:
                self._continue_after(batch, assignment, next_offsets, error.offsets)
                return
            except BatchWaitsError as error:
                log.warning("store unavailable, events wait", reason=str(error), records=len(batch.records))
                await assignment.sleep(pause)
                pause = min(pause * 2, MAX_PAUSE)
            except Exception:  # it is retried whatever the error is
                log.exception("a batch failed and is retried", records=len(batch.records), seconds=pause)
                await assignment.sleep(pause)
                pause = min(pause * 2, MAX_PAUSE)
            else:
                self._continue_after(batch, assignment, next_offsets, {})
                return

    def _continue_after(
        self,
        batch: Batch,
        assignment: Assignment,
        next_offsets: Mapping[Partition, int],
        standing: Mapping[Partition, int | None],
    ) -> None:
        """`next_offsets`: by the consumer, behind the batch; `standing`: partitions that wait, and what the store has of them."""
        known = {partition: offset for partition, offset in standing.items() if offset is not None}
        taken = {one: offset for one, offset in batch.next_offsets.items() if one not in standing}
        assignment.stored.update({**taken, **known})
        self._commits.add({**{one: offset for one, offset in next_offsets.items() if one not in standing}, **known})
        if standing and self._consumer is not None and assignment is self._assignment:
            first = batch.first_offsets
            self._consumer.hold({one: known.get(one, first[one]) for one in standing}, MAX_PAUSE)

    async def _on_idle(self, ends: Mapping[Partition, int]) -> None:
        self._commits.add({partition: self._assignment.next[partition] for partition in ends})
        if self._handlers.on_idle is not None:
            assignment, consumer = self._assignment, self._consumer
            try:
                await self._handlers.on_idle(ends, dict(assignment.stored))
            except ReadAgainError:
                if consumer is not None:
                    await self._position(consumer, assignment)

    # helpers

    @property
    def _consumer(self) -> PollingConsumer | None:
        consumer = self._subscriber.consumer
        return consumer if isinstance(consumer, PollingConsumer) else None

    async def _until_idle(self, seconds: float) -> None:
        try:
            async with asyncio.timeout(seconds):
                await self._idle.wait()
        except TimeoutError:
            log.warning("a batch isn't done in time, the next consumer reads it again", seconds=seconds)

    def _run(self, work: Any) -> None:
        task: asyncio.Task[None] = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


async def _raw_records(message: KafkaMessage) -> Any:
    return message.raw_message


def _keywords(builder: Any) -> dict[str, Any]:
    """The arguments in the partial by which FastStream makes consumers."""
    return dict(builder.keywords)


def _record(record: Any) -> Record:
    """A null attribute is absent; any other null header is empty."""
    headers = record.headers
    if any(value is None for _, value in headers):
        given = [(name, value) for name, value in headers if value is not None or not name.startswith("ce_")]
        headers = tuple((name, value or b"") for name, value in given)
    return Record(
        record.topic, record.partition, record.offset, record.timestamp / 1000, record.key, record.value, headers
    )


def _first_offsets(records: Sequence[Any]) -> dict[Partition, int]:
    first: dict[Partition, int] = {}
    for record in records:
        first.setdefault(Partition(record.topic, record.partition), record.offset)
    return first


async def _check_offsets(consumer: PollingConsumer, stored: Mapping[Partition, int]) -> None:
    """Logs an error where Kafka doesn't have the next record any more."""
    partitions = [TopicPartition(*partition) for partition in stored]
    with contextlib.suppress(Exception):
        first, last = await consumer.beginning_offsets(partitions), await consumer.end_offsets(partitions)
        for partition, offset in stored.items():
            kafka_partition = TopicPartition(*partition)
            if first[kafka_partition] > offset:
                log.error(
                    "records were deleted before they were read",
                    topic=partition.topic,
                    partition=partition.number,
                    offset=offset,
                )
            if last[kafka_partition] < offset:
                log.error(
                    "the topic ends before the stored offset: was it recreated?",
                    topic=partition.topic,
                    partition=partition.number,
                    offset=offset,
                )
