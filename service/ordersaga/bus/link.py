"""One membership of the group, from joining to leaving: a FastStream broker with its one batch subscriber."""

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
from ordersaga.bus.batch import Batch, ConsumerOptions, Handlers, Health
from ordersaga.bus.commits import Commits
from ordersaga.bus.kafka import KafkaSettings, security_of, token_provider
from ordersaga.bus.polling import Polling
from ordersaga.bus.records import Place, Record

log = structlog.get_logger(__name__)

FIRST_PAUSE: Final = 0.1  # seconds before a batch, the store or Kafka is tried again
LONGEST_PAUSE: Final = 5.0
_WATCH: Final = 1.0  # seconds between looks at whether the consumer works
_FAREWELL: Final = 5.0  # seconds for leaving the group and closing
_GRACE: Final = 0.1  # seconds; whoever stops has waited for the batch already
_FETCH_WAIT: Final = 100  # ms; also how long a partition may be left out of a fetch that is under way
_LARGEST_FETCH: Final = 2 * 1024 * 1024  # bytes per partition; a larger record comes alone


class Link(ConsumerRebalanceListener):  # type: ignore[misc]  # its base has no types
    """OSError or ssl.SSLError: a certificate or key can't be read."""

    def __init__(
        self, settings: KafkaSettings, topics: Sequence[str], group: str, options: ConsumerOptions, handlers: Handlers
    ) -> None:
        self._options = options
        self._handlers = handlers
        self._commits = Commits()
        self._tasks: set[asyncio.Task[None]] = set()
        self._assignment = Assignment(())
        self._free = asyncio.Event()
        self._free.set()
        self._handed_at: float | None = None
        self._broker = KafkaBroker(
            settings.brokers,
            client_id=settings.client_id,
            security=security_of(settings),
            sasl_oauth_token_provider=token_provider(settings),
            consumer_only=True,
            allow_auto_create_topics=False,
            apply_types=False,
            logger=None,
            graceful_timeout=_GRACE,
        )
        self._subscriber = self._broker.subscriber(
            *topics,
            group_id=group,
            batch=True,
            max_records=options.max_records,
            batch_timeout_ms=1,  # a pause after an empty poll; Polling itself waits for records
            ack_policy=AckPolicy.MANUAL,
            auto_offset_reset="earliest",
            isolation_level="read_committed",
            session_timeout_ms=round(options.session_timeout * 1000),
            heartbeat_interval_ms=round(min(options.session_timeout / 6, 3.0) * 1000),
            rebalance_timeout_ms=round((options.revoke_timeout + 15.0) * 1000),
            fetch_max_wait_ms=_FETCH_WAIT,
            max_partition_fetch_bytes=_LARGEST_FETCH,
            listener=self,
            parser=self._as_it_is,
            decoder=_all_of_it,
            no_reply=True,  # else a record's reply_to header would make us publish
        )
        self._subscriber(self._handle)

    async def open(self) -> None:
        """Joins the group. Raises KafkaError and OSError; close it then."""
        await self._broker.connect()
        config = self._broker.config.broker_config
        config.builder = partial(Polling, on_idle=self._idle, **_keywords(config.builder))
        await self._broker.start()
        self._run(self._commits.run(self._subscriber.consumer))

    async def broken(self) -> str:
        """Returns when it won't read again, with the reason."""
        while True:
            consumer = self._consumer
            reason = "it is gone" if consumer is None else consumer.broken
            if reason is None and all(task.done() for task in self._subscriber.tasks):
                reason = "its loop has ended"
            if reason is not None:
                return reason
            await asyncio.sleep(_WATCH)

    async def finish(self, seconds: float) -> None:
        """Takes no more batches and waits for the one in hand."""
        self._assignment.finish()
        await self._until_free(seconds)

    async def close(self) -> None:
        """Leaves the group as far as Kafka answers. What is still in hand is cancelled."""
        if self._consumer is not None:
            await self._commits.flush(self._consumer, 1.0)
        self._assignment.end()
        loops = [*self._tasks, *self._subscriber.tasks]
        for task in self._tasks:
            task.cancel()
        consumer = self._consumer
        try:
            async with asyncio.timeout(_FAREWELL):
                await self._broker.stop()
        except Exception as error:  # noqa: BLE001 - it is over, whatever Kafka says
            log.warning("left Kafka without saying goodbye", reason=type(error).__name__)
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
        in_hand = 0.0 if self._handed_at is None else time.monotonic() - self._handed_at
        return Health(running, age, assignment.places, assignment.reading, in_hand)

    # rebalances

    async def on_partitions_revoked(self, _revoked: set[TopicPartition]) -> None:
        self._assignment.end()
        await self._until_free(self._options.revoke_timeout)
        if self._consumer is not None:
            await self._commits.flush(self._consumer, 1.0)
        self._commits.forget()

    async def on_partitions_assigned(self, assigned: set[TopicPartition]) -> None:
        """They stay paused until the store has said where to start; meanwhile we remain a member of the group."""
        consumer = self._consumer
        if consumer is None:
            return
        consumer.pause(*assigned)
        self._assignment.end()
        self._assignment = consumer.assignment = Assignment(Place(*partition) for partition in assigned)
        log.info("partitions assigned", partitions=len(assigned))
        if assigned:
            self._run(self._position(consumer, self._assignment))

    async def _position(self, consumer: Polling, assignment: Assignment) -> None:
        pause = FIRST_PAUSE
        while assignment.going_on:
            try:
                stored = await self._handlers.start_offsets(sorted(assignment.places))
                if assignment.going_on:
                    consumer.start_at(assignment, {place: stored.get(place, 0) for place in assignment.places})
                break
            except Exception as error:  # noqa: BLE001 - it is asked until it answers
                log.warning("waiting for the store to say where to read on", reason=type(error).__name__, seconds=pause)
                await assignment.rest(pause)
                pause = min(pause * 2, LONGEST_PAUSE)
        if assignment.reading:
            log.info("reading", partitions=len(assignment.places))
            await _compare(consumer, stored)

    # batches

    async def _as_it_is(self, records: tuple[Any, ...]) -> KafkaMessage:
        """FastStream's own parser would lose the whole batch over one header that isn't UTF-8."""
        return KafkaMessage(raw_message=records, body=b"", consumer=FAKE_CONSUMER)

    async def _handle(self, records: tuple[Any, ...]) -> None:
        """Nothing may escape: FastStream would go on with the next batch."""
        assignment, consumer = self._assignment, self._consumer
        if consumer is None:
            return
        self._free.clear()
        self._handed_at = time.monotonic()
        try:
            batch = Batch([_record(one) for one in records], assignment, consumer.at_end)
            following = {place: assignment.next[place] for place in batch.places if place in assignment.next}
            await self._deliver(batch, assignment, following)
        except Exception:
            log.exception("a batch couldn't be handed over and is read again")
            consumer.rewind(_first_offsets(records))
        finally:
            self._handed_at = None
            self._free.set()

    async def _deliver(self, batch: Batch, assignment: Assignment, following: Mapping[Place, int]) -> None:
        pause, tried = FIRST_PAUSE, False
        while assignment.going_on or not tried:
            tried = True
            try:
                await self._handlers.on_batch(batch)
            except Exception:
                log.exception("a batch failed and is tried again", records=len(batch.records), seconds=pause)
                await assignment.rest(pause)
                pause = min(pause * 2, LONGEST_PAUSE)
            else:
                self._commits.note(following)
                return

    async def _idle(self, places: Mapping[Place, int]) -> None:
        self._commits.note({place: self._assignment.next[place] for place in places})
        if self._handlers.on_idle is not None:
            await self._handlers.on_idle(places)

    # the rest

    @property
    def _consumer(self) -> Polling | None:
        consumer = self._subscriber.consumer
        return consumer if isinstance(consumer, Polling) else None

    async def _until_free(self, seconds: float) -> None:
        try:
            async with asyncio.timeout(seconds):
                await self._free.wait()
        except TimeoutError:
            log.warning("a batch isn't done in time and is left to whoever reads it next", seconds=seconds)

    def _run(self, work: Any) -> None:
        task: asyncio.Task[None] = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


async def _all_of_it(message: KafkaMessage) -> Any:
    return message.raw_message


def _keywords(builder: Any) -> dict[str, Any]:
    """Of the partial by which FastStream makes consumers."""
    return dict(builder.keywords)


def _record(record: Any) -> Record:
    """An attribute that is null isn't there; another header that is null is empty."""
    headers = record.headers
    if any(value is None for _, value in headers):
        given = [(name, value) for name, value in headers if value is not None or not name.startswith("ce_")]
        headers = tuple((name, value or b"") for name, value in given)
    return Record(
        record.topic, record.partition, record.offset, record.timestamp / 1000, record.key, record.value, headers
    )


def _first_offsets(records: Sequence[Any]) -> dict[Place, int]:
    first: dict[Place, int] = {}
    for record in records:
        first.setdefault(Place(record.topic, record.partition), record.offset)
    return first


async def _compare(consumer: Polling, stored: Mapping[Place, int]) -> None:
    """Says so loudly where Kafka no longer has what the store would read next."""
    partitions = [TopicPartition(*place) for place in stored]
    with contextlib.suppress(Exception):
        first, last = await consumer.beginning_offsets(partitions), await consumer.end_offsets(partitions)
        for place, offset in stored.items():
            partition = TopicPartition(*place)
            if first[partition] > offset:
                log.error(
                    "records were deleted before they were read",
                    topic=place.topic,
                    partition=place.partition,
                    offset=offset,
                )
            if last[partition] < offset:
                log.error(
                    "the topic ends before the stored offset: was it recreated?",
                    topic=place.topic,
                    partition=place.partition,
                    offset=offset,
                )
