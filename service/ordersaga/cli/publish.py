"""`ordersaga publish`: publishes events from a file."""

import asyncio
import sys
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from itertools import islice
from typing import TYPE_CHECKING, Annotated, Final

from cyclopts import Parameter

from ordersaga.cli.output import CommandError, counted

if TYPE_CHECKING:
    from ordersaga.bus.producer import OutRecord, Producer
    from ordersaga.config import KafkaSettings

_MAX_BATCH: Final = 500
_BATCHES_PER_SECOND: Final = 20
"""With a rate limit."""


async def publish(
    file: Annotated[str, Parameter(allow_leading_hyphen=True)],
    /,
    *,
    topic: str | None = None,
    rate: float | None = None,
    structured: bool = False,
) -> None:
    """Publish shop events to Kafka.

    Parameters
    ----------
    file
        One CloudEvent in JSON per line, or {"raw": {"key", "headers", "value"}}; gzipped or not; - is standard input.
    topic
        Instead of ORDERSAGA_ORDERS_TOPIC.
    rate
        At most so many events per second.
    structured
        Send each event in structured content mode, unchanged, instead of its attributes as headers.

    """
    from ordersaga import config

    if file.startswith("-") and file != "-":
        raise CommandError(f"unknown option {file}", 2)
    if rate is not None and not 0 < rate < float("inf"):
        raise CommandError("--rate must be above 0", 2)
    settings = config.load(config.KafkaSettings)
    from ordersaga.cli.events import blocks, records

    publisher = _Publisher(topic or settings.orders_topic, rate)
    async with _producer(settings, publisher.topic) as producer:
        try:
            for lines in blocks(file):
                found = records(lines, publisher.topic, structured=structured)
                while batch := list(islice(found, publisher.batch_size)):
                    await publisher.send(producer, batch)
        finally:
            publisher.print_total()


class _Publisher:
    """Limits the rate, and shows the progress."""

    def __init__(self, topic: str, rate: float | None) -> None:
        self.topic = topic
        self.batch_size = _MAX_BATCH if rate is None else max(1, min(_MAX_BATCH, int(rate / _BATCHES_PER_SECOND)))
        self._rate = rate
        self._sent = 0
        self._started = time.monotonic()

    async def send(self, producer: "Producer", batch: Sequence["OutRecord"]) -> None:
        if self._rate is not None:
            await asyncio.sleep(self._started + self._sent / self._rate - time.monotonic())
        errors = await producer.send_all(batch)
        failed = [error for error in errors if error is not None]
        self._sent += len(errors) - len(failed)
        if failed:
            reason = f"{type(failed[0]).__name__}: {failed[0]}"
            raise CommandError(f"{counted(len(failed), 'event')} couldn't be sent, nor those that follow: {reason}")
        self._print_progress()

    def _print_progress(self) -> None:
        if sys.stderr.isatty():
            sys.stderr.write(f"\r{self._sent:,} sent")

    def print_total(self) -> None:
        seconds = time.monotonic() - self._started
        if sys.stderr.isatty():
            sys.stderr.write("\r\N{ESCAPE}[K")
        rate = f"{self._sent / seconds:,.0f} per second" if seconds else ""
        sys.stdout.write(f"{counted(self._sent, 'event')} published to {self.topic} in {seconds:.1f} s ({rate})\n")


@asynccontextmanager
async def _producer(settings: "KafkaSettings", topic: str) -> AsyncIterator["Producer"]:
    from ordersaga.bus.producer import Producer
    from ordersaga.cli.kafka import reachable_kafka

    producer = Producer(await reachable_kafka(settings, topic))
    try:
        yield producer
    finally:
        await producer.close()
