"""An order in sentences: is money taken, what does it wait for, until when, what to do."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from msgspec import Struct

from ordersaga.domain import saga
from ordersaga.domain.deciding.builder import is_open
from ordersaga.domain.model.order import Operation, Order, WaitsFor
from ordersaga.domain.model.outcomes import Wait
from ordersaga.domain.model.terms import Rules
from ordersaga.domain.uncertainty.manual import CLOSES_ITSELF
from ordersaga.operating.errors import OperatingError
from ordersaga.operating.formats import counted, money, to_second
from ordersaga.store.dead_letters import DeadLetterSummary
from ordersaga.store.reads import OrderView
from ordersaga.store.upkeep import ALL, Switch

_LATE = 60.0  # seconds
_DIFFER: Final = "books_differ"
_UNAUTHORIZED: Final = "unauthorized"
"""Why a call failed, as the journal has it."""
_PAID: Final = frozenset({"authorized", "captured"})
"""Outcomes of `placed` that tell of a payment."""


class Explanation(Struct, frozen=True):
    """Each a list of sentences; `until` in seconds since the epoch, None: no time is set."""

    merchant: str
    kind: str
    subject: str
    status: str
    money: tuple[str, ...]
    waits: tuple[str, ...]
    until: float | None
    to_do: tuple[str, ...]


def explain(
    view: OrderView, paused: Sequence[Switch], now: float, rules: Rules, dead_letters: Sequence[DeadLetterSummary] = ()
) -> Explanation:
    """`paused`: all pauses. `dead_letters`: the order's open ones. Raises OperatingError."""
    order = view.order
    if order.provider and order.provider not in rules.terms:
        raise OperatingError(f"merchant {order.key.merchant!r} has no account with {order.provider!r} in the settings")
    following = saga.next_call(order, now, rules)
    until = following.until if isinstance(following, Wait) and not _for_a_person(order) else None
    waits = tuple(_waits(view, until, now)) or ("It waits for nothing.",)
    of_order = [
        one for one in paused if one.merchant in {order.key.merchant, ALL} and one.provider in {order.provider, ALL}
    ]
    to_do = tuple(_to_do(view, of_order, now, dead_letters)) or ("Nothing.",)
    key = order.key
    return Explanation(key.merchant, key.kind, key.subject, order.status, tuple(_money(view)), waits, until, to_do)


def _for_a_person(order: Order) -> bool:
    return any(one.stage == "stuck" for one in order.operations[:1]) or order.has_attention("internal_error")


def _money(view: OrderView) -> Iterator[str]:
    order = view.order
    if order.key.kind == "subscription":
        yield _CUSTOMER_TOKENS.get(order.status, "No customer token was created.")
        yield from _lost(order)
        return
    ours = ", by our books" if order.has_attention(_DIFFER) else ""
    yield from _taken(order, ours)
    if order.status == "new":
        yield "The order isn't placed yet."
    elif order.status == "checkout" and order.has_attention(_DIFFER):
        yield f"The customer has completed it in Checkout, but the shop sent {_sum(order, order.order_amount)}."
    elif order.status == "checkout":
        yield f"The customer may complete it in Checkout, for {_sum(order, order.order_amount)}."
    elif order.status == "pending_payment":
        yield f"Nothing is authorized: the customer has yet to pay {_sum(order, order.remaining)}{ours}."
    elif order.accepted and order.remaining:
        until = f" until {_at(order.expires_at)}" if order.expires_at else ""
        yield f"{_sum(order, order.remaining)} is authorized{until}, and not captured{ours}."
    elif order.status == "rejected":
        yield "The order was rejected."
    elif order.status in {"expired", "cancelled"} and _was_unpaid(view):
        yield "Nobody has paid."
    elif order.accepted:
        yield "Nothing is left to capture."
    yield from _lost(order)


def _taken(order: Order, ours: str) -> Iterator[str]:
    moving = sum(one.amount for one in order.refunds if one.moving)
    refunded = order.refunded_amount - moving
    if order.captured_amount:
        of_it = f", and {_sum(order, refunded)} of it is refunded" if refunded > 0 else ""
        yield f"Money is taken: {_sum(order, order.captured_amount)} is captured{of_it}{ours}."
    else:
        yield f"No money is taken{ours}."
    if moving:
        yield f"A refund of {_sum(order, moving)} is under way at the provider, and may still fail."


def _was_unpaid(view: OrderView) -> bool:
    """The customer was to pay at the provider, and never did."""
    told = {one.name for one in view.journal if one.what == "outcome"}
    return not view.order.captured_amount and "payment_pending" in told and told.isdisjoint(_PAID)


_CUSTOMER_TOKENS = {
    "new": "No customer token is requested yet.",
    "active": "Its customer token can be used.",
    "cancelled": "Its customer token is cancelled.",
}


def _lost(order: Order) -> Iterator[str]:
    for operation in order.operations[:1]:
        if operation.unknown:
            yield f"A response was lost: {_name(order, operation)} may have taken effect."


def _waits(view: OrderView, until: float | None, now: float) -> Iterator[str]:
    order = view.order
    again = f" Next step: {_at(until)}." if until is not None else ""
    if view.lease_until is not None and view.lease_until > now:
        yield f"A worker is processing it, until {_at(view.lease_until)} at the latest."
    if order.operations:
        yield _operation(order, order.operations[0], refuses=_refuses_credentials(view)) + again
    elif order.has_attention("internal_error"):
        yield "It waits for a person: ordersaga's code failed on it."
    elif (by_status := _waits_by_status(order)) is not None:
        yield by_status + again
    elif order.provider_order_id and until is not None and not order.pending:
        yield f"Nothing is under way; the provider is read again at {_at(until)}."
    if order.blocked:
        yield f"Its later events wait for dead letter {order.blocked}."
    for pending in order.pending:
        limit = f" until {_at(pending.deadline)}, and is then rejected" if pending.deadline is not None else ""
        yield f"Event {pending.cause.id} ({pending.cause.type}) waits {_FOR[pending.waits_for]}{limit}."


_FOR: Final[Mapping[WaitsFor, str]] = {
    "operation": "for the operation under way",
    "order": "for the order to be placed",
    "review": "for the provider's review",
    "payment": "for the customer's payment",
    "open_payment": "for the end of the payment that the customer may make now",
    "shipment": "for the shipment of its lines",
    "more_goods": "for the shipment of more goods, with which it can be captured",
    "dead_letter": "for the dead letter",
}


def _waits_by_status(order: Order) -> str | None:
    match order.status:
        case "pending_review":
            return "It waits for the provider's review."
        case "pending_payment":
            return _payment(order)
        case "checkout" if order.has_attention(_DIFFER):
            return "It waits for a placed event with the right amount, or for a person."
        case "checkout":
            return "It waits for the customer."
        case _:
            return None


def _payment(order: Order) -> str:
    if order.payment is not None and not is_open(order):
        return "The customer's last payment came to nothing: the shop may send payment_retried, for another one."
    until = f" until {_at(order.expires_at)}" if order.expires_at else ""
    return f"It waits for the customer, who may pay at the provider{until}."


def _refuses_credentials(view: OrderView) -> bool:
    """As far as the order's last call shows."""
    last = next((one for one in reversed(view.journal) if one.what == "call"), None)
    return last is not None and last.note is not None and last.note.endswith(f" {_UNAUTHORIZED}")


def _operation(order: Order, operation: Operation, *, refuses: bool) -> str:
    name = _name(order, operation)
    if operation.stage == "stuck":
        return f"It waits for a person: {name} is stuck, and never sent again by itself."
    if operation.unknown:
        return f"It waits for evidence of {name}, whose response was lost."
    if operation.attempts:
        why = ", and the provider rejects the credentials" if refuses else ""
        return f"It waits for the provider: {name} was tried {counted(operation.attempts, 'time')}{why}."
    return f"It waits for the provider: {name} is to be sent."


def _to_do(
    view: OrderView, paused: Sequence[Switch], now: float, dead_letters: Sequence[DeadLetterSummary]
) -> Iterator[str]:
    order = view.order
    if _refuses_credentials(view):
        yield f"Check the credentials of merchant {order.key.merchant!r} at {order.provider}."
    for one in order.attentions:
        advice = f": {one.advice}" if one.advice else ""
        yield f"Attention {one.reason} since {_at(one.since)}{advice}."
        if one.operation_id is None and one.reason not in CLOSES_ITSELF:
            yield "When that is done, `ordersaga attention resolve` closes it."
    if view.attention is not None and not order.has_attention(view.attention):
        yield f"Attention {view.attention}: see the service's log, and report it."
    for operation in order.operations[:1]:
        if operation.stage == "stuck":
            yield f"Look {operation.id} up at the provider, and record its result with `ordersaga order settle`."
    yield from _letters(order, dead_letters)
    for switch in paused:
        yield f"Calls are paused by {switch.by} since {_at(switch.at)}: `ordersaga resume` ends the pause."
    if view.due_at is not None and view.due_at < now - _LATE and not paused:
        late = now - view.due_at
        yield f"It has been due for {late:,.0f} s: check that workers run, and that the provider responds."


def _letters(order: Order, dead_letters: Sequence[DeadLetterSummary]) -> Iterator[str]:
    if order.blocked:
        yield f"Replay or discard dead letter {order.blocked}."
    for letter in dead_letters:
        if str(letter.id) != order.blocked:
            yield f"Dead letter {letter.id} ({letter.code}) is open: replay it, repaired if need be, or discard it."


def _name(order: Order, operation: Operation) -> str:
    amount = f" of {_sum(order, operation.amount)}" if operation.amount else ""
    return f"{operation.type}{amount} ({operation.id})"


def _sum(order: Order, minor: int) -> str:
    return f"{money(minor, order.currency)} {order.currency}".rstrip()


def _at(seconds: float | None) -> str:
    return f"{to_second(seconds)} UTC"
