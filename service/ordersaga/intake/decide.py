"""Decides a batch of records: pure, in the order of the records."""

from collections.abc import Callable, Iterable

from msgspec import UNSET, Struct

from ordersaga.bus.cloudevents import InvalidInput, ValidInput
from ordersaga.bus.records import Record
from ordersaga.domain import saga
from ordersaga.domain.model import owed
from ordersaga.domain.model.events import Cause, Event, Placed
from ordersaga.domain.model.order import Key, Order, Refusal
from ordersaga.domain.model.outcomes import Decision, Entry, Outcome
from ordersaga.domain.model.terms import Rules
from ordersaga.intake.inputs import ANSWERED, Input, dead_letter_of, key_of
from ordersaga.store.dead_letters import DeadLetter
from ordersaga.store.intake import InboxMatch, ProviderOrder

RulesOf = Callable[[str], Rules]


class BatchDecision(Struct):
    """What is decided of a batch so far. `orders`: after their last event in the batch; `owners`: of providers' orders."""

    orders: dict[Key, Order]
    owners: dict[ProviderOrder, Key]
    changed: dict[Key, Order] = {}
    entries: list[tuple[Key, Entry]] = []
    outcomes: list[tuple[Key, Outcome]] = []
    dead_letters: list[DeadLetter] = []
    events: list[Event] = []  # that were taken in
    duplicates: int = 0
    foreign: int = 0  # records whose key isn't their order's id
    forgotten: list[tuple[Key, Cause]] = []  # events that would never get a final outcome


def decide_inputs(
    inputs: Iterable[tuple[Record, Input, InboxMatch]],
    batch: BatchDecision,
    rules_of: RulesOf,
    now: float,
    oldest: float,
) -> None:
    """Decides each record in turn. `oldest`: a record with an earlier timestamp is too old, unless the inbox knows it.

    A bad input raises nothing; an exception is a bug of ours.
    """
    for record, decoded, match in inputs:
        if _is_foreign(record, decoded):
            batch.foreign += 1
        if match == "same":
            batch.duplicates += 1
        elif match == "other":
            reason = "another event was taken in under this id"
            batch.dead_letters.append(dead_letter_of(record, decoded, "id_reused", (reason,)))
        elif record.timestamp < oldest:
            reason = "older than the inbox retention"
            batch.dead_letters.append(dead_letter_of(record, decoded, "too_old", (reason,)))
        elif isinstance(decoded, InvalidInput):
            _reject(batch, record, decoded, rules_of, now)
        else:
            _accept(batch, decoded.event, rules_of, now)


def unaccounted(batch: BatchDecision, records: int) -> int:
    """How many of so many records led to nothing (I6)."""
    accounted = len(batch.events) + batch.duplicates + len(batch.dead_letters)
    return max(records - accounted, 0)


def _accept(batch: BatchDecision, event: Event, rules_of: RulesOf, now: float) -> None:
    key = Key(event.merchant, event.kind, event.subject)
    order = batch.orders.get(key)
    wanted = taken_over(event)
    owner = None if wanted is None else batch.owners.get(wanted)
    taken = owner is not None and owner != key
    decision = saga.accept(order, event, now, rules_of(event.merchant), taken=taken)
    if wanted is not None and not taken and decision.order.provider_order_id == wanted[2]:
        batch.owners[wanted] = key  # also for the events that follow in this batch
    batch.events.append(event)
    before = (event.cause,) if order is None else (event.cause, *owed.owed(order))
    batch.forgotten.extend((key, cause) for cause in owed.forgotten(before, decision))
    _add(batch, key, decision)


def taken_over(event: Event) -> ProviderOrder | None:
    """The provider's order that the event takes over."""
    if not isinstance(event.data, Placed):
        return None
    payment = event.data.payment
    named = payment.checkout_order_id if payment.order_id is UNSET else payment.order_id
    return None if named is UNSET else (event.merchant, payment.provider, named)


def _reject(batch: BatchDecision, record: Record, decoded: InvalidInput, rules_of: RulesOf, now: float) -> None:
    code = "invalid_event" if decoded.code in ANSWERED else decoded.code
    dead_letter = dead_letter_of(record, decoded, code, decoded.messages)
    batch.dead_letters.append(dead_letter)
    key = key_of(decoded)
    if key is None or decoded.cause is None:
        return
    refusal = Refusal(
        "invalid_event",
        decoded.messages,
        advice="repair and replay the dead letter, or discard it",
        dead_letter_id=str(dead_letter.id),
    )
    order = batch.orders.get(key)
    decision = saga.refuse_input(order, key, decoded.cause, refusal, now, rules_of(key.merchant), final=False)
    _add(batch, key, decision)


def _add(batch: BatchDecision, key: Key, decision: Decision) -> None:
    batch.orders[key] = batch.changed[key] = decision.order
    batch.entries.extend((key, entry) for entry in decision.entries)
    batch.outcomes.extend((key, outcome) for outcome in decision.outcomes)


def _is_foreign(record: Record, decoded: Input) -> bool:
    subject = decoded.event.subject if isinstance(decoded, ValidInput) else decoded.subject
    return subject is not None and record.key != subject.encode()
