"""Acts for orders that are due: leases, calls, hands the results to the settler."""

import asyncio
from collections.abc import Mapping, Sequence
from typing import assert_never

import structlog
from msgspec import Struct

from ordersaga import telemetry
from ordersaga.domain import evidence, saga
from ordersaga.domain.order import Order
from ordersaga.domain.outcomes import Call, Elapsed, Next, Read, Rest, Revoke, Send, Wait
from ordersaga.providers.port import Provider
from ordersaga.rulebook import Rulebook
from ordersaga.store import claims
from ordersaga.store.errors import StoreUnavailableError
from ordersaga.store.rows import Leased, Unreadable
from ordersaga.store.store import Store
from ordersaga.worker.held import Doubt, Held, LeaseClock
from ordersaga.worker.lanes import Lane, LaneKey, Lanes
from ordersaga.worker.settler import Settlement, Settler

log = structlog.get_logger(__name__)


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
        lane = self._lanes.must(*_lane_of(order))
        lane.called(None)
        lane.free()

    def submit(self, order: Order, token: int, mark: tuple[float, float], now: float) -> None:
        self._clock.heard(now)
        self.begin(Held(order, token, *mark, lane=_lane_of(order)))

    # claims

    async def run(self) -> None:
        """Claims until cancelled. A store that is away is waited for."""
        while True:
            try:
                full = await self.claim()
            except StoreUnavailableError as error:
                log.warning("store away, claims wait", reason=str(error))
                await asyncio.sleep(1.0)
                continue
            await asyncio.sleep(0 if full else self._settings.poll)

    async def claim(self) -> bool:
        """One claim over all lanes with room; True: a lane was filled, more may be due."""
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
                self._give_back(self._lanes.must(*key), room - taken.get(key, 0))
        self._clock.heard(claimed.clock.now)
        self._rulebook.learn(heard_until=claimed.clock.heard_until, restored_at=claimed.clock.raised_at)
        for leased in claimed.leases:
            self.begin(_held(leased, mark))
        await self._set_aside(claimed.unreadable)
        return any(taken.get(key, 0) == room for key, room in rooms)

    @staticmethod
    def _give_back(lane: Lane, slots: int) -> None:
        for _ in range(slots):
            lane.called(None)
            lane.free()

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
        if held.doubt is not None:
            telemetry.DOUBTS.inc()
            held.order = evidence.doubted(held.order, held.doubt.since, held.doubt.until)
        following = self._next(held)
        match following:
            case Send() | Read() | Revoke():
                await self._call(held, following)
            case Elapsed() | Wait() | Rest():
                self._lanes.must(*held.lane).called(None)
                self._settler.put(Settlement(held, Elapsed(), None, None))
            case None:
                self._lanes.must(*held.lane).called(None)
                self._settler.put(Settlement(held, Elapsed(), None, None, failed="next_call"))
            case _:
                assert_never(following)

    def _next(self, held: Held) -> Next | None:
        """None: our own code failed on this order."""
        key = held.order.key
        try:
            return saga.next_call(held.order, self._clock.database_now(), self._rulebook.of(key.merchant))
        except Exception:
            log.exception("next_call failed", merchant=key.merchant, subject=key.subject)
            return None

    async def _call(self, held: Held, call: Call) -> None:
        reach = self._reaches[held.lane]
        lane = self._lanes.must(*held.lane)
        if not self._open or not self._clock.outlasts(held, reach.deadline):
            lane.called(None)
            await self._drop(held)
            return
        loop = asyncio.get_running_loop()
        started = loop.time()
        result = None
        try:
            result = await reach.provider.call(call, reach.deadline)
        finally:
            lane.called(result)
        seconds = loop.time() - started
        telemetry.called(held.lane[1], call, result, seconds)
        self._settler.put(Settlement(held, call, result, seconds))

    async def _drop(self, held: Held) -> None:
        """Unsent work goes back; where its lease is over already, another worker has it or will."""
        telemetry.LEASES_LOST.inc()
        doubt = held.doubt
        since, until = (None, None) if doubt is None else (doubt.since, doubt.until)
        try:
            await self._store.hand_back([claims.HandBack(held.order.key, held.token, since, until)])
        except StoreUnavailableError:
            log.warning("order not handed back, its lease runs out by itself", subject=held.order.key.subject)
        finally:
            self._lanes.must(*held.lane).free()

    # the end

    async def stop(self, seconds: float) -> None:
        """No new work; what is under way ends within the time or is left to its lease."""
        self._open = False
        self._settler.open = False
        if self._acting:
            _, late = await asyncio.wait(self._acting, timeout=seconds)
            for task in late:
                task.cancel()
            await asyncio.gather(*late, return_exceptions=True)


def _lane_of(order: Order) -> LaneKey:
    return order.key.merchant, order.provider


def _held(leased: Leased, mark: tuple[float, float]) -> Held:
    since = leased.previous_since
    doubt = None if since is None else Doubt(since, leased.previous_until or since)
    return Held(leased.order, leased.token, *mark, lane=_lane_of(leased.order), doubt=doubt)
