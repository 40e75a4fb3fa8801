"""Order lines as Klarna gets them. Amounts in minor units.

Every line keeps Klarna's formulae: `total_amount = quantity * unit_price - total_discount_amount`, and a tax within 1 of
`total_amount - total_amount * 10000 / (10000 + tax_rate)`.
"""

from collections.abc import Iterable, Sequence
from typing import Any, Final

from msgspec import UNSET, Struct, UnsetType

from ordersaga.domain.model.fields import OrderLine
from ordersaga.domain.model.money import tax_of
from ordersaga.domain.model.order import Allocation, Line, Order

Json = dict[str, Any]

MOST_LINES: Final = 1_000


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


def parts_of(order: Order, allocations: Iterable[Allocation]) -> list[Part]:
    ours, given = order.lines, order.details.lines
    return [
        _part_of(ours[allocation.position], given[allocation.position], allocation.quantity, allocation.amount)
        for allocation in allocations
    ]


def parts_left(order: Order) -> list[Part]:
    parts = []
    for line, given in zip(order.lines, order.details.lines, strict=True):
        quantity, worth = line.quantity - line.cancelled_quantity, line.total - line.cancelled
        if quantity or worth:
            parts.append(_part_of(line, given, quantity, worth))
    return parts


def lines_of(parts: Sequence[Part], amount: int, fee: Sequence[Sent] = ()) -> Json:
    """The lines, or nothing (the amount goes alone) where Klarna's formulae can't be kept."""
    total = sum([part.worth for part in parts]) + sum([line.total_amount for line in fee])
    whole_sum = parts and total == amount and len(parts) + len(fee) <= MOST_LINES
    if not whole_sum or min([part.discount for part in parts]) < 0:
        return {}
    return {"order_lines": [*map(_part, parts), *fee]}


def _part(part: Part) -> Sent:
    tax = tax_of(part.worth, part.given.tax_rate)
    return _line(part.given, part.quantity, part.worth, part.discount, tax)


def whole(line: OrderLine, tax: int) -> Sent:
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
