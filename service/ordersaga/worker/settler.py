"""Settles results in batches: many orders in one statement or transaction."""

import asyncio
import time
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Final

import structlog
from msgspec import Struct
from msgspec.structs import replace

from ordersaga import telemetry
from ordersaga.domain.model.outcomes import Elapsed, Send
from ordersaga.domain.model.results import Succeeded
from ordersaga.failures import kind_of
from ordersaga.rulebook import Rulebook
from ordersaga.store import claims
from ordersaga.store.errors import (
    ConflictError,
    MasterKeyError,
    OutdatedError,
    SchemaMissingError,
    StoreError,
    StoreUnavailableError,
    UnreadableHereError,
)
from ordersaga.store.hints import NewHint
from ordersaga.store.kept_results import KeptResult, UnsettledResult
from ordersaga.store.rows import Clock
from ordersaga.store.store import Store
from ordersaga.worker.bulkheads import Bulkheads
from ordersaga.worker.call_log import CallLog
from ordersaga.worker.fault import FaultFinder, pause_after
from ordersaga.worker.leases import LeaseClock, LeasedOrder
from ordersaga.worker.reporting import report
from ordersaga.worker.settlement_batch import Settlement, SettlementBatch

__all__ = ["Settlement", "Settler", "SettlerSettings"]

log = structlog.get_logger(__name__)
_NOT_CAUSED_BY_RESULT: Final = (StoreUnavailableError, ConflictError, SchemaMissingError, MasterKeyError)
_FIRST_PAUSE: Final = 0.05  # seconds
_MAX_PAUSE: Final = 2.0
_PATIENCE: Final = 0.02
"""Seconds that a result waits for others while a batch is under way: about as long as a batch takes."""


class SettlerSettings(Struct, frozen=True):
    """`lease` in seconds; `batch`: results at once."""

    owner: str
    instance: str
    lease: float = 30.0
    batch: int = 200


class Settler:
    """`continue_with` takes an order whose lease continues for its next call; `wake` wakes the relay."""

    def __init__(
        self,
        store: Store,
        bulkheads: Bulkheads,
        rulebook: Rulebook,
        clock: LeaseClock,
        settings: SettlerSettings,
        wake: Callable[[], None],
    ) -> None:
        self._store = store
        self._bulkheads = bulkheads
        self._rulebook = rulebook
        self._clock = clock
        self._settings = settings
        self._wake = wake
        self._queue: asyncio.Queue[Settlement] = asyncio.Queue()
        self._call_log = CallLog()
        self._under_way: dict[object, tuple[float, int]] = {}  # when each batch was started, and how large it is
        self._waiting_since = 0.0  # the oldest result that waits, or before
        self._news = asyncio.Event()
        self._idle = asyncio.Event()
        self._idle.set()
        self._last_clock: Clock | None = None
        self._fault = FaultFinder()
        self._later = 0  # results that are tried again after a pause
        self.continue_with: Callable[[LeasedOrder], None] = _no_worker
        self.keep_leases = True

    def enqueue(self, settlement: Settlement) -> None:
        self._idle.clear()
        first = self._queue.empty()
        if first:
            self._waiting_since = time.monotonic()
        self._queue.put_nowait(settlement)
        if first or self._is_due():
            self._news.set()

    async def run(self) -> None:
        """Settles until cancelled."""
        while True:
            batch = await self._gathered()
            batch_id = object()
            self._under_way[batch_id] = time.monotonic(), len(batch)
            try:
                if left := await self._settle_if_unchanged(batch):
                    await self._settle(left)
            finally:
                del self._under_way[batch_id]
                self._news.set()
                if not self._under_way and not self._later and self._queue.empty():
                    self._idle.set()

    async def _gathered(self) -> list[Settlement]:
        """The next batch. What waits for more stays in the queue, so that it counts as unsettled."""
        while not self._is_due():
            self._news.clear()
            patience = None if self._queue.empty() else self._waiting_since + _PATIENCE - time.monotonic()
            with suppress(TimeoutError):
                async with asyncio.timeout(patience):
                    await self._news.wait()
        count = min(self._queue.qsize(), self._settings.batch)
        return [self._queue.get_nowait() for _ in range(count)]

    def _is_due(self) -> bool:
        """A batch beside others isn't much smaller than they are, as each has its statement and its commit.

        Unless they take long: they may be held up.
        """
        waiting = self._queue.qsize()
        if not waiting:
            return False
        enough = max((size for _, size in self._under_way.values()), default=0) // 2
        return waiting >= enough or time.monotonic() >= self._waiting_since + _PATIENCE

    async def drained(self) -> None:
        """Returns when nothing is left to settle."""
        await self._idle.wait()

    def oldest_batch_age(self) -> float:
        """Seconds since the oldest unsettled batch was started; 0: there is none."""
        return time.monotonic() - min(self._under_way.values())[0] if self._under_way else 0.0

    def _new_batch(self, clock: Clock) -> SettlementBatch:
        return SettlementBatch(
            self._bulkheads, self._rulebook, self._settings.instance, clock, keep_leases=self.keep_leases
        )

    async def _settle_if_unchanged(self, settlements: Sequence[Settlement]) -> list[Settlement]:
        """Settles simple successes in one statement, on the orders as they were called. Returns the others.

        Its time is that of the database's clock as last observed, plus the time since then.
        """
        simple = _simple_successes(settlements) if self._last_clock is not None else []
        if not simple or self._last_clock is None:
            return [*settlements]
        settings, mark = self._settings, self._clock.mark()
        clock = replace(self._last_clock, now=self._clock.database_now())
        batch = self._new_batch(clock)
        try:
            for settlement in simple:
                batch.add(settlement, settlement.leased.row)
            observed, written = await self._store.settle_if_unchanged(
                batch.changes, settings.owner, settings.lease, batch.appended_rows(), clock.epoch
            )
        except Exception as error:  # noqa: BLE001 - settling on the current rows finds out what causes it
            batch.cancel_calls()
            log.warning("results not settled at once", reason=type(error).__name__, results=len(simple))
            return [*settlements]
        except BaseException:  # cancelled: the calls that were counted won't be made
            batch.cancel_calls()
            raise
        self._observe(observed)
        batch.leave_out_unwritten(written)
        if not written:
            return [*settlements]
        self._fault.settled()
        self._report(batch)
        self._release(batch.ended(written))
        for leased in batch.continued(written, mark):
            self.continue_with(leased)
        settled = {id(settlement) for settlement in simple if settlement.leased.order.key in written}
        return [settlement for settlement in settlements if id(settlement) not in settled]

    async def _settle(self, settlements: Sequence[Settlement]) -> None:
        """Orders that fail alone are tried again later, until it is known whether they are at fault."""
        done = self._fault.done
        for one, error in await self._settle_halving(settlements):
            if self._fault.is_at_fault(one, error, done):
                if await self._mark_failed(one, error):
                    self.enqueue(one)
                continue
            if self._fault.nobody_is(error):
                key, event = one.leased.order.key, "store unavailable, results wait"
                reason = f"one result after the other fails with the same error: {kind_of(error)}"
                log.warning(event, reason=reason, merchant=key.merchant, subject=key.subject)
            self._later += 1
            asyncio.get_running_loop().call_later(pause_after(one.failures), self._again, one)

    def _again(self, settlement: Settlement) -> None:
        self._later -= 1
        self.enqueue(settlement)

    async def _settle_halving(self, settlements: Sequence[Settlement]) -> list[tuple[Settlement, Exception]]:
        """Waits for a store that is unavailable, and halves a batch that fails. Returns orders that fail alone."""
        pause = _FIRST_PAUSE
        while True:
            try:
                continued = await self.settle_batch(settlements)
                break
            except OutdatedError as error:
                await self._keep(settlements, error)
                return []
            except _NOT_CAUSED_BY_RESULT as error:
                log.warning("store unavailable, results wait", reason=str(error), results=len(settlements))
                await asyncio.sleep(pause)
                pause = min(pause * 2, _MAX_PAUSE)
            except Exception as error:  # noqa: BLE001 - whatever it is: find out which orders fail alone
                if len(settlements) > 1:
                    middle = len(settlements) // 2
                    return [
                        *await self._settle_halving(settlements[:middle]),
                        *await self._settle_halving(settlements[middle:]),
                    ]
                if isinstance(error, UnreadableHereError):
                    await self._keep(settlements, error)
                    return []
                return [(settlements[0], error)]
        self._fault.settled()
        for leased in continued:
            self.continue_with(leased)
        return []

    async def _keep(self, settlements: Sequence[Settlement], error: StoreError) -> None:
        """Leaves the results to a process that can settle them. An order without a call waits until its lease expires."""
        for one in settlements:
            key = one.leased.order.key
            log.error(
                "a result is left to another process", merchant=key.merchant, subject=key.subject, reason=str(error)
            )
            self._bulkheads[one.leased.account].release()
        results = [
            UnsettledResult(one.leased.order.key, one.leased.token, kept)
            for one in settlements
            if (kept := _kept(one)) is not None
        ]
        try:
            telemetry.LEASES_LOST.inc(len(results) - len(await self._store.keep_results(results)))
        except StoreError as failure:
            log.warning("results not kept, they are found out when their leases expire", reason=str(failure))

    async def _mark_failed(self, settlement: Settlement, error: Exception) -> bool:
        """True: settle it again, which stalls the order. If that has failed too, its row is set aside."""
        leased = settlement.leased
        key = leased.order.key
        reason = f"settle: {type(error).__name__}"
        message = str(error) if isinstance(error, StoreError) else reason
        log.error("settle failed", subject=key.subject, merchant=key.merchant, reason=message)
        telemetry.count_refused_write(message)
        if settlement.failed is None:
            settlement.failed = reason
            return True
        self._bulkheads[leased.account].release()
        try:
            await self._store.set_aside([claims.Aside(key, leased.token, reason)])
        except StoreError:
            event = "order not set aside, it is retried when its lease expires"
            log.warning(event, merchant=key.merchant, subject=key.subject)
        return False

    async def settle_batch(self, settlements: Sequence[Settlement]) -> list[LeasedOrder]:
        """In one transaction. Returns the orders whose lease continues; the slots of all others are released."""
        settings = self._settings
        mark = self._clock.mark()
        batch = None
        try:
            async with self._store.settle_transaction() as tx:
                clock, rows = await tx.lock([settlement.leased.known for settlement in settlements])
                self._observe(clock)
                batch = self._new_batch(clock)
                for settlement in settlements:
                    batch.add(settlement, rows.get(settlement.leased.order.key))
                written = await tx.write(batch.changes, settings.owner, settings.lease, batch.appended_rows())
        except BaseException:  # also when cancelled: the calls that were counted won't be made
            if batch is not None:
                batch.cancel_calls()
            raise
        self._report(batch)
        self._release(batch.ended(written))
        continued = batch.continued(written, mark)
        await self._hint(batch.hints)
        return continued

    async def _hint(self, hints: list[NewHint]) -> None:
        """A hint that gets lost is given again by the next refusal."""
        try:
            if hints:
                await self._store.hint(hints)
        except StoreError as error:
            log.warning("customer tokens that were refused aren't read", reason=str(error), orders=len(hints))

    def _observe(self, clock: Clock) -> None:
        self._last_clock = clock
        self._clock.observe(clock.now)
        self._rulebook.update(input_watermark=clock.input_watermark, restored_at=clock.raised_at)

    def _release(self, ended: Sequence[LeasedOrder]) -> None:
        for leased in ended:
            self._bulkheads[leased.account].release()

    def _report(self, batch: SettlementBatch) -> None:
        if batch.outcomes:
            self._wake()
        self._call_log.decided(batch.outcomes)
        report(batch)


def _kept(one: Settlement) -> KeptResult | None:
    if one.result is None or isinstance(one.call, Elapsed):
        return None
    before = one.leased.uncertain
    since, until = (None, None) if before is None else (before.since, before.until)
    return KeptResult(one.call, one.result, one.seconds, since, until)


def _simple_successes(settlements: Sequence[Settlement]) -> list[Settlement]:
    """Successful sends without an uncertain earlier call, of orders that occur only once."""
    times = Counter(settlement.leased.order.key for settlement in settlements)
    return [
        one
        for one in settlements
        if isinstance(one.call, Send)
        and isinstance(one.result, Succeeded)
        and one.leased.uncertain is None
        and one.failed is None
        and times[one.leased.order.key] == 1
    ]


def _no_worker(leased: LeasedOrder) -> None:
    raise RuntimeError(f"no worker continues with the order {leased.order.key.subject!r}")
