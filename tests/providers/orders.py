"""Orders, operations and events to freeze requests of."""

from typing import Any

import msgspec

from ordersaga.domain.model.events import Cause, Payment, Placed
from ordersaga.domain.model.fields import LineType, OrderLine
from ordersaga.domain.model.order import Allocation, Details, Key, Line, Operation, OperationType, Order, Request
from ordersaga.providers.klarna.terms import KlarnaTerms

TERMS = KlarnaTerms()
ORDER_ID = "f3392f8b-6116-4073-ab96-e330819e2c07"
PATH = f"/ordermanagement/v1/orders/{ORDER_ID}"
CAUSE = Cause("/shop", "e-1", "shop.order.shipped.v1")

KINDS: tuple[LineType, ...] = ("physical", "digital", "shipping_fee", "surcharge")

A = OrderLine(name="A", reference="a", quantity=2, unit_price=50, total_amount=100, tax_rate=2500)
B = OrderLine(name="B", reference="b", quantity=1, unit_price=100, total_amount=100)
SHIPPING = OrderLine(name="Post", reference="s", type="shipping_fee", quantity=1, unit_price=20, total_amount=20)
VOUCHER = OrderLine(name="Voucher", reference="v", type="discount", quantity=1, unit_price=-40, total_amount=-40)


def order(*lines: OrderLine, **fields: Any) -> Order:
    given = {
        "provider": "klarna",
        "provider_order_id": ORDER_ID,
        "currency": "EUR",
        "country": "DE",
        "order_amount": sum(line.total_amount for line in lines),
        "lines": tuple(line_of(line) for line in lines),
        "details": Details(lines=lines),
    }
    return Order(Key("default", "order", "536365"), **{**given, **fields})


def line_of(line: OrderLine) -> Line:
    return Line(line.reference, line.type, line.quantity, line.unit_price, line.tax_rate, line.total_amount)


def operation(
    kind: OperationType, amount: int = 0, allocations: tuple[Allocation, ...] = (), **fields: Any
) -> Operation:
    return Operation("0c0a9b2e-op", kind, CAUSE, amount, 0.0, 0.0, allocations, **fields)


def body(request: Request) -> Any:
    return msgspec.json.decode(request.body)


def placed(**fields: Any) -> Placed:
    given = {
        "payment": Payment(provider="klarna", authorization_token="b4bd3423-24e3"),
        "purchase_country": "GB",
        "purchase_currency": "GBP",
        "order_amount": 3060,
        "order_lines": (
            OrderLine(
                name="Light holder", reference="85123A", quantity=6, unit_price=255, tax_rate=2000, total_amount=1530
            ),
            OrderLine(
                name="Voucher code", type="digital", quantity=6, unit_price=255, total_amount=1530, quantity_unit="pcs"
            ),
        ),
    }
    return Placed(**{**given, **fields})
