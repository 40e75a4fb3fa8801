"""Takes batches of shop events in: one Postgres transaction for a batch, including its offsets."""

import asyncio
import itertools
from collections.abc import Callable, Container, Iterable, Mapping, Sequence
from functools import partial
from time import monotonic, time
from typing import Final, Protocol

import structlog
from msgspec import Struct
from msgspec.structs import replace

from ordersaga import telemetry
from ordersaga.bus.cloudevents import ValidInput, decode_record
from ordersaga.bus.records import Partition, Record
from ordersaga.domain import saga
from ordersaga.domain.model.order import Key, Order
from ordersaga.domain.model.outcomes import CallKind
from ordersaga.failures import kind_of
from ordersaga.intake.decide import BatchDecision, decide_inputs, taken_over
from ordersaga.intake.inputs import Batch, EndTimes, Input, dead_letter_of, inbox_row_of, key_of, offset_progress_of
from ordersaga.intake.reporting import report
from ordersaga.intake.slices import aside, slices, within_time_limit
from ordersaga.intake.suspects import NoInputAtFaultError, Suspects, is_of_one_order, others_after
from ordersaga.intake.taking import Stored, Taking
from ordersaga.outbox import outbox_row
from ordersaga.rulebook import Rulebook
from ordersaga.store.appended import AppendedRows
from ordersaga.store.dead_letters import DeadLetter
from ordersaga.store.errors import (
    ConflictError,
    DatabaseWentBackError,
    InputRefusedError,
    MasterKeyError,
    OffsetsMovedError,
    ReadableElsewhereError,
    SchemaMissingError,
    StoreError,
    StoreUnavailableError,
    TopicRecreatedError,
    UnreadableError,
)
from ordersaga.store.intake import Change, InboxLookup, IntakeTransaction, OffsetProgress
from ordersaga.store.rows import Clock, Known, Lease, OutboxRow, Row
from ordersaga.store.store import Store

log = structlog.get_logger(__name__)
_CONFLICT_TRIES: Final = 5
_TRIES: Final = 3  # for a record that fails alone
_PAUSE: Final = 0.1  # seconds between them
NOT_CAUSED_BY_INPUT: Final = (
    StoreUnavailableError,
    ConflictError,
    DatabaseWentBackError,
    OffsetsMovedError,
    SchemaMissingError,
    MasterKeyError,
    TopicRecreatedError,
    NoInputAtFaultError,
)

EndAges = Mapping[Partition, float]
"""For the partitions that the batch reads to their end: how many seconds ago Kafka said where the end is."""


Reserved = dict[Key, tuple[Order, CallKind]]
"""Orders with a slot for such a call."""


_ANY_EPOCH: Final = 2**31 - 1
_NOTHING: Final[Mapping[Partition, int]] = {}


class _TriedError(Exception):
    """Rolls a transaction back that would have succeeded."""


class Dispatcher(Protocol):
    """A worker in the same process, to which leased orders are handed over in memory while it has free slots."""

    @property
    def owner(self) -> str: ...

    @property
    def lease(self) -> float: ...

    def mark(self) -> tuple[float, float]: ...

    def reserve(self, order: Order, kind: CallKind) -> bool: ...

    def release(self, order: Order, kind: CallKind) -> None: ...

    def submit(self, known: Known, kind: CallKind, token: int, mark: tuple[float, float], now: float) -> None: ...


class IntakeSettings(Struct, frozen=True):
    instance: str
    inbox_retention: float = 30 * 86_400.0  # seconds


class Intake:
    """`merchants`: those that are configured; `wake` wakes the relay; `dispatcher` None: no worker runs in this process."""

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
        self._epoch = _ANY_EPOCH  # in which something was last written
        self._epochs: dict[Partition, int] = {}  # in which each partition was last written
        self._suspects = Suspects()

    async def take(
        self, records: Sequence[Record], at_end: EndAges, stored: Mapping[Partition, int] = _NOTHING
    ) -> dict[Partition, int | None]:
        """Takes the batch in; a lasting failure is narrowed down to the record that causes it.

        Returns partitions that stand, and the offsets that the store has of them: their next record is of an order that
        only another process can read.
        `stored`: the offset that the store must have of each partition, so that nothing is left out before the batch.
        Raises a StoreError that no input causes: call it again with the batch, of which a part may be taken in. After a
        DatabaseWentBackError the epoch is raised, and records have to be read again from the store's offsets.
        """
        now = monotonic()
        ends = {partition: now - ago for partition, ago in at_end.items()}
        batch: list[tuple[Record, Input]] = []
        for part in slices(records):
            batch += await aside(part, partial(self._decoded, part))
        try:
            await self._take(batch, ends, taking := Taking(batch, dict(stored)))
        except DatabaseWentBackError as error:
            await self.report_went_back(error.topic, stored)
            raise
        return {partition: taking.stored.get(partition) for partition in taking.standing}

    def _decoded(self, part: Sequence[Record]) -> Batch:
        return [(record, decode_record(record, self._merchants)) for record in part]

    async def report_went_back(self, topic: str, partitions: Iterable[Partition]) -> None:
        """Raises the epoch, unless another process has raised it since this one has last written these partitions.

        A process that has written nothing yet can't know that, and raises it anyway.
        """
        known = min((self._epochs.get(partition, self._epoch) for partition in partitions), default=self._epoch)
        raised = await self._store.raise_epoch_beyond(known)
        if raised is not None:
            telemetry.REGRESSIONS.inc()
        log.error("the database went back, and lost offsets are read again", topic=topic, raised=raised is not None)

    async def _take(self, batch: Batch, ends: EndTimes, taking: Taking, tries: int = _TRIES) -> None:
        if taking.standing:
            batch, ends = taking.before_standing(batch), taking.without_standing(ends)
        stored = taking.stored
        try:
            await self._take_retrying(batch, ends, stored)
        except NOT_CAUSED_BY_INPUT:
            raise
        except ReadableElsewhereError as error:
            telemetry.PARTITIONS_STANDING.inc(taking.stand(batch, error.keys))
            log.error("a partition stands until another process takes it", reason=str(error))  # noqa: TRY400 - the reason says it
            await self._take(batch, ends, taking)
        except Exception as error:  # whatever it is, the record that causes it is found
            log.exception("a batch failed", records=len(batch))
            if len(batch) > 1:
                middle = len(batch) // 2
                await self._take(batch[:middle], {}, taking)
                await self._take(batch[middle:], ends, taking)
            elif tries > 1:
                await asyncio.sleep(_PAUSE)
                await self._take(batch, ends, taking, tries - 1)
            else:
                await self._suspect(*batch[0], error, taking.whole)
                await self._dead_letter_failing(*batch[0], error, stored)

    async def _suspect(self, record: Record, decoded: Input, error: Exception, whole: Batch) -> None:
        """Raises NoInputAtFaultError if other orders' records, which are tried and rolled back, fail with the same error."""
        if is_of_one_order(error):
            return
        self._suspects.add(record, decoded, error)
        for one in others_after(whole, record, decoded):
            failure = await self._failure_of(one)
            if failure is None:
                self._suspects.clear()
                return
            if kind_of(failure) == kind_of(error):
                self._suspects.add(*one, failure)
        self._suspects.check()

    async def _failure_of(self, one: tuple[Record, Input]) -> Exception | None:
        reserved: Reserved = {}
        try:
            async with self._store.intake_transaction() as tx:
                await self._write(tx, [one], reserved, [])
                raise _TriedError  # noqa: TRY301 - it rolls the transaction back
        except _TriedError:
            return None
        except NOT_CAUSED_BY_INPUT:
            raise
        except Exception as error:  # noqa: BLE001 - whatever it is, it is compared
            return error
        finally:
            self._release(reserved)

    async def _take_retrying(self, batch: Batch, ends: EndTimes, stored: Stored) -> None:
        for _ in range(_CONFLICT_TRIES - 1):
            try:
                await self._take_once(batch, ends, stored)
            except ConflictError:
                continue
            except OffsetsMovedError as moved:
                batch = await self._without_taken(batch, moved.topic, stored)
            else:
                return
        await self._take_once(batch, ends, stored)

    async def _without_taken(self, batch: Batch, topic: str, stored: Stored) -> Batch:
        """Without what another consumer has taken in meanwhile; `stored` is updated.

        Raises DatabaseWentBackError if offsets are missing, TopicRecreatedError if no consumer has taken these records in.
        """
        next_offsets = await self._store.offsets(topic)
        known = {partition: offset for partition, offset in stored.items() if partition.topic == topic}
        if any(next_offsets.get(partition.number, 0) < offset for partition, offset in known.items()):
            raise DatabaseWentBackError(topic)
        taken = [
            one for one in batch if one[0].topic == topic and one[0].offset < next_offsets.get(one[0].partition, 0)
        ]
        async with self._store.intake_transaction() as tx:
            lookup, _ = await tx.look_up([row for one in taken if (row := inbox_row_of(*one)) is not None])
            if "new" in lookup.matches:
                log.error("records before the stored offset were never taken in: was the topic recreated?", topic=topic)
                raise TopicRecreatedError(topic)
        stored.update({partition: next_offsets[partition.number] for partition in known})
        dropped = {id(record) for record, _ in taken}
        return [one for one in batch if id(one[0]) not in dropped]

    async def _take_once(self, batch: Batch, ends: EndTimes, stored: Stored) -> None:
        if not batch:
            return
        dispatcher, started = self._dispatcher, time()
        # Before the transaction begins, whose now() is the start of the leases.
        mark = dispatcher.mark() if dispatcher else (0.0, 0.0)
        reserved: Reserved = {}
        try:
            async with self._store.intake_transaction() as tx:
                progress = offset_progress_of(batch, ends, stored)
                clock, locked, decided, leases = await self._write(tx, batch, reserved, progress)
        except BaseException:  # also when cancelled: the slots are given back
            self._release(reserved)
            raise
        self._suspects.clear()
        self._note_stored(progress, stored, clock.epoch)
        if decided.outcomes:
            self._wake()
        report(len(batch), decided, locked, started, time())
        for lease in leases:
            assert dispatcher is not None
            order, kind = reserved.pop(lease.key)
            dispatcher.submit(Known(order, lease.version, lease.written), kind, lease.token, mark, clock.now)
        self._release(reserved)

    async def _write(
        self, tx: IntakeTransaction, batch: Batch, reserved: Reserved, progress: Sequence[OffsetProgress]
    ) -> tuple[Clock, dict[Key, Row], BatchDecision, list[Lease]]:
        lookup, locked, decided = await self._decide(tx, batch)
        changes = self._changes(decided, locked, lookup.clock.now, reserved)
        outbox = self._outbox(decided, lookup.clock.epoch)
        appended = AppendedRows(decided.entries, outbox, decided.dead_letters)
        dispatcher = self._dispatcher
        owner, seconds = (dispatcher.owner, dispatcher.lease) if dispatcher else ("", 0.0)
        leases = await tx.write(changes, owner, seconds, appended, progress)
        return lookup.clock, locked, decided, leases

    def _note_stored(self, progress: Sequence[OffsetProgress], stored: Stored, epoch: int) -> None:
        self._epoch = epoch
        for one in progress:
            partition = Partition(one.topic, one.partition)
            stored[partition] = one.next_offset
            self._epochs[partition] = epoch

    async def _decide(self, tx: IntakeTransaction, batch: Batch) -> tuple[InboxLookup, dict[Key, Row], BatchDecision]:
        rows = [(record, row) for record, decoded in batch if (row := inbox_row_of(record, decoded)) is not None]
        keys = [key for _, decoded in batch if (key := key_of(decoded)) is not None]
        wanted = [one for _, decoded in batch if isinstance(decoded, ValidInput) and (one := taken_over(decoded.event))]
        lookup, locked = await tx.look_up([row for _, row in rows], keys, wanted)
        self._rulebook.update(input_watermark=lookup.clock.input_watermark, restored_at=lookup.clock.raised_at)
        match_of = {id(record): match for (record, _), match in zip(rows, lookup.matches, strict=True)}
        now, orders = lookup.clock.now, {key: row.order for key, row in locked.items()}
        inputs = ((record, decoded, match_of.get(id(record), "new")) for record, decoded in within_time_limit(batch))
        decided, oldest = BatchDecision(orders, dict(lookup.owners)), now - self._settings.inbox_retention
        for part in slices([record for record, _ in batch]):
            some = itertools.islice(inputs, len(part))
            await aside(part, partial(decide_inputs, some, decided, self._rulebook.of, now, oldest))
        next(inputs, None)  # the time that the last one took counts, too
        return lookup, locked, decided

    def _changes(
        self, decided: BatchDecision, locked: Mapping[Key, Row], now: float, reserved: Reserved
    ) -> list[Change]:
        changes = []
        for key in sorted(decided.changed):
            order = decided.changed[key]
            row = locked.get(key)
            rules = self._rulebook.of(key.merchant)
            due, kind = saga.due_call(order, now, rules)
            free = due is not None and due <= now and (row is None or not row.leased)
            lease = free and kind is not None and self._reserve(order, kind)
            if lease and kind is not None:
                reserved[key] = order, kind
            changes.append(Change(order, row, due, lease, kind))
        return changes

    def _reserve(self, order: Order, kind: CallKind) -> bool:
        return self._dispatcher is not None and self._dispatcher.reserve(order, kind)

    def _release(self, reserved: Reserved) -> None:
        for order, kind in reserved.values():
            assert self._dispatcher is not None
            self._dispatcher.release(order, kind)

    def _outbox(self, decided: BatchDecision, epoch: int) -> list[OutboxRow]:
        return [outbox_row(key, outcome, epoch, self._settings.instance) for key, outcome in decided.outcomes]

    async def _dead_letter_failing(self, record: Record, decoded: Input, error: Exception, stored: Stored) -> None:
        """For the one record on which our own code or the database fails: later events of its order wait for it."""
        reason = str(error) if isinstance(error, StoreError) else type(error).__name__
        telemetry.count_refused_write(reason)
        dead_letter = dead_letter_of(record, decoded, "internal_error", (f"while taking the event in: {reason}",))
        try:
            await self._write_dead_letter(dead_letter, record, decoded, key_of(decoded), stored)
        except (UnreadableError, InputRefusedError):  # the order itself can't be read or written
            await self._write_dead_letter(dead_letter, record, decoded, None, stored)
        telemetry.count_intake(1, 0, 0, [dead_letter.code])
        merchant, subject, name = dead_letter.merchant, dead_letter.subject, str(dead_letter.id)
        log.error("a dead letter", merchant=merchant, subject=subject, code=dead_letter.code, dead_letter=name)

    async def _write_dead_letter(
        self, dead_letter: DeadLetter, record: Record, decoded: Input, key: Key | None, stored: Stored
    ) -> None:
        """`key`: of the order to block."""
        inbox_row = inbox_row_of(record, decoded)
        rows = [] if inbox_row is None else [replace(inbox_row, dead_letter=dead_letter.id)]
        async with self._store.intake_transaction() as tx:
            lookup, locked = await tx.look_up(rows, [] if key is None else [key])
            changes = [] if key is None else [self._blocked(key, locked.get(key), dead_letter, lookup.clock.now)]
            progress = offset_progress_of([(record, decoded)], {}, stored)
            await tx.write(changes, appended=AppendedRows(dead_letters=[dead_letter]), progress=progress)
        self._note_stored(progress, stored, lookup.clock.epoch)

    def _blocked(self, key: Key, row: Row | None, dead_letter: DeadLetter, now: float) -> Change:
        order = row.order if row else Order(key)
        blocked = replace(order, blocked=order.blocked or str(dead_letter.id))
        rules = self._rulebook.of(key.merchant)
        try:
            due, kind = saga.due_call(blocked, now, rules)
            return Change(blocked, row, due, kind=kind)
        except Exception:  # noqa: BLE001 - our own code has failed on this order before: a worker raises an attention
            return Change(blocked, row, now)
