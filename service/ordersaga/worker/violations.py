"""Violations of invariants that a settle can detect. There should be none; an alert of the same name reports them."""

from collections.abc import Iterator

from ordersaga.domain.deciding.findings import Present
from ordersaga.domain.model.order import Operation, Order
from ordersaga.domain.model.outcomes import Call, Decision, Elapsed, Read, Revoke, Send
from ordersaga.domain.model.owed import forgotten, owed
from ordersaga.domain.model.results import Rejected, Result, Snapshot, Succeeded
from ordersaga.domain.model.terms import Rules
from ordersaga.domain.operations import ByCheckoutRead, NoEvidence, may_end_unknown, spec_of
from ordersaga.domain.uncertainty import evidence
from ordersaga.telemetry.metrics import Invariant


def violations(
    before: Order, call: Call | Elapsed, result: Result | None, decision: Decision, rules: Rules
) -> Iterator[Invariant]:
    """`before`: the order when the call was made, including an uncertain call of an earlier lease."""
    if isinstance(call, Send):
        frozen = before.details.requests.get(call.operation.id)
        if frozen is not None and frozen != call.request:
            yield "I4"
        if isinstance(result, Succeeded) and _is_second(before, call, result):
            yield "I1"
    if _is_guessed(before, call, result, decision.order, rules):
        yield "I3"
    if forgotten(owed(before), decision):
        yield "I6"
    if _lapses_unnoticed(before, decision):
        yield "I9"


def _lapses_unnoticed(before: Order, decision: Decision) -> bool:
    """Nothing is authorized of an order that nobody has paid yet."""
    authorized = before.accepted and before.status != "pending_payment"
    return authorized and not before.attentions and any(outcome.what == "expired" for outcome in decision.outcomes)


def _is_guessed(before: Order, call: Call | Elapsed, result: Result | None, after: Order, rules: Rules) -> bool:
    """An operation whose answer was lost is no longer unknown, although the result of the call isn't evidence for it."""
    unknown = [operation for operation in before.operations if operation.unknown and not may_end_unknown(operation)]
    if not unknown:
        return False
    still = {operation.id for operation in after.operations if operation.unknown}
    return any(one.id not in still and not _is_evidence(before, one, call, result, rules) for one in unknown)


def _is_evidence(order: Order, operation: Operation, call: Call | Elapsed, result: Result | None, rules: Rules) -> bool:
    if isinstance(call, Elapsed) or call.operation is None or call.operation.id != operation.id:
        return False
    match call, result:
        case Send() | Revoke(), Succeeded():
            return True
        case Send(), Rejected():
            return _is_conclusive(operation, result)
        case Read(), Succeeded(token_status=status) if status is not None:
            return status == "cancelled" or operation.absent > 0
        case Read(), Succeeded(snapshot=snapshot, searched=searched) if snapshot is not None or searched:
            return operation.absent > 0 or (snapshot is not None and _is_shown(order, operation, snapshot, rules))
        case _:
            return isinstance(call, Read) and _shows_checkout(operation, result)


def _is_shown(order: Order, operation: Operation, snapshot: Snapshot, rules: Rules) -> bool:
    adopted = spec_of(operation).adopts  # a person has named the order: it ends as a success only
    return adopted or isinstance(evidence.find(order, operation, snapshot, rules), Present)


def _shows_checkout(operation: Operation, result: Result | None) -> bool:
    """A Checkout order that isn't there any more shows it as well as one that is."""
    if not isinstance(spec_of(operation).evidence, ByCheckoutRead):
        return False
    return isinstance(result, Succeeded) or (isinstance(result, Rejected) and result.status == 404)


def _is_conclusive(operation: Operation, refusal: Rejected) -> bool:
    gone = refusal.status == 404 and spec_of(operation).evidence == NoEvidence(gone_is_done=True)
    return refusal.conclusive or gone or _is_harmless(operation)


def _is_harmless(operation: Operation) -> bool:
    kind = spec_of(operation).evidence
    return isinstance(kind, NoEvidence) and kind.harmless


def _is_second(before: Order, call: Send, result: Succeeded) -> bool:
    """The operation had already ended with another id than that of this answer."""
    if _is_harmless(call.operation):
        return False
    ended = all(operation.id != call.operation.id for operation in before.operations)
    return ended and result.provider_id is not None and result.provider_id not in before.provider_ids
