"""`ordersaga publish`: sends events from a file."""

import asyncio
import sys
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from itertools import islice
from typing import TYPE_CHECKING, Annotated, Final

from cyclopts import Parameter

from ordersaga.cli.output import CommandError

if TYPE_CHECKING:
    from ordersaga.bus.producer import OutRecord, Producer
    from ordersaga.config import KafkaSettings

_MOST: Final = 500
_TICKS: Final = 20
"""Sendings a second, where there is a rate to keep."""


async def publish(
    file: Annotated[str, Parameter(allow_leading_hyphen=True)],
    /,
    *,
    topic: str | None = None,
    rate: float | None = None,
    structured: bool = False,
) -> None:
    """Send shop events to Kafka.

    Parameters
    ----------
    file
        One CloudEvent in JSON a line, or {"raw": {"key", "headers", "value"}}; gzipped or not; - is standard input.
    topic
        Instead of ORDERSAGA_ORDERS_TOPIC.
    rate
        Events a second at most.
    structured
        Send each event whole, as it stands in the file, instead of its attributes as headers.

    """
    from ordersaga import config

    if file.startswith("-") and file != "-":
        raise CommandError(f"unknown option {file}", 2)
    if rate is not None and not 0 < rate < float("inf"):
        raise CommandError("--rate must be above 0", 2)
    settings = config.load(config.KafkaSettings)
    from ordersaga.cli.events import blocks, records

    sending = _Sending(topic or settings.orders_topic, rate)
    async with _producer(settings, sending.topic) as producer:
        try:
            for lines in blocks(file):
                found = records(lines, sending.topic, structured=structured)
                while part := list(islice(found, sending.part)):
                    await sending.send(producer, part)
        finally:
            sending.end()


class _Sending:
    """Keeps the rate, and tells how far it is."""

    def __init__(self, topic: str, rate: float | None) -> None:
        self.topic = topic
        self.part = _MOST if rate is None else max(1, min(_MOST, int(rate / _TICKS)))
        self._rate = rate
        self._sent = 0
        self._started = time.monotonic()

    async def send(self, producer: "Producer", part: Sequence["OutRecord"]) -> None:
        if self._rate is not None:
            await asyncio.sleep(self._started + self._sent / self._rate - time.monotonic())
        errors = await producer.send_all(part)
        failed = [error for error in errors if error is not None]
        self._sent += len(errors) - len(failed)
        if failed:
            reason = f"{type(failed[0]).__name__}: {failed[0]}"
            raise CommandError(f"{len(failed)} events weren't sent, nor what follows them: {reason}")
        self._progress()

    def _progress(self) -> None:
        if sys.stderr.isatty():
            sys.stderr.write(f"\r{self._sent:,} sent")

    def end(self) -> None:
        seconds = time.monotonic() - self._started
        if sys.stderr.isatty():
            sys.stderr.write("\r\N{ESCAPE}[K")
        each = f"{self._sent / seconds:,.0f} a second" if seconds else ""
        sys.stdout.write(f"{self._sent:,} events published to {self.topic} in {seconds:.1f} s ({each})\n")


@asynccontextmanager
async def _producer(settings: "KafkaSettings", topic: str) -> AsyncIterator["Producer"]:
    from ordersaga.bus.producer import Producer
    from ordersaga.cli.kafka import reached

    producer = Producer(await reached(settings, topic))
    try:
        yield producer
    finally:
        await producer.close()
