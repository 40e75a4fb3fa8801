"""Acts for orders that are due: leases, calls, hands the results to the settler."""

import asyncio
import contextlib
from collections.abc import Mapping, Sequence

import structlog
from msgspec import Struct

from ordersaga import telemetry
from ordersaga.domain import evidence, saga
from ordersaga.domain.order import Order
from ordersaga.domain.outcomes import Call, Elapsed, Next, Read, Revoke, Send
from ordersaga.domain.results import Result, Unknown
from ordersaga.providers.port import Provider
from ordersaga.rulebook import Rulebook
from ordersaga.store import claims
from ordersaga.store.errors import StoreError
from ordersaga.store.rows import Known, Leased, Unreadable
from ordersaga.store.store import Store
from ordersaga.worker.held import Doubt, Held, LeaseClock
from ordersaga.worker.lanes import LaneKey, Lanes
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
        reaches: Mapping[LaneKey, Reach],
        lanes: Lanes,
        settler: Settler,
        rulebook: Rulebook,
        clock: LeaseClock,
        settings: WorkerSettings,
    ) -> None:
        self._store = store
        self._reaches = reaches
        self._lanes = lanes
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
        lane = self._lanes.lane(*_lane_of(order))
        if not self._open or lane is None or not lane.room():
            return False
        lane.take()
        return True

    def release(self, order: Order) -> None:
        self._lanes.must(*_lane_of(order)).give_back()

    def submit(self, known: Known, token: int, mark: tuple[float, float], now: float) -> None:
        self._clock.heard(now)
        self.begin(Held(known, token, *mark, lane=_lane_of(known.order)))

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
        if not any(lane.held >= lane.slots for _, lane in self._lanes):
            await asyncio.sleep(self._settings.poll)
            return
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(self._settings.poll):
                await self._lanes.freed()
                await asyncio.sleep(_GATHER)

    async def claim(self) -> bool:
        """One claim over all lanes with room; True: a lane was filled, more may be due."""
        async with self._claiming:
            return await self._claim()

    async def _claim(self) -> bool:
        rooms = self._lanes.with_room(self._settings.claim_most) if self._open else []
        if not rooms:
            return False
        mark = self._clock.mark()
        for key, room in rooms:
            self._lanes.must(*key).take(room)
        taken: dict[LaneKey, int] = {}
        try:
            wanted = [claims.Lane(merchant, provider, room) for (merchant, provider), room in rooms]
            claimed = await self._store.claim(wanted, self.owner, self.lease)
            for leased in claimed.leases:
                lane = _lane_of(leased.order)
                taken[lane] = taken.get(lane, 0) + 1
        finally:
            for key, room in rooms:
                self._lanes.must(*key).give_back(room - taken.get(key, 0))
        self._clock.heard(claimed.clock.now)
        self._rulebook.learn(heard_until=claimed.clock.heard_until, restored_at=claimed.clock.raised_at)
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

    def begin(self, held: Held) -> None:
        """Acts for an order whose slot is taken."""
        task = asyncio.create_task(self._act(held))
        self._acting.add(task)
        task.add_done_callback(self._acting.discard)

    async def _act(self, held: Held) -> None:
        """The slot goes on to the settler, or is free."""
        settlement = None
        try:
            settlement = await self._acted(held)
        finally:
            if settlement is None:
                self._lanes.must(*held.lane).free()
            else:
                self._settler.put(settlement)

    async def _acted(self, held: Held) -> Settlement | None:
        """What came of it; None: the order was handed back."""
        following = self._next(held)
        if isinstance(following, Send | Read | Revoke):
            reach = self._reaches[held.lane]
            if self._open and self._clock.outlasts(held, reach.deadline):
                return await self._called(held, following, reach)
            self._lanes.must(*held.lane).called(None)
            await self._hand_back(held)
            return None
        self._lanes.must(*held.lane).called(None)
        return Settlement(held, Elapsed(), None, None, failed="next_call" if following is None else None)

    def _next(self, held: Held) -> Next | None:
        """None: our own code failed on this order."""
        order, key, doubt = held.order, held.order.key, held.doubt
        try:
            if doubt is not None:
                telemetry.DOUBTS.inc()
                order = evidence.doubted(order, doubt.since, doubt.until)
            return saga.next_call(order, self._clock.database_now(), self._rulebook.of(key.merchant))
        except Exception:
            log.exception("next_call failed", merchant=key.merchant, subject=key.subject)
            return None

    async def _called(self, held: Held, call: Call, reach: Reach) -> Settlement:
        """An exception leaves open whether the call took effect; it says nothing of the provider."""
        now = asyncio.get_running_loop().time
        started, result = now(), None
        try:
            result = await reach.provider.call(call, reach.deadline)
        except Exception as error:
            log.exception("a call failed", merchant=held.lane[0], subject=held.order.key.subject)
            answer: Result = Unknown(f"{type(error).__name__} in our own code")
        else:
            answer = result
        finally:
            self._lanes.must(*held.lane).called(result)
        seconds = now() - started
        telemetry.called(held.lane[1], call, answer, seconds)
        return Settlement(held, call, answer, seconds)

    async def _hand_back(self, held: Held) -> None:
        """Unsent work goes back; where its lease is over already, another worker has it or will."""
        if self._open:
            telemetry.LEASES_LOST.inc()
        doubt = held.doubt
        since, until = (None, None) if doubt is None else (doubt.since, doubt.until)
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


def _lane_of(order: Order) -> LaneKey:
    return order.key.merchant, order.provider


def _held(leased: Leased, mark: tuple[float, float]) -> Held:
    since = leased.previous_since
    doubt = None if since is None else Doubt(since, leased.previous_until or since)
    return Held(leased.known, leased.token, *mark, lane=_lane_of(leased.order), doubt=doubt)
