"""Settles results in batches, many orders in one transaction, on state read anew."""

import asyncio
import time
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Final

import structlog
from msgspec import Struct
from msgspec.structs import replace

from ordersaga import telemetry
from ordersaga.domain.model.outcomes import Send
from ordersaga.domain.model.results import Succeeded
from ordersaga.rulebook import Rulebook
from ordersaga.store import claims
from ordersaga.store.errors import (
    ConflictError,
    MasterKeyError,
    SchemaMissingError,
    StoreError,
    StoreUnavailableError,
)
from ordersaga.store.rows import Clock
from ordersaga.store.store import Store
from ordersaga.worker.bulkheads import Bulkheads
from ordersaga.worker.leases import LeaseClock, LeasedOrder
from ordersaga.worker.settlement_batch import Settlement, SettlementBatch

__all__ = ["Settlement", "Settler", "SettlerSettings"]

log = structlog.get_logger(__name__)
_NO_RESULTS_FAULT: Final = (StoreUnavailableError, ConflictError, SchemaMissingError, MasterKeyError)
_FIRST_PAUSE: Final = 0.05  # seconds
_LONGEST_PAUSE: Final = 2.0


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
        self._begun: dict[object, float] = {}
        self._idle = asyncio.Event()
        self._idle.set()
        self._heard: Clock | None = None
        self.carry_on: Callable[[LeasedOrder], None] = _nobody
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
            mine = object()
            self._begun[mine] = time.monotonic()
            try:
                if left := await self._settle_known(batch):
                    await self._settle(left)
            finally:
                del self._begun[mine]
                if not self._begun and self._queue.empty():
                    self._idle.set()

    async def drained(self) -> None:
        """Returns when nothing is left to settle."""
        await self._idle.wait()

    def in_hand(self) -> float:
        """For how many seconds the oldest batch that isn't settled yet has been worked on; 0: there is none."""
        return time.monotonic() - min(self._begun.values()) if self._begun else 0.0

    async def _settle_known(self, batch: Sequence[Settlement]) -> list[Settlement]:
        """Plain answers in one statement, upon the state that their calls were made of; what it leaves wants a look at the rows.

        The time is that of the database's clock as it was last heard and has gone on since.
        """
        plain = _plain(batch) if self._heard is not None else []
        if not plain or self._heard is None:
            return [*batch]
        settings, mark = self._settings, self._clock.mark()
        clock = replace(self._heard, now=self._clock.database_now())
        settling = SettlementBatch(self._bulkheads, self._rulebook, settings.instance, clock, go_on=self.open)
        try:
            for settlement in plain:
                settling.add(settlement, settlement.held.row)
            heard, written = await self._store.settle(
                settling.changes, settings.owner, settings.lease, settling.told(), clock.epoch
            )
        except Exception as error:  # noqa: BLE001 - whatever it is, who looks at the rows will find out whose fault it is
            settling.cancel_calls()
            log.warning("results not settled at once", reason=type(error).__name__, results=len(plain))
            return [*batch]
        except BaseException:  # cancelled: the calls that were counted won't be made
            settling.cancel_calls()
            raise
        self._hear(heard)
        if written is None:
            settling.cancel_calls()
            return [*batch]
        self._tell(settling)
        self._free(settling.ended(written))
        for held in settling.following(written, mark):
            self.carry_on(held)
        settled = {id(settlement) for settlement in plain}
        return [settlement for settlement in batch if id(settlement) not in settled]

    async def _settle(self, batch: Sequence[Settlement]) -> None:
        """Until it is done: a store that is away is waited for, a batch that fails is halved down to the one order."""
        pause = _FIRST_PAUSE
        while True:
            try:
                following = await self.settle_batch(batch)
                break
            except _NO_RESULTS_FAULT as error:
                log.warning("store away, results wait", reason=str(error), results=len(batch))
                await asyncio.sleep(pause)
                pause = min(pause * 2, _LONGEST_PAUSE)
            except Exception as error:  # noqa: BLE001 - whatever it is, it is one order's fault: find which
                if len(batch) > 1:
                    middle = len(batch) // 2
                    await self._settle(batch[:middle])
                    await self._settle(batch[middle:])
                    return
                if not await self._goes_to_a_person(batch[0], error):
                    return
        for held in following:
            self.carry_on(held)

    async def _goes_to_a_person(self, settlement: Settlement, error: Exception) -> bool:
        """True: by the settle itself, which stalls the order next time. Where that fails too its row is set aside."""
        held = settlement.held
        key = held.order.key
        reason = f"settle: {type(error).__name__}"
        said = str(error) if isinstance(error, StoreError) else reason
        log.error("settle failed", subject=key.subject, merchant=key.merchant, reason=said)
        telemetry.refused(said)
        if settlement.failed is None:
            settlement.failed = reason
            return True
        self._bulkheads.must(*held.bulkhead).free()
        try:
            await self._store.set_aside([claims.Aside(key, held.token, reason)])
        except StoreError:
            log.warning("order not set aside, its lease runs out and it is tried again", subject=key.subject)
        return False

    async def settle_batch(self, batch: Sequence[Settlement]) -> list[LeasedOrder]:
        """One transaction. Returns the orders whose lease goes on. Slots of all others are free afterwards."""
        settings = self._settings
        mark = self._clock.mark()
        settling = None
        try:
            async with self._store.settling() as tx:
                clock, rows = await tx.lock([settlement.held.known for settlement in batch])
                self._hear(clock)
                settling = SettlementBatch(self._bulkheads, self._rulebook, settings.instance, clock, go_on=self.open)
                for settlement in batch:
                    settling.add(settlement, rows.get(settlement.held.order.key))
                written = await tx.write(settling.changes, settings.owner, settings.lease, settling.told())
        except BaseException:
            if settling is not None:
                settling.cancel_calls()
            raise
        self._tell(settling)
        self._free(settling.ended(written))
        return settling.following(written, mark)

    def _hear(self, clock: Clock) -> None:
        self._heard = clock
        self._clock.heard(clock.now)
        self._rulebook.learn(input_watermark=clock.input_watermark, restored_at=clock.raised_at)

    def _free(self, ended: Sequence[LeasedOrder]) -> None:
        for held in ended:
            self._bulkheads.must(*held.bulkhead).free()

    def _tell(self, settling: SettlementBatch) -> None:
        if settling.outcomes:
            self._wake()
        telemetry.settled(len(settling.changes) + len(settling.lost))
        telemetry.LEASES_LOST.inc(len(settling.lost))
        telemetry.decided([outcome for _, outcome in settling.outcomes])
        for invariant in settling.violated:
            telemetry.VIOLATIONS.labels(invariant).inc()


def _plain(batch: Sequence[Settlement]) -> list[Settlement]:
    """Successes of calls that nothing was in doubt about, of orders that are in the batch once."""
    times = Counter(settlement.held.order.key for settlement in batch)
    return [
        one
        for one in batch
        if isinstance(one.call, Send)
        and isinstance(one.result, Succeeded)
        and one.held.uncertain is None
        and one.failed is None
        and times[one.held.order.key] == 1
    ]


def _nobody(held: LeasedOrder) -> None:
    raise RuntimeError(f"no worker takes on the order {held.order.key.subject!r}")
