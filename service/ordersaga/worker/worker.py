"""Acts for orders that are due: leases, calls, hands the results to the settler."""

import asyncio
import contextlib
from collections.abc import Mapping, Sequence

import structlog
from msgspec import Struct

from ordersaga import telemetry
from ordersaga.domain import saga
from ordersaga.domain.model.order import Order
from ordersaga.domain.model.outcomes import Call, Elapsed, Next, Read, Revoke, Send
from ordersaga.domain.model.results import Result, Unknown
from ordersaga.domain.uncertainty import evidence
from ordersaga.providers.port import Provider
from ordersaga.rulebook import Rulebook
from ordersaga.store import claims
from ordersaga.store.errors import StoreError
from ordersaga.store.rows import Known, Leased, Unreadable
from ordersaga.store.store import Store
from ordersaga.worker.bulkheads import AccountKey, Bulkheads
from ordersaga.worker.leases import LeaseClock, LeasedOrder, UncertainCall
from ordersaga.worker.settler import Settlement, Settler

log = structlog.get_logger(__name__)
_AWAY = 1.0  # seconds
_GATHER = 0.01  # seconds in which further slots become free


class Reach(Struct, frozen=True):
    """A provider as a lane reaches it. `deadline`: seconds for a call in all."""

    provider: Provider
    deadline: float


class WorkerSettings(Struct, frozen=True):
    """Seconds, and how many orders one claim brings a lane at most."""

    owner: str
    lease: float = 30.0
    poll: float = 0.1
    claim_most: int = 100


class Worker:
    """Also the desk where intake hands over, in memory, the orders that it has leased in this worker's name."""

    def __init__(
        self,
        store: Store,
        reaches: Mapping[AccountKey, Reach],
        bulkheads: Bulkheads,
        settler: Settler,
        rulebook: Rulebook,
        clock: LeaseClock,
        settings: WorkerSettings,
    ) -> None:
        self._store = store
        self._reaches = reaches
        self._bulkheads = bulkheads
        self._settler = settler
        self._rulebook = rulebook
        self._clock = clock
        self._settings = settings
        self._acting: set[asyncio.Task[None]] = set()
        self._claiming = asyncio.Lock()
        self._open = True
        settler.carry_on = self.begin

    # the desk

    @property
    def owner(self) -> str:
        return self._settings.owner

    @property
    def lease(self) -> float:
        return self._settings.lease

    def mark(self) -> tuple[float, float]:
        """When a lease taken now ends, by the local clocks: to be read before the statement that takes it."""
        return self._clock.mark()

    def reserve(self, order: Order) -> bool:
        """Takes a slot for the order if there is one; `release` or `submit` follows."""
        bulkhead = self._bulkheads.bulkhead(*_bulkhead_of(order))
        if not self._open or bulkhead is None or not bulkhead.room():
            return False
        bulkhead.take()
        return True

    def release(self, order: Order) -> None:
        self._bulkheads.must(*_bulkhead_of(order)).give_back()

    def submit(self, known: Known, token: int, mark: tuple[float, float], now: float) -> None:
        self._clock.heard(now)
        self.begin(LeasedOrder(known, token, *mark, bulkhead=_bulkhead_of(known.order)))

    # claims

    async def run(self) -> None:
        """Claims until cancelled. A store that is away is waited for."""
        while True:
            try:
                full = await self.claim()
            except StoreError as error:
                log.warning("store away, claims wait", reason=str(error))
                await asyncio.sleep(_AWAY)
                continue
            if not full:
                await self._pause()

    async def _pause(self) -> None:
        """Until the next poll; where slots are what was missing, until some are free."""
        if not any(bulkhead.held >= bulkhead.slots for _, bulkhead in self._bulkheads):
            await asyncio.sleep(self._settings.poll)
            return
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(self._settings.poll):
                await self._bulkheads.freed()
                await asyncio.sleep(_GATHER)

    async def claim(self) -> bool:
        """One claim over all lanes with room; True: a lane was filled, more may be due."""
        async with self._claiming:
            return await self._claim()

    async def _claim(self) -> bool:
        rooms = self._bulkheads.with_room(self._settings.claim_most) if self._open else []
        if not rooms:
            return False
        mark = self._clock.mark()
        for key, room in rooms:
            self._bulkheads.must(*key).take(room)
        taken: dict[AccountKey, int] = {}
        try:
            wanted = [claims.Bulkhead(merchant, provider, room) for (merchant, provider), room in rooms]
            claimed = await self._store.claim(wanted, self.owner, self.lease)
            for leased in claimed.leases:
                bulkhead = _bulkhead_of(leased.order)
                taken[bulkhead] = taken.get(bulkhead, 0) + 1
        finally:
            for key, room in rooms:
                self._bulkheads.must(*key).give_back(room - taken.get(key, 0))
        self._clock.heard(claimed.clock.now)
        self._rulebook.learn(input_watermark=claimed.clock.input_watermark, restored_at=claimed.clock.raised_at)
        for leased in claimed.leases:
            self.begin(_held(leased, mark))
        await self._set_aside(claimed.unreadable)
        return any(taken.get(key, 0) == room for key, room in rooms)

    async def _set_aside(self, unreadable: Sequence[Unreadable]) -> None:
        """Orders whose rows can't be read wait for a person: they stall nobody else."""
        if unreadable:
            for one in unreadable:
                log.error(
                    "an order can't be read", merchant=one.key.merchant, subject=one.key.subject, reason=one.reason
                )
            await self._store.set_aside([claims.Aside(one.key, one.token, "unreadable") for one in unreadable])

    # acting

    def begin(self, held: LeasedOrder) -> None:
        """Acts for an order whose slot is taken."""
        task = asyncio.create_task(self._act(held))
        self._acting.add(task)
        task.add_done_callback(self._acting.discard)

    async def _act(self, held: LeasedOrder) -> None:
        """The slot goes on to the settler, or is free."""
        settlement = None
        try:
            settlement = await self._acted(held)
        finally:
            if settlement is None:
                self._bulkheads.must(*held.bulkhead).free()
            else:
                self._settler.put(settlement)

    async def _acted(self, held: LeasedOrder) -> Settlement | None:
        """What came of it; None: the order was handed back."""
        following = self._next(held)
        if isinstance(following, Send | Read | Revoke):
            reach = self._reaches[held.bulkhead]
            if self._open and self._clock.outlasts(held, reach.deadline):
                return await self._called(held, following, reach)
            self._bulkheads.must(*held.bulkhead).called(None)
            await self._hand_back(held)
            return None
        self._bulkheads.must(*held.bulkhead).called(None)
        return Settlement(held, Elapsed(), None, None, failed="next_call" if following is None else None)

    def _next(self, held: LeasedOrder) -> Next | None:
        """None: our own code failed on this order."""
        order, key, uncertain = held.order, held.order.key, held.uncertain
        try:
            if uncertain is not None:
                telemetry.UNCERTAIN_CALLS.inc()
                order = evidence.mark_uncertain(order, uncertain.since, uncertain.until)
            return saga.next_call(order, self._clock.database_now(), self._rulebook.of(key.merchant))
        except Exception:
            log.exception("next_call failed", merchant=key.merchant, subject=key.subject)
            return None

    async def _called(self, held: LeasedOrder, call: Call, reach: Reach) -> Settlement:
        """An exception leaves open whether the call took effect; it says nothing of the provider."""
        now = asyncio.get_running_loop().time
        started, result = now(), None
        try:
            result = await reach.provider.call(call, reach.deadline)
        except Exception as error:
            log.exception("a call failed", merchant=held.bulkhead[0], subject=held.order.key.subject)
            answer: Result = Unknown(f"{type(error).__name__} in our own code")
        else:
            answer = result
        finally:
            self._bulkheads.must(*held.bulkhead).called(result)
        seconds = now() - started
        telemetry.called(held.bulkhead[1], call, answer, seconds)
        return Settlement(held, call, answer, seconds)

    async def _hand_back(self, held: LeasedOrder) -> None:
        """Unsent work goes back; where its lease is over already, another worker has it or will."""
        if self._open:
            telemetry.LEASES_LOST.inc()
        uncertain = held.uncertain
        since, until = (None, None) if uncertain is None else (uncertain.since, uncertain.until)
        try:
            await self._store.hand_back([claims.HandBack(held.order.key, held.token, since, until)])
        except StoreError as error:
            subject = held.order.key.subject
            log.warning("order not handed back, its lease runs out by itself", subject=subject, reason=str(error))

    # the end

    async def stop(self, seconds: float) -> None:
        """No new work. What is under way ends within the time and is settled, or is left to its lease; the rest goes back."""
        self._open = False
        self._settler.open = False
        try:
            async with asyncio.timeout(seconds):
                await self._ended()
        except TimeoutError:
            late = tuple(self._acting)
            log.warning("calls that take too long are left to their leases", orders=len(late))
            for task in late:
                task.cancel()
            await asyncio.gather(*late, return_exceptions=True)

    async def _ended(self) -> None:
        """Also what a claim that is under way brings, and what a settle had passed on to its next call."""
        async with self._claiming:
            await self._settler.drained()
        while self._acting:
            await asyncio.wait(self._acting)
            await self._settler.drained()


def _bulkhead_of(order: Order) -> AccountKey:
    return order.key.merchant, order.provider


def _held(leased: Leased, mark: tuple[float, float]) -> LeasedOrder:
    since = leased.previous_since
    uncertain = None if since is None else UncertainCall(since, leased.previous_until or since)
    return LeasedOrder(leased.known, leased.token, *mark, bulkhead=_bulkhead_of(leased.order), uncertain=uncertain)
