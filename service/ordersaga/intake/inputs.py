"""Inputs: decoded records, and the rows that the store keeps of them."""

from collections.abc import Mapping, Sequence
from time import monotonic
from typing import Final

from ordersaga.bus.cloudevents import Readable, Unreadable
from ordersaga.bus.records import Place, Record
from ordersaga.domain.model.order import Key
from ordersaga.store.dead_letters import Content, DeadLetter
from ordersaga.store.intake import InboxRow, OffsetProgress

ANSWERED: Final = frozenset({"unknown_type", "unsupported_type", "not_json", "invalid_event"})
"""Codes of inputs for which the shop gets a `rejected` outcome (their envelope is complete)."""

Input = Readable | Unreadable
Batch = Sequence[tuple[Record, Input]]
EndTimes = Mapping[Place, float]
"""For the partitions that the batch reads to their end: when Kafka said where the end is, by the monotonic clock."""


def key_of(decoded: Input) -> Key | None:
    """The order that the record changes, where it names one."""
    if isinstance(decoded, Readable):
        event = decoded.event
        return Key(event.merchant, event.kind, event.subject)
    if decoded.code not in ANSWERED or decoded.merchant is None or decoded.subject is None or decoded.cause is None:
        return None
    return Key(decoded.merchant, decoded.kind, decoded.subject)


def dead_letter_of(record: Record, decoded: Input, code: str, messages: Sequence[str]) -> DeadLetter:
    """With the complete record. Dead letters with the same problem and event type have the same fingerprint."""
    named = decoded.event if isinstance(decoded, Readable) else decoded
    content = Content(record.key, record.value, tuple(record.headers))
    problem = decoded.code if isinstance(decoded, Unreadable) else code
    fingerprint = f"{problem} {named.cause.type if named.cause else ''}".rstrip()
    place = (record.topic, record.partition, record.offset)
    return DeadLetter(*place, content, code, "; ".join(messages), fingerprint, named.merchant, named.subject)


def inbox_row_of(record: Record, decoded: Input) -> InboxRow | None:
    if isinstance(decoded, Readable):
        cause = decoded.event.cause
        return InboxRow(decoded.event.merchant, cause.source, cause.id, decoded.digest)
    if key_of(decoded) is None or decoded.cause is None or decoded.merchant is None or decoded.digest is None:
        return None
    dead_letter = dead_letter_of(record, decoded, decoded.code, decoded.messages)
    return InboxRow(decoded.merchant, decoded.cause.source, decoded.cause.id, decoded.digest, dead_letter.id)


def offset_progress_of(batch: Batch, ends: EndTimes) -> list[OffsetProgress]:
    spans: dict[Place, tuple[int, int]] = {}
    for record, _ in batch:
        place = Place(record.topic, record.partition)
        first, last = spans.get(place, (record.offset, record.offset))
        spans[place] = (min(first, record.offset), max(last, record.offset))
    now = monotonic()
    ago = {place: now - at for place, at in ends.items()}
    return [OffsetProgress(*place, first, last + 1, ago.get(place)) for place, (first, last) in sorted(spans.items())]
