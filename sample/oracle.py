"""What must come of the sample, worked out from the contract alone: the second book that the service is held against.

The records are read in the order of publishing. What waits is tried again whenever its order has changed, and meets
its deadline when nothing more comes.
"""

import json
from collections import defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

from sample.oracle_checkout import Checkout
from sample.oracle_checks import adds_up, fits_schema, klarna_refusal, what_of
from sample.oracle_mollie import MollieOrder
from sample.oracle_order import Order, Waits
from sample.oracle_parts import Rejected, Unsaid

from sample import oracle_changes as change_rules
from sample import oracle_checkout as checkout_rules
from sample import oracle_mollie as mollie_rules
from sample import oracle_order as order_rules

Json = dict[str, Any]
Key = tuple[str, str, str]
"""Merchant, `order` or `subscription`, subject."""
MERCHANTS = {"default", "gifts"}
STRUCTURED = "application/cloudevents+json"


@dataclass(frozen=True, slots=True)
class Event:
    """A shop event as it was received; `data` is what was sent, text where that isn't JSON."""

    merchant: str
    source: str
    id: str
    type: str
    subject: str
    data: Any

    @property
    def key(self) -> Key:
        """A subscription's id may be an order's as well."""
        tokens = {"customer_token_requested", "customer_token_cancelled"}
        return self.merchant, "subscription" if what_of(self.type) in tokens else "order", self.subject


@dataclass(frozen=True, slots=True)
class Outcome:
    """How an event ends. `amount` is what all its operations moved; None where it has none."""

    type: str
    amount: int | None = None
    code: str | None = None
    final: bool = True


@dataclass(slots=True)
class History:
    """What came of one order: `order` is None as long as none was accepted. Of a subscription: whether it has a token.

    `checkout`: its Checkout order, open or bought. `unpaid`: the `placed` of an order whose payment at Mollie came to nothing.
    """

    order: Order | None = None
    checkout: Checkout | None = None
    unpaid: Event | None = None
    refused: bool = False
    has_token: bool = False
    outcomes: dict[str, Outcome] = field(default_factory=dict)


@dataclass(slots=True)
class Reading:
    """What became of the records as such, before any order is looked at."""

    events: defaultdict[Key, list[Event]] = field(default_factory=lambda: defaultdict(list))
    invalid: list[Event] = field(default_factory=list)
    dead_letters: list[str] = field(default_factory=list)
    records: int = 0
    distinct: int = 0
    duplicates: int = 0


def replay(events: Iterable[Event]) -> History:
    """The end of one order, or one subscription, whose valid, distinct events come in this order."""
    history, waiting = History(), list[Event]()
    for event in events:
        waiting.append(event)
        while any(_decide(history, waiting, e) for e in list(waiting)):
            pass
    if history.unpaid is not None:
        raise Unsaid("when an order that nobody pays expires")
    for event in waiting:
        history.outcomes[event.id] = Outcome("rejected", code=_in_vain(history, event))
    return history


def _in_vain(history: History, event: Event) -> str:
    """The code of what waits until its deadline."""
    if history.order is None:
        return "order_unknown"
    if what_of(event.type) == "shipped":
        raise Unsaid("what a person does with a shipment that waits for more goods")
    return "over_refund" if what_of(event.type) == "returned" else "shipment_unknown"


def _decide(history: History, waiting: list[Event], event: Event) -> bool:
    """Try one event; whether it came to its end."""
    if event not in waiting:
        return False
    try:
        outcome = _outcome(history, waiting, event)
    except Waits:
        return False
    except Rejected as rejected:
        outcome = Outcome("rejected", code=rejected.code)
    if outcome is None:
        return False
    history.outcomes[event.id] = outcome
    waiting.remove(event)
    return True


def _outcome(history: History, waiting: list[Event], event: Event) -> Outcome | None:
    """None: it waits for its order, or for its subscription's token."""
    what = what_of(event.type) or ""
    if what == "placed":
        return _place(history, waiting, event)
    if what in BEGINS:
        return BEGINS[what](history, event)
    if what == "customer_token_cancelled" and (history.has_token or "customer_token" in event.data):
        return _end_token(history, event)
    if history.refused:
        raise Rejected("order_rejected")
    if what in {"checkout_updated", "checkout_abandoned"} and history.checkout is not None:
        return _change_checkout(history, history.checkout, what, event.data)
    return None if history.order is None else _act(history, waiting, history.order, what, event)


def _place(history: History, waiting: list[Event], event: Event) -> Outcome | None:
    if "checkout_order_id" in event.data["payment"]:
        return _claim_checkout(history, waiting, event)
    if event is history.unpaid:
        return None
    if history.unpaid is not None:
        raise Unsaid("a second placed while the first waits for a payment")
    if history.order is not None:
        raise Rejected("order_exists")
    if history.checkout is not None:
        raise Unsaid("placing beside a Checkout order that may lapse at any time")
    code = _objection(event.data)
    cancels = [e for e in waiting if what_of(e.type) == "cancelled" and "order_lines" not in e.data]
    if cancels and code is None:
        code = "cancelled_before_authorized"
        waiting.remove(cancels[0])
        history.outcomes[cancels[0].id] = Outcome("cancelled")
    history.refused = code is not None
    if code:
        raise Rejected(code)
    if event.data["payment"]["provider"] == "mollie":
        return _open_at_mollie(history, event)
    history.order = order_rules.place(event.data)
    return Outcome("authorized", history.order.order_amount)


def _open_at_mollie(history: History, event: Event) -> Outcome | None:
    """Whatever needs the payment waits for it, so that one that succeeds late may as well have been at once."""
    history.order = order = mollie_rules.place(event.data)
    if order.unpaid:
        history.unpaid = event
        return None
    return Outcome(*order.placed_end)


def _retry(history: History, waiting: list[Event], order: MollieOrder, _event: Event) -> Outcome:
    mollie_rules.retry(order)
    if order.customer.pays_first_time:
        mollie_rules.pay(order)
        _end_placed(history, waiting, Outcome(*order.placed_end))
    return Outcome("payment_pending")


def _end_placed(history: History, waiting: list[Event], outcome: Outcome) -> None:
    assert history.unpaid is not None
    waiting.remove(history.unpaid)
    history.outcomes[history.unpaid.id], history.unpaid = outcome, None


def _act_at_mollie(history: History, waiting: list[Event], order: MollieOrder, event: Event) -> Outcome:
    what = what_of(event.type) or ""
    if what == "amended" and (code := _mistake(event.data, mollie_rules.refusal)):
        raise Rejected(code)
    after = mollie_rules.copied(order)
    outcome = Outcome(*mollie_rules.act(after, what, event.data, event.id))
    history.order = after
    if after.never_paid:
        _end_placed(history, waiting, Outcome("rejected", code="cancelled_before_authorized"))
    return outcome


def _objection(data: Json) -> str | None:
    """Why the order isn't accepted; the provider's refusal keeps its own code."""
    if data["payment"]["provider"] == "mollie":
        return _mistake(data, mollie_rules.refusal)
    return _mistake(data) or _refusal(data["payment"])


def _mistake(data: Json, refusal: Callable[[Json], str | None] = klarna_refusal) -> str | None:
    """What the shop is told without a call, but for a refusal of the provider's."""
    return refusal(data) if adds_up(data) else "amounts_do_not_add_up"


def _start_checkout(history: History, event: Event) -> Outcome:
    if history.order is not None:
        raise Rejected("order_exists")
    if history.checkout is not None:
        raise Unsaid("a second Checkout order beside one that may lapse at any time")
    if code := _mistake(event.data):
        raise Rejected(code)
    history.refused, history.checkout = False, checkout_rules.started(event.data)
    _buy(history, history.checkout)
    return Outcome("checkout_created")


def _change_checkout(history: History, checkout: Checkout, what: str, data: Json) -> Outcome:
    if what == "checkout_abandoned":
        checkout_rules.abandoned(checkout)
        history.refused, history.checkout = True, None
        return Outcome("checkout_abandoned")
    if "order_lines" in data and (code := _mistake(data)):
        raise Rejected(code)
    history.checkout = checkout_rules.updated(checkout, data)
    _buy(history, history.checkout)
    return Outcome("checkout_updated")


def _buy(history: History, checkout: Checkout) -> None:
    """Whatever needs the order waits until that is found, so that it may as well have been at once."""
    if checkout.bought:
        history.order = order_rules.place(checkout.content)


def _claim_checkout(history: History, waiting: list[Event], event: Event) -> Outcome:
    """`authorized`, without an amount: where the purchase was found before, there is no operation."""
    if history.order is not None and history.checkout is None:
        raise Rejected("order_exists")
    if history.order is None and any(what_of(e.type) == "cancelled" for e in waiting):
        raise Unsaid("a cancellation that comes before the placed of a Checkout order")
    try:
        history.checkout = checkout_rules.claimed(history.checkout, event.data)
    except Rejected:
        if history.order is None:
            history.refused, history.checkout = True, None
        raise
    return Outcome("authorized")


CUSTOMER_TOKENS = {
    "sbx-suspended-": "TOKEN_SUSPENDED",
    "sbx-canceled-": "TOKEN_CANCELED",
    "sbx-failing-": "PAYMENT_METHOD_FAILED",
    "sbx-unavailable-": "UNAVAILABLE_PAYMENT_METHOD",
}


def _refusal(payment: Json) -> str | None:
    """By what the token begins with."""
    if "customer_token" in payment:
        begins = (code for start, code in CUSTOMER_TOKENS.items() if payment["customer_token"].startswith(start))
        return next(begins, None)
    return "REJECTED" if payment["authorization_token"].startswith("sbx-reject-") else None


def _abandon(history: History, event: Event) -> Outcome:
    if history.order is not None or history.outcomes:
        raise Unsaid("abandoning the authorization of an order that was placed before")
    if _refusal(event.data):
        raise Unsaid("abandoning an authorization that the provider refuses")
    return Outcome("abandoned")


def _tokenize(history: History, event: Event) -> Outcome:
    if history.outcomes:
        raise Unsaid("a second token of a subscription")
    token = event.data["authorization_token"]
    history.refused = token.startswith(("sbx-reject-", "sbx-buy-"))
    if history.refused:
        raise Rejected("REJECTED" if token.startswith("sbx-reject-") else "INVALID_OPERATION")
    history.has_token = True
    return Outcome("customer_token_created")


def _end_token(history: History, event: Event) -> Outcome:
    if "customer_token_cancelled" in {outcome.type for outcome in history.outcomes.values()}:
        raise Unsaid("cancelling another token, or a token again")
    history.has_token = history.has_token and "customer_token" in event.data
    return Outcome("customer_token_cancelled")


BEGINS: dict[str, Callable[[History, Event], Outcome]] = {
    "authorization_abandoned": _abandon,
    "customer_token_requested": _tokenize,
    "checkout_started": _start_checkout,
}


def _act(history: History, waiting: list[Event], order: Order, what: str, event: Event) -> Outcome:
    if isinstance(order, MollieOrder):
        act = _retry if what == "payment_retried" else _act_at_mollie
        return act(history, waiting, order, event)
    after = order_rules.copy_order(order)
    if what == "shipped":
        outcome = Outcome("captured", order_rules.ship(after, event.data, event.id))
    elif what == "returned":
        outcome = Outcome("refunded", order_rules.give_back_order(after, event.data, event.id))
    elif what == "cancelled":
        outcome = Outcome(*order_rules.cancel(after, event.data))
    elif what == "closed":
        outcome = Outcome(*order_rules.close(after))
    elif what == "amended":
        if code := _mistake(event.data):
            raise Rejected(code)
        outcome = Outcome("amended", order_rules.amend(after, event.data))
    else:
        outcome = Outcome(change_rules.change(after, what, event.data))
    history.order = after
    return outcome


def read(records: Iterable[Json]) -> Reading:
    """Sort out what is no event, twice the same, an id used again, or breaks the schema."""
    reading, seen = Reading(), dict[tuple[str, str, str], Event]()
    for record in records:
        reading.records += 1
        event = _event(record)
        if event is None:
            reading.dead_letters.append("invalid_envelope")
            continue
        key = (event.merchant, event.source, event.id)
        first = seen.setdefault(key, event)
        if first is not event:
            if first == event:
                reading.duplicates += 1
            else:
                reading.dead_letters.append("id_reused")
            continue
        reading.distinct += 1
        _sort_in(reading, event)
    return reading


def _sort_in(reading: Reading, event: Event) -> None:
    what = what_of(event.type)
    if event.merchant not in MERCHANTS:
        reading.dead_letters.append("unknown_merchant")
    elif what is None or not fits_schema(what, event.data):
        reading.dead_letters.append("invalid_event")
        reading.invalid.append(event)
    else:
        reading.events[event.key].append(event)


def _event(record: Json) -> Event | None:
    """The event of a line of the sample; None where it has no whole envelope."""
    if "raw" not in record:
        return _whole(record, record.get("subject"), record.get("data"))
    raw = record["raw"]
    headers = {name.lower(): value for name, value in raw["headers"].items()}
    if headers.get("content-type") == STRUCTURED:
        envelope = _json(raw["value"])
        return _whole(envelope, raw["key"], envelope.get("data")) if isinstance(envelope, dict) else None
    envelope = {name[3:]: value for name, value in headers.items() if name.startswith("ce_")}
    return _whole(envelope, raw["key"], _json(raw["value"]))


def _json(text: str) -> Any:
    """The value, or the text itself where it isn't JSON."""
    try:
        return json.loads(text)
    except ValueError:
        return text


def _whole(envelope: Json, key: str | None, data: Any) -> Event | None:
    subject = envelope.get("subject", key)
    named = [envelope.get(name) for name in ("specversion", "source", "id", "type")] + [subject]
    if not all(isinstance(value, str) and 0 < len(value) <= 255 for value in named):
        return None
    merchant = envelope.get("merchant", "default")
    return Event(merchant, envelope["source"], envelope["id"], envelope["type"], str(subject), data)
