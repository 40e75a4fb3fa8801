"""Amounts: strings with the exact decimals of their currency outside, minor units inside.

Sources: mollie/api-documentation, overview/common-data-types.rst and payments/multicurrency.rst; the VAT formula:
reference/v2/orders-api/create-order.rst.
"""

import re
from typing import Any, Final

from ordersaga_sandbox.mollie.errors import MollieError

_WITHOUT_DECIMALS: Final = frozenset({"ISK", "JPY"})
_CURRENCIES: Final = re.compile(
    "AED|AUD|BGN|BRL|CAD|CHF|CZK|DKK|EUR|GBP|HKD|HUF|ILS|ISK|JPY|MXN|MYR|NOK|NZD|PHP|PLN|RON|RUB|SEK|SGD|THB|TWD|USD|ZAR"
)
_SYMBOLS: Final = {"EUR": "€", "GBP": "£", "USD": "$"}
_VALUES: Final = {0: re.compile(r"-?(?:0|[1-9]\d{0,14})"), 2: re.compile(r"-?(?:0|[1-9]\d{0,12})\.\d\d")}


class BadAmountError(ValueError):
    """It isn't an amount object, or it has the wrong form; the text is Mollie's."""


def decimals(currency: str) -> int:
    return 0 if currency in _WITHOUT_DECIMALS else 2


def read(given: object) -> tuple[int, str]:
    """Minor units and currency. Raises BadAmountError."""
    if not isinstance(given, dict) or not {"currency", "value"} <= given.keys():
        raise BadAmountError("The amount should be an object with the fields 'currency' and 'value'")
    currency, value = given["currency"], given["value"]
    if not isinstance(currency, str) or _CURRENCIES.fullmatch(currency) is None:
        raise BadAmountError("The amount contains an invalid currency")
    if not isinstance(value, str) or _VALUES[decimals(currency)].fullmatch(value) is None:
        raise BadAmountError("The amount contains an invalid value")
    return int(value.replace(".", "")), currency


def require(given: object, currency: str, field: str, detail: str = "{}") -> int:
    """The minor units of an amount in that currency. Raises MollieError; `detail` surrounds its text."""
    try:
        minor, its_currency = read(given)
    except BadAmountError as error:
        raise MollieError(422, detail.format(error), field) from None
    if its_currency != currency:
        raise MollieError(422, detail.format("The amount has a different currency than the order"), field)
    return minor


def view(minor: int, currency: str) -> dict[str, Any]:
    return {"value": plain(minor, currency), "currency": currency}


def plain(minor: int, currency: str) -> str:
    digits = decimals(currency)
    sign, absolute = "-" if minor < 0 else "", abs(minor)
    return f"{sign}{absolute // 100}.{absolute % 100:02}" if digits else f"{sign}{absolute}"


def spoken(minor: int, currency: str) -> str:
    """As in Mollie's error texts: €10.46, -€6.08."""
    symbol = _SYMBOLS.get(currency, f"{currency} ")
    return f"{'-' if minor < 0 else ''}{symbol}{plain(abs(minor), currency)}"


def vat(total: int, rate: int) -> int:
    """The VAT in a total, both in minor units, halves rounded away from zero. `rate` in hundredths of a per cent."""
    divisor = 10_000 + rate
    rounded = (2 * abs(total) * rate + divisor) // (2 * divisor)
    return -rounded if total < 0 else rounded
