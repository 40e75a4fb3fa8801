"""The JSON that Klarna gets. Amounts in minor units.

Every line keeps Klarna's formulae: `total_amount = quantity * unit_price - total_discount_amount`, and a tax within 1 of
`total_amount - total_amount * 10000 / (10000 + tax_rate)`.
"""

from collections.abc import Iterable, Sequence
from typing import Any, Final

import msgspec
from msgspec import UNSET, Struct, UnsetType

from ordersaga.domain.model.amounts import line_tax
from ordersaga.domain.model.events import Amended, Data, OrderLine, Placed, Returned, ReturnFee, Shipped
from ordersaga.domain.model.money import tax_of
from ordersaga.domain.model.order import Allocation, Line, Operation, Order

Json = dict[str, Any]

MOST_LINES: Final = 1_000
_PASSED_ON: Final = (
    "locale",
    "billing_address",
    "shipping_address",
    "customer",
    "merchant_data",
    "merchant_urls",
    "custom_payment_method_ids",
    "attachment",
)


class Part(Struct, frozen=True):
    """What is sent of one line."""

    given: OrderLine
    quantity: int
    worth: int
    discount: int


def _part_of(line: Line, given: OrderLine, quantity: int, worth: int) -> Part:
    """A line that follows may be drawn in its worth alone: it is sent in its whole quantity."""
    quantity = quantity or max(line.quantity, 1)
    return Part(given, quantity, worth, quantity * line.unit_price - worth)


class Sent(Struct, frozen=True, kw_only=True):
    """A line as Klarna gets it; by the names of its fields, as the keys of all that is sent."""

    image_url: str | UnsetType = UNSET
    merchant_data: str | UnsetType = UNSET
    name: str
    product_identifiers: Json | UnsetType = UNSET
    product_url: str | UnsetType = UNSET
    quantity: int
    quantity_unit: str | UnsetType = UNSET
    reference: str | UnsetType = UNSET
    subscription: Json | UnsetType = UNSET
    tax_rate: int
    total_amount: int
    total_discount_amount: int
    total_tax_amount: int
    type: str
    unit_price: int


def encode(body: Json) -> str:
    """The same text for the same body."""
    return msgspec.json.encode(body, order="deterministic").decode()


def create_order(subject: str, placed: Placed) -> Json:
    reference = subject if placed.merchant_reference1 is UNSET else placed.merchant_reference1
    taxes = [line_tax(line) for line in placed.order_lines]
    body: Json = {
        "purchase_country": placed.purchase_country,
        "purchase_currency": placed.purchase_currency,
        "order_amount": placed.order_amount,
        "order_tax_amount": sum(taxes) if placed.order_tax_amount is UNSET else placed.order_tax_amount,
        "order_lines": [_whole(line, tax) for line, tax in zip(placed.order_lines, taxes, strict=True)],
        "merchant_reference1": reference,
        **_given(placed, ("merchant_reference2", *_PASSED_ON)),
    }
    if placed.auto_capture:
        body["auto_capture"] = True
    return body


def capture(order: Order, operation: Operation, data: Data | None) -> Json:
    shipped = data if isinstance(data, Shipped) else Shipped()
    parts = _parts(order, operation.allocations)
    return {
        "captured_amount": operation.amount,
        "reference": operation.id,
        **_given(shipped, ("description", "shipping_info", "shipping_delay")),
        **_lines(parts, operation.amount),
    }


def refund(order: Order, operation: Operation, data: Data | None) -> Json:
    returned = data if isinstance(data, Returned) else Returned()
    parts = _parts(order, operation.allocations)
    return {
        "refunded_amount": operation.amount,
        "reference": operation.id,
        **_given(returned, ("description",)),
        **_lines(parts, operation.amount, _fee(operation.kept, returned.return_fee)),
    }


def amend(order: Order, operation: Operation, data: Data | None) -> Json:
    """`order` is the order as it will be: all that was captured or still may be.

    Klarna deletes its lines when none are sent; that is the lesser evil where lines and amount don't agree.
    """
    target = order.order_amount if operation.target is None else operation.target
    described = _given(data, ("description",)) if isinstance(data, Amended) else {}
    return {"order_amount": target, **described, **_lines(_left(order), target)}


def _parts(order: Order, allocations: Iterable[Allocation]) -> list[Part]:
    ours, given = order.lines, order.details.lines
    return [
        _part_of(ours[allocation.position], given[allocation.position], allocation.quantity, allocation.amount)
        for allocation in allocations
    ]


def _left(order: Order) -> list[Part]:
    parts = []
    for line, given in zip(order.lines, order.details.lines, strict=True):
        quantity, worth = line.quantity - line.cancelled_quantity, line.total - line.cancelled
        if quantity or worth:
            parts.append(_part_of(line, given, quantity, worth))
    return parts


def _lines(parts: Sequence[Part], amount: int, fee: Sequence[Sent] = ()) -> Json:
    """The lines, or nothing (the amount goes alone) where Klarna's formulae can't be kept."""
    total = sum([part.worth for part in parts]) + sum([line.total_amount for line in fee])
    sendable = parts and total == amount and len(parts) + len(fee) <= MOST_LINES
    if not sendable or min([part.discount for part in parts]) < 0:
        return {}
    return {"order_lines": [*map(_part, parts), *fee]}


def _fee(kept: int, fee: ReturnFee | UnsetType) -> tuple[Sent, ...]:
    if not kept:
        return ()
    told = ReturnFee(amount=kept) if fee is UNSET else fee
    return (
        Sent(
            type="return_fee",
            name=told.name,
            quantity=1,
            unit_price=-kept,
            tax_rate=told.tax_rate,
            total_amount=-kept,
            total_discount_amount=0,
            total_tax_amount=tax_of(-kept, told.tax_rate),
        ),
    )


def _part(part: Part) -> Sent:
    tax = tax_of(part.worth, part.given.tax_rate)
    return _line(part.given, part.quantity, part.worth, part.discount, tax)


def _whole(line: OrderLine, tax: int) -> Sent:
    return _line(line, line.quantity, line.total_amount, line.total_discount_amount, tax)


def _line(line: OrderLine, quantity: int, total: int, discount: int, tax: int) -> Sent:
    return Sent(
        image_url=line.image_url,
        merchant_data=line.merchant_data,
        name=line.name,
        product_identifiers=line.product_identifiers,
        product_url=line.product_url,
        quantity=quantity,
        quantity_unit=line.quantity_unit,
        reference=line.reference or UNSET,
        subscription=line.subscription,
        tax_rate=line.tax_rate,
        total_amount=total,
        total_discount_amount=discount,
        total_tax_amount=tax,
        type=line.type,
        unit_price=line.unit_price,
    )


def _given(data: Struct, names: Iterable[str]) -> Json:
    """The fields that the shop gave, under Klarna's own names."""
    return {name: value for name in names if (value := getattr(data, name)) is not UNSET}
