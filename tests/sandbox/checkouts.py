"""Checkout orders of a merchant."""

from typing import Any

import httpx

from .merchant import Merchant
from .shop import JSON, Shop, line


def cart(amount: int = 1000) -> JSON:
    lines = [line(amount, tax_rate=0, total_tax_amount=0, reference="A")]
    return {"order_amount": amount, "order_tax_amount": 0, "order_lines": lines}


def wish(merchant: Merchant | None = None, *, urls: JSON | None = None, **fields: Any) -> JSON:
    """A body of create order that holds together."""
    base = "https://shop.example" if merchant is None else merchant.url
    return {
        "purchase_country": "SE",
        "purchase_currency": "SEK",
        "locale": "sv-SE",
        **cart(),
        "merchant_urls": {
            "terms": f"{base}/terms",
            "checkout": f"{base}/checkout",
            "confirmation": f"{base}/thanks?id={{checkout.order.id}}",
            "push": f"{base}/push?klarna_order_id={{checkout.order.id}}",
            **(urls or {}),
        },
        **fields,
    }


async def create(shop: Shop, body: JSON) -> httpx.Response:
    return await shop.call("POST", "/checkout/v3/orders", body)


async def started(shop: Shop, body: JSON) -> str:
    answer = await create(shop, body)
    assert answer.status_code == 201, answer.text
    order_id: str = answer.json()["order_id"]
    return order_id


async def read(shop: Shop, order_id: str) -> JSON:
    answer = await shop.call("GET", f"/checkout/v3/orders/{order_id}")
    assert answer.status_code == 200, answer.text
    view: JSON = answer.json()
    return view


async def update(shop: Shop, order_id: str, changes: JSON) -> httpx.Response:
    return await shop.call("POST", f"/checkout/v3/orders/{order_id}", changes)


async def customer(shop: Shop, order_id: str, action: str, **fields: Any) -> JSON:
    result: JSON = await shop.control("POST", f"checkout/{order_id}", {"action": action, **fields})
    return result


async def completed(shop: Shop, body: JSON, **fields: Any) -> str:
    order_id = await started(shop, body)
    assert (await customer(shop, order_id, "complete", **fields))["completed"]
    return order_id


async def deliveries(shop: Shop, kind: str) -> list[JSON]:
    found = (await shop.control("GET", "deliveries"))["deliveries"]
    return [delivery for delivery in found if delivery["kind"] == kind]


async def send(shop: Shop) -> None:
    await shop.control("POST", "deliveries/send")
