"""Order lines of a request: their fields and formulae. Source: mollie/api-documentation, reference/v2/orders-api/create-order.rst.

Error texts, where known: mollie/WooCommerce#1021, mollie/magento2#479, mollie/OpenCart#138, mollie/Shopware#446,
mollie/api-documentation#616.
"""

import re
from collections.abc import Mapping, Sequence
from typing import Any, Final

from ordersaga_sandbox.mollie import money, reading
from ordersaga_sandbox.mollie.errors import MollieError, invalid
from ordersaga_sandbox.mollie.order import Line

TYPES: Final = ("physical", "discount", "digital", "shipping_fee", "store_credit", "gift_card", "surcharge")
CATEGORIES: Final = ("meal", "eco", "gift")
NEGATIVE: Final = frozenset({"discount", "store_credit", "gift_card"})
MONEY_GROUP: Final = ("quantity", "unitPrice", "totalAmount", "vatAmount", "vatRate")
"""All required where one of them, or `discountAmount`, is given in an update."""
FIELDS: Final = frozenset(
    {
        "type",
        "category",
        "name",
        "quantity",
        "unitPrice",
        "discountAmount",
        "totalAmount",
        "vatRate",
        "vatAmount",
        "sku",
        "imageUrl",
        "productUrl",
        "metadata",
    }
)

_TIMES: Final = "\N{MULTIPLICATION SIGN}"
_RATE: Final = re.compile(r"\d{1,3}\.\d\d")
_MAX_NAME: Final = 255
_MAX_SKU: Final = 64


def parse(
    given: object, index: int, currency: str, line_id: str, at: float, known: frozenset[str] = FIELDS, where: str = ""
) -> Line:
    """Raises MollieError with the path of the first wrong field. `where`: the path of the list of lines."""
    path = f"{where}{index}."
    if not isinstance(given, dict):
        raise invalid(f"Order line {index} is invalid. It should be an object.", path.rstrip("."))
    for name in given:
        if name not in known:
            raise invalid(f'Non-existent body parameter "{path}{name}" for this API call.', path + name)
    for name in ("name", *MONEY_GROUP):
        if given.get(name) is None:
            raise _wrong(index, path, name, f"The '{name}' field is missing.")
    line = Line(
        line_id,
        at,
        _one_of(given, index, path, "type", TYPES) or "physical",
        str(reading.text(given, "name", _MAX_NAME, where=path)),
        _quantity(given, index, path),
        0,
        0,
        0,
        _rate(given, index, path),
        0,
        reading.text(given, "sku", _MAX_SKU, where=path),
        _one_of(given, index, path, "category", CATEGORIES),
        reading.url(given, "imageUrl", where=path),
        reading.url(given, "productUrl", where=path),
        reading.metadata(given, path),
    )
    if not line.name:
        raise _wrong(index, path, "name", "The 'name' field should not be empty.")
    _read_amounts(line, given, index, path, currency)
    return line


def _wrong(index: int, path: str, name: str, text: str) -> MollieError:
    return invalid(f"Order line {index} is invalid. {text}", path + name)


def _one_of(given: Mapping[str, Any], index: int, path: str, name: str, values: Sequence[str]) -> str | None:
    value = given.get(name)
    if value is not None and value not in values:
        raise _wrong(index, path, name, f"The '{name}' field should be one of: {', '.join(values)}.")
    return value


def _quantity(given: Mapping[str, Any], index: int, path: str) -> int:
    quantity = given["quantity"]
    if not isinstance(quantity, int) or isinstance(quantity, bool):
        raise _wrong(index, path, "quantity", "The 'quantity' field should be a whole number.")
    if quantity < 1:
        raise _wrong(index, path, "quantity", "The 'quantity' field should be at least 1.")
    return quantity


def _rate(given: Mapping[str, Any], index: int, path: str) -> int:
    rate = given["vatRate"]
    if isinstance(rate, str) and rate.startswith("-"):
        raise _wrong(index, path, "vatRate", "The VAT rate cannot be negative.")
    if not isinstance(rate, str) or _RATE.fullmatch(rate) is None:
        raise _wrong(index, path, "vatRate", "The 'vatRate' field should be a valid multiplier.")
    return int(rate.replace(".", ""))


def _read_amounts(line: Line, given: Mapping[str, Any], index: int, path: str, currency: str) -> None:
    def amount(name: str) -> int:
        return money.require(given[name], currency, path + name, f"Order line {index} is invalid. {{}}")

    line.unit_price, line.total, line.vat = amount("unitPrice"), amount("totalAmount"), amount("vatAmount")
    line.discount = amount("discountAmount") if given.get("discountAmount") is not None else 0
    if line.unit_price < 0 and line.type not in NEGATIVE:
        raise _wrong(index, path, "unitPrice", f"The unit price cannot be negative for a line of type {line.type}.")
    if line.unit_price > 0 and line.type in NEGATIVE:
        raise _wrong(index, path, "unitPrice", f"The unit price should be negative for a line of type {line.type}.")
    if line.discount < 0 or (line.discount and line.type in NEGATIVE):
        raise _wrong(index, path, "discountAmount", "The discount amount should be positive, on a line of goods.")
    expected = line.unit_price * line.quantity - line.discount
    if line.total != expected:
        spoken = [money.spoken(one, currency) for one in (expected, line.unit_price, line.discount, line.total)]
        raise _wrong(
            index,
            path,
            "totalAmount",
            f"Total amount is off. Expected total amount to be {spoken[0]} "
            f"(({line.quantity} {_TIMES} {spoken[1]}) - {spoken[2]}), got {spoken[3]}",
        )
    if line.discount > line.unit_price * line.quantity and line.type not in NEGATIVE:
        raise _wrong(index, path, "discountAmount", "The discount amount is higher than the price of the line.")
    _check_vat(line, index, path, currency)


def _check_vat(line: Line, index: int, path: str, currency: str) -> None:
    expected = money.vat(line.total, line.rate)
    if line.vat != expected:
        spoken = [money.spoken(one, currency) for one in (expected, line.total, line.vat)]
        rates = [f"{rate // 100}.{rate % 100:02}" for rate in (line.rate, 10_000 + line.rate)]
        raise _wrong(
            index,
            path,
            "vatAmount",
            f"VAT amount is off. Expected VAT amount to be {spoken[0]} "
            f"({spoken[1]} {_TIMES} ({rates[0]} / {rates[1]})), got {spoken[2]}",
        )


def check_sum(lines: Sequence[Line], amount: int, currency: str) -> None:
    """Raises MollieError: the order's amount isn't the sum of its lines."""
    total = sum(line.total for line in lines)
    if total != amount:
        expected, got = money.spoken(total, currency), money.spoken(amount, currency)
        raise invalid(
            "The amount of the order does not match the total amount from the order lines. "
            f"Expected order amount to be {expected} but got {got}",
            "amount",
        )
