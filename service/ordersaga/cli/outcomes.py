"""`ordersaga outcomes`: follows the outcome topic."""

import asyncio
import sys
import time
import uuid
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

import msgspec
from msgspec import Raw, Struct

from ordersaga.cli.output import at, money

if TYPE_CHECKING:
    from ordersaga.bus.consumer import Batch
    from ordersaga.bus.records import Partition, Record

_CHECK_EVERY: Final = 0.1  # seconds
_INTEGERS: Final = ("epoch", "sequence")


async def outcomes(
    *,
    order: str | None = None,
    from_beginning: bool = False,
    until_idle: float | None = None,
    json: bool = False,
) -> None:
    """Follow the outcomes, one line each: time (UTC), epoch/sequence, order, outcome, final or not, error code, amount.

    Parameters
    ----------
    order
        Only outcomes of this order.
    from_beginning
        Start with the oldest outcome instead of the next one.
    until_idle
        Exit when no outcome has come for so many seconds.
    json
        Print each as a CloudEvent in JSON.

    """
    from ordersaga import config

    settings = config.load(config.KafkaSettings)
    from ordersaga.bus.consumer import Consumer
    from ordersaga.cli.kafka import reachable_kafka

    kafka = await reachable_kafka(settings, settings.outcomes_topic)
    follower = _Follower(as_json if json else as_line, order, 0.0 if from_beginning else time.time())
    group = f"{settings.instance}-outcomes-{uuid.uuid4().hex[:8]}"
    consumer = Consumer(
        kafka, [settings.outcomes_topic], group, follower.take, _from_beginning, on_idle=follower.on_idle
    )
    await consumer.start()
    try:
        while not follower.idle_for(until_idle):  # noqa: ASYNC110 - there is no event for idleness
            await asyncio.sleep(_CHECK_EVERY)
    finally:
        await consumer.stop(0.0)


class _Follower:
    """Prints the records that it gets. `since`: outcomes that were published earlier are skipped."""

    def __init__(self, form: "Callable[[Record], str]", order: str | None, since: float) -> None:
        self._form = form
        self._order = None if order is None else order.encode()
        self._since = since
        self._last: float | None = None  # None: nothing has been read yet

    async def take(self, batch: "Batch") -> None:
        self._last = time.monotonic()
        for record in batch.records:
            if record.timestamp >= self._since and self._order in {None, dict(record.headers).get("ce_subject")}:
                sys.stdout.write(f"{self._form(record)}\n")
        sys.stdout.flush()

    async def on_idle(self, _ends: object, _stored: object) -> None:
        self._last = self._last or time.monotonic()

    def idle_for(self, seconds: float | None) -> bool:
        return seconds is not None and self._last is not None and time.monotonic() - self._last >= seconds


async def _from_beginning(_partitions: "Sequence[Partition]") -> "Mapping[Partition, int]":
    return {}


class _Operation(Struct, frozen=True):
    amount: int | None = None


class _Order(Struct, frozen=True):
    currency: str = ""


class _Error(Struct, frozen=True):
    code: str = ""


class _Data(Struct, frozen=True):
    """The part of an outcome's data that is printed."""

    final: bool
    operation: _Operation | None = None
    order: _Order | None = None
    error: _Error | None = None


_decode: Final = msgspec.json.Decoder(_Data).decode


def as_line(record: "Record") -> str:
    """For a record that isn't an outcome the line says so."""
    headers = {name: value.decode(errors="replace") for name, value in record.headers}
    place = f"{record.topic}[{record.partition}]@{record.offset}"
    try:
        data = _decode(record.value or b"")
    except msgspec.MsgspecError:
        return f"{at(record.timestamp)}  {place} isn't an outcome"
    what = headers.get("ce_type", "").removeprefix("payments.order.").removesuffix(".v1")
    amount = data.operation.amount if data.operation else None
    currency = data.order.currency if data.order else ""
    cells = (
        at(record.timestamp),
        f"{headers.get('ce_epoch', '?')}/{headers.get('ce_sequence', '?'):<4}",
        f"{headers.get('ce_subject', ''):<12}",
        f"{what:<18}",
        f"{'final' if data.final else 'not final':<9}",
        f"{data.error.code if data.error else '':<24}",
        f"{money(amount, currency):>12} {currency}" if amount is not None else "",
    )
    return "  ".join(cells).rstrip()


def as_json(record: "Record") -> str:
    """In structured content mode."""
    event: dict[str, Any] = {
        name.removeprefix("ce_"): value.decode(errors="replace")
        for name, value in record.headers
        if name.startswith("ce_")
    }
    event |= {name: int(event[name]) for name in _INTEGERS if event.get(name, "").isdecimal()}
    try:
        msgspec.json.decode(record.value or b"")
        event["data"] = Raw(record.value or b"null")
    except msgspec.MsgspecError:
        event["data_base64"] = record.value
    return msgspec.json.encode(event).decode()
