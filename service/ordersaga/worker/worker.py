"""Acts for orders that are due: leases them, calls the provider, and hands the results to the settler."""

import asyncio
import contextlib
import time
from collections import Counter
from collections.abc import Mapping, Sequence

import structlog
from msgspec import Struct
from msgspec.structs import replace

from ordersaga import telemetry
from ordersaga.domain import saga
from ordersaga.domain.model.order import Order
from ordersaga.domain.model.outcomes import CALL_KINDS, Call, CallKind, Elapsed, Next, Read, Revoke, Send
from ordersaga.domain.model.results import Result, Unknown
from ordersaga.domain.uncertainty import evidence
from ordersaga.domain.uncertainty.hints import with_hint
from ordersaga.providers.port import Provider
from ordersaga.rulebook import Rulebook
from ordersaga.store import claims
from ordersaga.store.claims import ClaimedOrder
from ordersaga.store.errors import StoreError
from ordersaga.store.rows import Known, UnreadableOrder
from ordersaga.store.store import Store
from ordersaga.telemetry import traces
from ordersaga.worker.bulkheads import AccountKey, Bulkheads
from ordersaga.worker.call_log import CallLog
from ordersaga.worker.leases import LeaseClock, LeasedOrder, UncertainCall
from ordersaga.worker.settler import Settlement, Settler

log = structlog.get_logger(__name__)
_UNAVAILABLE_PAUSE = 1.0  # seconds
_GATHERING = 0.01  # seconds, in which more slots may be released


class ProviderEndpoint(Struct, frozen=True):
    """A provider, for one account. `deadline`: seconds for a call in total."""

    provider: Provider
    deadline: float


class WorkerSettings(Struct, frozen=True):
    """`lease` and `poll` in seconds; `claim_most`: orders that one claim leases at most for each account."""

    owner: str
    lease: float = 30.0
    poll: float = 0.1
    claim_most: int = 100


class Worker:
    """It is also the `Dispatcher` to which the intake hands over orders in memory, leased in this worker's name."""

    def __init__(
        self,
        store: Store,
        endpoints: Mapping[AccountKey, ProviderEndpoint],
        bulkheads: Bulkheads,
        settler: Settler,
        rulebook: Rulebook,
        clock: LeaseClock,
        settings: WorkerSettings,
    ) -> None:
        self._store = store
        self._endpoints = endpoints
        self._bulkheads = bulkheads
        self._settler = settler
        self._rulebook = rulebook
        self._clock = clock
        self._settings = settings
        self._call_log = CallLog()
        self._acting: set[asyncio.Task[None]] = set()
        self._claiming = asyncio.Lock()
        self._open = True
        settler.continue_with = self.start

    # dispatcher

    @property
    def owner(self) -> str:
        return self._settings.owner

    @property
    def lease(self) -> float:
        return self._settings.lease

    def mark(self) -> tuple[float, float]:
        """When a lease that is taken now ends, by the local clocks. Call it before the statement."""
        return self._clock.mark()

    def reserve(self, order: Order, kind: CallKind) -> bool:
        """Takes a slot for the order, if one is free. Call `release` or `submit` afterwards."""
        bulkhead = self._bulkheads.get(_account_of(order))
        return self._open and bulkhead is not None and bulkhead.reserve(kind)

    def release(self, order: Order, kind: CallKind) -> None:
        self._bulkheads[_account_of(order)].release_unused(kind)

    def submit(self, known: Known, kind: CallKind, token: int, mark: tuple[float, float], now: float) -> None:
        self._clock.observe(now)
        self.start(LeasedOrder(known, token, *mark, account=_account_of(known.order), kind=kind))

    # claims

    async def run(self) -> None:
        """Claims until cancelled. Waits for a store that is unavailable."""
        while True:
            try:
                full = await self.claim()
            except StoreError as error:
                log.warning("store unavailable, claims wait", reason=str(error))
                await asyncio.sleep(_UNAVAILABLE_PAUSE)
                continue
            if not full:
                await self._pause()

    async def _pause(self) -> None:
        """Until the next poll; if orders wait for slots, at most until some are free."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(self._settings.poll):
                await self._bulkheads.worth_claiming()
                await asyncio.sleep(_GATHERING)

    async def claim(self) -> bool:
        """One claim for all accounts with free slots. True: all slots of an account were filled, and more may be due."""
        async with self._claiming:
            return await self._claim()

    async def _claim(self) -> bool:
        claimable = self._bulkheads.claimable(self._settings.claim_most) if self._open else {}
        if not claimable:
            return False
        mark = self._clock.mark()
        for account, one in claimable.items():
            self._bulkheads[account].acquire_claimable(one)
        used: dict[AccountKey, Counter[str]] = {account: Counter() for account in claimable}
        try:
            free = [claims.FreeSlots(*account, one.kinds, one.most) for account, one in claimable.items()]
            claimed = await self._store.claim(free, self.owner, self.lease)
            for order in claimed.orders:
                used[_account_of(order.order)][order.call_kind] += 1
        finally:
            for account, one in claimable.items():
                self._bulkheads[account].release_unclaimed(one, used[account])
        self._clock.observe(claimed.clock.now)
        self._rulebook.update(input_watermark=claimed.clock.input_watermark, restored_at=claimed.clock.raised_at)
        for order in claimed.orders:
            self.start(_leased_order(order, mark))
        await self._set_aside(claimed.unreadable)
        more = [self._bulkheads[account].claimed(one, used[account]) for account, one in claimable.items()]
        return any(more)

    async def _set_aside(self, unreadable: Sequence[UnreadableOrder]) -> None:
        """Orders whose rows can't be read wait for a person, and stall no other order."""
        if unreadable:
            for one in unreadable:
                log.error(
                    "an order can't be read", merchant=one.key.merchant, subject=one.key.subject, reason=one.reason
                )
            await self._store.set_aside([claims.Aside(one.key, one.token, "unreadable") for one in unreadable])

    # acting

    def start(self, leased: LeasedOrder) -> None:
        """Acts for an order that has a slot."""
        task = asyncio.create_task(self._act(leased))
        self._acting.add(task)
        task.add_done_callback(self._acting.discard)

    async def _act(self, leased: LeasedOrder) -> None:
        """The settler releases the slot, unless the order is handed back."""
        settlement = None
        try:
            settlement = await self._in_turn(leased)
        finally:
            if settlement is None:
                self._bulkheads[leased.account].release()
            else:
                self._settler.enqueue(settlement)

    async def _in_turn(self, leased: LeasedOrder) -> Settlement | None:
        """None: the order was handed back. A call whose kind wasn't counted yet, as it wasn't known, is counted."""
        kept = leased.kept
        if kept is not None:
            self._bulkheads[leased.account].end_call(leased.kind, None)
            before = None if kept.since is None else UncertainCall(kept.since, kept.until or kept.since)
            before_hint = replace(leased, uncertain=before, hint=None)
            return Settlement(before_hint, kept.call, kept.result, kept.seconds)
        if leased.uncertain is not None:
            telemetry.UNCERTAIN_CALLS.inc()
        step = self._next_step(leased)
        bulkhead, kind = self._bulkheads[leased.account], None if step is None else saga.kind_of(step)
        if kind is None:
            bulkhead.end_call(leased.kind, None)
            return Settlement(leased, Elapsed(), None, None, failed="next_call" if step is None else None)
        if kind != leased.kind:
            bulkhead.end_call(leased.kind, None)
            bulkhead.start_call(kind)
        async with bulkhead.turn(kind) as turn:
            return await self._call_or_hand_back(leased, kind, None if turn.waited else step)

    async def _call_or_hand_back(self, leased: LeasedOrder, kind: CallKind, step: Next | None) -> Settlement | None:
        """None: the order was handed back. `step` None: it has waited for its turn, and the step is looked for again."""
        bulkhead, endpoint = self._bulkheads[leased.account], self._endpoints[leased.account]
        step = step or self._next_step(leased)
        may_call = self._open and bulkhead.may_call(kind) and self._clock.outlasts(leased, endpoint.deadline)
        if may_call and isinstance(step, Send | Read | Revoke):
            return await self._call(leased, step, endpoint, kind)
        bulkhead.goes_back(kind)
        await self._hand_back(leased, kind)
        return None

    def _next_step(self, leased: LeasedOrder) -> Next | None:
        """None: our own code failed on this order."""
        order, key, uncertain = leased.order, leased.order.key, leased.uncertain
        try:
            if uncertain is not None:
                order = evidence.mark_uncertain(order, uncertain.since, uncertain.until)
            if leased.hint is not None:
                order = with_hint(order, leased.hint)
            return saga.next_call(order, self._clock.database_now(), self._rulebook.of(key.merchant))
        except Exception:  # our own code failed on this order: the others go on
            log.exception("next_call failed", merchant=key.merchant, subject=key.subject)
            return None

    async def _call(self, leased: LeasedOrder, call: Call, endpoint: ProviderEndpoint, kind: CallKind) -> Settlement:
        """After an exception it is unknown whether the call took effect; it says nothing about the provider."""
        now = asyncio.get_running_loop().time
        started, result = now(), None
        try:
            result = await endpoint.provider.call(call, endpoint.deadline)
        except Exception as error:  # our own code failed: the call may have been sent
            log.exception("a call failed", merchant=leased.account[0], subject=leased.order.key.subject)
            answer: Result = Unknown(f"{type(error).__name__} in our own code")
        else:
            answer = result
        finally:
            self._bulkheads[leased.account].end_call(kind, result, repeated=_is_repeated(leased.order, call))
        seconds = now() - started
        telemetry.count_call(leased.account[1], call, answer, seconds)
        if (spans := traces.active()) is not None:
            spans.called(leased.order.key, leased.account[1], call, answer, seconds, time.time())
        self._call_log.called(leased.order.key, leased.account[1], call, answer)
        return Settlement(leased, call, answer, seconds)

    async def _hand_back(self, leased: LeasedOrder, kind: CallKind) -> None:
        """Ends the lease without a call. If it has expired, another worker has the order or will get it."""
        if self._open and self._bulkheads[leased.account].may_call(kind):
            telemetry.LEASES_LOST.inc()
        uncertain = leased.uncertain
        since, until = (None, None) if uncertain is None else (uncertain.since, uncertain.until)
        other_kind = None if kind == leased.kind else kind
        try:
            await self._store.hand_back([claims.HandBack(leased.order.key, leased.token, since, until, other_kind)])
        except StoreError as error:
            key, event = leased.order.key, "order not handed back, its lease expires by itself"
            log.warning(event, merchant=key.merchant, subject=key.subject, reason=str(error))

    # stopping

    async def stop(self, seconds: float) -> None:
        """Starts no more calls. Calls under way end in time and are settled, or their leases expire; other orders go back."""
        self._open = False
        self._settler.keep_leases = False
        for _, bulkhead in self._bulkheads:
            bulkhead.end_turns()
        try:
            async with asyncio.timeout(seconds):
                await self._finish()
        except TimeoutError:
            late = tuple(self._acting)
            log.warning("calls that take too long are left until their leases expire", orders=len(late))
            for task in late:
                task.cancel()
            await asyncio.gather(*late, return_exceptions=True)

    async def _finish(self) -> None:
        """Includes orders of a claim that is under way, and orders that a settle has continued with."""
        async with self._claiming:
            await self._settler.drained()
        while self._acting:
            await asyncio.wait(self._acting)
            await self._settler.drained()


def _account_of(order: Order) -> AccountKey:
    return order.key.merchant, order.provider


def _leased_order(claimed: ClaimedOrder, mark: tuple[float, float]) -> LeasedOrder:
    since = claimed.previous_since
    uncertain = None if since is None else UncertainCall(since, claimed.previous_until or since)
    kind = next((kind for kind in CALL_KINDS if kind == claimed.call_kind), None)
    account = _account_of(claimed.order)
    return LeasedOrder(claimed.known, claimed.token, *mark, account, kind, uncertain, claimed.kept, claimed.hint)


def _is_repeated(order: Order, call: Call) -> bool:
    """An earlier call for this order failed: its next failure says nothing about others."""
    return order.reads_failed > 0 if call.operation is None else call.operation.attempts > 0
