"""What the answer to a call does to the operation it was made for."""

from typing import assert_never

from msgspec.structs import replace

from ordersaga.domain import cancelling, evidence, lines, placing, returning, shipping
from ordersaga.domain.order import Operation, Refusal
from ordersaga.domain.outcomes import Call, Read, Revoke, Send
from ordersaga.domain.results import Rejected, Result, Retryable, Succeeded, Unknown
from ordersaga.domain.work import Work


def settled(work: Work, call: Call, current: Operation, result: Result) -> None:
    """Applies the result of a call that was made for the order's current operation."""
    match call:
        case Send():
            _settle_send(work, current, result)
        case Read():
            _settle_read(work, current, result)
        case Revoke():
            _settle_revoke(work, current, result)
        case _:
            assert_never(call)
    _tell_if_slow(work)


def _settle_send(work: Work, before: Operation, result: Result) -> None:
    operation = replace(
        before,
        attempts=before.attempts + 1,
        first_sent=before.first_sent or work.now - work.rules.call_deadline,
        last_sent=work.now,
    )
    match result:
        case Succeeded():
            succeed(work, operation, result)
        case Rejected(code=code, messages=messages, correlation_id=correlation_id):
            _refused(work, operation, Refusal(code, messages, correlation_id), result.status)
        case Retryable(after=after):
            again = work.backoff(operation)
            work.replace_current(replace(before, attempts=operation.attempts, due=max(again, work.now + (after or 0))))
        case Unknown():
            _doubt(work, operation)
        case _:
            assert_never(result)


def _refused(work: Work, operation: Operation, refusal: Refusal, status: int | None) -> None:
    """A refusal ends the operation, unless it may be the repeat of what succeeded: then only evidence does."""
    if not operation.unknown and not evidence.predates_restore(operation, work.rules):
        fail(work, operation, refusal)
        return
    doubtful = replace(operation, unknown=True, refused=refusal, due=work.now)
    if operation.type == "create_order":
        work.replace_current(replace(doubtful, stage="revoke"))
    elif operation.type in evidence.READABLE:
        work.replace_current(replace(doubtful, stage="read"))
    elif status == 404:  # the authorization is gone, and nobody but us could have used it
        succeed(work, operation, Succeeded())
    else:
        evidence.give_up(work, doubtful, refusal)


def _doubt(work: Work, operation: Operation) -> None:
    """The answer was lost: repeat while the key is trusted; an unreadable create is withdrawn after some repeats."""
    stage, lost = operation.stage, operation.lost + 1
    if operation.type == "create_order" and lost > work.rules.create_repeats:
        stage = "revoke"
    work.replace_current(replace(operation, unknown=True, lost=lost, stage=stage, due=work.backoff(operation)))


def _settle_read(work: Work, operation: Operation, result: Result) -> None:
    if operation.type in {"take_over", "create_order"}:  # a person has named the order that the latter made
        _settle_take_over(work, operation, result)
        return
    verdict = evidence.weigh(work, operation, result)
    match verdict:
        case Succeeded():
            succeed(work, operation, verdict)
        case Refusal():
            fail(work, operation, verdict)
        case None:
            pass
        case _:
            assert_never(verdict)


def _settle_take_over(work: Work, before: Operation, result: Result) -> None:
    operation = replace(before, attempts=before.attempts + 1)
    match result:
        case Succeeded(snapshot=snapshot) if snapshot is not None:
            amiss = placing.differences(work.order, snapshot)
            if amiss:
                _not_taken_over(work, operation, amiss)
            else:
                work.retire(operation)
                placing.taken_over(work, operation, snapshot)
        case Rejected(code=code, messages=messages, correlation_id=correlation_id):
            _not_taken_over(work, operation, Refusal(code, messages, correlation_id))
        case Retryable() | Unknown() | Succeeded():
            work.replace_current(replace(operation, due=work.backoff(operation)))
        case _:
            assert_never(result)


def _not_taken_over(work: Work, operation: Operation, refusal: Refusal) -> None:
    """An order that we made ourselves isn't refused for what a read of it says: its money may have been taken."""
    if work.order.accepted:
        evidence.give_up(work, operation, refusal)
    elif operation.type == "create_order":
        work.change(provider_order_id=None)  # the person named another's
        evidence.give_up(work, operation, refusal)
    else:
        work.retire(operation)
        placing.refused(work, operation, refusal)


def _settle_revoke(work: Work, before: Operation, result: Result) -> None:
    """204 proves that no order was made and none will be. Anything else proves nothing."""
    lost = before.lost + 1 if isinstance(result, Unknown) else before.lost
    operation = replace(before, attempts=before.attempts + 1, stage="revoke", lost=lost)
    match result:
        case Succeeded():
            reason = Refusal("no_answer", ("the provider didn't answer; the authorization was withdrawn unused",))
            fail(work, operation, operation.refused or reason)
        case Retryable():
            work.replace_current(replace(operation, due=work.backoff(operation)))
        case Unknown() if lost <= 2 * work.rules.create_repeats:
            work.replace_current(replace(operation, due=work.backoff(operation)))
        case Unknown() | Rejected():
            evidence.give_up(work, operation, operation.refused)
        case _:
            assert_never(result)


def succeed(work: Work, operation: Operation, result: Succeeded) -> None:
    """Ends the operation: the provider did it."""
    work.retire(operation)
    match operation.type:
        case "create_order":
            placing.created(work, operation, result)
        case "cancel_authorization":
            placing.authorization_cancelled(work, operation)
        case "capture":
            shipping.captured(work, operation, result)
        case "refund":
            last = not any(other.cause == operation.cause for other in work.order.operations)
            returning.refunded(work, operation, result, last=last)
        case "cancel" | "release":
            cancelling.ended(work, operation)
        case "amend":
            cancelling.amended(work, operation)
        case "take_over":
            raise AssertionError("a take-over ends by its read")
        case _:
            assert_never(operation.type)


def fail(work: Work, operation: Operation, refusal: Refusal) -> None:
    """Ends the operation: the provider didn't do it, nor will it do what was to follow."""
    work.retire(operation, following=True)
    if operation.newly_named:  # nothing was drawn as named: they follow as before
        work.change(lines=lines.mark_named(work.order.lines, operation.newly_named, named=False))
    match operation.type:
        case "create_order" | "take_over":
            placing.refused(work, operation, refusal)
        case "cancel_authorization":
            placing.authorization_not_cancelled(work, operation, refusal)
        case "capture":
            shipping.refused(work, operation, refusal)
        case "refund":
            returning.refused(work, operation, refusal)
        case "cancel" | "release" | "amend":
            work.refuse(operation.cause, refusal, operation=operation)
        case _:
            assert_never(operation.type)
    if work.order.accepted:
        work.change(refresh=work.now)


def _tell_if_slow(work: Work) -> None:
    """Somebody is told, once, of an operation that is open for too long. It goes on."""
    if not work.order.operations:
        return
    operation = work.order.operations[0]
    if operation.attention or work.now - operation.opened < work.rules.attention_after:
        return
    told = replace(operation, attention=True)
    work.replace_current(told)
    reason = "answer_unknown" if operation.unknown else "provider_unavailable"
    work.call_somebody(told, reason, "it is tried again by itself; look at the provider's state and the journal")
