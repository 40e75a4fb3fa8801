"""From a record to a shop event, or to all that is wrong with it."""

from collections.abc import Container
from hashlib import blake2b
from typing import Final, Literal

from msgspec import Struct

from ordersaga.bus import schemas
from ordersaga.bus.data import Broken, decode
from ordersaga.bus.envelope import Envelope, is_structured, open_envelope
from ordersaga.bus.records import Record
from ordersaga.domain.model.events import TYPES, Cause, Event

LARGEST: Final = 1024 * 1024
_SUBSCRIPTIONS: Final = "shop.order.customer_token_"

Code = Literal[
    "invalid_envelope",  # no whole envelope, or headers that can't be read
    "unknown_merchant",
    "unknown_type",  # or version
    "unsupported_type",  # of the contract, but not built yet
    "not_json",
    "invalid_event",  # the data breaks the schema
    "too_large",
]


class Readable(Struct, frozen=True):
    """`digest`: of merchant, type, subject and the bytes of the data; not of `time` or the trace."""

    event: Event
    digest: bytes


class Unreadable(Struct, frozen=True):
    """A dead letter's reason. `messages`: all of the step that failed, each with a path; they quote no data.

    `merchant`, `subject`, `cause` and `digest` are there whenever the envelope was whole.
    """

    code: Code
    messages: tuple[str, ...]
    merchant: str | None = None
    kind: str = "order"
    subject: str | None = None
    cause: Cause | None = None
    digest: bytes | None = None


def read(record: Record, merchants: Container[str]) -> Readable | Unreadable:
    """Reads a record of either content mode; `merchants` are those that are configured. Raises nothing for a bad record."""
    size = _size(record)
    if size > LARGEST and is_structured(record):
        return Unreadable("too_large", (_too_large(size),))
    envelope = open_envelope(record)
    if isinstance(envelope, tuple):
        return (
            Unreadable("too_large", (_too_large(size),)) if size > LARGEST else Unreadable("invalid_envelope", envelope)
        )
    if size > LARGEST:
        return _refused(record, envelope, "too_large", _too_large(size))
    if envelope.merchant not in merchants:
        return _refused(record, envelope, "unknown_merchant", "merchant: isn't configured; add it and replay the event")
    if envelope.type not in TYPES:
        return _refused(record, envelope, *_strange_type(envelope.type))
    return _read_data(record, envelope)


def _read_data(record: Record, envelope: Envelope) -> Readable | Unreadable:
    if not envelope.data:
        return _refused(record, envelope, "not_json", "$: there is no data")
    data = decode(envelope.type, envelope.data)
    if isinstance(data, Broken):
        return _refused(record, envelope, data.code, *data.messages)
    event = Event(envelope.merchant, envelope.subject, _cause(record, envelope), data, envelope.data)
    return Readable(event, _digest(envelope))


def _size(record: Record) -> int:
    headers = sum([len(name) + len(value) for name, value in record.headers])
    return headers + len(record.key or b"") + len(record.value or b"")


def _too_large(size: int) -> str:
    return f"$: the record has {size} bytes, more than {LARGEST}"


def _strange_type(event_type: str) -> tuple[Code, str]:
    if event_type in schemas.types():
        return "unsupported_type", "type: not supported yet; replay the event when it is"
    return "unknown_type", "type: neither it nor its version is one of the contract's"


def _refused(record: Record, envelope: Envelope, code: Code, *messages: str) -> Unreadable:
    return Unreadable(
        code,
        messages,
        merchant=envelope.merchant,
        kind="subscription" if envelope.type.startswith(_SUBSCRIPTIONS) else "order",
        subject=envelope.subject,
        cause=_cause(record, envelope),
        digest=_digest(envelope),
    )


def _cause(record: Record, envelope: Envelope) -> Cause:
    return Cause(
        envelope.source, envelope.id, envelope.type, envelope.traceparent, envelope.tracestate, record.timestamp
    )


def _digest(envelope: Envelope) -> bytes:
    # No attribute holds a NUL, so the parts can't run into each other.
    parts = (envelope.merchant.encode(), envelope.type.encode(), envelope.subject.encode(), envelope.data or b"")
    return blake2b(b"\0".join(parts), digest_size=16).digest()
