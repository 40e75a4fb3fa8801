"""What a batch of records asks for: pure, in the order of the records."""

from collections.abc import Callable, Iterable, Sequence
from typing import Final

from msgspec import Struct

from ordersaga.bus.cloudevents import Readable, Unreadable
from ordersaga.bus.records import Record
from ordersaga.domain import saga
from ordersaga.domain.model import owed
from ordersaga.domain.model.events import Event
from ordersaga.domain.model.order import Key, Order, Refusal
from ordersaga.domain.model.outcomes import Decision, Entry, Outcome
from ordersaga.domain.model.terms import Rules
from ordersaga.store.dead_letters import Content, DeadLetter
from ordersaga.store.intake import Verdict

ANSWERED: Final = frozenset({"unknown_type", "unsupported_type", "not_json", "invalid_event"})
"""Codes of dead letters that the shop is told of by a `rejected` outcome (their envelope was whole)."""

Read = Readable | Unreadable
RulesOf = Callable[[str], Rules]


class Verdicts(Struct):
    """What has come of a batch so far; orders as they are after the last event of theirs."""

    orders: dict[Key, Order]
    changed: dict[Key, Order]
    entries: list[tuple[Key, Entry]]
    outcomes: list[tuple[Key, Outcome]]
    letters: list[DeadLetter]
    taken: int = 0
    duplicates: int = 0
    foreign: int = 0  # records whose key isn't their order's id
    forgotten: int = 0  # events of which nothing would be told any more


def key_of(read: Read) -> Key | None:
    """The order that the record touches, where it names one."""
    if isinstance(read, Readable):
        event = read.event
        return Key(event.merchant, event.kind, event.subject)
    if read.code in ANSWERED and read.merchant is not None and read.subject is not None and read.cause is not None:
        return Key(read.merchant, read.kind, read.subject)
    return None


def decide_batch(
    inputs: Iterable[tuple[Record, Read, Verdict]],
    orders: dict[Key, Order],
    rules_of: RulesOf,
    now: float,
    oldest: float,
) -> Verdicts:
    """Decides each record in turn. `oldest`: records sent before it (seconds) are too old, unless the inbox knows them.

    Raises nothing for a bad input; what it raises is a fault of our own.
    """
    verdicts = Verdicts(orders, {}, [], [], [])
    for record, read, verdict in inputs:
        if _is_foreign(record, read):
            verdicts.foreign += 1
        if verdict == "same":
            verdicts.duplicates += 1
        elif verdict == "other":
            verdicts.letters.append(letter_of(record, read, "id_reused", ("another event came under this id before",)))
        elif record.timestamp < oldest:
            verdicts.letters.append(letter_of(record, read, "too_old", ("older than what the inbox remembers",)))
        elif isinstance(read, Unreadable):
            _refuse(verdicts, record, read, rules_of, now)
        else:
            _accept(verdicts, read.event, rules_of, now)
    return verdicts


def unaccounted(verdicts: Verdicts, records: int) -> int:
    """Of so many records those that came to nothing, and the events of which nothing would be told any more (I6)."""
    accounted = verdicts.taken + verdicts.duplicates + len(verdicts.letters)
    return max(records - accounted, 0) + verdicts.forgotten


def _accept(verdicts: Verdicts, event: Event, rules_of: RulesOf, now: float) -> None:
    key = Key(event.merchant, event.kind, event.subject)
    order = verdicts.orders.get(key)
    decision = saga.accept(order, event, now, rules_of(event.merchant))
    verdicts.taken += 1
    before = (event.cause,) if order is None else (event.cause, *owed.owed(order))
    verdicts.forgotten += len(owed.forgotten(before, decision))
    _count(verdicts, key, decision)


def _refuse(verdicts: Verdicts, record: Record, read: Unreadable, rules_of: RulesOf, now: float) -> None:
    code = "invalid_event" if read.code in ANSWERED else read.code
    letter = letter_of(record, read, code, read.messages)
    verdicts.letters.append(letter)
    key = key_of(read)
    if key is None or read.cause is None:
        return
    refusal = Refusal(
        "invalid_event",
        read.messages,
        advice="repair and replay the dead letter, or discard it",
        dead_letter_id=str(letter.id),
    )
    order = verdicts.orders.get(key)
    decision = saga.refuse_input(order, key, read.cause, refusal, now, rules_of(key.merchant), final=False)
    _count(verdicts, key, decision)


def _count(verdicts: Verdicts, key: Key, decision: Decision) -> None:
    verdicts.orders[key] = verdicts.changed[key] = decision.order
    verdicts.entries.extend((key, entry) for entry in decision.entries)
    verdicts.outcomes.extend((key, outcome) for outcome in decision.outcomes)


def _is_foreign(record: Record, read: Read) -> bool:
    subject = read.event.subject if isinstance(read, Readable) else read.subject
    return subject is not None and record.key != subject.encode()


def letter_of(record: Record, read: Read, code: str, messages: Sequence[str]) -> DeadLetter:
    """The record, kept whole. Letters of the same kind of trouble and event type have the same fingerprint."""
    named = read.event if isinstance(read, Readable) else read
    content = Content(record.key, record.value, tuple(record.headers))
    trouble = read.code if isinstance(read, Unreadable) else code
    fingerprint = f"{trouble} {named.cause.type if named.cause else ''}".rstrip()
    place = (record.topic, record.partition, record.offset)
    return DeadLetter(*place, content, code, "; ".join(messages), fingerprint, named.merchant, named.subject)
