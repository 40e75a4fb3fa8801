"""What the demo finds of purchases in the Checkout, and the addresses that it gives the sample."""

import gzip
from pathlib import Path
from typing import Any

from ordersaga_local.checkouts import Purchases, of_purchases, with_addresses
from ordersaga_local.outcomes import Books, Told

BOUGHT = 100.0


def tell(books: Books, order: str, what: str, at: float, cause: str | None) -> None:
    data = {
        "final": True,
        "operation": None,
        "cause": cause and {"source": "/shop", "id": order, "type": f"shop.order.{cause}.v1"},
        "order": {},
        "provider_order_id": order,
    }
    if what != "rejected":
        data["order"] = {"status": "authorized"}
    sequence = 1 + sum(told.order == order for told in books.seen.values())
    books.add(Told(order, "default", "order", what, 1, sequence, f"{order}-{sequence}", at, data), b"")


def purchase(order: str, by: str = "customer") -> dict[str, Any]:
    return {"kind": "authorize", "by": by, "provider": "klarna", "order_id": order, "at": BOUGHT}


def push(order: str, *attempts: tuple[float, int | None]) -> dict[str, Any]:
    return {"kind": "push", "order_id": order, "attempts": [{"at": at, "status": status} for at, status in attempts]}


def test_purchases_are_told_by_a_push_or_by_a_placed_or_found_by_reading() -> None:
    books = Books()
    for order in ("pushed", "twice", "lost", "refused", "read"):
        tell(books, order, "checkout_completed", 105.0, None)
    tell(books, "late", "checkout_completed", 102.0, None)
    tell(books, "placed", "authorized", 105.0, "placed")
    tell(books, "both", "checkout_completed", 105.0, None)
    tell(books, "both", "authorized", 106.0, "placed")
    tell(books, "silent", "rejected", 105.0, "placed")
    deliveries = [
        push("pushed", (104.0, 200)),
        push("twice", (104.0, 200), (104.1, 200)),
        push("lost", (104.0, None)),
        push("refused", (104.0, 503)),
        push("read"),
        push("late", (103.0, 200)),
        push("placed", (104.0, 200)),
        push("both", (104.0, 200)),
    ]
    names = ("pushed", "twice", "lost", "refused", "read", "late", "placed", "both", "silent")
    purchases = of_purchases(deliveries, [*map(purchase, names), purchase("other", "merchant")], books)
    assert purchases == Purchases(bought=9, pushed=3, twice=1, lost=2, placed=1, unknown=1)
    assert purchases.read == 4
    assert purchases.problems() == ["Checkout: no outcome tells of 1 orders that were bought"]


def test_a_demo_without_any_push_says_so() -> None:
    books = Books()
    tell(books, "1", "checkout_completed", 105.0, None)
    assert of_purchases([push("1")], [purchase("1")], books).problems() == ["Checkout: no push was received"]
    assert of_purchases([], [], Books()).problems() == []


def test_the_sample_gets_the_addresses_of_its_merchants(tmp_path: Path) -> None:
    sample = tmp_path / "sample.gz"
    lines = [f'{{"push":"https://shop.example/klarna/{name}/push?id={{order.id}}"}}' for name in ("default", "gifts")]
    sample.write_bytes(gzip.compress("\n".join([*lines, '"https://shop.example/klarna/default/fraud"']).encode()))
    printed = "".join(
        f"http://127.0.0.1:1/notify/klarna/{name}/{what}/secret-{name}-{what}\n"
        for name in ("default", "gifts")
        for what in ("fraud", "authorization", "push")
    )
    made = gzip.decompress(with_addresses(sample, printed, tmp_path / "made.gz").read_bytes()).decode()
    assert made.splitlines() == [
        '{"push":"http://127.0.0.1:1/notify/klarna/default/push/secret-default-push?id={order.id}"}',
        '{"push":"http://127.0.0.1:1/notify/klarna/gifts/push/secret-gifts-push?id={order.id}"}',
        '"http://127.0.0.1:1/notify/klarna/default/fraud/secret-default-fraud"',
    ]
