"""Orders, events and answers of Mollie; amounts in minor units as ours, in texts as Mollie's."""

from typing import Any

import msgspec
from msgspec.structs import replace

from ordersaga.domain.model.events import Payment, Placed
from ordersaga.domain.model.fields import OrderLine
from ordersaga.domain.model.order import Details, Key, Line, Order
from ordersaga.domain.model.order import Payment as PaidBy
from ordersaga.providers.mollie.terms import MollieTerms

from .orders import line_of

Json = dict[str, Any]

TERMS = MollieTerms()
ORDER_ID = "ord_8wmqcHMN4U"
PATH = f"/v2/orders/{ORDER_ID}"

LAMP = OrderLine(name="Lamp", reference="L-1", quantity=2, unit_price=5000, total_amount=10000, tax_rate=2100)
RUG = OrderLine(
    name="Rug",
    reference="R-1",
    quantity=3,
    unit_price=4000,
    total_amount=10000,
    total_discount_amount=2000,
    tax_rate=2100,
)
VOUCHER = OrderLine(name="Voucher", reference="V-1", type="discount", quantity=1, unit_price=-3650, total_amount=-3650)
ADDRESS = {
    "given_name": "Anna",
    "family_name": "Smit",
    "email": "anna@example.com",
    "street_address": "Keizersgracht 1",
    "postal_code": "1015 CW",
    "city": "Amsterdam",
    "country": "nl",
}
SENT_ADDRESS = {
    "givenName": "Anna",
    "familyName": "Smit",
    "email": "anna@example.com",
    "streetAndNumber": "Keizersgracht 1",
    "postalCode": "1015 CW",
    "city": "Amsterdam",
    "country": "NL",
}


def order(*lines: OrderLine, **fields: Any) -> Order:
    """An order at Mollie, whose lines have ids there."""
    given = {
        "provider": "mollie",
        "provider_order_id": ORDER_ID,
        "currency": "EUR",
        "country": "NL",
        "order_amount": sum(line.total_amount for line in lines),
        "lines": numbered(*lines),
        "payment": PaidBy("tr_7UhSN1zuXS"),
        "details": Details(lines=lines),
    }
    return Order(Key("default", "order", "536365"), **{**given, **fields})


def numbered(*lines: OrderLine) -> tuple[Line, ...]:
    return tuple(replace(line_of(line), id=f"odl_1.{position}") for position, line in enumerate(lines))


def placed(*lines: OrderLine, payment: Json | None = None, **fields: Any) -> Placed:
    given: Json = {
        "payment": Payment(provider="mollie", **{"redirect_url": "https://shop.example/thanks", **(payment or {})}),
        "purchase_country": "NL",
        "purchase_currency": "EUR",
        "locale": "nl-NL",
        "order_amount": sum(line.total_amount for line in lines or (LAMP,)),
        "order_lines": lines or (LAMP,),
        "billing_address": ADDRESS,
    }
    return Placed(**{**given, **fields})


def eur(value: str, currency: str = "EUR") -> Json:
    return {"currency": currency, "value": value}


def shown_line(number: int, sku: str, quantity: int, price: str, total: str, **fields: Any) -> Json:
    return {
        "resource": "orderline",
        "id": f"odl_1.{number}",
        "name": sku,
        "sku": sku,
        "metadata": None,
        "quantity": quantity,
        "unitPrice": eur(price),
        "totalAmount": eur(total),
        "vatRate": "21.00",
        **fields,
    }


def shown_payment(status: str, ident: str = "tr_1", at: str = "2024-03-01T12:00:00+00:00", **fields: Any) -> Json:
    links = {"checkout": {"href": f"https://pay.example/{ident}"}} if status == "open" else {}
    return {"resource": "payment", "id": ident, "status": status, "createdAt": at, "_links": links, **fields}


def shown_order(status: str, *lines: Json, **fields: Any) -> Json:
    """As a read answers with it; `payments`, `refunds` and `shipments` are embedded."""
    payment = {"created": "open", "pending": "pending", "authorized": "authorized"}.get(status, "paid")
    embedded = {
        "payments": fields.pop("payments", [shown_payment(payment)]),
        "refunds": fields.pop("refunds", []),
        "shipments": fields.pop("shipments", []),
    }
    return {
        "resource": "order",
        "id": ORDER_ID,
        "status": status,
        "amount": eur("200.00"),
        "metadata": {"order": "536365", "operation": "0c0a9b2e-op"},
        "orderNumber": "536365",
        "createdAt": "2024-03-01T12:00:00+00:00",
        "lines": list(lines)
        or [shown_line(0, "L-1", 2, "50.00", "100.00"), shown_line(1, "R-1", 1, "100.00", "100.00")],
        "_embedded": embedded,
        "_links": {},
        **fields,
    }


def text(body: Json) -> bytes:
    return msgspec.json.encode(body)
