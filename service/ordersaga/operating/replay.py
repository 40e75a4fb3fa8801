"""Replays a dead letter, as it is or repaired, or discards it."""

from collections.abc import Container
from typing import Final
from uuid import UUID

from msgspec import Struct
from msgspec.structs import replace

from ordersaga.bus.cloudevents import InvalidInput, ValidInput, decode_record
from ordersaga.bus.records import Record
from ordersaga.domain import saga
from ordersaga.domain.model.events import Cause
from ordersaga.domain.model.order import Key, Order, Refusal
from ordersaga.operating.dead_letters import get_dead_letter
from ordersaga.operating.errors import OperatingError
from ordersaga.operating.one_order import write_decision
from ordersaga.rulebook import Rulebook
from ordersaga.store.dead_letters import Content, DeadLetterSummary
from ordersaga.store.intake import InboxRow
from ordersaga.store.store import Store

_WITHOUT_FINAL_OUTCOME: Final = frozenset({"invalid_event", "internal_error"})
"""Codes of dead letters whose event has no final outcome yet."""


class Replayed(Struct, frozen=True):
    """`key`: of the order that took the event in."""

    key: Key


class Discarded(Struct, frozen=True):
    """`key`: of the order whose event was rejected; None: there was nothing to reject."""

    key: Key | None = None


class Replay:
    """`merchants`: those that are configured."""

    def __init__(self, store: Store, merchants: Container[str], rulebook: Rulebook, instance: str) -> None:
        self._store = store
        self._merchants = merchants
        self._rulebook = rulebook
        self._instance = instance

    async def replay(self, dead_letter_id: UUID, value: bytes | None = None, new_id: str | None = None) -> Replayed:
        """Takes the event in as if it had just arrived. Raises OperatingError.

        `value`: the repaired data, or a whole structured event. `new_id`: for an event whose id was used before.
        """
        summary, content = await self._open(dead_letter_id)
        if summary.code == "id_reused" and new_id is None:
            raise _error(dead_letter_id, "its event id was used before: replay it under a new id")
        if summary.code != "id_reused" and new_id is not None:
            raise _error(dead_letter_id, "its event id is unique: replay it without a new id")
        decoded = _decode(summary, content, value, self._merchants)
        if isinstance(decoded, InvalidInput):
            raise _error(dead_letter_id, f"{decoded.code}: {'; '.join(decoded.messages)}")
        event = decoded.event
        if summary.code in _WITHOUT_FINAL_OUTCOME:
            original = _decode(summary, content, None, self._merchants)
            if _identity(decoded) != _identity(original):
                raise _error(dead_letter_id, "a repaired event must keep its merchant, subject, source and id")
        if new_id is not None:
            event = replace(event, cause=replace(event.cause, id=new_id))
        key = Key(event.merchant, event.kind, event.subject)
        if summary.code == "too_old" and await self._was_taken_in(key, event.cause):
            raise _error(dead_letter_id, "its event was already taken in: discard the dead letter")
        async with self._store.intake_transaction() as tx:
            if not await tx.resolve(dead_letter_id, "replayed"):
                raise _error(dead_letter_id, "it is no longer open")
            row = InboxRow(event.merchant, event.cause.source, event.cause.id, decoded.digest)
            lookup, locked = await tx.look_up([row], [key])
            if lookup.matches != ["new"] and summary.code != "too_old":
                raise _error(dead_letter_id, _duplicate(new_id))
            found, rules = locked.get(key), self._rulebook.of(key.merchant)
            order = found.order if found else None
            decision = saga.take_in_first(order, event, lookup.clock.now, rules, unblocks=str(dead_letter_id))
            await write_decision(tx, found, decision, lookup.clock, rules, self._instance)
        return Replayed(key)

    async def discard(self, dead_letter_id: UUID) -> Discarded:
        """Ends it permanently. An event that lacks its final outcome is rejected, and events that waited for it continue.

        Raises OperatingError.
        """
        summary, content = await self._open(dead_letter_id)
        decoded = _decode(summary, content, None, self._merchants)
        async with self._store.intake_transaction() as tx:
            if not await tx.resolve(dead_letter_id, "discarded"):
                raise _error(dead_letter_id, "it is no longer open")
            event = decoded.event if isinstance(decoded, ValidInput) else decoded
            cause = event.cause
            if (
                cause is None
                or event.merchant is None
                or event.subject is None
                or summary.code not in _WITHOUT_FINAL_OUTCOME
            ):
                return Discarded()
            if event.merchant not in self._merchants:
                raise _error(dead_letter_id, f"merchant {event.merchant!r} isn't configured")
            key = Key(event.merchant, event.kind, event.subject)
            lookup, locked = await tx.look_up([], [key])
            code = "internal_error" if summary.code == "internal_error" else "invalid_event"
            advice = "the dead letter was discarded"
            refusal = Refusal(code, (summary.reason,), advice=advice, dead_letter_id=str(dead_letter_id))
            found, rules = locked.get(key), self._rulebook.of(key.merchant)
            order = found.order if found else Order(key)
            now = lookup.clock.now
            decision = saga.refuse_for_good(order, cause, refusal, now, rules, unblocks=str(dead_letter_id))
            await write_decision(tx, found, decision, lookup.clock, rules, self._instance)
        return Discarded(key)

    async def _was_taken_in(self, key: Key, cause: Cause) -> bool:
        """By the order's journal, which is kept longer than the inbox."""
        shown = await self._store.show_order(key)
        journal = [] if shown is None else shown.journal
        return any((one.what, one.name, one.event_id) == ("event", cause.type, cause.id) for one in journal)

    async def _open(self, dead_letter_id: UUID) -> tuple[DeadLetterSummary, Content]:
        summary, content = await get_dead_letter(self._store, dead_letter_id)
        if summary.state != "open":
            raise _error(dead_letter_id, f"it was already {summary.state}")
        return summary, content


def _error(dead_letter_id: UUID, reason: str) -> OperatingError:
    return OperatingError(f"dead letter {dead_letter_id}: {reason}")


def _duplicate(new_id: str | None) -> str:
    if new_id is not None:
        return f"the new id {new_id!r} was used before, too"
    return "its event arrived again and was taken in meanwhile: discard the dead letter"


def _identity(decoded: ValidInput | InvalidInput) -> tuple[str | None, ...]:
    """What the order waits for, and what the shop knows the event by."""
    event = decoded.event if isinstance(decoded, ValidInput) else decoded
    cause = event.cause
    return event.merchant, event.subject, cause.source if cause else None, cause.id if cause else None


def _decode(
    summary: DeadLetterSummary, content: Content, value: bytes | None, merchants: Container[str]
) -> ValidInput | InvalidInput:
    record = Record(
        summary.topic,
        summary.partition,
        summary.offset,
        summary.at,
        content.key,
        content.value if value is None else value,
        content.headers,
    )
    return decode_record(record, merchants)
