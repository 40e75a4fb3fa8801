"""What must come of the sample, worked out from the contract alone: the second book that the service is held against.

The records are read in the order of publishing. What waits is tried again whenever its order has changed, and meets
its deadline when nothing more comes.
"""

import json
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from sample.oracle_checks import adds_up, fits_schema, klarna_takes, what_of
from sample.oracle_order import Order, Waits
from sample.oracle_parts import Rejected

from sample import oracle_order as order_rules

Json = dict[str, Any]
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


@dataclass(frozen=True, slots=True)
class Outcome:
    """How an event ends. `amount` is what all its operations moved; None where it has none."""

    type: str
    amount: int | None = None
    code: str | None = None
    final: bool = True


@dataclass(slots=True)
class History:
    """What came of one order: `order` is None as long as none was accepted."""

    order: Order | None = None
    refused: bool = False
    outcomes: dict[str, Outcome] = field(default_factory=dict)


@dataclass(slots=True)
class Reading:
    """What became of the records as such, before any order is looked at."""

    events: defaultdict[tuple[str, str], list[Event]] = field(default_factory=lambda: defaultdict(list))
    invalid: list[Event] = field(default_factory=list)
    dead_letters: list[str] = field(default_factory=list)
    records: int = 0
    distinct: int = 0
    duplicates: int = 0


def replay(events: Iterable[Event]) -> History:
    """The end of one order whose valid, distinct events come in this order."""
    history, waiting = History(), list[Event]()
    for event in events:
        waiting.append(event)
        while any(_decide(history, waiting, e) for e in list(waiting)):
            pass
    for event in waiting:
        code = "order_unknown" if history.order is None else "over_refund"
        history.outcomes[event.id] = Outcome("rejected", code=code)
    return history


def _decide(history: History, waiting: list[Event], event: Event) -> bool:
    """Try one event; whether it came to its end."""
    if event not in waiting:
        return False
    what = what_of(event.type) or ""
    try:
        if what == "placed":
            history.outcomes[event.id] = _place(history, waiting, event)
        elif history.refused:
            history.outcomes[event.id] = Outcome("rejected", code="order_rejected")
        elif history.order is None:
            return False
        else:
            history.outcomes[event.id] = _act(history, history.order, what, event)
    except Waits:
        return False
    except Rejected as rejected:
        history.outcomes[event.id] = Outcome("rejected", code=rejected.code)
    waiting.remove(event)
    return True


def _place(history: History, waiting: list[Event], event: Event) -> Outcome:
    if history.order is not None:
        raise Rejected("order_exists")
    code = _objection(event.data)
    cancels = [e for e in waiting if what_of(e.type) == "cancelled" and "order_lines" not in e.data]
    if cancels and code is None:
        code = "cancelled_before_authorized"
        waiting.remove(cancels[0])
        history.outcomes[cancels[0].id] = Outcome("cancelled")
    history.refused = code is not None
    if code:
        raise Rejected(code)
    history.order = order_rules.place(event.data)
    return Outcome("authorized", history.order.order_amount)


def _objection(data: Json) -> str | None:
    """Why the order isn't accepted; Klarna's refusal keeps Klarna's own code."""
    if not adds_up(data):
        return "amounts_do_not_add_up"
    if not klarna_takes(data):
        return "not_acceptable_to_provider"
    return "REJECTED" if data["payment"]["authorization_token"].startswith("sbx-reject-") else None


def _act(history: History, order: Order, what: str, event: Event) -> Outcome:
    after = order_rules.copy_order(order)
    if what == "shipped":
        outcome = Outcome("captured", order_rules.ship(after, event.data, event.id))
    elif what == "returned":
        outcome = Outcome("refunded", order_rules.give_back_order(after, event.data, event.id))
    elif what == "cancelled":
        outcome = Outcome(*order_rules.cancel(after, event.data))
    elif what == "closed":
        outcome = Outcome(*order_rules.close(after))
    else:
        code = _objection({"payment": {"authorization_token": ""}, **event.data})
        if code:
            raise Rejected(code)
        outcome = Outcome("amended", order_rules.amend(after, event.data))
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
        reading.events[event.merchant, event.subject].append(event)


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
