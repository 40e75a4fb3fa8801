"""What a batch of results makes of its orders: put together without the database, written in one transaction."""

from collections.abc import Mapping

import structlog
from msgspec import Struct
from msgspec.structs import replace

from ordersaga.domain import evidence, saga
from ordersaga.domain.order import Key, Order
from ordersaga.domain.outcomes import Call, Decision, Elapsed, Entry, Outcome, Read, Revoke, Send
from ordersaga.domain.results import Rejected, Result, Retryable, Succeeded, Unknown
from ordersaga.domain.terms import Rules
from ordersaga.outbox import outbox_row
from ordersaga.rulebook import Rulebook
from ordersaga.store.rows import Clock, Known, Lease, ProviderId, Row
from ordersaga.store.settle import Settled
from ordersaga.store.told import Told
from ordersaga.telemetry.metrics import Invariant
from ordersaga.worker.held import Held
from ordersaga.worker.lanes import Lane, Lanes
from ordersaga.worker.violations import violations

log = structlog.get_logger(__name__)


class Settlement(Struct):
    """What came of one leased order. `failed`: our own code did, in this function; the order goes to a person."""

    held: Held
    call: Call | Elapsed
    result: Result | None
    seconds: float | None
    failed: str | None = None


class Composed:
    """Of one attempt to settle a batch. `instance` and `clock` are those of its outcomes; `go_on`: may leases go on?"""

    def __init__(self, lanes: Lanes, rulebook: Rulebook, instance: str, clock: Clock, *, go_on: bool) -> None:
        self._lanes = lanes
        self._rulebook = rulebook
        self._instance = instance
        self._clock = clock
        self._go_on = go_on
        self._done: dict[Key, Settlement] = {}
        self._entries: list[tuple[Key, Entry]] = []
        self.outcomes: list[tuple[Key, Outcome]] = []
        self._ids: list[ProviderId] = []
        self._started: dict[Key, Lane] = {}
        self.changes: list[Settled] = []
        self.lost: list[Settlement] = []
        self.violated: list[Invariant] = []

    def add(self, settlement: Settlement, row: Row | None) -> None:
        """`row`: the order as it is now."""
        held, now = settlement.held, self._clock.now
        key = held.order.key
        self._entries.extend((key, entry) for entry in _call_entries(settlement, now))
        if row is None or row.token != held.token:
            self.lost.append(settlement)
            return
        rules = self._rulebook.of(key.merchant)
        before = _found(settlement, row)
        decision = _decide(settlement, before, now, rules)
        due = saga.due(decision.order, now, rules)
        keep = self._go_on and due is not None and due <= now and self._goes_on(held, decision.order)
        self._done[key] = settlement
        self._entries.extend((key, entry) for entry in decision.entries)
        self.outcomes.extend((key, outcome) for outcome in decision.outcomes)
        self._note_id(settlement, decision.order)
        self.violated.extend(violations(before, settlement.call, settlement.result, decision))
        self.changes.append(Settled(decision.order, row, held.token, due, keep))

    def told(self) -> Told:
        """Of a lost lease the call alone: evidence for whoever looks into it."""
        epoch = self._clock.epoch
        outbox = [outbox_row(key, one, epoch, self._instance) for key, one in self.outcomes]
        return Told(self._entries, outbox, ids=self._ids)

    def ended(self, written: Mapping[Key, Lease | None]) -> list[Held]:
        """Those that are in nobody's hands now."""
        done = [one.held for key, one in self._done.items() if written.get(key) is None]
        return [*(one.held for one in self.lost), *done]

    def following(self, written: Mapping[Key, Lease | None], mark: tuple[float, float]) -> list[Held]:
        """Those whose lease goes on to the next call, their slots kept and their calls counted at the gates."""
        going_on = []
        for change in self.changes:
            key = change.order.key
            lease = written.get(key)
            if lease is not None:
                del self._started[key]
                known = Known(change.order, lease.version, lease.written)
                going_on.append(Held(known, lease.token, *mark, lane=self._done[key].held.lane))
        self.give_up()
        return going_on

    def give_up(self) -> None:
        """Calls that were counted and won't be made."""
        for lane in self._started.values():
            lane.called(None)
        self._started.clear()

    def _goes_on(self, held: Held, after: Order) -> bool:
        """A slot can be kept only in its own lane, and only while the provider may be given calls: this one is counted."""
        lane = self._lanes.must(*held.lane)
        if held.lane != (after.key.merchant, after.provider) or not lane.open():
            return False
        lane.again()
        self._started[after.key] = lane
        return True

    def _note_id(self, settlement: Settlement, after: Order) -> None:
        call, result = settlement.call, settlement.result
        if isinstance(result, Succeeded) and result.provider_id and not isinstance(call, Elapsed):
            what = call.operation.type if call.operation else "order"
            self._ids.append(ProviderId(after.key, after.provider, result.provider_id, what))


def _found(settlement: Settlement, row: Row) -> Order:
    """The order as the call found it."""
    order, doubt = evidence.begun(row.order, settlement.call, row.since), settlement.held.doubt
    return order if doubt is None else evidence.doubted(order, doubt.since, doubt.until)


def _decide(settlement: Settlement, order: Order, now: float, rules: Rules) -> Decision:
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
