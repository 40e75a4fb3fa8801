"""What the demo finds of the provider's notifications."""

from typing import Any

from ordersaga_local.notifying import Reviews, of_reviews
from ordersaga_local.outcomes import Books, Told

DECIDED = 100.0


def books_of(outcomes: dict[str, float]) -> Books:
    """Provider's order id -> when its `placed` ended."""
    books = Books()
    for order, at in outcomes.items():
        cause = {"source": "/shop", "id": order, "type": "shop.order.placed.v1"}
        data = {"final": True, "operation": None, "cause": cause, "order": None, "provider_order_id": order}
        books.add(Told(order, "default", "order", "authorized", 1, 1, order, at, data), b"")
    return books


def decision(order: str) -> dict[str, Any]:
    return {"kind": "fraud_decision", "order_id": order, "at": DECIDED}


def delivery(order: str, *attempts: tuple[float, int | None]) -> dict[str, Any]:
    made = [{"at": at, "status": status} for at, status in attempts]
    return {"kind": "notification", "order_id": order, "attempts": made}


def test_decisions_are_told_by_notifications_or_found_by_polling() -> None:
    books = books_of({"told": 102.0, "twice": 102.5, "lost": 110.0, "refused": 110.0, "polled": 101.0, "late": 101.0})
    deliveries = [
        delivery("told", (101.0, 200)),
        delivery("twice", (101.0, 200), (102.0, 200)),
        delivery("lost", (101.0, None)),
        delivery("refused", (101.0, 503)),
        delivery("late", (103.0, 200)),
    ]
    reviews = of_reviews(deliveries, map(decision, ("told", "twice", "lost", "refused", "polled", "late")), books)
    assert reviews == Reviews(decided=6, notified=2, twice=1, lost=2, seconds=[1.0, 1.5])
    assert reviews.polled == 4
    assert reviews.problems() == []


def test_a_demo_without_any_notification_says_so() -> None:
    assert of_reviews([], [decision("1")], books_of({"1": 101.0})).problems()
    assert of_reviews([], [], Books()).problems() == []
