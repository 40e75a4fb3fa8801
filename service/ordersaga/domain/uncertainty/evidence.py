"""Finds out the result of an operation whose answer was lost (I3): only evidence ends it, or a person."""

from typing import Any, Final, assert_never

from msgspec.structs import replace

from ordersaga.domain.deciding import tokens
from ordersaga.domain.deciding.builder import DecisionBuilder
from ordersaga.domain.deciding.findings import Finding, Present
from ordersaga.domain.model.order import Operation, Order, Refusal
from ordersaga.domain.model.outcomes import Call, Elapsed, Send
from ordersaga.domain.model.results import (
    CheckoutSeen,
    RefundSeen,
    Rejected,
    Result,
    Retryable,
    Snapshot,
    Succeeded,
    TokenStatus,
    Unknown,
)
from ordersaga.domain.model.terms import Rules
from ordersaga.domain.operations import (
    ByCheckoutRead,
    ByKey,
    ByReading,
    NoEvidence,
    gives_way,
    may_end_unknown,
    spec_of,
)

_WORTH_WAITING_FOR: Final = 60.0  # seconds that events wait for an operation which may end unknown
_MAYBE: Final = Refusal(
    "no_answer",
    ("the provider's answers were lost: it may have been done",),
    advice="ask for it again, if it is missing",
)
_AMBIGUOUS: Final = Refusal(
    "ambiguous", ("the provider's books show neither that it took effect as asked nor that it didn't",)
)


def mark_uncertain(order: Order, since: float, until: float) -> Order:
    """The order after a lease that ended unsettled: its call may have been sent between `since` and `until`."""
    if not order.operations:
        return order
    operation = order.operations[0]
    if operation.stage != "send" or spec_of(operation).only_reads or operation.due > until:
        return order
    marked = replace(
        operation,
        attempts=operation.attempts + 1,
        unknown=True,
        first_sent=min(operation.first_sent or since, since),
        last_sent=max(operation.last_sent or until, until),
    )
    return replace(order, operations=(marked, *order.operations[1:]))


def begun(order: Order, call: Call | Elapsed, since: float | None) -> Order:
    """The order whose call was made under a lease of `since`, however late its answer is settled."""
    operation = order.operations[0] if order.operations else None
    if (
        operation is None
        or since is None
        or operation.first_sent is not None
        or not isinstance(call, Send)
        or call.operation.id != operation.id
    ):
        return order
    return replace(order, operations=(replace(operation, first_sent=since), *order.operations[1:]))


def predates_restore(operation: Operation, rules: Rules) -> bool:
    """A database that was restored from a backup may have lost the record that this was sent."""
    return rules.restored_at > 0 and max(_asked(operation), operation.looked_up) <= rules.restored_at


def _asked(operation: Operation) -> float:
    """It was not sent before."""
    return min(operation.cause.sent or operation.opened, operation.opened)


def exhausted(order: Order, operation: Operation, now: float, rules: Rules) -> bool:
    """It may have been sent, a repeat might not be recognised as one, and no read would show it: a person has to look."""
    restored = predates_restore(operation, rules)
    if not (operation.unknown or restored):
        return False
    match spec_of(operation).evidence:
        case NoEvidence(once=once):
            return once
        case ByKey():
            since = _asked(operation) if restored else operation.first_sent or operation.opened
            return now + rules.call_deadline > since + rules.terms[order.provider].key_seconds(operation.type)
        case _:
            return False


def outlives_key(order: Order, operation: Operation, now: float, rules: Rules) -> bool:
    """A repeat made now might no longer be recognised as one."""
    if not operation.unknown:
        return False
    trusted = rules.terms[order.provider].key_seconds(operation.type)
    return now + rules.call_deadline > (operation.first_sent or now) + trusted


def find(order: Order, operation: Operation, seen: Snapshot, rules: Rules) -> Finding:
    """Does the provider show this operation?"""
    evidence = spec_of(operation).evidence
    if not isinstance(evidence, ByReading):
        return "ambiguous"
    return evidence.find(order, operation, seen, rules.terms[order.provider])


def judge(builder: DecisionBuilder, operation: Operation, result: Result) -> Succeeded | Refusal | None:
    """What a read proves: the operation succeeded, it was refused, or (None) it stays open, updated in `builder`."""
    match result:
        case Succeeded(snapshot=snapshot, searched=searched) if snapshot is not None or searched:
            return _judge_snapshot(builder, operation, snapshot, result.result)
        case Succeeded(token_status=status) if status is not None:
            return _judge_token(builder, operation, status)
        case Succeeded(checkout=seen) if seen is not None:
            return _judge_checkout(builder, operation, seen)
        case Rejected(status=404) if isinstance(spec_of(operation).evidence, ByCheckoutRead):
            return _judge_checkout(builder, operation, None)
        case Retryable() | Unknown() | Succeeded():
            again = replace(operation, attempts=operation.attempts + 1)
            builder.replace_current(replace(again, due=builder.backoff(again)))
        case Rejected() if not operation.unknown and operation.refused is not None:
            return operation.refused
        case Rejected(code=code, messages=messages, correlation_id=correlation_id):
            escalate(builder, operation, Refusal(code, messages, correlation_id))
        case _:
            assert_never(result)
    return None


def _judge_checkout(
    builder: DecisionBuilder, operation: Operation, seen: CheckoutSeen | None
) -> Succeeded | Refusal | None:
    """What was sent last was refused; if the order shows what was asked for, an earlier attempt did it."""
    evidence = spec_of(operation).evidence
    assert isinstance(evidence, ByCheckoutRead)
    if seen is None and evidence.gone is not None:
        builder.retire(operation)
        evidence.gone(builder, operation)
        return None
    shown = evidence.shows(builder.order, operation, seen)
    if shown:
        snippet = {"html_snippet": seen.html_snippet} if seen is not None and seen.html_snippet else {}
        return Succeeded(result=snippet)
    if operation.refused is None:  # a person has it tried again
        builder.replace_current(replace(operation, stage="send", due=builder.now))
    elif shown is None:
        builder.replace_current(replace(operation, stage="send", refused=None, due=builder.backoff(operation)))
        return None
    return operation.refused


def _judge_token(builder: DecisionBuilder, operation: Operation, status: TokenStatus) -> Succeeded | Refusal | None:
    """A cancellation that was accepted takes effect some time later; one that was refused may have been made before."""
    if status == "cancelled":
        return Succeeded()
    refused = operation.refused
    if operation.accepted:  # it is never sent again: it takes effect, however long that takes
        if status == "suspended":
            tokens.suspended(builder, operation)
        again = replace(operation, attempts=operation.attempts + 1)
        builder.replace_current(replace(again, due=builder.backoff(again)))
        return None
    if refused is None or operation.unknown or predates_restore(operation, builder.rules):
        if builder.now < (operation.last_sent or operation.opened) + builder.rules.absent_after:
            again = replace(operation, attempts=operation.attempts + 1)
            builder.replace_current(replace(again, due=builder.backoff(again)))
            return None
        refused = _absent(builder, operation, None)
    if refused is None:
        return None
    return replace(refused, messages=(*refused.messages, f"the provider shows the token as {status}"))


def _judge_snapshot(
    builder: DecisionBuilder, operation: Operation, seen: Snapshot | None, shown: dict[str, Any]
) -> Succeeded | Refusal | None:
    """`seen` None: a search didn't find the order. `shown`: what of the answer the shop needs."""
    finding = "absent" if seen is None else find(builder.order, operation, seen, builder.rules)
    match finding:
        case Present(provider_id=provider_id):
            refund = _refund_of(seen, provider_id)
            if refund is not None and refund.failed:  # it counts first, and then the read tells that it came to nothing
                builder.change(refresh=builder.now)
            moving = refund is not None and (refund.moving or refund.failed)
            return Succeeded(provider_id, result=shown, snapshot=seen, moving=moving)
        case "ambiguous":
            escalate(builder, operation, _AMBIGUOUS)
            return None
        case "absent":
            return _absent(builder, operation, seen)
        case _:
            assert_never(finding)


def _refund_of(seen: Snapshot | None, provider_id: str | None) -> RefundSeen | None:
    return None if seen is None else next((one for one in seen.refunds if one.id == provider_id), None)


def _unaccounted(order: Order, operation: Operation, seen: Snapshot | None) -> bool:
    """Do the provider's sums hold as much money as this moves that neither its list nor ours accounts for?"""
    evidence = spec_of(operation).evidence
    if not isinstance(evidence, ByReading) or evidence.unaccounted is None or seen is None:
        return False
    return evidence.unaccounted(order, seen) >= operation.amount


def _absent(builder: DecisionBuilder, operation: Operation, seen: Snapshot | None) -> Refusal | None:
    """Counts only when read twice, both late enough after the last send, and when no sum contradicts it."""
    sent = operation.last_sent or operation.opened
    if predates_restore(operation, builder.rules):
        sent = max(operation.last_sent or 0.0, builder.rules.restored_at)
    counts_from = sent + builder.rules.absent_after
    if builder.now < counts_from:
        builder.replace_current(replace(operation, absent=0, due=counts_from))
    elif _unaccounted(builder.order, operation, seen):
        escalate(builder, operation, _AMBIGUOUS)
    elif operation.absent == 0:
        builder.replace_current(replace(operation, absent=1, due=builder.now + builder.rules.absent_again))
    elif operation.refused is not None:
        return operation.refused
    else:
        fresh = replace(operation, stage="send", unknown=False, looked_up=builder.now, absent=0, lost=0)
        builder.replace_current(replace(fresh, due=builder.now))
    return None


def give_up(builder: DecisionBuilder) -> None:
    """Escalates the order's operation if it is exhausted."""
    order = builder.order
    operation = order.operations[0] if order.operations else None
    if operation is None or operation.stage == "stuck" or operation.due > builder.now:
        return
    if operation.stage != "read" and exhausted(order, operation, builder.now, builder.rules):
        escalate(builder, replace(operation, unknown=True), operation.refused)


def let_go(builder: DecisionBuilder) -> None:
    """Ends an operation of which nobody has to know whether it took effect, when other events have waited for it long enough."""
    operation = builder.order.operations[0] if builder.order.operations else None
    if operation is None or not operation.unknown or operation.stage == "stuck" or not may_end_unknown(operation):
        return
    waits = any(pending.waits_for == "operation" for pending in builder.order.pending)
    if waits and builder.now - (operation.first_sent or operation.opened) >= _WORTH_WAITING_FOR:
        escalate(builder, operation, None)


def escalate(builder: DecisionBuilder, operation: Operation, refusal: Refusal | None) -> None:
    """No more evidence can be had: a person has to look. The operation stays open and is never sent again by itself."""
    if gives_way(operation) or may_end_unknown(operation):
        builder.retire(operation)
        spec_of(operation).refuse(builder, operation, refusal or _MAYBE)
        return
    stuck = replace(operation, stage="stuck", attention=True)
    builder.replace_current(stuck)
    look_up = spec_of(operation).evidence.look_up
    builder.raise_attention(stuck, "answer_lost", f"look up {look_up}, then use `ordersaga order settle`", refusal)
