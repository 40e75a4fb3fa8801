"""The totals that the demo holds against the provider's ledger and the outcomes."""

from collections import Counter
from collections.abc import Iterable
from typing import Any

from sample.oracle import History, Key, Outcome, Reading, replay

Json = dict[str, Any]


def expected(reading: Reading, kinds: dict[Key, str]) -> Json:
    """`expected.json` for what was read; `kinds` names the history of each order and subscription."""
    histories = {key: replay(events) for key, events in reading.events.items()}
    for event in reading.invalid:
        history = histories.setdefault(event.key, History())
        history.outcomes[event.id] = Outcome("rejected", code="invalid_event", final=False)
    final = [outcome for history in histories.values() for outcome in history.outcomes.values() if outcome.final]
    return {
        "events": reading.records,
        "distinct": reading.distinct,
        "duplicates": reading.duplicates,
        "dead_letters": _count(reading.dead_letters),
        "outcomes": _count(outcome.type for outcome in final),
        "codes": _count(outcome.code for outcome in final if outcome.code),
        "open": {"invalid_event": len(reading.invalid)},
        "money": _money(histories),
        "orders": [_order(key, history, kinds.get(key, "stray")) for key, history in sorted(histories.items())],
    }


def _count(names: Iterable[str]) -> Json:
    return dict(sorted(Counter(names).items()))


def _money(histories: dict[Key, History]) -> Json:
    """By merchant, provider and currency: what was authorized as placed, and what became of it, in minor units."""
    money: dict[str, dict[str, dict[str, Counter[str]]]] = {}
    for (merchant, *_), history in sorted(histories.items()):
        if history.order is None:
            continue
        order = history.order
        currencies = money.setdefault(merchant, {}).setdefault(order.provider, {})
        currencies.setdefault(order.currency, Counter()).update(
            authorized=order.authorized, captured=order.captured, refunded=order.refunded, released=order.released
        )
    return money


def _order(key: Key, history: History, kind: str) -> Json:
    order = history.order
    books: Json = dict.fromkeys(("provider", "currency", "order_amount", "captured", "released", "refunded", "status"))
    if order:
        books = {
            "provider": order.provider,
            "currency": order.currency,
            "order_amount": order.order_amount,
            "captured": order.captured,
            "released": order.released,
            "refunded": order.refunded,
            "status": order.status,
        }
    if order and history.checkout:
        books["bought"] = order.authorized
    events = {event_id: _outcome(outcome) for event_id, outcome in history.outcomes.items()}
    merchant, aggregate, subject = key
    return {"merchant": merchant, "kind": aggregate, "subject": subject, "history": kind, **books, "events": events}


def _outcome(outcome: Outcome) -> Json:
    said: Json = {"type": outcome.type}
    if outcome.amount is not None:
        said["amount"] = outcome.amount
    if outcome.code:
        said["code"] = outcome.code
    return said if outcome.final else said | {"final": False}
