"""Bodies read and refused: shape and limits, then the formulae of lines.

Sources: OpenAPI descriptions of Payments v1 (total_amount, total_tax_amount within 1); messages of docs.klarna.com "Error
codes" and of raw answers in krokedil/klarna-payments-for-woocommerce#155, #217, #318.
"""

import re
from collections.abc import Iterator, Sequence
from typing import Final, TypeVar

import msgspec

from ordersaga_sandbox.http import Refused
from ordersaga_sandbox.klarna.schema import MAY_BE_NEGATIVE, Line, Purchase

T = TypeVar("T")

_AT: Final = re.compile(r" - at `\$\.?(?P<path>[^`]*)`$")
_MISSING: Final = re.compile(r"^Object missing required field `(?P<field>[^`]+)`")
_LENGTH: Final = re.compile(r"of length (?P<sign><=|>=) (?P<limit>\d+)")
_INDEX: Final = re.compile(r"\[\d+\]")
_MAXIMA: Final = {"shipping_info": 500, "order_lines": 1000}


def payments_body(decoder: msgspec.json.Decoder[T], body: bytes) -> T:
    """Refused: 400 BAD_REQUEST for what isn't a JSON object, 400 BAD_VALUE with the path of the first bad field."""
    try:
        return decoder.decode(body)
    except msgspec.ValidationError as bad:
        path = _path(str(bad))
        if not path:
            raise _malformed() from None
        raise Refused(400, "BAD_VALUE", f"Bad value: {path}") from None
    except (msgspec.DecodeError, UnicodeDecodeError):
        raise _malformed() from None


def management_body(decoder: msgspec.json.Decoder[T], body: bytes) -> T:
    """Refused: 400 BAD_REQUEST for what isn't a JSON object, 422 for a field out of its limits."""
    try:
        return decoder.decode(body)
    except msgspec.ValidationError as bad:
        text = str(bad)
        path = _path(text)
        if not path:
            raise _malformed() from None
        if "address" in path:
            raise Refused(422, "INVALID_ADDRESS", "The shipping and/or billing address is invalid") from None
        raise Refused(422, "UNPROCESSABLE_ENTITY", _size(text, path)) from None
    except (msgspec.DecodeError, UnicodeDecodeError):
        raise _malformed() from None


def _malformed() -> Refused:
    return Refused(400, "BAD_REQUEST", "The request body is malformed")


def _path(text: str) -> str:
    """`order_lines[0].name` from msgspec's message; empty: the whole body."""
    found, missing = _AT.search(text), _MISSING.match(text)
    return ".".join(part for part in (found and found["path"], missing and missing["field"]) if part)


def _size(text: str, path: str) -> str:
    slashed = _INDEX.sub("", path).replace(".", "/")
    if (length := _LENGTH.search(text)) is None:
        return f"The {slashed} value is invalid"
    if length["sign"] == ">=":
        return f"The size of the {slashed} value must be between {length['limit']} and {_MAXIMA.get(slashed, 255)}"
    return f"The size of the {slashed} value must be between 0 and {length['limit']}"


def check_purchase(purchase: Purchase) -> None:
    """Refused: every line whose formula doesn't hold, then the sums, all in one BAD_VALUE."""
    bad = [*_bad_lines(purchase.order_lines)]
    if sum(line.total_amount for line in purchase.order_lines) != purchase.order_amount:
        bad.append("order_amount")
    if purchase.order_tax_amount is not None and order_tax(purchase.order_lines) != purchase.order_tax_amount:
        bad.append("order_tax_amount")
    _refuse(bad)


def check_lines(lines: Sequence[Line], *, return_fee: bool = False) -> None:
    """Refused: BAD_VALUE for lines whose formula doesn't hold, or a return fee where there is none."""
    bad = [*_bad_lines(lines)]
    if not return_fee:
        bad += [f"order_lines[{index}].type" for index, line in enumerate(lines) if line.type == "return_fee"]
    _refuse(bad)


def check_sum(lines: Sequence[Line], amount: int) -> None:
    if lines and sum(line.total_amount for line in lines) != amount:
        _refuse(["order_lines"])


def order_tax(lines: Sequence[Line]) -> int:
    """The tax of lines; a line of type sales_tax is tax itself (United States)."""
    return sum(line.total_amount if line.type == "sales_tax" else line.total_tax_amount or 0 for line in lines)


def _refuse(bad: Sequence[str]) -> None:
    if bad:
        raise Refused(400, "BAD_VALUE", *(f"Bad value: {path}" for path in bad))


def _bad_lines(lines: Sequence[Line]) -> Iterator[str]:
    for index, line in enumerate(lines):
        if line.unit_price < 0 and line.type not in MAY_BE_NEGATIVE:
            yield f"order_lines[{index}].unit_price"
        worth = line.quantity * line.unit_price - (line.total_discount_amount or 0)
        if line.total_amount != worth or (worth < 0 and line.type not in MAY_BE_NEGATIVE):
            yield f"order_lines[{index}].total_amount"
        if line.total_tax_amount is not None and not _tax_fits(line, line.total_tax_amount):
            yield f"order_lines[{index}].total_tax_amount"


def _tax_fits(line: Line, tax: int) -> bool:
    """|tax - amount * rate / (10000 + rate)| <= 1, in whole numbers."""
    gross = 10_000 + (line.tax_rate or 0)
    return abs(tax * gross - line.total_amount * (gross - 10_000)) <= gross
