"""What became of an operation whose answer was lost (I3): only evidence ends it, or a person."""

from typing import Final, Literal, assert_never

from msgspec import Struct
from msgspec.structs import replace

from ordersaga.domain.deciding.builder import DecisionBuilder
from ordersaga.domain.model.order import Capture, Operation, Order, Refund, Refusal
from ordersaga.domain.model.outcomes import Call, Elapsed, Send
from ordersaga.domain.model.results import (
    CaptureSeen,
    RefundSeen,
    Rejected,
    Result,
    Retryable,
    Snapshot,
    Succeeded,
    Unknown,
)
from ordersaga.domain.model.terms import Rules

READABLE: Final = frozenset({"capture", "refund", "cancel", "release", "amend"})
KEYED: Final = READABLE | {"create_order"}  # the authorization token is the key of a create_order
_AMBIGUOUS: Final = Refusal(
    "ambiguous", ("the provider's books show neither that it took effect as asked nor that it didn't",)
)
_LOOK_UP = "look the order up at the provider by its merchant reference, then say `ordersaga order settle`"


class Present(Struct, frozen=True):
    provider_id: str | None


Finding = Present | Literal["absent", "ambiguous"]


def mark_uncertain(order: Order, since: float, until: float) -> Order:
    """The order after a lease that ended unsettled: its call may have been sent between `since` and `until`."""
    if not order.operations:
        return order
    operation = order.operations[0]
    if operation.stage != "send" or operation.type == "take_over" or operation.due > until:
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
    """A database brought back from a backup may have forgotten that this was sent."""
    asked = min(operation.cause.sent or operation.opened, operation.opened)
    return rules.restored_at > 0 and max(asked, operation.looked_up) <= rules.restored_at


def outlives_key(order: Order, operation: Operation, now: float, rules: Rules) -> bool:
    """A repeat made now might no longer be recognised as one."""
    if not operation.unknown or operation.type not in KEYED:
        return False
    trusted = rules.terms[order.provider].key_seconds(operation.type)
    return now + rules.call_deadline > (operation.first_sent or now) + trusted


def find(order: Order, operation: Operation, seen: Snapshot) -> Finding:
    """Does the provider show this operation?"""
    match operation.type:
        case "capture":
            return _by_reference(operation, seen.captures, {capture.id for capture in order.captures})
        case "refund":
            return _by_reference(operation, seen.refunds, {refund.id for refund in order.refunds})
        case "cancel":
            return Present(None) if seen.status == "cancelled" else "absent"
        case "release":
            return _by_rest(order, seen)
        case "amend":
            return _by_amount(order, operation, seen)
        case "create_order" | "cancel_authorization" | "take_over":
            return "ambiguous"
        case _:
            assert_never(operation.type)


def _by_rest(order: Order, seen: Snapshot) -> Finding:
    """A release shows by nothing being left, unless more was captured than we know of."""
    if seen.remaining_amount or seen.status != "captured":
        return "absent"
    return Present(None) if seen.captured_amount == order.captured_amount else "ambiguous"


def _by_amount(order: Order, operation: Operation, seen: Snapshot) -> Finding:
    """An amendment shows by the order's amount alone: one that keeps it can't be told."""
    if operation.target == order.captured_amount + order.remaining:
        return "ambiguous"
    return Present(None) if seen.order_amount == operation.target else "absent"


def _by_reference(
    operation: Operation, seen: tuple[CaptureSeen, ...] | tuple[RefundSeen, ...], known: set[str]
) -> Finding:
    for one in seen:
        if one.reference == operation.id:
            return Present(one.id) if one.amount == operation.amount else "ambiguous"
    alike = any(one.amount == operation.amount and one.id not in known and not one.reference for one in seen)
    return "ambiguous" if alike else "absent"


def judge(builder: DecisionBuilder, operation: Operation, result: Result) -> Succeeded | Refusal | None:
    """What a read says of `operation`: it succeeded, it came to nothing, or (None) it stays open, changed in `work`."""
    match result:
        case Succeeded(snapshot=snapshot) if snapshot is not None:
            return _judge_snapshot(builder, operation, snapshot)
        case Retryable() | Unknown() | Succeeded():
            again = replace(operation, attempts=operation.attempts + 1)
            builder.replace_current(replace(again, due=builder.backoff(again)))
        case Rejected(code=code, messages=messages, correlation_id=correlation_id):
            escalate(builder, operation, Refusal(code, messages, correlation_id))
        case _:
            assert_never(result)
    return None


def _judge_snapshot(builder: DecisionBuilder, operation: Operation, seen: Snapshot) -> Succeeded | Refusal | None:
    finding = find(builder.order, operation, seen)
    match finding:
        case Present(provider_id=provider_id):
            return Succeeded(provider_id)
        case "ambiguous":
            escalate(builder, operation, _AMBIGUOUS)
            return None
        case "absent":
            return _absent(builder, operation, seen)
        case _:
            assert_never(finding)


def _unlisted(order: Order, operation: Operation, seen: Snapshot) -> bool:
    """Do the provider's sums hold as much money as this moves that neither its list nor ours accounts for?"""
    listed: tuple[CaptureSeen | RefundSeen, ...]
    known: tuple[Capture | Refund, ...]
    match operation.type:
        case "capture":
            total, listed, known = seen.captured_amount, seen.captures, order.captures
        case "refund":
            total, listed, known = seen.refunded_amount, seen.refunds, order.refunds
        case _:
            return False
    ids = {one.id for one in listed}
    summary_of = sum(one.amount for one in listed) + sum(one.amount for one in known if one.id not in ids)
    return total - summary_of >= operation.amount


def _absent(builder: DecisionBuilder, operation: Operation, seen: Snapshot) -> Refusal | None:
    """Counts only when read twice, both late enough after the last send, and when no sum speaks against it."""
    sent = operation.last_sent or operation.opened
    if predates_restore(operation, builder.rules):
        sent = max(operation.last_sent or 0.0, builder.rules.restored_at)
    counts_from = sent + builder.rules.absent_after
    if builder.now < counts_from:
        builder.replace_current(replace(operation, absent=0, due=counts_from))
    elif _unlisted(builder.order, operation, seen):
        escalate(builder, operation, _AMBIGUOUS)
    elif operation.absent == 0:
        builder.replace_current(replace(operation, absent=1, due=builder.now + builder.rules.absent_again))
    elif operation.refused is not None:
        return operation.refused
    else:
        fresh = replace(operation, stage="send", unknown=False, looked_up=builder.now, absent=0, lost=0)
        builder.replace_current(replace(fresh, due=builder.now))
    return None


def escalate(builder: DecisionBuilder, operation: Operation, refusal: Refusal | None) -> None:
    """Evidence is used up: a person has to look. The operation stays open and is never sent again by itself."""
    stuck = replace(operation, stage="stuck", attention=True)
    builder.replace_current(stuck)
    builder.raise_attention(stuck, "answer_lost", _LOOK_UP, refusal)
