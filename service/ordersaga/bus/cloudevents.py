"""Decodes a record to a shop event, or to all that is wrong with it."""

from collections.abc import Container
from hashlib import blake2b
from typing import Final, Literal

from msgspec import Struct

from ordersaga.bus.data import InvalidData, decode
from ordersaga.bus.envelope import Envelope, is_structured, open_envelope
from ordersaga.bus.records import Record
from ordersaga.domain.model.events import TYPES, Cause, Event, kind_of

LARGEST: Final = 1024 * 1024

Code = Literal[
    "invalid_envelope",  # an incomplete envelope, or headers that can't be decoded
    "unknown_merchant",
    "unknown_type",  # or unknown version
    "not_json",
    "invalid_event",  # the data doesn't match the schema
    "too_large",
]


class ValidInput(Struct, frozen=True):
    """`digest`: of merchant, type, subject and the bytes of the data, and not of `time` or the trace."""

    event: Event
    digest: bytes


class InvalidInput(Struct, frozen=True):
    """The reason for a dead letter. `messages`: all of the step that failed, each with a path, without quoting data.

    `merchant`, `subject`, `cause` and `digest` are set whenever the envelope is complete.
    """

    code: Code
    messages: tuple[str, ...]
    merchant: str | None = None
    kind: str = "order"
    subject: str | None = None
    cause: Cause | None = None
    digest: bytes | None = None


def decode_record(record: Record, merchants: Container[str]) -> ValidInput | InvalidInput:
    """In either content mode. `merchants`: those that are configured. A bad record raises nothing."""
    size = _size(record)
    if size > LARGEST and is_structured(record):
        return InvalidInput("too_large", (_too_large(size),))
    envelope = open_envelope(record)
    if isinstance(envelope, tuple):
        return (
            InvalidInput("too_large", (_too_large(size),))
            if size > LARGEST
            else InvalidInput("invalid_envelope", envelope)
        )
    if size > LARGEST:
        return _refused(record, envelope, "too_large", _too_large(size))
    if envelope.merchant not in merchants:
        return _refused(record, envelope, "unknown_merchant", "merchant: isn't configured; add it and replay the event")
    if envelope.type not in TYPES:
        return _refused(record, envelope, "unknown_type", "type: unknown event type or version")
    return _read_data(record, envelope)


def _read_data(record: Record, envelope: Envelope) -> ValidInput | InvalidInput:
    if not envelope.data:
        return _refused(record, envelope, "not_json", "$: the event has no data")
    data = decode(envelope.type, envelope.data)
    if isinstance(data, InvalidData):
        return _refused(record, envelope, data.code, *data.messages)
    cause, kind = _cause(record, envelope), kind_of(envelope.type)
    event = Event(envelope.merchant, envelope.subject, cause, data, envelope.data, kind)
    return ValidInput(event, _digest(envelope))


def _size(record: Record) -> int:
    headers = sum([len(name) + len(value) for name, value in record.headers])
    return headers + len(record.key or b"") + len(record.value or b"")


def _too_large(size: int) -> str:
    return f"$: the record has {size} bytes, more than {LARGEST}"


def _refused(record: Record, envelope: Envelope, code: Code, *messages: str) -> InvalidInput:
    return InvalidInput(
        code,
        messages,
        merchant=envelope.merchant,
        kind=kind_of(envelope.type),
        subject=envelope.subject,
        cause=_cause(record, envelope),
        digest=_digest(envelope),
    )


def _cause(record: Record, envelope: Envelope) -> Cause:
    return Cause(
        envelope.source, envelope.id, envelope.type, envelope.traceparent, envelope.tracestate, record.timestamp
    )


def _digest(envelope: Envelope) -> bytes:
    # No attribute contains a NUL, so that the parts are separated unambiguously.
    parts = (envelope.merchant.encode(), envelope.type.encode(), envelope.subject.encode(), envelope.data or b"")
    return blake2b(b"\0".join(parts), digest_size=16).digest()
