"""Settles results in batches, many orders in one transaction, on state read anew."""

import asyncio
from collections.abc import Callable, Mapping, Sequence

import structlog
from msgspec import Struct
from msgspec.structs import replace

from ordersaga import telemetry
from ordersaga.domain import evidence, saga
from ordersaga.domain.order import Key, Order
from ordersaga.domain.outcomes import Call, Decision, Elapsed, Entry, Read, Revoke, Send
from ordersaga.domain.results import Rejected, Result, Retryable, Succeeded, Unknown
from ordersaga.domain.terms import Rules
from ordersaga.outbox import outbox_row
from ordersaga.rulebook import Rulebook
from ordersaga.store.errors import StoreUnavailableError
from ordersaga.store.rows import Clock, Lease, OutboxRow, ProviderId, Row
from ordersaga.store.settle import Settled
from ordersaga.store.store import Store
from ordersaga.worker.held import Held, LeaseClock
from ordersaga.worker.lanes import Lanes

log = structlog.get_logger(__name__)


class Settlement(Struct):
    """What came of one leased order. `failed`: our own code did, in this function; the order goes to a person."""

    held: Held
    call: Call | Elapsed
    result: Result | None
    seconds: float | None
    failed: str | None = None


class SettlerSettings(Struct, frozen=True):
    owner: str
    instance: str
    lease: float = 30.0
    batch: int = 200


class Settler:
    """`carry_on` takes an order whose lease goes on to its next call; `wake` tells the relay."""

    def __init__(
        self,
        store: Store,
        lanes: Lanes,
        rulebook: Rulebook,
        clock: LeaseClock,
        settings: SettlerSettings,
        wake: Callable[[], None],
    ) -> None:
        self._store = store
        self._lanes = lanes
        self._rulebook = rulebook
        self._clock = clock
        self._settings = settings
        self._wake = wake
        self._queue: asyncio.Queue[Settlement] = asyncio.Queue()
        self._busy = 0
        self._idle = asyncio.Event()
        self._idle.set()
        self.carry_on: Callable[[Held], None] = _nobody
        self.open = True

    def put(self, settlement: Settlement) -> None:
        self._idle.clear()
        self._queue.put_nowait(settlement)

    async def run(self) -> None:
        """Settles until cancelled."""
        while True:
            batch = [await self._queue.get()]
            while len(batch) < self._settings.batch and not self._queue.empty():
                batch.append(self._queue.get_nowait())
            self._busy += 1
            try:
                await self._settle(batch)
            finally:
                self._busy -= 1
                if not self._busy and self._queue.empty():
                    self._idle.set()

    async def drained(self) -> None:
        """Returns when nothing is left to settle."""
        await self._idle.wait()

    async def _settle(self, batch: Sequence[Settlement]) -> None:
        """Until it is done: a store that is away is waited for, a batch that fails is halved."""
        pause = 0.05
        while True:
            try:
                following = await self.settle_batch(batch)
                break
            except StoreUnavailableError as error:
                log.warning("store away, results wait", reason=str(error), results=len(batch))
                await asyncio.sleep(pause)
                pause = min(pause * 2, 2.0)
            except Exception as error:  # noqa: BLE001 - whatever it is, it is one order's fault: find which
                if len(batch) > 1:
                    middle = len(batch) // 2
                    await self._settle(batch[:middle])
                    await self._settle(batch[middle:])
                    return
                if not self._mark_failed(batch[0], error):
                    self._free(batch[0].held)
                    return
        for held in following:
            self.carry_on(held)

    def _mark_failed(self, settlement: Settlement, error: Exception) -> bool:
        """Next time the order goes to a person; False: even that failed, its lease runs out and it is tried again then."""
        key = settlement.held.order.key
        log.error("settle failed", subject=key.subject, merchant=key.merchant, error=type(error).__name__)
        first = settlement.failed is None
        settlement.failed = f"settle: {type(error).__name__}"
        return first

    async def settle_batch(self, batch: Sequence[Settlement]) -> list[Held]:
        """One transaction. Returns the orders whose lease goes on. Slots of all others are free afterwards."""
        mark = self._clock.mark()
        composed = _Composed(self._settings)
        async with self._store.settling() as tx:
            clock, rows = await tx.lock([settlement.held.order.key for settlement in batch])
            self._clock.heard(clock.now)
            self._rulebook.learn(heard_until=clock.heard_until, restored_at=clock.raised_at)
            for settlement in batch:
                self._compose(composed, settlement, rows.get(settlement.held.order.key), clock)
            written = await tx.write(composed.changes, self._settings.owner, self._settings.lease)
            kept = [(key, entry) for key, entry in composed.entries if key in written or key in composed.lost]
            await tx.journal(kept)
            await tx.publish([row for row in composed.outbox if row.key in written])
            await tx.note_ids([noted for noted in composed.ids if noted.key in written])
        telemetry.settled(len(batch))
        if composed.outbox:
            self._wake()
        return self._going_on(batch, composed, written, mark)

    def _going_on(
        self,
        batch: Sequence[Settlement],
        composed: "_Composed",
        written: Mapping[Key, Lease | None],
        mark: tuple[float, float],
    ) -> list[Held]:
        """Those whose lease goes on to the next call; the slots of the others are free."""
        after = {change.order.key: change.order for change in composed.changes}
        following = []
        for settlement in batch:
            held = settlement.held
            lease = written.get(held.order.key)
            if lease is None:
                self._free(held)
            else:
                self._lanes.must(*held.lane).again()
                following.append(Held(after[held.order.key], lease.token, *mark, lane=held.lane))
        return following

    def _compose(self, composed: "_Composed", settlement: Settlement, row: Row | None, clock: Clock) -> None:
        held = settlement.held
        key, now = held.order.key, clock.now
        composed.entries.extend((key, entry) for entry in _call_entries(settlement, now))
        if row is None or row.token != held.token:
            telemetry.LEASES_LOST.inc()
            composed.lost.add(key)
            return
        rules = self._rulebook.of(key.merchant)
        decision = _decide(settlement, row.order, now, rules)
        order = decision.order
        due = saga.due(order, now, rules)
        keep = self.open and due is not None and due <= now and self._may_go_on(held, order)
        composed.changes.append(Settled(order, row, held.token, due, keep))
        composed.add(decision, clock.epoch, settlement)

    def _may_go_on(self, held: Held, after: Order) -> bool:
        """A slot can be kept only in its own lane, and only while the provider may be given calls."""
        return held.lane == (after.key.merchant, after.provider) and self._lanes.must(*held.lane).open()

    def _free(self, held: Held) -> None:
        self._lanes.must(*held.lane).free()


def _nobody(held: Held) -> None:
    raise RuntimeError(f"no worker takes on the order {held.order.key.subject!r}")


class _Composed:
    def __init__(self, settings: SettlerSettings) -> None:
        self._settings = settings
        self.changes: list[Settled] = []
        self.entries: list[tuple[Key, Entry]] = []
        self.outbox: list[OutboxRow] = []
        self.ids: list[ProviderId] = []
        self.lost: set[Key] = set()

    def add(self, decision: Decision, epoch: int, settlement: Settlement) -> None:
        key = decision.order.key
        self.entries.extend((key, entry) for entry in decision.entries)
        for outcome in decision.outcomes:
            self.outbox.append(outbox_row(key, outcome, epoch, self._settings.instance))
        result = settlement.result
        if isinstance(result, Succeeded) and result.provider_id and not isinstance(settlement.call, Elapsed):
            operation = settlement.call.operation
            what = operation.type if operation else "order"
            self.ids.append(ProviderId(key, decision.order.provider, result.provider_id, what))


def _decide(settlement: Settlement, order: Order, now: float, rules: Rules) -> Decision:
    doubt = settlement.held.doubt
    if doubt is not None:
        order = evidence.doubted(order, doubt.since, doubt.until)
    if settlement.failed is not None:
        return saga.stall(order, settlement.failed, now, rules)
    try:
        return saga.settle(order, settlement.call, settlement.result, now, rules)
    except Exception as error:
        log.exception("settle failed", merchant=order.key.merchant, subject=order.key.subject)
        return saga.stall(order, f"settle: {type(error).__name__}", now, rules)


def _call_entries(settlement: Settlement, now: float) -> list[Entry]:
    call, result = settlement.call, settlement.result
    if isinstance(call, Elapsed) or result is None:
        return []
    operation = call.operation
    name = operation.type if operation else "refresh"
    entry = Entry("call", now, name, operation_id=operation.id if operation else None, duration=settlement.seconds)
    return [replace(entry, note=_told(call, result), correlation_id=result.correlation_id, status=_status(result))]


def _told(call: Call, result: Result) -> str:
    what = {Send: "send", Read: "read", Revoke: "revoke"}[type(call)]
    match result:
        case Succeeded(provider_id=provider_id):
            return f"{what}: succeeded {provider_id or ''}".rstrip()
        case Rejected(code=code):
            return f"{what}: rejected {code}"
        case Retryable(reason=reason):
            return f"{what}: retryable {reason}"
        case Unknown(reason=reason):
            return f"{what}: unknown {reason}"


def _status(result: Result) -> int | None:
    return None if isinstance(result, Succeeded) else result.status
