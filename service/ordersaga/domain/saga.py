"""The heart: three pure functions.

`accept` takes an event in, `next_call` says what to do next, and `settle` applies the answer to a call.
"""

from msgspec.structs import replace

from ordersaga.domain import operations
from ordersaga.domain.deciding import completing, placing, shipping, waiting
from ordersaga.domain.deciding.builder import DecisionBuilder, Hold, Refused
from ordersaga.domain.model.amounts import inconsistent_amounts
from ordersaga.domain.model.events import TYPES, Amended, Cause, CheckoutUpdated, Data, Event, Placed
from ordersaga.domain.model.order import Key, Operation, Order, Pending, Refusal
from ordersaga.domain.model.outcomes import Call, CallKind, Decision, Elapsed, Next, Read, Rest, Revoke, Send, Wait
from ordersaga.domain.model.results import Result
from ordersaga.domain.model.terms import Rules
from ordersaga.domain.operations import ByCheckoutRead, ByReading, ByRepeating, ByTokenRead
from ordersaga.domain.uncertainty import evidence, manual, named, refreshing, settling

_WATERMARK_POLL = 1.0  # seconds until a passed deadline is looked at again while the intake is behind
_ENDED_BY_RULES = frozenset({"rejected", "abandoned"})
_OUR_FAULT = "internal_error"
_TOO_MANY = "see what the order waits for; send this event again, under a new id, once it goes on"


def accept(order: Order | None, event: Event, now: float, rules: Rules, *, taken: bool = False) -> Decision:
    """Takes an event in: decides it, or lets it wait. `taken`: the provider's order that it names is another order's."""
    builder = DecisionBuilder(order or Order(Key(event.merchant, event.kind, event.subject)), now, rules)
    builder.journal("event", event.cause.type, event_id=event.cause.id)
    builder.arrive(event.cause, event.data, event.raw, taken=taken)
    return _advanced(builder, arrived=event.cause)


def tick(order: Order, now: float, rules: Rules) -> Decision:
    """Decides the waiting events again: a deadline has passed, or what they waited for is gone."""
    return _advanced(DecisionBuilder(order, now, rules))


def refuse_input(
    order: Order | None, key: Key, cause: Cause, refusal: Refusal, now: float, rules: Rules, *, final: bool
) -> Decision:
    """A `rejected` outcome for an input that can't be decided (its dead letter holds it)."""
    builder = DecisionBuilder(order or Order(key), now, rules)
    builder.journal("event", cause.type, event_id=cause.id, note=refusal.code)
    builder.refuse(cause, refusal, final=final)
    return builder.decision()


def take_in_first(order: Order | None, event: Event, now: float, rules: Rules, *, unblocks: str) -> Decision:
    """Takes a replayed event in, before those that wait for its dead letter."""
    builder = DecisionBuilder(order or Order(Key(event.merchant, event.kind, event.subject)), now, rules)
    builder.journal("event", event.cause.type, event_id=event.cause.id, note="replayed")
    builder.unblock(unblocks)
    builder.arrive(event.cause, event.data, event.raw, first=True)
    return _advanced(builder)


def refuse_for_good(
    order: Order, cause: Cause, refusal: Refusal, now: float, rules: Rules, *, unblocks: str
) -> Decision:
    """The final `rejected` of an input whose dead letter was discarded; the events that waited for it go on."""
    builder = DecisionBuilder(order, now, rules)
    builder.journal("event", cause.type, event_id=cause.id, note="discarded")
    builder.refuse(cause, refusal)
    builder.unblock(unblocks)
    return _advanced(builder)


def stall(order: Order, reason: str, now: float, rules: Rules) -> Decision:
    """Our own code failed on this order: it is stopped until a person has looked."""
    builder = DecisionBuilder(order, now, rules)
    operation = replace(order.operations[0], stage="stuck", attention=True) if order.operations else None
    if operation is not None:
        builder.replace_current(operation)
    builder.raise_attention(
        operation, _OUR_FAULT, f"{reason}: see the service's log, then use `ordersaga order settle`"
    )
    return builder.decision()


def next_call(order: Order, now: float, rules: Rules) -> Next:
    """What the worker is to do for the order now. Each `Elapsed` takes at least one deadline away."""
    following = _next_call(order, now, rules)
    return following if order.has_attention(_OUR_FAULT) else named.instead_of_waiting(order, following, now)


def _next_call(order: Order, now: float, rules: Rules) -> Next:
    if order.operations:
        return _no_later_than_warning(order, _next_of(order, order.operations[0], now, rules), now, rules)
    if order.has_attention(_OUR_FAULT):
        return _no_later_than_warning(order, Rest(), now, rules)
    at = refreshing.due(order, rules)
    if at is not None and at <= now:
        return refreshing.read_of(order, rules)
    deadline = min((pending.deadline for pending in order.pending if pending.deadline is not None), default=None)
    if deadline is not None and deadline <= now:
        if rules.input_watermark >= deadline:
            return Elapsed()
        deadline = now + _WATERMARK_POLL
    times = [time for time in (at, deadline) if time is not None]
    return Wait(min(times)) if times else Rest()


def _no_later_than_warning(order: Order, following: Next, now: float, rules: Rules) -> Next:
    """What waits, or rests for a person, must not sleep through the expiry of its authorization (I9)."""
    at = refreshing.warning_due(order, rules)
    if at is None or not isinstance(following, Wait | Rest):
        return following
    if at <= now:
        return Elapsed()
    return Wait(min(at, following.until)) if isinstance(following, Wait) else Wait(at)


def _next_of(order: Order, operation: Operation, now: float, rules: Rules) -> Next:
    if operation.stage == "stuck":
        return Rest()
    if operation.due > now:
        return Wait(operation.due)
    spec = operations.spec_of(operation)
    if spec.only_reads or operation.stage == "read":
        return _read_of(order, operation, rules)
    return _next_write(order, operation, now, rules)


def _read_of(order: Order, operation: Operation, rules: Rules) -> Read:
    match operations.spec_of(operation).evidence:
        case ByTokenRead():
            reading = rules.terms[order.provider].reading(order.details.requests[operation.id])
            return Read("", operation, reading)
        case ByCheckoutRead():
            return Read(order.provider_order_id or "", operation, of="checkout")
        case ByReading(search=True) if order.provider_order_id is None:
            return Read("", operation, of="search")
        case _:
            return Read(order.provider_order_id or "", operation)


def _next_write(order: Order, operation: Operation, now: float, rules: Rules) -> Next:
    """`Elapsed`: it isn't made any more."""
    if evidence.exhausted(order, operation, now, rules):
        return Elapsed()
    request = order.details.requests[operation.id]
    forgotten = evidence.outlives_key(order, operation, now, rules)
    match operations.spec_of(operation).evidence:
        case ByReading() | ByTokenRead() if forgotten or evidence.predates_restore(operation, rules):
            return _read_of(order, operation, rules)
        case ByRepeating() if forgotten or operation.stage == "revoke":
            return Revoke(operation, rules.terms[order.provider].revocation(request))
        case _:
            return Send(operation, request)


def due_call(order: Order, now: float, rules: Rules) -> tuple[float | None, CallKind | None]:
    """When the order is to be looked at next (I8), after it was decided, and the kind of the call that is due then.

    None: it is at rest, or waits for a person; the order needs no provider then.
    """
    match next_call(order, now, rules):
        case Wait(until=until):
            return until, kind_of(next_call(order, until, rules))
        case Rest():
            return None, None
        case step:
            return now, kind_of(step)


def kind_of(step: Next) -> CallKind | None:
    """None: it needs no provider."""
    match step:
        case Send(operation=operation):
            return operations.spec_of(operation).call_kind
        case Read():
            return "reading"
        case Revoke():
            return "changing"
        case _:
            return None


def settle(order: Order, call: Call | Elapsed, result: Result | None, now: float, rules: Rules) -> Decision:
    """Applies the result of a call to the order as it is now."""
    builder = DecisionBuilder(order, now, rules)
    operation = None if isinstance(call, Elapsed) else call.operation
    if isinstance(call, Elapsed) or result is None:
        if order.operations or order.has_attention(_OUR_FAULT):
            refreshing.warn_of_expiry(builder)
        evidence.give_up(builder)
        return _advanced(builder)
    if isinstance(call, Read) and call.of == "named":
        named.looked(builder, call, result)
        return _advanced(builder)
    if isinstance(call, Read):
        if refreshing.of_former_order(order, call):
            return _advanced(builder)
        if call.of != "search":
            result = refreshing.of_this_order(builder, call, result)
    if operation is None:
        refreshing.refreshed(builder, result)
        return _advanced(builder)
    current = order.operations[0] if order.operations else None
    if current is None or current.id != operation.id:
        builder.journal("call", operation.type, operation_id=operation.id, note="answer to an operation that had ended")
        return builder.decision()
    settling.settled(builder, call, current, result)
    return _advanced(builder)


def settle_manually(
    order: Order, operation_id: str, verdict: manual.Verdict, by: str, now: float, rules: Rules
) -> Decision:
    """Applies a person's verdict on the stuck operation; `by`: their name. Raises manual.NotSettledError."""
    builder = DecisionBuilder(order, now, rules)
    manual.settled(builder, operation_id, verdict, by)
    return _advanced(builder)


def resolve_attention(order: Order, reason: str, by: str, now: float, rules: Rules) -> Decision:
    """Clears an attention that isn't of an operation; an order that it stopped goes on. Raises manual.NotSettledError."""
    builder = DecisionBuilder(order, now, rules)
    manual.resolved(builder, reason, by)
    return _advanced(builder)


def _advanced(builder: DecisionBuilder, *, arrived: Cause | None = None) -> Decision:
    """Decides what waits, in the order of arrival, until something is under way or nothing more can be decided.

    `arrived`: the event that has just come, which is refused if it waits and is one too many.
    """
    if arrived and builder.order.operations and operations.gives_way(builder.order.operations[0]):
        builder.retire(builder.order.operations[0])
        builder.change(expiry_read=False)  # what came of its call shows by a read
    evidence.let_go(builder)
    while _decide_one(builder):
        pass
    shipping.end_of_waits(builder)
    if arrived and builder.too_many_wait():
        _refuse_one_too_many(builder, arrived)
    for pending in builder.order.pending:
        if builder.order.operations and pending.waits_for == "operation" and pending.arrived == builder.now:
            builder.journal("decision", "waits", event_id=pending.cause.id, note="operation")
    builder.store_waiting()
    return builder.decision()


def _refuse_one_too_many(builder: DecisionBuilder, arrived: Cause) -> None:
    """Not the event of an operation that was put back to wait: that was taken in before."""
    for pending in builder.order.pending:
        if pending.cause == arrived:
            builder.drop(pending)
            text = f"{builder.rules.waits_most} events of this order wait already"
            builder.refuse(arrived, Refusal("too_many_waiting", (text,), advice=_TOO_MANY))
            return


def _decide_one(builder: DecisionBuilder) -> bool:
    """Decides the first event that can be; False: none can."""
    if builder.order.operations and (builder.order.blocked or not _made_room(builder)):
        return False
    for pending in builder.order.pending:
        if waiting.still_waits(builder, pending):
            continue
        try:
            _decide(builder, pending)
        except Hold as hold:
            builder.keep_waiting(pending, hold.waits_for, hold.limit)
        except Refused as no:
            builder.drop(pending)
            builder.refuse(pending.cause, no.refusal)
            return True
        else:
            return True
    return False


def _made_room(builder: DecisionBuilder) -> bool:
    """Ends the operation under way for an event that needn't wait for the customer with it, or that corrects its own."""
    order = builder.order
    operation = order.operations[0]
    if operation.stage == "stuck":
        return completing.corrected(builder, operation)
    if not operations.spec_of(operation).gives_room or operation.id not in order.details.waiting:
        return False  # without the event's data it was begun by an older version
    if not any(operations.DECIDED_BY[TYPES[pending.cause.type]].takes_room for pending in order.pending):
        return False
    completing.put_aside(builder, operation)
    return True


def _decide(builder: DecisionBuilder, pending: Pending) -> None:
    order = builder.order
    if order.blocked:
        raise Hold("dead_letter")
    data = builder.data_of(pending)
    unfit = _unfit(builder, data)
    if unfit is not None:
        if isinstance(data, Placed):
            placing.refused_by_rules(builder, data)
        raise unfit
    row = operations.DECIDED_BY[type(data)]
    if not isinstance(data, Placed) and not row.without_order:
        if order.status in {"new", "checkout"}:
            waiting.for_order(builder, pending)
        if order.status in _ENDED_BY_RULES and not (order.refundable and row.after_rejection):
            why = "authorization was abandoned" if order.status == "abandoned" else "placing was rejected"
            raise Refused("order_rejected", f"the order's {why}")
    operations.decide(builder, pending, data)


def _unfit(builder: DecisionBuilder, data: Data) -> Refused | None:
    """Checks the amounts, then the provider's limits: what fails here fails in any state of the order."""
    if isinstance(data, Placed | Amended | CheckoutUpdated) and (inconsistencies := inconsistent_amounts(data)):
        return Refused("amounts_do_not_add_up", *inconsistencies)
    terms = builder.rules.terms.get(_provider_of(builder, data) or "")
    if terms is not None and (refusals := terms.refusals(data)):
        return Refused("not_acceptable_to_provider", *refusals)
    return None


def _provider_of(builder: DecisionBuilder, data: Data) -> str | None:
    if isinstance(data, Placed):
        return data.payment.provider
    row = operations.DECIDED_BY[type(data)]
    return builder.able(row.name) if row.without_order else builder.order.provider
