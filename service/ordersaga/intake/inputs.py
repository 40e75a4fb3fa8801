"""Inputs: decoded records, and the rows that the store keeps of them."""

from collections.abc import Mapping, Sequence
from time import monotonic
from typing import Final

from ordersaga.bus.cloudevents import InvalidInput, ValidInput
from ordersaga.bus.records import Partition, Record
from ordersaga.domain.model.order import Key
from ordersaga.store.dead_letters import Content, DeadLetter
from ordersaga.store.intake import InboxRow, OffsetProgress

ANSWERED: Final = frozenset({"unknown_type", "not_json", "invalid_event"})
"""Codes of inputs for which the shop gets a `rejected` outcome (their envelope is complete)."""

Input = ValidInput | InvalidInput
Batch = Sequence[tuple[Record, Input]]
EndTimes = Mapping[Partition, float]
"""For the partitions that the batch reads to their end: when Kafka said where the end is, by the monotonic clock."""


def key_of(decoded: Input) -> Key | None:
    """The order that the record changes, where it names one."""
    if isinstance(decoded, ValidInput):
        event = decoded.event
        return Key(event.merchant, event.kind, event.subject)
    if decoded.code not in ANSWERED or decoded.merchant is None or decoded.subject is None or decoded.cause is None:
        return None
    return Key(decoded.merchant, decoded.kind, decoded.subject)


def dead_letter_of(record: Record, decoded: Input, code: str, messages: Sequence[str]) -> DeadLetter:
    """With the complete record. Dead letters with the same problem and event type have the same fingerprint."""
    named = decoded.event if isinstance(decoded, ValidInput) else decoded
    content = Content(record.key, record.value, tuple(record.headers))
    problem = decoded.code if isinstance(decoded, InvalidInput) else code
    fingerprint = f"{problem} {named.cause.type if named.cause else ''}".rstrip()
    place = (record.topic, record.partition, record.offset)
    return DeadLetter(*place, content, code, "; ".join(messages), fingerprint, named.merchant, named.subject)


def inbox_row_of(record: Record, decoded: Input) -> InboxRow | None:
    if isinstance(decoded, ValidInput):
        cause = decoded.event.cause
        return InboxRow(decoded.event.merchant, cause.source, cause.id, decoded.digest)
    if key_of(decoded) is None or decoded.cause is None or decoded.merchant is None or decoded.digest is None:
        return None
    dead_letter = dead_letter_of(record, decoded, decoded.code, decoded.messages)
    return InboxRow(decoded.merchant, decoded.cause.source, decoded.cause.id, decoded.digest, dead_letter.id)


def offset_progress_of(batch: Batch, ends: EndTimes, stored: Mapping[Partition, int]) -> list[OffsetProgress]:
    """`stored`: the offset that the store must have of each partition."""
    spans: dict[Partition, tuple[int, int]] = {}
    for record, _ in batch:
        partition = Partition(record.topic, record.partition)
        first, last = spans.get(partition, (record.offset, record.offset))
        spans[partition] = (min(first, record.offset), max(last, record.offset))
    now = monotonic()
    ago = {partition: now - at for partition, at in ends.items()}
    return [
        OffsetProgress(*partition, first, last + 1, ago.get(partition), stored.get(partition))
        for partition, (first, last) in sorted(spans.items())
    ]
