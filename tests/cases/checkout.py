"""The Checkout order of a case, and its customer."""

import base64
import json
import urllib.request
from dataclasses import dataclass
from typing import Any, Final

from e2e.play import Play

_ACCOUNT: Final = base64.b64encode(b"default:sandbox").decode()


@dataclass(frozen=True)
class Checkout:
    play: Play
    id: str

    @classmethod
    def completed(cls, play: Play) -> "Checkout":
        """One that the shop has made by itself, whose push comes to the service."""
        line = {"name": "Item", "reference": "A", "quantity": 1, "unit_price": 10_000, "tax_rate": 2500}
        shop = "https://shop.example"
        (push,) = [url for url in play.stage.command("notification-urls").split() if url.endswith("/default/push")]
        body = {
            "purchase_country": "SE",
            "purchase_currency": "SEK",
            "locale": "sv-SE",
            "order_amount": 10_000,
            "order_tax_amount": 2000,
            "order_lines": [line | {"total_amount": 10_000, "total_tax_amount": 2000}],
            "merchant_urls": {
                "terms": f"{shop}/terms",
                "checkout": f"{shop}/checkout",
                "confirmation": f"{shop}/thanks",
                "push": f"{push}?klarna_order_id={{checkout.order.id}}",
            },
        }
        request = urllib.request.Request(
            f"{play.sandbox.url}/checkout/v3/orders",
            json.dumps(body).encode(),
            {"authorization": f"Basic {_ACCOUNT}", "content-type": "application/json"},
        )
        with urllib.request.urlopen(request, timeout=10) as answer:
            made = cls(play, json.load(answer)["order_id"])
        made.complete()
        return made

    def complete(self) -> None:
        assert self.play.sandbox.control(f"checkout/{self.id}", "POST", {"action": "complete"})["completed"]

    def push(self, times: int) -> None:
        """Each is taken in, also one that comes after the acknowledgement."""
        found: list[dict[str, Any]] = self.play.sandbox.control("deliveries?limit=5000")["deliveries"]
        (push,) = [one for one in found if one["kind"] == "push" and self.id in one["url"]]
        for _ in range(times):
            self.play.sandbox.control(f"deliveries/{push['seq']}", "POST", {"action": "send"})
        attempts = self.play.sandbox.control(f"deliveries/{push['seq']}")["attempts"]
        assert [one["status"] for one in attempts] == [200] * times
