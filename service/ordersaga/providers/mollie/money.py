"""Amounts as Mollie has them: a currency and a text with its exact decimals (`{"currency": "EUR", "value": "10.00"}`).

Sources: mollie/api-documentation, overview/common-data-types.rst (amount object) and payments/multicurrency.rst: ISK and JPY
have no decimals, all others two. Minor units are those of ISO 4217, so that a currency of which ISO knows other decimals
than Mollie has none that both agree on.
"""

import re
from collections.abc import Mapping
from decimal import Decimal
from typing import Any, Final

import msgspec
from msgspec import Struct

from ordersaga.domain.model.money import tax_of

Json = dict[str, Any]

_WITHOUT_DECIMALS: Final = frozenset({"ISK", "JPY"})
_OTHERWISE_IN_ISO: Final = frozenset(
    ("BIF", "CLP", "DJF", "GNF", "KMF", "KRW", "PYG", "RWF", "UGX", "UYI", "VND", "VUV", "XAF", "XOF", "XPF")
) | {"BHD", "IQD", "JOD", "KWD", "LYD", "OMR", "TND", "CLF", "UYW"}
_VALUE: Final = re.compile(r"-?[0-9]{1,15}(?:\.[0-9]{1,2})?")


class Amount(Struct, frozen=True):
    """As it is in an answer."""

    currency: str
    value: str


def is_known(currency: str) -> bool:
    """Whether Mollie's decimals are ISO's."""
    return currency.upper() not in _OTHERWISE_IN_ISO


def _decimals(currency: str) -> int:
    return 0 if currency in _WITHOUT_DECIMALS else 2


def amount(minor: int, currency: str) -> Json:
    """Of minor units."""
    currency = currency.upper()
    decimals = _decimals(currency)
    whole, rest = divmod(abs(minor), 10**decimals)
    value = f"{whole}.{rest:0{decimals}}" if decimals else str(whole)
    return {"currency": currency, "value": f"-{value}" if minor < 0 else value}


def minor(given: Amount, currency: str) -> int:
    """In minor units. Raises msgspec.ValidationError: another currency, or no amount of it."""
    if given.currency != currency or not is_known(currency) or not _VALUE.fullmatch(given.value):
        raise msgspec.ValidationError("an amount that isn't one of the order's currency")
    exact = Decimal(given.value).scaleb(_decimals(currency))
    if exact != exact.to_integral_value():
        raise msgspec.ValidationError("an amount with more decimals than its currency has")
    return int(exact)


def minor_of(given: Mapping[str, Any], currency: str) -> int:
    return minor(msgspec.convert(given, Amount), currency)


def vat_rate(hundredths: int) -> str:
    """`21.00` for 2100."""
    return f"{hundredths // 100}.{hundredths % 100:02}"


def vat_amount(total: int, rate: int) -> int:
    """`total * rate / (100 + rate)`, half away from zero: Mollie takes no other, not even one cent off."""
    return tax_of(total, rate)
