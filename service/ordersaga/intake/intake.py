"""Takes batches of shop events in: one Postgres transaction for a batch, its offsets in it."""

import asyncio
from collections.abc import Callable, Container, Iterator, Mapping, Sequence
from time import monotonic
from typing import Final, Protocol

import structlog
from msgspec import Struct
from msgspec.structs import replace

from ordersaga import telemetry
from ordersaga.bus.cloudevents import Readable, read
from ordersaga.bus.records import Place, Record
from ordersaga.domain import saga
from ordersaga.domain.model.order import Key, Order
from ordersaga.domain.model.outcomes import Read, Revoke, Send
from ordersaga.intake.decide import Read as Input
from ordersaga.intake.decide import Verdicts, decide_batch, key_of, letter_of, unaccounted
from ordersaga.outbox import outbox_row
from ordersaga.rulebook import Rulebook
from ordersaga.store import intake as store_intake
from ordersaga.store.appended import AppendedRows
from ordersaga.store.dead_letters import DeadLetter
from ordersaga.store.errors import (
    ConflictError,
    InputRefusedError,
    MasterKeyError,
    OffsetsMovedError,
    SchemaMissingError,
    StoreError,
    StoreUnavailableError,
    TopicAnewError,
    UnreadableError,
)
from ordersaga.store.intake import Change, Heard, InboxRow, Progress
from ordersaga.store.rows import Known, OutboxRow, Row
from ordersaga.store.store import Store

log = structlog.get_logger(__name__)
_CONFLICTS: Final = 5
_TRIES: Final = 3  # of a record that fails alone
_PAUSE: Final = 0.1  # seconds between them
_LONGEST: Final = 10.0  # seconds for deciding a batch; Postgres ends a transaction that idles for its statement timeout
_NO_INPUTS_FAULT: Final = (
    StoreUnavailableError,
    ConflictError,
    OffsetsMovedError,
    SchemaMissingError,
    MasterKeyError,
    TopicAnewError,
)

Batch = Sequence[tuple[Record, Input]]
AtEnd = Mapping[Place, float]
"""Of the partitions that the batch empties: how many seconds ago that was seen."""
Seen = Mapping[Place, float]
"""The same, as times of the monotonic clock."""


class TooSlowError(Exception):
    """Deciding takes too long: the batch is halved, like one that fails."""


class Dispatcher(Protocol):
    """A worker in the same process, which takes orders over in memory as far as it has room."""

    @property
    def owner(self) -> str: ...

    @property
    def lease(self) -> float: ...

    def mark(self) -> tuple[float, float]: ...

    def reserve(self, order: Order) -> bool: ...

    def release(self, order: Order) -> None: ...

    def submit(self, known: Known, token: int, mark: tuple[float, float], now: float) -> None: ...


class IntakeSettings(Struct, frozen=True):
    instance: str
    inbox_retention: float = 30 * 86_400.0  # seconds


class Intake:
    """`merchants` are those that are configured; `wake` tells the relay; `desk` is None where no worker shares the process."""

    def __init__(
        self,
        store: Store,
        merchants: Container[str],
        rulebook: Rulebook,
        dispatcher: Dispatcher | None,
        settings: IntakeSettings,
        wake: Callable[[], None],
    ) -> None:
        self._store = store
        self._merchants = merchants
        self._rulebook = rulebook
        self._dispatcher = dispatcher
        self._settings = settings
        self._wake = wake

    async def take(self, records: Sequence[Record], at_end: AtEnd) -> None:
        """Takes the batch in; a lasting failure is narrowed down to its one record.

        Raises a StoreError that is no input's fault: all of it, or what hadn't been taken in yet, is to be given again.
        """
        now = monotonic()
        seen = {place: now - ago for place, ago in at_end.items()}
        await self._take([(record, read(record, self._merchants)) for record in records], seen)

    async def _take(self, batch: Batch, seen: Seen, tries: int = _TRIES) -> None:
        try:
            await self._take_retrying(batch, seen)
        except _NO_INPUTS_FAULT:
            raise
        except Exception as error:
            log.exception("a batch failed", records=len(batch))
            if len(batch) > 1:
                middle = len(batch) // 2
                await self._take(batch[:middle], {})
                await self._take(batch[middle:], seen)
            elif tries > 1:
                await asyncio.sleep(_PAUSE)
                await self._take(batch, seen, tries - 1)
            else:
                await self._dead_letter_alone(*batch[0], error)

    async def _take_retrying(self, batch: Batch, seen: Seen) -> None:
        for _ in range(_CONFLICTS - 1):
            try:
                await self._take_once(batch, seen)
            except ConflictError:
                continue
            except OffsetsMovedError as moved:
                batch = await self._not_taken_yet(batch, moved.topic)
            else:
                return
        await self._take_once(batch, seen)

    async def _not_taken_yet(self, batch: Batch, topic: str) -> Batch:
        """Without what another consumer has taken in meanwhile. Raises TopicAnewError where nobody has."""
        following = await self._store.offsets(topic)
        taken = [one for one in batch if one[0].topic == topic and one[0].offset < following.get(one[0].partition, 0)]
        async with self._store.taking_in() as tx:
            heard, _ = await tx.look([row for one in taken if (row := _inbox_row(*one)) is not None])
            if "new" in heard.verdicts:
                log.error("records before the stored offset were never taken in: was the topic made anew?", topic=topic)
                raise TopicAnewError(topic)
        gone = {id(record) for record, _ in taken}
        return [one for one in batch if id(one[0]) not in gone]

    async def _take_once(self, batch: Batch, seen: Seen) -> None:
        if not batch:
            return
        dispatcher = self._dispatcher
        mark = (
            dispatcher.mark() if dispatcher else (0.0, 0.0)
        )  # before the transaction begins: its now() starts the leases
        reserved: dict[Key, Order] = {}
        try:
            async with self._store.taking_in() as tx:
                heard, locked, verdicts = await self._decide(tx, batch)
                changes = self._changes(verdicts, locked, heard.clock.now, reserved)
                told = AppendedRows(verdicts.entries, self._outbox(verdicts, heard.clock.epoch), verdicts.letters)
                owner, seconds = (dispatcher.owner, dispatcher.lease) if dispatcher else ("", 0.0)
                leases = await tx.write(changes, owner, seconds, told, _moves(batch, seen))
        except BaseException:
            self._release(reserved)
            raise
        self._tell(batch, verdicts)
        for lease in leases:
            assert dispatcher is not None
            known = Known(reserved.pop(lease.key), lease.version, lease.written)
            dispatcher.submit(known, lease.token, mark, heard.clock.now)
        self._release(reserved)

    def _tell(self, batch: Batch, verdicts: Verdicts) -> None:
        if verdicts.outcomes:
            self._wake()
        letters = [letter.code for letter in verdicts.letters]
        telemetry.taken_in(len(batch), verdicts.taken, verdicts.duplicates, letters)
        telemetry.FOREIGN_KEYS.inc(verdicts.foreign)
        telemetry.VIOLATIONS.labels("I6").inc(unaccounted(verdicts, len(batch)))
        telemetry.decided([outcome for _, outcome in verdicts.outcomes])

    async def _decide(self, tx: store_intake.Intake, batch: Batch) -> tuple[Heard, dict[Key, Row], Verdicts]:
        known = [(record, row) for record, one in batch if (row := _inbox_row(record, one)) is not None]
        keys = [key for _, one in batch if (key := key_of(one)) is not None]
        heard, locked = await tx.look([row for _, row in known], keys)
        self._rulebook.learn(input_watermark=heard.clock.input_watermark, restored_at=heard.clock.raised_at)
        verdict_of = {id(record): verdict for (record, _), verdict in zip(known, heard.verdicts, strict=True)}
        verdicts = decide_batch(
            ((record, one, verdict_of.get(id(record), "new")) for record, one in _in_time(batch)),
            {key: row.order for key, row in locked.items()},
            self._rulebook.of,
            heard.clock.now,
            heard.clock.now - self._settings.inbox_retention,
        )
        return heard, locked, verdicts

    def _changes(
        self, verdicts: Verdicts, locked: Mapping[Key, Row], now: float, reserved: dict[Key, Order]
    ) -> list[Change]:
        changes = []
        for key in sorted(verdicts.changed):
            order = verdicts.changed[key]
            row = locked.get(key)
            due = saga.due(order, now, self._rulebook.of(key.merchant))
            lease = self._wanted_now(order, row, due, now) and self._reserve(order)
            if lease:
                reserved[key] = order
            changes.append(Change(order, row, due, lease))
        return changes

    def _wanted_now(self, order: Order, row: Row | None, due: float | None, now: float) -> bool:
        if due is None or due > now or (row is not None and row.leased):
            return False
        return isinstance(saga.next_call(order, now, self._rulebook.of(order.key.merchant)), Send | Read | Revoke)

    def _reserve(self, order: Order) -> bool:
        return self._dispatcher is not None and self._dispatcher.reserve(order)

    def _release(self, reserved: Mapping[Key, Order]) -> None:
        for order in reserved.values():
            assert self._dispatcher is not None
            self._dispatcher.release(order)

    def _outbox(self, verdicts: Verdicts, epoch: int) -> list[OutboxRow]:
        return [outbox_row(key, outcome, epoch, self._settings.instance) for key, outcome in verdicts.outcomes]

    async def _dead_letter_alone(self, record: Record, one: Input, error: Exception) -> None:
        """The one record that makes our own code or database fail: later events of its order wait for it."""
        said = str(error) if isinstance(error, StoreError) else type(error).__name__
        telemetry.refused(said)
        letter = letter_of(record, one, "internal_error", (f"while taking the event in: {said}",))
        try:
            await self._dead_letter(letter, record, one, key_of(one))
        except (UnreadableError, InputRefusedError):  # the order itself can't be read or written
            await self._dead_letter(letter, record, one, None)
        telemetry.taken_in(1, 0, 0, [letter.code])
        log.error("a dead letter", code=letter.code, dead_letter=str(letter.id))

    async def _dead_letter(self, letter: DeadLetter, record: Record, one: Input, key: Key | None) -> None:
        """`key`: of the order to block."""
        row_of_inbox = _inbox_row(record, one)
        remembered = [] if row_of_inbox is None else [replace(row_of_inbox, dead_letter=letter.id)]
        async with self._store.taking_in() as tx:
            heard, locked = await tx.look(remembered, [] if key is None else [key])
            changes = [] if key is None else [self._blocked(key, locked.get(key), letter, heard.clock.now)]
            await tx.write(changes, told=AppendedRows(letters=[letter]), moved=_moves([(record, one)], {}))

    def _blocked(self, key: Key, row: Row | None, letter: DeadLetter, now: float) -> Change:
        order = row.order if row else Order(key)
        blocked = replace(order, blocked=order.blocked or str(letter.id))
        return Change(blocked, row, self._due(blocked, now))

    def _due(self, order: Order, now: float) -> float | None:
        """What was under way goes on. Where even this fails, a worker finds out and calls somebody."""
        try:
            return saga.due(order, now, self._rulebook.of(order.key.merchant))
        except Exception:  # noqa: BLE001 - our own code has failed on this order before
            return now


def _in_time(batch: Batch) -> Iterator[tuple[Record, Input]]:
    """One after the other. Raises TooSlowError once those so far have taken too long."""
    until = monotonic() + _LONGEST
    for one in batch:
        yield one
        if monotonic() > until:
            raise TooSlowError


def _inbox_row(record: Record, one: Input) -> InboxRow | None:
    if isinstance(one, Readable):
        cause = one.event.cause
        return InboxRow(one.event.merchant, cause.source, cause.id, one.digest)
    if key_of(one) is None or one.cause is None or one.merchant is None or one.digest is None:
        return None
    letter = letter_of(record, one, one.code, one.messages)
    return InboxRow(one.merchant, one.cause.source, one.cause.id, one.digest, letter.id)


def _moves(batch: Batch, seen: Seen) -> list[Progress]:
    spans: dict[Place, tuple[int, int]] = {}
    for record, _ in batch:
        place = Place(record.topic, record.partition)
        first, last = spans.get(place, (record.offset, record.offset))
        spans[place] = (min(first, record.offset), max(last, record.offset))
    now = monotonic()
    ago = {place: now - at for place, at in seen.items()}
    return [Progress(*place, first, last + 1, ago.get(place)) for place, (first, last) in sorted(spans.items())]
