"""The heart: three pure functions. `accept` takes an event in, `next_call` says what is to be done, `settle` takes what came of it."""

from typing import assert_never

from msgspec.structs import replace

from ordersaga.domain import by_hand, cancelling, evidence, placing, refreshing, returning, settling, shipping
from ordersaga.domain.checks import amounts_amiss
from ordersaga.domain.events import Amended, Cancelled, Cause, Closed, Data, Event, Placed, Returned, Shipped
from ordersaga.domain.order import Key, Operation, Order, Pending, Refusal
from ordersaga.domain.outcomes import Call, Decision, Elapsed, Next, Read, Rest, Revoke, Send, Wait
from ordersaga.domain.results import Result
from ordersaga.domain.terms import Rules
from ordersaga.domain.work import Hold, Refused, Work

_UNHEARD_POLL = 1.0  # seconds until a passed deadline is looked at again while the intake is behind
_ENDED_BY_RULES = frozenset({"rejected", "abandoned"})
_OUR_FAULT = "internal_error"


def accept(order: Order | None, event: Event, now: float, rules: Rules) -> Decision:
    """Takes an event in: decides it, or lets it wait."""
    work = Work(order or Order(Key(event.merchant, event.kind, event.subject)), now, rules)
    work.note("event", event.cause.type, event_id=event.cause.id)
    work.arrive(event.cause, event.data, event.raw)
    return _advanced(work)


def tick(order: Order, now: float, rules: Rules) -> Decision:
    """Decides again what waits: a time has come, or what it waited for has gone."""
    return _advanced(Work(order, now, rules))


def refuse_input(
    order: Order | None, key: Key, cause: Cause, refusal: Refusal, now: float, rules: Rules, *, final: bool
) -> Decision:
    """A `rejected` outcome for an input that can't be decided (its dead letter holds it)."""
    work = Work(order or Order(key), now, rules)
    work.note("event", cause.type, event_id=cause.id, note=refusal.code)
    work.refuse(cause, refusal, final=final)
    return work.decision()


def take_in_first(order: Order | None, event: Event, now: float, rules: Rules, *, unblocks: str) -> Decision:
    """Takes a replayed event in, before those that wait for its dead letter."""
    work = Work(order or Order(Key(event.merchant, event.kind, event.subject)), now, rules)
    work.note("event", event.cause.type, event_id=event.cause.id, note="replayed")
    work.unblock(unblocks)
    work.arrive(event.cause, event.data, event.raw, first=True)
    return _advanced(work)


def refuse_for_good(
    order: Order, cause: Cause, refusal: Refusal, now: float, rules: Rules, *, unblocks: str
) -> Decision:
    """The final `rejected` of an input whose dead letter was given up; what waited for it goes on."""
    work = Work(order, now, rules)
    work.note("event", cause.type, event_id=cause.id, note="discarded")
    work.refuse(cause, refusal)
    work.unblock(unblocks)
    return _advanced(work)


def stall(order: Order, reason: str, now: float, rules: Rules) -> Decision:
    """Our own code failed on this order: it stands still until a person has looked."""
    work = Work(order, now, rules)
    operation = replace(order.operations[0], stage="stuck", attention=True) if order.operations else None
    if operation is not None:
        work.replace_current(operation)
    work.call_somebody(operation, _OUR_FAULT, f"{reason}: see the service's log, then say `ordersaga order settle`")
    return work.decision()


def next_call(order: Order, now: float, rules: Rules) -> Next:
    """What the worker is to do for the order now. Each `Elapsed` takes at least one deadline away."""
    if order.operations:
        return _next_of(order, order.operations[0], now, rules)
    if order.attention is not None and order.attention.reason == _OUR_FAULT:
        return Rest()
    at = refreshing.due(order, rules)
    if at is not None and at <= now:
        return Read(order.provider_order_id or "")
    deadline = min((pending.deadline for pending in order.pending if pending.deadline is not None), default=None)
    if deadline is not None and deadline <= now:
        if rules.heard_until >= deadline:
            return Elapsed()
        deadline = now + _UNHEARD_POLL
    times = [time for time in (at, deadline) if time is not None]
    return Wait(min(times)) if times else Rest()


def _next_of(order: Order, operation: Operation, now: float, rules: Rules) -> Next:
    if operation.stage == "stuck":
        return Rest()
    if operation.due > now:
        return Wait(operation.due)
    if operation.type == "take_over" or operation.stage == "read":
        return Read(order.provider_order_id or "", operation)
    request = order.details.requests[operation.id]
    forgotten = evidence.outlives_key(order, operation, now, rules)
    if operation.type in evidence.READABLE:
        if forgotten or evidence.predates_restore(operation, rules):
            return Read(order.provider_order_id or "", operation)
    elif operation.stage == "revoke" or forgotten:
        return Revoke(operation, rules.terms[order.provider].revocation(request))
    return Send(operation, request)


def due(order: Order, now: float, rules: Rules) -> float | None:
    """When the order is to be looked at next (I8), after it was decided; None: it is at rest, or a person has it."""
    match next_call(order, now, rules):
        case Wait(until=until):
            return until
        case Rest():
            return None
        case _:
            return now


def settle(order: Order, call: Call | Elapsed, result: Result | None, now: float, rules: Rules) -> Decision:
    """Applies what came of a call to the order as it is now."""
    work = Work(order, now, rules)
    operation = None if isinstance(call, Elapsed) else call.operation
    if isinstance(call, Elapsed) or result is None:
        return _advanced(work)
    if operation is None:
        refreshing.refreshed(work, result)
        return _advanced(work)
    current = order.operations[0] if order.operations else None
    if current is None or current.id != operation.id:
        work.note("call", operation.type, operation_id=operation.id, note="answer to an operation that had ended")
        return work.decision()
    settling.settled(work, call, current, result)
    return _advanced(work)


def settle_by_hand(
    order: Order, operation_id: str, verdict: by_hand.Verdict, by: str, now: float, rules: Rules
) -> Decision:
    """Applies what a person found of the operation that is stuck; `by`: their name. Raises by_hand.NotSettledError."""
    work = Work(order, now, rules)
    by_hand.settled(work, operation_id, verdict, by)
    return _advanced(work)


def _advanced(work: Work) -> Decision:
    """Decides what waits, in the order of arrival, until something is under way or nothing more can be decided."""
    while _decide_one(work):
        pass
    for pending in work.order.pending:
        if work.order.operations and pending.waits_for == "operation" and pending.arrived == work.now:
            work.note("decision", "waits", event_id=pending.cause.id, note="operation")
    work.store_waiting()
    return work.decision()


def _decide_one(work: Work) -> bool:
    """Decides the first event that can be; False: none can."""
    if work.order.operations:
        return False
    for pending in work.order.pending:
        try:
            _decide(work, pending)
        except Hold as hold:
            work.keep_waiting(pending, hold.waits_for, hold.limit)
        except Refused as no:
            work.drop(pending)
            work.refuse(pending.cause, no.refusal)
            return True
        else:
            return True
    return False


def _decide(work: Work, pending: Pending) -> None:
    order = work.order
    if order.blocked:
        raise Hold("dead_letter")
    data = work.data_of(pending)
    deadline = pending.deadline
    expired = deadline is not None and deadline <= min(work.now, work.rules.heard_until)
    unfit = _unfit(work, data)
    if unfit is not None:
        if isinstance(data, Placed):
            placing.refused_by_rules(work, data)
        raise unfit
    if not isinstance(data, Placed):
        if order.status == "new":
            if expired and pending.waits_for == "order":
                raise Refused("order_unknown", "no placed order of this id came in time")
            raise Hold("order", work.rules.waits_order)
        if order.status in _ENDED_BY_RULES:
            raise Refused("order_rejected", "the order's placing was rejected")
    _decide_data(work, pending, data, expired=expired and pending.waits_for == "shipment")


def _unfit(work: Work, data: Data) -> Refused | None:
    """The amounts, then the provider's limits: what fails here fails in any state of the order."""
    if isinstance(data, Placed | Amended) and (amiss := amounts_amiss(data)):
        return Refused("amounts_do_not_add_up", *amiss)
    provider = data.payment.provider if isinstance(data, Placed) else work.order.provider
    terms = work.rules.terms.get(provider)
    if terms is not None and (refusals := terms.refusals(data)):
        return Refused("not_acceptable_to_provider", *refusals)
    return None


def _decide_data(work: Work, pending: Pending, data: Data, *, expired: bool) -> None:
    match data:
        case Placed():
            placing.decide(work, pending, data)
        case Shipped():
            shipping.decide(work, pending, data)
        case Returned():
            returning.decide(work, pending, data, expired=expired)
        case Cancelled():
            cancelling.decide(work, pending, data)
        case Closed():
            cancelling.decide_closed(work, pending, data)
        case Amended():
            cancelling.decide_amended(work, pending, data)
        case _:
            assert_never(data)
