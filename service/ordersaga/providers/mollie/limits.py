"""Mollie's limits on order lines and metadata, checked before a call.

Sources: mollie/api-documentation, create-order.rst (order line details), orders/handling-discounts.rst.
"""

from typing import Final

import msgspec
from msgspec import UNSET, UnsetType

from ordersaga.domain.model.fields import Given, OrderLine
from ordersaga.providers import limits
from ordersaga.providers.limits import Messages
from ordersaga.providers.mollie.lines import metadata_of

MOST_METADATA: Final = 1_024
"""Bytes; Mollie says "approximately 1kB"."""
_MOST_REFERENCE: Final = 255
_NEGATIVE: Final = frozenset({"discount", "gift_card", "store_credit"})
_CATEGORIES: Final = frozenset({"meal", "eco", "gift"})


def order_lines(lines: tuple[OrderLine, ...]) -> Messages:
    for position, line in enumerate(lines):
        yield from _line(f"$.order_lines[{position}]", line)


def _line(path: str, line: OrderLine) -> Messages:
    if line.type == "sales_tax":
        yield f"{path}.type: Mollie has no lines of sales tax; give the lines a tax_rate"
    if line.quantity < 1:
        yield f"{path}.quantity: at least 1"
    yield from _amounts(path, line)
    yield from limits.rate(f"{path}.tax_rate", line.tax_rate)
    yield from limits.text(f"{path}.reference", line.reference, _MOST_REFERENCE)
    if line.category is not UNSET and line.category not in _CATEGORIES:
        yield f"{path}.category: meal, eco or gift"
    yield from metadata(f"{path}.metadata", metadata_of(line), MOST_METADATA)


def _amounts(path: str, line: OrderLine) -> Messages:
    for name in ("unit_price", "total_amount"):
        value = getattr(line, name)
        if value < 0 and line.type not in _NEGATIVE:
            yield f"{path}.{name}: at least 0 for type {line.type}"
        if value > 0 and line.type in _NEGATIVE:
            yield f"{path}.{name}: at most 0 for type {line.type}"
    if line.total_discount_amount < 0:
        yield f"{path}.total_discount_amount: at least 0"


def metadata(path: str, given: Given | UnsetType, most: int) -> Messages:
    if given is not UNSET and len(msgspec.json.encode(given)) > most:
        yield f"{path}: at most {most} bytes of JSON"


def url(path: str, given: str | UnsetType) -> Messages:
    if given is not UNSET and not given.lower().startswith(("http://", "https://")):
        yield f"{path}: must be a URL that begins with https://"
