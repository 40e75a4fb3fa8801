"""Publishes records in order, acknowledged by all replicas, and says which failed."""

import asyncio
import contextlib
from collections.abc import Iterator, Sequence
from typing import Final

import structlog
from aiokafka import AIOKafkaProducer  # type: ignore[import-untyped]  # it ships no types
from aiokafka.errors import (  # type: ignore[import-untyped]  # as above
    KafkaError,
    MessageSizeTooLargeError,
    ProducerClosed,
    RecordListTooLargeError,
)
from msgspec import Struct

from ordersaga.bus.kafka import KafkaSettings, client_options

log = structlog.get_logger(__name__)

_BATCH: Final = 900_000  # bytes; the brokers accept 1 MiB
_OVERHEAD: Final = 64  # bytes per record, at least what its frame needs
_LARGEST_REQUEST: Final = 64 * 1024 * 1024  # the broker decides how large a record may be
_CLOSING: Final = 2.0  # seconds
_TOO_LARGE: Final = (MessageSizeTooLargeError, RecordListTooLargeError)


class OutRecord(Struct, frozen=True):
    topic: str
    key: bytes | None
    value: bytes | None
    headers: Sequence[tuple[str, bytes]] = ()

    @property
    def size(self) -> int:
        """In bytes within a batch, an upper estimate."""
        headers = sum([len(name.encode()) + len(value) + 10 for name, value in self.headers])
        return _OVERHEAD + headers + len(self.key or b"") + len(self.value or b"")


class NotSentError(Exception):
    """Not sent, because an earlier record failed or time ran out."""


class Producer:
    """For one event loop. `linger`: seconds that a record waits for others; `deadline`: seconds for one `send_all`."""

    def __init__(self, settings: KafkaSettings, *, linger: float = 0.0, deadline: float = 15.0) -> None:
        self._settings = settings
        self._linger = linger
        self._deadline = deadline
        self._part_size = _BATCH
        self._lock = asyncio.Lock()
        self._client: AIOKafkaProducer | None = None

    async def send_all(self, records: Sequence[OutRecord]) -> list[Exception | None]:
        """Publishes the records of each key in order. None for each that is acknowledged, or else its error.

        A failed record may have been published all the same. No later record of its key is.
        """
        results: list[Exception | None] = [NotSentError("not sent: an earlier record failed") for _ in records]
        async with self._lock:
            try:
                async with asyncio.timeout(self._deadline):
                    await self._send(records, results)
            except TimeoutError:
                log.warning("Kafka didn't acknowledge in time", seconds=self._deadline)
            except (KafkaError, OSError) as error:
                results = [error if isinstance(one, NotSentError) else one for one in results]
            finally:
                if any(result is not None for result in results):
                    await self._discard()
        return results

    async def close(self) -> None:
        async with self._lock:
            await self._discard()

    async def _send(self, records: Sequence[OutRecord], results: list[Exception | None]) -> None:
        """In parts that are at most one batch per partition each, so that no batch can overtake a failed one.

        A record that is too large on its own blocks the later records of its key, and no others.
        """
        producer = await self._producer()
        for topic in {record.topic for record in records}:
            await producer.partitions_for(topic)  # else a send would wait for it, and its part could be split
        blocked: set[bytes | None] = set()
        for first, last in _parts(records, self._part_size):
            positions = [one for one in range(first, last) if records[one].key not in blocked]
            if not positions:
                continue
            futures: list[asyncio.Future[object]] = []
            try:
                for position in positions:
                    futures.append(await self._enqueue(producer, records[position]))  # noqa: PERF401 - after an error those so far are needed
                await asyncio.wait(futures)
            finally:
                for position, future in zip(positions, futures, strict=False):
                    results[position] = _result(future)
            failed = [result for one in positions if (result := results[one]) is not None]
            if not failed:
                continue
            if not any(isinstance(error, _TOO_LARGE) for error in failed):
                return
            if len(positions) > 1:
                self._part_size = max(1, self._part_size // 4)
                return
            blocked.add(records[positions[0]].key)
            await self._discard()  # its sequence numbers have a gap now
            producer = await self._producer()
        if not blocked:
            self._part_size = min(self._part_size * 4, _BATCH)

    async def _enqueue(self, producer: AIOKafkaProducer, record: OutRecord) -> "asyncio.Future[object]":
        sent: asyncio.Future[object] = await producer.send(
            record.topic, record.value, record.key, headers=record.headers
        )
        return sent

    async def _producer(self) -> AIOKafkaProducer:
        if self._client is None:
            self._client = AIOKafkaProducer(
                **client_options(self._settings),
                acks="all",
                enable_idempotence=True,
                linger_ms=round(self._linger * 1000),
                max_batch_size=_BATCH,
                max_request_size=_LARGEST_REQUEST,
                request_timeout_ms=max(1000, round(self._deadline * 1000)),
            )
            await self._client.start()
        return self._client

    async def _discard(self) -> None:
        """Drops the client with its buffered records, so that they aren't sent later."""
        producer, self._client = self._client, None
        if producer is None:
            return
        sender = producer._sender.sender_task  # noqa: SLF001 - stop() would continue to send what is reported as failed
        with contextlib.suppress(TimeoutError, KafkaError, OSError):
            async with asyncio.timeout(_CLOSING):
                if sender is not None:
                    sender.cancel()
                await producer.client.close()
                producer._message_accumulator.fail_all(ProducerClosed())  # noqa: SLF001 - stop() waits for buffered records
                if sender is not None:
                    await asyncio.wait((sender,))  # its requests end with their connection
                await producer.stop()
        producer._closed = True  # noqa: SLF001 - aiokafka would warn about one that can't be stopped in time


def _result(future: "asyncio.Future[object]") -> Exception | None:
    if not future.done() or future.cancelled():
        future.cancel()
        return NotSentError("not acknowledged in time")
    error = future.exception()
    return error if error is None or isinstance(error, Exception) else NotSentError(type(error).__name__)


def _parts(records: Sequence[OutRecord], max_size: int) -> Iterator[tuple[int, int]]:
    first, size = 0, 0
    for position, record in enumerate(records):
        size += record.size
        if size > max_size and position > first:
            yield first, position
            first, size = position, record.size
    if first < len(records):
        yield first, len(records)
