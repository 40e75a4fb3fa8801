"""Klarna's limits, checked before a call. A message has the JSON path and the limit, never the value.

Sources: the OpenAPI documents of Klarna Payments v1 and Order Management v1; where the two differ, the narrower one.
"""

import re
from typing import Final

from msgspec import UNSET, UnsetType

from ordersaga.domain.model.fields import Given, OrderLine, PartLines
from ordersaga.providers.klarna.lines import MOST_LINES
from ordersaga.providers.limits import MOST_MESSAGES, Messages, first, path_segment, pattern, rate, text, texts

__all__ = [
    "COUNTRY",
    "LOCALE",
    "MOST_AMOUNT",
    "MOST_MESSAGES",
    "Messages",
    "address",
    "amount",
    "first",
    "order_lines",
    "part_lines",
    "path_segment",
    "pattern",
    "rate",
    "text",
    "texts",
]

MOST_AMOUNT: Final = 200_000_000
_MAY_BE_NEGATIVE: Final = frozenset({"discount", "gift_card", "store_credit"})
COUNTRY: Final = re.compile("[A-Za-z]{2}")
LOCALE: Final = re.compile("[A-Za-z]{2}(?:-[A-Za-z]{2})*")
_INTERVALS: Final = frozenset({"DAY", "WEEK", "MONTH", "YEAR"})
_ADDRESS: Final = {
    "title": 20,
    "given_name": 100,
    "family_name": 100,
    "street_address": 100,
    "street_address2": 100,
    "email": 100,
    "phone": 100,
    "city": 200,
    "region": 200,
    "postal_code": 10,
    "attention": 255,
    "organization_name": 255,
}
_PRODUCT: Final = {
    "brand": 70,
    "category_path": 750,
    "global_trade_item_number": 50,
    "manufacturer_part_number": 70,
    "color": 64,
    "size": 64,
}


def order_lines(lines: tuple[OrderLine, ...]) -> Messages:
    if len(lines) > MOST_LINES:
        yield f"$.order_lines: {len(lines)} lines, at most {MOST_LINES}"
    for position, line in enumerate(lines):
        if not _is_plain(line):
            yield from _line(f"$.order_lines[{position}]", line)


def _is_plain(line: OrderLine) -> bool:
    """Well within every limit, as nearly all lines are: the limits needn't be looked at one by one."""
    return (
        0 <= line.unit_price <= line.total_amount <= MOST_AMOUNT
        and line.quantity > 0
        and line.total_discount_amount == 0
        and 0 <= line.tax_rate <= 10_000
        and len(line.name) <= 255
        and len(line.reference) <= 255
        and line.quantity_unit is UNSET
        and line.merchant_data is UNSET
        and line.product_url is UNSET
        and line.image_url is UNSET
        and line.product_identifiers is UNSET
        and line.subscription is UNSET
    )


def _line(path: str, line: OrderLine) -> Messages:
    yield from _line_amounts(path, line)
    yield from text(f"{path}.name", line.name, 255, 1)
    yield from text(f"{path}.reference", line.reference, 255)
    yield from text(f"{path}.quantity_unit", line.quantity_unit, 8, 1)
    yield from text(f"{path}.merchant_data", line.merchant_data, 1024)
    yield from text(f"{path}.product_url", line.product_url, 1024)
    yield from text(f"{path}.image_url", line.image_url, 1024)
    yield from texts(f"{path}.product_identifiers", line.product_identifiers, _PRODUCT)
    if line.subscription is not UNSET:
        yield from _subscription(f"{path}.subscription", line.subscription)


def _line_amounts(path: str, line: OrderLine) -> Messages:
    for name in ("unit_price", "total_amount", "total_discount_amount"):
        if getattr(line, name) > MOST_AMOUNT:
            yield f"{path}.{name}: at most {MOST_AMOUNT}"
    if line.type not in _MAY_BE_NEGATIVE:
        for name in ("unit_price", "total_amount"):
            if getattr(line, name) < 0:
                yield f"{path}.{name}: at least 0 for type {line.type}"
    if line.total_discount_amount < 0:
        yield f"{path}.total_discount_amount: at least 0"
    if not line.quantity and line.total_amount:
        yield f"{path}.total_amount: 0 for a line of quantity 0"
    yield from rate(f"{path}.tax_rate", line.tax_rate)


def _subscription(path: str, given: Given) -> Messages:
    if not 1 <= len(given.get("name", "")) <= 255:
        yield f"{path}.name: text of 1 to 255 characters"
    if given.get("interval") not in _INTERVALS:
        yield f"{path}.interval: DAY, WEEK, MONTH or YEAR"
    if given.get("interval_count", 0) < 1:
        yield f"{path}.interval_count: at least 1"


def part_lines(parts: PartLines | UnsetType) -> Messages:
    if parts is not UNSET and len(parts) > MOST_LINES:
        yield f"$.order_lines: {len(parts)} lines, at most {MOST_LINES}"


def address(path: str, given: Given | UnsetType) -> Messages:
    if given is UNSET:
        return
    yield from texts(path, given, _ADDRESS)
    yield from pattern(f"{path}.country", given.get("country", UNSET), COUNTRY)


def amount(path: str, value: int | UnsetType) -> Messages:
    if value is not UNSET and value > MOST_AMOUNT:
        yield f"{path}: at most {MOST_AMOUNT}"
