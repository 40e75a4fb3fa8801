"""Decides a batch of results without the database, to be written in one transaction."""

from collections.abc import Container, Mapping

import structlog
from msgspec import Struct
from msgspec.structs import replace

from ordersaga.domain import saga
from ordersaga.domain.deciding.tokens import suspect
from ordersaga.domain.model.ids import token_name
from ordersaga.domain.model.order import Key, Order
from ordersaga.domain.model.outcomes import Call, CallKind, Decision, Elapsed, Entry, Outcome, Read, Revoke, Send
from ordersaga.domain.model.results import Rejected, Result, Retryable, Succeeded, Unknown
from ordersaga.domain.model.terms import Rules
from ordersaga.domain.uncertainty import evidence
from ordersaga.domain.uncertainty.hints import with_hint
from ordersaga.outbox import outbox_row
from ordersaga.rulebook import Rulebook
from ordersaga.store.appended import AppendedRows
from ordersaga.store.hints import NewHint
from ordersaga.store.rows import Clock, Known, Lease, ProviderId, Row
from ordersaga.store.settle import SettledOrder
from ordersaga.telemetry.metrics import Invariant
from ordersaga.worker.bulkheads import Bulkhead, Bulkheads
from ordersaga.worker.leases import LeasedOrder
from ordersaga.worker.violations import violations

log = structlog.get_logger(__name__)


class Settlement(Struct):
    """The result for one leased order. `failed`: the function of our own code that failed; the order gets an attention.

    `failures`: how often its settle failed alone, `first_failed`: how many batches had been settled before the first time.
    """

    leased: LeasedOrder
    call: Call | Elapsed
    result: Result | None
    seconds: float | None
    failed: str | None = None
    failures: int = 0
    first_failed: int | None = None


class SettlementBatch:
    """For one attempt to settle. `instance` and `clock`: of its outcomes; `keep_leases`: leases may continue for a next call."""

    def __init__(
        self, bulkheads: Bulkheads, rulebook: Rulebook, instance: str, clock: Clock, *, keep_leases: bool
    ) -> None:
        self._bulkheads = bulkheads
        self._rulebook = rulebook
        self._instance = instance
        self._clock = clock
        self._keep_leases = keep_leases
        self._settled: dict[Key, Settlement] = {}
        self._entries: list[tuple[Key, Entry]] = []
        self.outcomes: list[tuple[Key, Outcome]] = []
        self._provider_ids: list[ProviderId] = []
        self._next_calls: dict[Key, tuple[Bulkhead, CallKind | None]] = {}
        self.changes: list[SettledOrder] = []
        self.lost: list[Settlement] = []
        self.decided: list[tuple[Settlement, Order, Decision]] = []
        self.hints: list[NewHint] = []
        self.violated: list[tuple[Settlement, Invariant]] = []

    def add(self, settlement: Settlement, row: Row | None) -> None:
        """`row`: the order's current one."""
        leased, now = settlement.leased, self._clock.now
        key = leased.order.key
        self._entries.extend((key, entry) for entry in _call_entries(settlement, now))
        if row is None or row.token != leased.token:
            self.lost.append(settlement)
            return
        rules = self._rulebook.of(key.merchant)
        before = _order_at_call(settlement, row)
        decision = _decide(settlement, before, now, rules)
        self.decided.append((settlement, before, decision))
        due, kind = saga.due_call(decision.order, now, rules)
        is_due = due is not None and due <= now
        keep = self._keep_leases and is_due and self._reserve_next_call(leased, decision.order, kind)
        self._settled[key] = settlement
        self._entries.extend((key, entry) for entry in decision.entries)
        self.outcomes.extend((key, outcome) for outcome in decision.outcomes)
        self._add_provider_ids(settlement, before, decision.order)
        self._add_token(before, settlement, decision.order)
        found = violations(before, settlement.call, settlement.result, decision, rules)
        self.violated.extend((settlement, invariant) for invariant in found)
        hint = leased.hint.at if leased.hint else None
        self.changes.append(SettledOrder(decision.order, row, leased.token, due, keep, kind, hint))

    def appended_rows(self) -> AppendedRows:
        """For a lost lease only the call's journal entry, which shows that it was made."""
        epoch = self._clock.epoch
        outbox = [outbox_row(key, one, epoch, self._instance) for key, one in self.outcomes]
        return AppendedRows(self._entries, outbox, provider_ids=self._provider_ids)

    def leave_out_unwritten(self, written: Container[Key]) -> None:
        """Orders that were changed meanwhile, so that nothing of them was written."""
        gone = {key for key in self._settled if key not in written}
        if not gone:
            return
        for key in gone:
            del self._settled[key]
            if (reserved := self._next_calls.pop(key, None)) is not None:
                reserved[0].end_call(reserved[1], None)
        self.outcomes = [(key, one) for key, one in self.outcomes if key not in gone]
        self.changes = [one for one in self.changes if one.order.key not in gone]
        self.decided = [one for one in self.decided if one[1].key not in gone]
        self.violated = [one for one in self.violated if one[0].leased.order.key not in gone]

    def ended(self, written: Mapping[Key, Lease | None]) -> list[LeasedOrder]:
        """Orders whose lease has ended or was lost."""
        settled = [one.leased for key, one in self._settled.items() if written.get(key) is None]
        return [*(one.leased for one in self.lost), *settled]

    def continued(self, written: Mapping[Key, Lease | None], mark: tuple[float, float]) -> list[LeasedOrder]:
        """Orders whose lease continues for the next call. Their slots are kept, and the gates have counted the calls."""
        continued = []
        for change in self.changes:
            key = change.order.key
            lease = written.get(key)
            if lease is not None:
                del self._next_calls[key]
                known = Known(change.order, lease.version, lease.written)
                account = self._settled[key].leased.account
                continued.append(LeasedOrder(known, lease.token, *mark, account=account, kind=change.kind))
        self.cancel_calls()
        return continued

    def cancel_calls(self) -> None:
        """For calls that the gates have counted and that won't be made."""
        for bulkhead, kind in self._next_calls.values():
            bulkhead.end_call(kind, None)
        self._next_calls.clear()

    def _reserve_next_call(self, leased: LeasedOrder, after: Order, kind: CallKind | None) -> bool:
        """False: the slot can't be kept, as the order has another account now, or the provider gets no more calls."""
        bulkhead = self._bulkheads[leased.account]
        if leased.account != (after.key.merchant, after.provider) or not bulkhead.allows_call(kind):
            return False
        bulkhead.start_call(kind)
        self._next_calls[after.key] = bulkhead, kind
        return True

    def _add_token(self, before: Order, settlement: Settlement, after: Order) -> None:
        """A new customer token is found by its name; one that was refused has its subscription read."""
        merchant, provider, token = after.key.merchant, after.provider, after.details.customer_token
        if token and token != before.details.customer_token:
            self._provider_ids.append(ProviderId(after.key, provider, token_name(token), "customer_token"))
        if (name := suspect(before, settlement.call, settlement.result)) is not None:
            self.hints.append(NewHint(merchant, provider, name))

    def _add_provider_ids(self, settlement: Settlement, before: Order, after: Order) -> None:
        call, result = settlement.call, settlement.result
        known = None if before.payment is None else before.payment.id
        if after.payment is not None and after.payment.id != known:
            self._provider_ids.append(ProviderId(after.key, after.provider, after.payment.id, "payment"))
        if isinstance(result, Succeeded) and result.provider_id and not isinstance(call, Elapsed):
            what = call.operation.type if call.operation else "order"
            self._provider_ids.append(ProviderId(after.key, after.provider, result.provider_id, what))


def _order_at_call(settlement: Settlement, row: Row) -> Order:
    """The order as it was when the call was made."""
    order, leased = evidence.begun(row.order, settlement.call, row.since), settlement.leased
    if leased.uncertain is not None:
        order = evidence.mark_uncertain(order, leased.uncertain.since, leased.uncertain.until)
    return order if leased.hint is None else with_hint(order, leased.hint)


def _decide(settlement: Settlement, order: Order, now: float, rules: Rules) -> Decision:
    if settlement.failed is not None:
        return saga.stall(order, settlement.failed, now, rules)
    try:
        return saga.settle(order, settlement.call, settlement.result, now, rules)
    except Exception as error:  # our own code failed on this order: it is stalled, the others go on
        log.exception("settle failed", merchant=order.key.merchant, subject=order.key.subject)
        return saga.stall(order, f"settle: {type(error).__name__}", now, rules)


def _call_entries(settlement: Settlement, now: float) -> list[Entry]:
    call, result = settlement.call, settlement.result
    if isinstance(call, Elapsed) or result is None:
        return []
    operation = call.operation
    name = operation.type if operation else "refresh"
    entry = Entry("call", now, name, operation_id=operation.id if operation else None, duration=settlement.seconds)
    return [replace(entry, note=_note(call, result), correlation_id=result.correlation_id, status=_status(result))]


def _note(call: Call, result: Result) -> str:
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
