"""The Checkout orders of the sample: the addresses that they are pushed to, and how their purchase became known."""

import gzip
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ordersaga_local.outcomes import Books, Told

SHOP = "https://shop.example/klarna"
"""In the sample, `{SHOP}/{merchant}/push` and `…/fraud` stand for the service's own addresses."""
_ADDRESS = re.compile(r"/(?P<place>[^/]+/(?:push|fraud))(?:/|$)")


def with_addresses(sample: Path, printed: str, to: Path) -> Path:
    """A copy of the sample with the addresses that `ordersaga notification-urls` has printed."""
    found = [(match["place"], line) for line in printed.split() if (match := _ADDRESS.search(line))]
    text = gzip.decompress(sample.read_bytes()).decode()
    for place, address in found:
        text = text.replace(f"{SHOP}/{place}", address)
    to.write_bytes(gzip.compress(text.encode(), compresslevel=1))
    return to


@dataclass
class Purchases:
    """How it became known that a customer had bought in the Checkout. `twice`: by more than one push."""

    bought: int = 0
    pushed: int = 0
    twice: int = 0
    lost: int = 0
    placed: int = 0
    unknown: int = 0
    """No outcome tells of them."""

    @property
    def read(self) -> int:
        """Found by reading the Checkout order now and then."""
        return self.bought - self.pushed - self.placed - self.unknown

    def rows(self) -> list[tuple[str, str]]:
        """For the summary."""
        return [
            ("bought in Checkout", str(self.bought)),
            ("  told by a push", f"{self.pushed}, {self.twice} of them twice"),
            ("  told by a placed", str(self.placed)),
            ("  found by reading", f"{self.read}, {self.lost} after the push got lost"),
        ]

    def problems(self) -> list[str]:
        """The service doesn't need pushes, but it should have got some."""
        unknown = [f"Checkout: no outcome tells of {self.unknown} orders that were bought"] if self.unknown else []
        return unknown + (["Checkout: no push was received"] if self.bought and not self.pushed else [])


def of_purchases(
    deliveries: Iterable[Mapping[str, Any]], effects: Iterable[Mapping[str, Any]], books: Books
) -> Purchases:
    """`deliveries` and `effects` as the sandbox has them, whose clock must not have been moved."""
    told = _first_of_each(books)
    pushes = {delivery["order_id"]: delivery for delivery in deliveries if delivery["kind"] == "push"}
    purchases = Purchases()
    for effect in effects:
        if effect["kind"] == "authorize" and (effect["by"], effect["provider"]) == ("customer", "klarna"):
            purchases.bought += 1
            _count(purchases, told.get(effect["order_id"]), pushes.get(effect["order_id"]))
    return purchases


def _first_of_each(books: Books) -> dict[str, Told]:
    """The provider's order id -> the outcome that told of the purchase first."""
    first: dict[str, Told] = {}
    for told in sorted(books.seen.values(), key=lambda told: told.position):
        cause = (told.data["cause"] or {}).get("type")
        if told.what == "checkout_completed" or (cause == "shop.order.placed.v1" and told.data["order"]):
            first.setdefault(told.data["provider_order_id"], told)
    return first


def _count(purchases: Purchases, told: Told | None, push: Mapping[str, Any] | None) -> None:
    if told is None:
        purchases.unknown += 1
        return
    attempts = push["attempts"] if push is not None else []
    received = [one["at"] for one in attempts if one["status"] is not None and one["status"] < 300]
    if told.data["cause"] is not None:
        purchases.placed += 1
    elif received and received[0] <= told.at:
        purchases.pushed += 1
        purchases.twice += len(received) > 1
    else:
        purchases.lost += bool(attempts) and not received
