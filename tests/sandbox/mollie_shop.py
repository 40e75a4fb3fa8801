"""A shop that calls the sandbox's Mollie in process, with a clock that stands still unless moved."""

from decimal import ROUND_HALF_UP, Decimal
from typing import Any

import httpx

from ordersaga_sandbox import create_app
from ordersaga_sandbox.clock import Clock

from .shop import JSON, NOON


def eur(value: str, currency: str = "EUR") -> JSON:
    return {"currency": currency, "value": value}


def line(price: str, quantity: int = 1, *, discount: str | None = None, currency: str = "EUR", **fields: Any) -> JSON:
    """A line whose total and VAT are right."""
    exact = Decimal(price).normalize() if currency in {"JPY", "ISK"} else Decimal(price)
    places = Decimal(1) if currency in {"JPY", "ISK"} else Decimal("0.01")
    total = exact * quantity - Decimal(discount or 0)
    rate = Decimal(fields.get("vatRate", "21.00"))
    vat = (total * rate / (100 + rate)).quantize(places, ROUND_HALF_UP)
    made = {
        "name": "Lamp",
        "quantity": quantity,
        "unitPrice": eur(price, currency),
        "totalAmount": eur(str(total.quantize(places)), currency),
        "vatRate": "21.00",
        "vatAmount": eur(str(vat or abs(vat)), currency),
        **fields,
    }
    return made if discount is None else made | {"discountAmount": eur(discount, currency)}


def address(email: str = "anna@example.com", **fields: Any) -> JSON:
    return {
        "givenName": "Anna",
        "familyName": "Smit",
        "email": email,
        "streetAndNumber": "Keizersgracht 1",
        "postalCode": "1015 CW",
        "city": "Amsterdam",
        "country": "NL",
        **fields,
    }


def order_body(*lines: JSON, email: str = "anna@example.com", **fields: Any) -> JSON:
    """A body of create order that holds together."""
    given = list(lines) or [line("10.00", 2), line("5.00")]
    amounts = [one["totalAmount"] for one in given]
    total = sum((Decimal(one["value"]) for one in amounts), Decimal(0))
    return {
        "amount": eur(str(total), amounts[0]["currency"]),
        "orderNumber": "A-1",
        "lines": given,
        "billingAddress": address(email),
        "locale": "nl_NL",
        "redirectUrl": "https://shop.example/thanks",
        "method": "klarna",
        **fields,
    }


class MollieShop:
    def __init__(self, key: str = "test_shop", app: Any = None) -> None:
        self.app = app or create_app(clock=Clock(lambda: NOON))
        self.http = httpx.AsyncClient(
            transport=httpx.ASGITransport(self.app),
            base_url="http://sandbox",
            headers={"authorization": f"Bearer {key}"},
        )

    def other(self, key: str) -> "MollieShop":
        return MollieShop(key, self.app)

    async def call(self, method: str, path: str, body: object = None, key: str | None = None) -> httpx.Response:
        headers = {} if key is None else {"Idempotency-Key": key}
        url = path if path.startswith(("/", "http")) else f"/v2/{path}"
        return await self.http.request(method, url, json=body, headers=headers)

    async def get(self, path: str) -> Any:
        answer = await self.call("GET", path)
        assert answer.status_code == 200, answer.text
        return answer.json()

    async def create(self, *lines: JSON, **fields: Any) -> JSON:
        answer = await self.call("POST", "orders?embed=payments", order_body(*lines, **fields))
        assert answer.status_code == 201, answer.text
        created: JSON = answer.json()
        return created

    async def authorized(self, *lines: JSON, **fields: Any) -> JSON:
        """An order with Klarna that the customer has authorized."""
        return await self.paid(*lines, **{"method": "klarna", **fields})

    async def paid(self, *lines: JSON, **fields: Any) -> JSON:
        order = await self.create(*lines, **{"method": "ideal", **fields})
        await self.customer(order["id"], "pay")
        return await self.order(order["id"])

    async def order(self, order_id: str) -> JSON:
        order: JSON = await self.get(f"orders/{order_id}?embed=payments,refunds,shipments")
        return order

    async def ship(self, order: JSON, *parts: JSON, key: str | None = None) -> httpx.Response:
        return await self.call("POST", f"orders/{order['id']}/shipments", {"lines": list(parts)}, key)

    async def refund(self, order: JSON, *parts: JSON, key: str | None = None, **fields: Any) -> httpx.Response:
        return await self.call("POST", f"orders/{order['id']}/refunds", {"lines": list(parts), **fields}, key)

    async def cancel_lines(self, order: JSON, *parts: JSON) -> httpx.Response:
        return await self.call("DELETE", f"orders/{order['id']}/lines", {"lines": list(parts)})

    # Control plane
    async def control(self, method: str, path: str, body: object = None) -> Any:
        answer = await self.call(method, f"/_sandbox/{path}", body)
        assert answer.is_success, answer.text
        return answer.json() if answer.content else None

    async def customer(self, token: str, action: str, **fields: Any) -> JSON:
        answer: JSON = await self.control("POST", f"mollie/payments/{token}", {"action": action, **fields})
        return answer

    async def dashboard(self, order: JSON, action: str, **fields: Any) -> JSON:
        answer: JSON = await self.control("POST", f"mollie/orders/{order['id']}", {"action": action, **fields})
        return answer

    async def switch(self, **switches: Any) -> None:
        await self.control("PUT", "switches", switches)

    async def advance(self, *, days: float = 0, hours: float = 0, seconds: float = 0) -> None:
        await self.control("POST", "clock", {"advance": days * 86_400 + hours * 3_600 + seconds})

    async def effects(self, *kinds: str) -> list[JSON]:
        effects: list[JSON] = (await self.control("GET", "ledger"))["effects"]
        return [effect for effect in effects if not kinds or effect["kind"] in kinds]

    async def sums(self) -> dict[str, int]:
        """Minor units in the ledger, by kind."""
        totals = (await self.control("GET", "ledger/summary"))["totals"]
        return {total["kind"]: total["amount"] for total in totals}

    async def webhooks(self) -> list[JSON]:
        deliveries: list[JSON] = (await self.control("GET", "deliveries"))["deliveries"]
        return [one for one in deliveries if one["kind"].endswith("_webhook")]


def refusal(answer: httpx.Response) -> tuple[int, str, str | None]:
    """Status, text and field of an error, whose body has Mollie's form."""
    body = answer.json()
    assert answer.headers["content-type"] == "application/hal+json"
    assert body["status"] == answer.status_code
    assert body["title"]
    assert body["_links"]["documentation"]["type"] == "text/html"
    assert set(body) <= {"status", "title", "detail", "field", "extra", "_links"}
    return answer.status_code, body["detail"], body.get("field")


def statuses(order: JSON) -> tuple[str, list[str]]:
    """Of the order and its lines."""
    return order["status"], [one["status"] for one in order["lines"]]
