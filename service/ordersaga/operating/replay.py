"""What a person does with a dead letter: replay it (as it is or repaired), or discard it."""

from collections.abc import Container
from typing import Final
from uuid import UUID

from msgspec.structs import replace

from ordersaga.bus.cloudevents import Readable, Unreadable, read
from ordersaga.bus.records import Record
from ordersaga.domain import saga
from ordersaga.domain.model.events import Cause
from ordersaga.domain.model.order import Key, Order, Refusal
from ordersaga.operating import one_order
from ordersaga.rulebook import Rulebook
from ordersaga.store.dead_letters import Content, Listed
from ordersaga.store.intake import InboxRow
from ordersaga.store.store import Store

_OWED: Final = frozenset({"invalid_event", "internal_error"})
"""Codes of letters whose event still lacks its final outcome."""


class ReplayError(Exception):
    """The dead letter can't be replayed or discarded; the message says why and what to do."""


class Replay:
    """`merchants` are those that are configured."""

    def __init__(self, store: Store, merchants: Container[str], rulebook: Rulebook, instance: str) -> None:
        self._store = store
        self._merchants = merchants
        self._rulebook = rulebook
        self._instance = instance

    async def replay(self, letter: UUID, value: bytes | None = None, new_id: str | None = None) -> Key:
        """Takes the event in as if it came now. `value`: repaired data (or a whole structured event); `new_id`: for a reused id.

        Returns the order that it concerns. Raises ReplayError.
        """
        listed, content = await self._open(letter)
        if listed.code == "id_reused" and new_id is None:
            raise ReplayError(f"dead letter {letter}: its id was used before, give it a new one")
        if listed.code != "id_reused" and new_id is not None:
            raise ReplayError(f"dead letter {letter}: its id is its own, it needs no new one")
        one = _again(listed, content, value, self._merchants)
        if isinstance(one, Unreadable):
            raise ReplayError(f"dead letter {letter}: {one.code}: {'; '.join(one.messages)}")
        event = one.event
        if listed.code in _OWED and _names(one) != _names(_again(listed, content, None, self._merchants)):
            raise ReplayError(f"dead letter {letter}: a repaired event keeps merchant, subject, source and id")
        if new_id is not None:
            event = replace(event, cause=replace(event.cause, id=new_id))
        key = Key(event.merchant, event.kind, event.subject)
        if listed.code == "too_old" and await self._taken_in(key, event.cause):
            raise ReplayError(f"dead letter {letter}: its event was taken in before, discard the dead letter")
        async with self._store.taking_in() as tx:
            if not await tx.resolve(letter, "replayed"):
                raise ReplayError(f"dead letter {letter} isn't open any more")
            row = InboxRow(event.merchant, event.cause.source, event.cause.id, one.digest)
            heard, locked = await tx.look([row], [key])
            if heard.verdicts != ["new"] and listed.code != "too_old":
                raise ReplayError(_used(letter, new_id))
            held, rules = locked.get(key), self._rulebook.of(key.merchant)
            order = held.order if held else None
            decision = saga.take_in_first(order, event, heard.clock.now, rules, unblocks=str(letter))
            await one_order.write(tx, held, decision, heard.clock, rules, self._instance)
        return key

    async def discard(self, letter: UUID) -> None:
        """Ends it for good: an event that the shop was told of gets its final `rejected`; what waited behind it goes on."""
        listed, content = await self._open(letter)
        one = _again(listed, content, None, self._merchants)
        async with self._store.taking_in() as tx:
            if not await tx.resolve(letter, "discarded"):
                raise ReplayError(f"dead letter {letter} isn't open any more")
            event = one.event if isinstance(one, Readable) else one
            cause = event.cause
            if cause is None or event.merchant is None or event.subject is None or listed.code not in _OWED:
                return
            if event.merchant not in self._merchants:
                raise ReplayError(f"dead letter {letter}: merchant {event.merchant!r} isn't configured")
            key = Key(event.merchant, event.kind, event.subject)
            heard, locked = await tx.look([], [key])
            code = "internal_error" if listed.code == "internal_error" else "invalid_event"
            refusal = Refusal(
                code, (listed.reason,), advice="the dead letter was discarded", dead_letter_id=str(letter)
            )
            held, rules = locked.get(key), self._rulebook.of(key.merchant)
            order = held.order if held else Order(key)
            decision = saga.refuse_for_good(order, cause, refusal, heard.clock.now, rules, unblocks=str(letter))
            await one_order.write(tx, held, decision, heard.clock, rules, self._instance)

    async def _taken_in(self, key: Key, cause: Cause) -> bool:
        """By the order's journal, which remembers for longer than the inbox."""
        shown = await self._store.show_order(key)
        journal = [] if shown is None else shown.journal
        return any((one.what, one.name, one.event_id) == ("event", cause.type, cause.id) for one in journal)

    async def _open(self, letter: UUID) -> tuple[Listed, Content]:
        found = await self._store.get_dead_letter(letter)
        if found is None:
            raise ReplayError(f"there is no dead letter {letter}")
        if found[0].state != "open":
            raise ReplayError(f"dead letter {letter} was {found[0].state} before")
        return found


def _used(letter: UUID, new_id: str | None) -> str:
    if new_id is not None:
        return f"dead letter {letter}: the new id {new_id!r} was used before, too"
    return f"dead letter {letter}: its event came again and was taken in meanwhile, discard the dead letter"


def _names(one: Readable | Unreadable) -> tuple[str | None, ...]:
    """What an order waits for, and the shop knows the event by."""
    event = one.event if isinstance(one, Readable) else one
    cause = event.cause
    return event.merchant, event.subject, cause.source if cause else None, cause.id if cause else None


def _again(listed: Listed, content: Content, value: bytes | None, merchants: Container[str]) -> Readable | Unreadable:
    record = Record(
        listed.topic,
        listed.partition,
        listed.offset,
        listed.at,
        content.key,
        content.value if value is None else value,
        content.headers,
    )
    return read(record, merchants)
