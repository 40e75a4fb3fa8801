"""A shop that calls a sandbox in process, with a clock that stands still unless moved."""

from collections.abc import Mapping, Sequence
from typing import Any

import httpx

from ordersaga_sandbox import create_app
from ordersaga_sandbox.clock import Clock

NOON = 1_657_273_680.0
"""2022-07-08T09:48:00Z."""
MISSING = "00000000-0000-4000-8000-000000000000"
JSON = dict[str, Any]


def line(unit_price: int, quantity: int = 1, **fields: Any) -> JSON:
    discount = fields.get("total_discount_amount", 0)
    return {
        "name": "T-shirt",
        "quantity": quantity,
        "unit_price": unit_price,
        "total_amount": quantity * unit_price - discount,
        **fields,
    }


def purchase(amount: int = 1000, lines: Sequence[JSON] | None = None, **fields: Any) -> JSON:
    """A body of create order that holds together."""
    lines = [line(amount, reference="A")] if lines is None else list(lines)
    return {
        "purchase_country": "SE",
        "purchase_currency": "SEK",
        "locale": "en-SE",
        "order_amount": sum(one["total_amount"] for one in lines),
        "order_lines": lines,
        **fields,
    }


class Shop:
    def __init__(self, account: str = "shop", app: Any = None) -> None:
        self.app = app or create_app(clock=Clock(lambda: NOON))
        self.http = httpx.AsyncClient(
            transport=httpx.ASGITransport(self.app), base_url="http://sandbox", auth=(account, "secret")
        )
        self.account = account
        self._tokens = 0

    def other(self, account: str) -> "Shop":
        return Shop(account, self.app)

    async def call(self, method: str, path: str, body: object = None, key: str | None = None) -> httpx.Response:
        headers = {} if key is None else {"Klarna-Idempotency-Key": key}
        return await self.http.request(method, path, json=body, headers=headers)

    # Payments
    async def create(self, token: str, body: JSON | None = None) -> httpx.Response:
        return await self.call("POST", f"/payments/v1/authorizations/{token}/order", body or purchase())

    async def cancel_authorization(self, token: str) -> httpx.Response:
        return await self.call("DELETE", f"/payments/v1/authorizations/{token}")

    async def place(self, amount: int = 1000, prefix: str = "sbx-", **fields: Any) -> str:
        """The id of a new order."""
        self._tokens += 1
        answer = await self.create(f"{prefix}{self._tokens}", purchase(amount, **fields))
        assert answer.status_code == 200, answer.text
        order_id: str = answer.json()["order_id"]
        return order_id

    # Order Management
    async def om(
        self, order_id: str, method: str, path: str = "", body: object = None, key: str | None = None
    ) -> httpx.Response:
        return await self.call(method, f"/ordermanagement/v1/orders/{order_id}{path}", body, key)

    async def order(self, order_id: str) -> JSON:
        answer = await self.om(order_id, "GET")
        assert answer.status_code == 200, answer.text
        read: JSON = answer.json()
        return read

    async def capture(self, order_id: str, amount: int, key: str | None = None, **fields: Any) -> httpx.Response:
        return await self.om(order_id, "POST", "/captures", {"captured_amount": amount, **fields}, key)

    async def refund(self, order_id: str, amount: int, key: str | None = None, **fields: Any) -> httpx.Response:
        return await self.om(order_id, "POST", "/refunds", {"refunded_amount": amount, **fields}, key)

    # Control plane
    async def control(self, method: str, path: str, body: object = None) -> Any:
        answer = await self.call(method, f"/_sandbox/{path}", body)
        assert answer.is_success, answer.text
        return answer.json() if answer.content else None

    async def switch(self, **switches: Any) -> None:
        await self.control("PUT", "switches", switches)

    async def advance(self, *, days: float = 0, hours: float = 0, seconds: float = 0) -> None:
        await self.control("POST", "clock", {"advance": days * 86_400 + hours * 3_600 + seconds})

    async def effects(self) -> list[JSON]:
        effects: list[JSON] = (await self.control("GET", "ledger"))["effects"]
        return effects

    async def requests(self) -> list[JSON]:
        requests: list[JSON] = (await self.control("GET", "requests"))["requests"]
        return requests


def error_of(answer: httpx.Response) -> tuple[int, str, list[str]]:
    """Status, code and messages of an error, whose body has the provider's own three fields."""
    body = answer.json()
    assert set(body) == {"correlation_id", "error_code", "error_messages"}
    assert answer.headers["klarna-correlation-id"] == body["correlation_id"]
    return answer.status_code, body["error_code"], body["error_messages"]


def assert_error(answer: httpx.Response, status: int, code: str, *messages: str) -> None:
    assert error_of(answer) == (status, code, list(messages))


def amounts(order: Mapping[str, Any]) -> tuple[int, int, int, int]:
    """Order amount, captured, refunded, remaining."""
    return (
        order["order_amount"],
        order["captured_amount"],
        order["refunded_amount"],
        order["remaining_authorized_amount"],
    )
