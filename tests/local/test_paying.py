"""What the demo finds of payments at Mollie."""

from typing import Any

from ordersaga_local.outcomes import Books, Told
from ordersaga_local.paying import Payments, of_payments

PAID = 100.0


def tell(books: Books, order: str, what: str, at: float, cause: str = "placed", *, final: bool = True) -> None:
    because = {"source": "/shop", "id": order, "type": f"shop.order.{cause}.v1"}
    data = {"final": final, "operation": None, "cause": because, "order": None, "provider_order_id": order}
    sequence = 1 + sum(told.order == order for told in books.seen.values())
    books.add(Told(order, "default", "order", what, 1, sequence, f"{order}-{sequence}", at, data), b"")


def payment(order: str, provider: str = "mollie") -> dict[str, Any]:
    return {"kind": "authorize", "by": "customer", "provider": provider, "order_id": order, "at": PAID}


def webhook(order: str, *attempts: tuple[float, int | None], kind: str = "order_webhook") -> dict[str, Any]:
    return {"kind": kind, "order_id": order, "attempts": [{"at": at, "status": status} for at, status in attempts]}


def test_payments_are_told_by_a_webhook_or_found_by_reading() -> None:
    books = Books()
    for order in ("told", "twice", "lost", "later"):
        tell(books, order, "payment_pending", 101.0, final=False)
        tell(books, order, "captured" if order == "twice" else "authorized", 105.0)
    tell(books, "silent", "rejected", 105.0)
    tell(books, "told", "payment_pending", 104.0, "payment_retried")
    deliveries = [
        webhook("told", (104.0, 200)),
        webhook("told", (107.0, 200)),
        webhook("twice", (104.0, 200), (104.1, 200)),
        webhook("lost", (104.0, None), (164.0, 200)),
        webhook("later", (106.0, 200)),
        webhook("told", (103.0, 200), kind="payment_webhook"),
    ]
    effects = [*map(payment, ("told", "twice", "lost", "later", "silent")), payment("other", "klarna")]
    payments = of_payments(deliveries, effects, books)
    assert payments == Payments(paid=5, told=2, twice=1, lost=1, unknown=1, failed=1, retried=1)
    assert payments.read == 2
    assert payments.problems() == ["Mollie: no outcome tells of 1 orders that were paid"]


def test_a_demo_without_any_webhook_says_so() -> None:
    books = Books()
    tell(books, "1", "authorized", 105.0)
    assert of_payments([], [payment("1")], books).problems() == ["Mollie: no webhook was received"]
    assert of_payments([], [], Books()).problems() == []
