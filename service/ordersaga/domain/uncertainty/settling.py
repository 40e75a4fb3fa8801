"""Applies the answer to a call to its operation."""

from typing import Final, assert_never

from msgspec.structs import replace

from ordersaga.domain.deciding import books, placing
from ordersaga.domain.deciding.builder import DecisionBuilder
from ordersaga.domain.model import lines
from ordersaga.domain.model.order import Operation, Refusal
from ordersaga.domain.model.outcomes import Call, Read, Revoke, Send
from ordersaga.domain.model.results import Rejected, Result, Retryable, Snapshot, Succeeded, Unknown
from ordersaga.domain.operations import (
    ByCheckoutRead,
    ByKey,
    ByReading,
    ByRepeating,
    ByTokenRead,
    NoEvidence,
    gives_way,
    spec_of,
)
from ordersaga.domain.uncertainty import evidence

_OWN_ATTEMPTS: Final = 5
"""Of an operation that no event asks for, before a person is told instead."""


def settled(builder: DecisionBuilder, call: Call, current: Operation, result: Result) -> None:
    """Applies the result of a call that was made for the order's current operation."""
    match call:
        case Send():
            _settle_send(builder, current, result)
        case Read():
            _settle_read(builder, current, result)
        case Revoke():
            _settle_revoke(builder, current, result)
        case _:
            assert_never(call)
    _tell_if_slow(builder)


def _settle_send(builder: DecisionBuilder, before: Operation, result: Result) -> None:
    operation = replace(
        before,
        attempts=before.attempts + 1,
        first_sent=before.first_sent or builder.now - builder.rules.call_deadline,
        last_sent=builder.now,
    )
    if gives_way(operation) and not isinstance(result, Succeeded) and operation.attempts >= _OWN_ATTEMPTS:
        fail(builder, operation, Refusal("no_answer", ("the provider didn't do it in some attempts",)))
        return
    match result:
        case Succeeded() if isinstance(spec_of(operation).evidence, ByTokenRead):
            builder.replace_current(replace(operation, stage="read", accepted=True, due=builder.now))
        case Succeeded():
            succeed(builder, operation, result)
        case Rejected(code=code, messages=messages, correlation_id=correlation_id):
            refusal = Refusal(code, messages, correlation_id, result.advice)
            if result.conclusive:
                fail(builder, operation, refusal)
            else:
                _refused(builder, operation, refusal, result.status)
        case Retryable(look=True) if operation.unknown and isinstance(spec_of(operation).evidence, ByReading):
            builder.replace_current(replace(operation, stage="read", due=builder.now))
        case Retryable(after=after):
            again = builder.backoff(operation)
            builder.replace_current(
                replace(before, attempts=operation.attempts, due=max(again, builder.now + (after or 0)))
            )
        case Unknown():
            _uncertain(builder, operation)
        case _:
            assert_never(result)


def _refused(builder: DecisionBuilder, operation: Operation, refusal: Refusal, status: int | None) -> None:
    """A refusal ends the operation, unless it may be the repeat of what succeeded: then only evidence does."""
    if isinstance(spec_of(operation).evidence, ByTokenRead):
        builder.replace_current(replace(operation, refused=refusal, stage="read", due=builder.now))
        return
    kind = spec_of(operation).evidence
    if not operation.unknown and not evidence.predates_restore(operation, builder.rules):
        if isinstance(kind, ByCheckoutRead) and kind.gone is not None and status == 404:
            builder.retire(operation)
            kind.gone(builder, operation)
            return
        fail(builder, operation, refusal)
        return
    uncertain = replace(operation, unknown=True, refused=refusal, due=builder.now)
    match kind:
        case ByRepeating():
            builder.replace_current(replace(uncertain, stage="revoke"))
        case ByReading() | ByCheckoutRead():
            builder.replace_current(replace(uncertain, stage="read"))
        case NoEvidence(harmless=True):
            fail(builder, operation, refusal)
        case NoEvidence(gone_is_done=True) if status == 404 and operation.also is not None:
            succeed(builder, operation, Succeeded())
        case NoEvidence() | ByKey() | ByTokenRead():
            evidence.escalate(builder, uncertain, refusal)


def _uncertain(builder: DecisionBuilder, operation: Operation) -> None:
    """The answer was lost: repeat while the key is trusted; an unreadable create is withdrawn after some repeats."""
    stage, lost = operation.stage, operation.lost + 1
    if isinstance(spec_of(operation).evidence, ByRepeating) and lost > builder.rules.create_repeats:
        stage = "revoke"
    uncertain = replace(operation, unknown=True, lost=lost, stage=stage, due=builder.backoff(operation))
    builder.replace_current(uncertain)
    if evidence.exhausted(builder.order, uncertain, builder.now, builder.rules):
        evidence.escalate(builder, uncertain, None)


def _settle_read(builder: DecisionBuilder, operation: Operation, result: Result) -> None:
    if spec_of(operation).adopts and builder.order.provider_order_id is not None:
        _settle_take_over(builder, operation, result)
        return
    if spec_of(operation).only_reads:
        _settle_own_read(builder, operation, result)
        return
    verdict = evidence.judge(builder, operation, result)
    match verdict:
        case Succeeded():
            succeed(builder, operation, verdict)
        case Refusal():
            fail(builder, operation, verdict)
        case None:
            pass
        case _:
            assert_never(verdict)


def _settle_own_read(builder: DecisionBuilder, before: Operation, result: Result) -> None:
    """Of an operation that asks for nothing else: it is made until it is answered."""
    operation = replace(before, attempts=before.attempts + 1)
    match result:
        case Succeeded():
            succeed(builder, operation, result)
        case Rejected() if (unread := spec_of(operation).unread) is not None:
            builder.replace_current(operation)
            unread(builder, operation, result)
        case Rejected(code=code, messages=messages, correlation_id=correlation_id):
            fail(builder, operation, Refusal(code, messages, correlation_id))
        case Retryable(after=after):
            builder.replace_current(replace(operation, due=max(builder.backoff(operation), builder.now + (after or 0))))
        case Unknown():
            builder.replace_current(replace(operation, due=builder.backoff(operation)))
        case _:
            assert_never(result)


def _settle_take_over(builder: DecisionBuilder, before: Operation, result: Result) -> None:
    operation = replace(before, attempts=before.attempts + 1)
    match result:
        case Succeeded(snapshot=snapshot) if snapshot is not None:
            inconsistencies = books.differences(builder.order, snapshot) or _not_ours(builder, operation, snapshot)
            if inconsistencies:
                _not_taken_over(builder, operation, inconsistencies)
            else:
                builder.retire(operation)
                placing.taken_over(builder, operation, snapshot)
        case Rejected(code=code, messages=messages, correlation_id=correlation_id):
            _not_taken_over(builder, operation, Refusal(code, messages, correlation_id))
        case Retryable() | Unknown() | Succeeded():
            builder.replace_current(replace(operation, due=builder.backoff(operation)))
        case _:
            assert_never(result)


def _not_ours(builder: DecisionBuilder, operation: Operation, seen: Snapshot) -> Refusal | None:
    """A person named the order of a create whose answer was lost: it must show what the request asked for."""
    if spec_of(operation).only_reads:
        return None
    request = builder.order.details.requests[operation.id]
    if builder.terms.shows(operation.type, request, seen) is False:
        return Refusal("another_order", ("the order that was named bears another merchant reference",))
    return None


def _not_taken_over(builder: DecisionBuilder, operation: Operation, refusal: Refusal) -> None:
    """An order that we created isn't rejected because of what a read shows: money may have been captured."""
    if builder.order.accepted:
        evidence.escalate(builder, operation, refusal)
    elif operation.before_hint is not None and operation.before_hint != "stuck":
        builder.change(provider_order_id=None)  # the notification named another order, or it has ended: it goes on
        builder.replace_current(
            replace(operation, stage=operation.before_hint, before_hint=None, due=builder.backoff(operation))
        )
    elif not spec_of(operation).only_reads:
        builder.change(provider_order_id=None)  # another order was named
        evidence.escalate(builder, operation, refusal)
    else:
        builder.retire(operation)
        placing.refused(builder, operation, refusal)


def _settle_revoke(builder: DecisionBuilder, before: Operation, result: Result) -> None:
    """204 proves that no order was made and none will be. Anything else proves nothing."""
    lost = before.lost + 1 if isinstance(result, Unknown) else before.lost
    operation = replace(before, attempts=before.attempts + 1, stage="revoke", lost=lost)
    match result:
        case Succeeded():
            reason = Refusal("no_answer", ("the provider didn't answer; the authorization was withdrawn unused",))
            fail(builder, operation, operation.refused or reason)
        case Retryable():
            builder.replace_current(replace(operation, due=builder.backoff(operation)))
        case Unknown() if lost <= 2 * builder.rules.create_repeats:
            builder.replace_current(replace(operation, due=builder.backoff(operation)))
        case Unknown() | Rejected():
            evidence.escalate(builder, operation, operation.refused)
        case _:
            assert_never(result)


def succeed(builder: DecisionBuilder, operation: Operation, result: Succeeded) -> None:
    """Ends the operation: the provider did it."""
    builder.retire(operation)
    spec_of(operation).succeed(builder, operation, result)


def fail(builder: DecisionBuilder, operation: Operation, refusal: Refusal) -> None:
    """Ends the operation: the provider didn't do it, nor will it do what was to follow, if that depends on it."""
    spec = spec_of(operation)
    builder.retire(operation, following=not spec.leaves_rest)
    if operation.newly_named:  # nothing was allocated as named: those lines follow as before
        builder.change(lines=lines.mark_named(builder.order.lines, operation.newly_named, named=False))
    spec.refuse(builder, operation, refusal)
    if spec.moves_money and builder.order.accepted:
        builder.change(refresh=builder.now)


def _tell_if_slow(builder: DecisionBuilder) -> None:
    """Raises one attention for an operation that is open for too long. It goes on."""
    if not builder.order.operations:
        return
    operation = builder.order.operations[0]
    if operation.attention or builder.now - operation.opened < builder.rules.attention_after:
        return
    raised = replace(operation, attention=True)
    builder.replace_current(raised)
    reason = "answer_unknown" if operation.unknown else "provider_unavailable"
    builder.raise_attention(raised, reason, "it is tried again by itself; look at the provider's state and the journal")
