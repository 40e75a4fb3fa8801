"""What a batch of results makes of its orders: put together without the database, written in one transaction."""

from collections.abc import Mapping

import structlog
from msgspec import Struct
from msgspec.structs import replace

from ordersaga.domain import saga
from ordersaga.domain.model.order import Key, Order
from ordersaga.domain.model.outcomes import Call, Decision, Elapsed, Entry, Outcome, Read, Revoke, Send
from ordersaga.domain.model.results import Rejected, Result, Retryable, Succeeded, Unknown
from ordersaga.domain.model.terms import Rules
from ordersaga.domain.uncertainty import evidence
from ordersaga.outbox import outbox_row
from ordersaga.rulebook import Rulebook
from ordersaga.store.appended import AppendedRows
from ordersaga.store.rows import Clock, Known, Lease, ProviderId, Row
from ordersaga.store.settle import Settled
from ordersaga.telemetry.metrics import Invariant
from ordersaga.worker.bulkheads import Bulkhead, Bulkheads
from ordersaga.worker.leases import LeasedOrder
from ordersaga.worker.violations import violations

log = structlog.get_logger(__name__)


class Settlement(Struct):
    """What came of one leased order. `failed`: our own code did, in this function; the order goes to a person."""

    held: LeasedOrder
    call: Call | Elapsed
    result: Result | None
    seconds: float | None
    failed: str | None = None


class SettlementBatch:
    """Of one attempt to settle a batch. `instance` and `clock` are those of its outcomes; `go_on`: may leases go on?"""

    def __init__(self, bulkheads: Bulkheads, rulebook: Rulebook, instance: str, clock: Clock, *, go_on: bool) -> None:
        self._bulkheads = bulkheads
        self._rulebook = rulebook
        self._instance = instance
        self._clock = clock
        self._go_on = go_on
        self._done: dict[Key, Settlement] = {}
        self._entries: list[tuple[Key, Entry]] = []
        self.outcomes: list[tuple[Key, Outcome]] = []
        self._ids: list[ProviderId] = []
        self._started: dict[Key, Bulkhead] = {}
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
        self.violated.extend(violations(before, settlement.call, settlement.result, decision, rules))
        self.changes.append(Settled(decision.order, row, held.token, due, keep))

    def told(self) -> AppendedRows:
        """Of a lost lease the call alone: evidence for whoever looks into it."""
        epoch = self._clock.epoch
        outbox = [outbox_row(key, one, epoch, self._instance) for key, one in self.outcomes]
        return AppendedRows(self._entries, outbox, ids=self._ids)

    def ended(self, written: Mapping[Key, Lease | None]) -> list[LeasedOrder]:
        """Those that are in nobody's hands now."""
        done = [one.held for key, one in self._done.items() if written.get(key) is None]
        return [*(one.held for one in self.lost), *done]

    def following(self, written: Mapping[Key, Lease | None], mark: tuple[float, float]) -> list[LeasedOrder]:
        """Those whose lease goes on to the next call, their slots kept and their calls counted at the gates."""
        going_on = []
        for change in self.changes:
            key = change.order.key
            lease = written.get(key)
            if lease is not None:
                del self._started[key]
                known = Known(change.order, lease.version, lease.written)
                going_on.append(LeasedOrder(known, lease.token, *mark, bulkhead=self._done[key].held.bulkhead))
        self.cancel_calls()
        return going_on

    def cancel_calls(self) -> None:
        """Calls that were counted and won't be made."""
        for bulkhead in self._started.values():
            bulkhead.called(None)
        self._started.clear()

    def _goes_on(self, held: LeasedOrder, after: Order) -> bool:
        """A slot can be kept only in its own lane, and only while the provider may be given calls: this one is counted."""
        bulkhead = self._bulkheads.must(*held.bulkhead)
        if held.bulkhead != (after.key.merchant, after.provider) or not bulkhead.open():
            return False
        bulkhead.again()
        self._started[after.key] = bulkhead
        return True

    def _note_id(self, settlement: Settlement, after: Order) -> None:
        call, result = settlement.call, settlement.result
        if isinstance(result, Succeeded) and result.provider_id and not isinstance(call, Elapsed):
            what = call.operation.type if call.operation else "order"
            self._ids.append(ProviderId(after.key, after.provider, result.provider_id, what))


def _found(settlement: Settlement, row: Row) -> Order:
    """The order as the call found it."""
    order, uncertain = evidence.begun(row.order, settlement.call, row.since), settlement.held.uncertain
    return order if uncertain is None else evidence.mark_uncertain(order, uncertain.since, uncertain.until)


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
