"""Klarna's limits, checked before a call. A message has the JSON path and the limit, never the value.

Sources: the OpenAPI documents of Klarna Payments v1 and Order Management v1; where the two differ, the narrower one.
"""

import re
from collections.abc import Iterator, Mapping
from typing import Final, assert_never

from msgspec import UNSET, UnsetType

from ordersaga.domain.model.events import (
    Amended,
    Cancelled,
    Closed,
    Data,
    Given,
    OrderLine,
    PartLines,
    Placed,
    Returned,
    ReturnFee,
    Shipped,
)
from ordersaga.providers.klarna.bodies import MOST_LINES

Messages = Iterator[str]

MOST_MESSAGES: Final = 100
_MOST_AMOUNT: Final = 200_000_000
_MOST_SHIPPING_INFO: Final = 500
_MAY_BE_NEGATIVE: Final = frozenset({"discount", "gift_card", "store_credit"})
_COUNTRY: Final = re.compile("[A-Za-z]{2}")
_CURRENCY: Final = re.compile("[A-Za-z]{3}")
_LOCALE: Final = re.compile("[A-Za-z]{2}(?:-[A-Za-z]{2})*")
_INTERVALS: Final = frozenset({"DAY", "WEEK", "MONTH", "YEAR"})
_SHIPPING_METHODS: Final = frozenset(
    (
        "PickUpStore",
        "Home",
        "BoxReg",
        "BoxUnreg",
        "PickUpPoint",
        "Own",
        "Postal",
        "DHLPackstation",
        "Digital",
        "Undefined",
        "PickUpWarehouse",
        "ClickCollect",
        "PalletDelivery",
    )
)
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
_URLS: Final = {"confirmation": 2000, "notification": 2000, "push": 2000, "authorization": 2000}
_PRODUCT: Final = {
    "brand": 70,
    "category_path": 750,
    "global_trade_item_number": 50,
    "manufacturer_part_number": 70,
    "color": 64,
    "size": 64,
}
_SHIPPING_INFO: Final = {
    "shipping_company": 100,
    "tracking_number": 100,
    "return_shipping_company": 100,
    "return_tracking_number": 100,
    "tracking_uri": 1024,
    "return_tracking_uri": 1024,
}


def refusals(data: Data) -> list[str]:
    """What Klarna wouldn't take of the event; at most `MOST_MESSAGES`, and how many more there are."""
    messages = list(_messages(data))
    more = len(messages) - MOST_MESSAGES
    return [*messages[:MOST_MESSAGES], f"and {more} more"] if more > 0 else messages


def _messages(data: Data) -> Messages:
    match data:
        case Placed():
            yield from _placed(data)
        case Amended():
            yield from _amount("$.order_amount", data.order_amount)
            yield from _text("$.description", data.description, 255)
            yield from _lines(data.order_lines)
        case Shipped():
            yield from _shipped(data)
        case Returned():
            yield from _parts(data.order_lines)
            yield from _amount("$.refunded_amount", data.refunded_amount)
            yield from _text("$.description", data.description, 255)
            if data.return_fee is not UNSET:
                yield from _return_fee(data.return_fee)
        case Cancelled():
            yield from _parts(data.order_lines)
        case Closed():
            return
        case _:
            assert_never(data)


def _placed(data: Placed) -> Messages:
    """An order that the shop has made at Klarna is only read: of it, just the lines are ever sent."""
    yield from _path_segment("$.payment.order_id", data.payment.order_id)
    yield from _lines(data.order_lines)
    if data.payment.order_id is not UNSET:
        return
    yield from _path_segment("$.payment.authorization_token", data.payment.authorization_token)
    yield from _pattern("$.purchase_country", data.purchase_country, _COUNTRY)
    yield from _pattern("$.purchase_currency", data.purchase_currency, _CURRENCY)
    yield from _pattern("$.locale", data.locale, _LOCALE)
    if data.order_tax_amount is not UNSET and data.order_tax_amount < 0:
        yield "$.order_tax_amount: at least 0"
    yield from _address("$.billing_address", data.billing_address)
    yield from _address("$.shipping_address", data.shipping_address)
    yield from _text("$.merchant_reference1", data.merchant_reference1, 255)
    yield from _text("$.merchant_reference2", data.merchant_reference2, 255)
    yield from _text("$.merchant_data", data.merchant_data, 6000)
    yield from _texts("$.merchant_urls", data.merchant_urls, _URLS)


def _lines(lines: tuple[OrderLine, ...]) -> Messages:
    if len(lines) > MOST_LINES:
        yield f"$.order_lines: {len(lines)} lines, at most {MOST_LINES}"
    for position, line in enumerate(lines):
        if not _is_plain(line):
            yield from _line(f"$.order_lines[{position}]", line)


def _is_plain(line: OrderLine) -> bool:
    """Well within every limit, as nearly all lines are: the limits needn't be looked at one by one."""
    return (
        0 <= line.unit_price <= line.total_amount <= _MOST_AMOUNT
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
    yield from _text(f"{path}.name", line.name, 255, 1)
    yield from _text(f"{path}.reference", line.reference, 255)
    yield from _text(f"{path}.quantity_unit", line.quantity_unit, 8, 1)
    yield from _text(f"{path}.merchant_data", line.merchant_data, 1024)
    yield from _text(f"{path}.product_url", line.product_url, 1024)
    yield from _text(f"{path}.image_url", line.image_url, 1024)
    yield from _texts(f"{path}.product_identifiers", line.product_identifiers, _PRODUCT)
    if line.subscription is not UNSET:
        yield from _subscription(f"{path}.subscription", line.subscription)


def _line_amounts(path: str, line: OrderLine) -> Messages:
    for name in ("unit_price", "total_amount", "total_discount_amount"):
        if getattr(line, name) > _MOST_AMOUNT:
            yield f"{path}.{name}: at most {_MOST_AMOUNT}"
    if line.type not in _MAY_BE_NEGATIVE:
        for name in ("unit_price", "total_amount"):
            if getattr(line, name) < 0:
                yield f"{path}.{name}: at least 0 for type {line.type}"
    if line.total_discount_amount < 0:
        yield f"{path}.total_discount_amount: at least 0"
    if not line.quantity and line.total_amount:
        yield f"{path}.total_amount: 0 for a line of quantity 0"
    yield from _rate(f"{path}.tax_rate", line.tax_rate)


def _subscription(path: str, given: Given) -> Messages:
    if not 1 <= len(given.get("name", "")) <= 255:
        yield f"{path}.name: text of 1 to 255 characters"
    if given.get("interval") not in _INTERVALS:
        yield f"{path}.interval: DAY, WEEK, MONTH or YEAR"
    if given.get("interval_count", 0) < 1:
        yield f"{path}.interval_count: at least 1"


def _parts(parts: PartLines | UnsetType) -> Messages:
    if parts is not UNSET and len(parts) > MOST_LINES:
        yield f"$.order_lines: {len(parts)} lines, at most {MOST_LINES}"


def _shipped(data: Shipped) -> Messages:
    yield from _parts(data.order_lines)
    yield from _amount("$.captured_amount", data.captured_amount)
    yield from _text("$.description", data.description, 255)
    if data.shipping_info is UNSET:
        return
    if len(data.shipping_info) > _MOST_SHIPPING_INFO:
        yield f"$.shipping_info: {len(data.shipping_info)} entries, at most {_MOST_SHIPPING_INFO}"
    for position, info in enumerate(data.shipping_info):
        path = f"$.shipping_info[{position}]"
        yield from _texts(path, info, _SHIPPING_INFO)
        method = info.get("shipping_method")
        if method is not None and method not in _SHIPPING_METHODS:
            yield f"{path}.shipping_method: one of {', '.join(sorted(_SHIPPING_METHODS))}"


def _return_fee(fee: ReturnFee) -> Messages:
    yield from _amount("$.return_fee.amount", fee.amount)
    yield from _text("$.return_fee.name", fee.name, 255, 1)
    yield from _rate("$.return_fee.tax_rate", fee.tax_rate)


def _address(path: str, given: Given | UnsetType) -> Messages:
    if given is UNSET:
        return
    yield from _texts(path, given, _ADDRESS)
    yield from _pattern(f"{path}.country", given.get("country", UNSET), _COUNTRY)


def _texts(path: str, given: Given | UnsetType, limits: Mapping[str, int]) -> Messages:
    if given is UNSET:
        return
    for name, most in limits.items():
        yield from _text(f"{path}.{name}", given.get(name, UNSET), most)


def _text(path: str, value: str | UnsetType, most: int, least: int = 0) -> Messages:
    if value is not UNSET and not least <= len(value) <= most:
        yield f"{path}: {len(value)} characters, {f'{least} to' if least else 'at most'} {most}"


def _pattern(path: str, value: str | UnsetType, pattern: re.Pattern[str]) -> Messages:
    if value is not UNSET and not pattern.fullmatch(value):
        yield f"{path}: must match ^{pattern.pattern}$"


def _path_segment(path: str, value: str | UnsetType) -> Messages:
    """It becomes part of a URL's path, where dots alone would lead elsewhere."""
    if value is not UNSET and value in {".", ".."}:
        yield f"{path}: not an id"


def _amount(path: str, value: int | UnsetType) -> Messages:
    if value is not UNSET and value > _MOST_AMOUNT:
        yield f"{path}: at most {_MOST_AMOUNT}"


def _rate(path: str, value: int) -> Messages:
    if not 0 <= value <= 10_000:
        yield f"{path}: 0 to 10000"
