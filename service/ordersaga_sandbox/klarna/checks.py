"""Decoding and validation of bodies: structure and limits, then the formulae of lines.

Sources: OpenAPI descriptions of Payments v1 (total_amount, total_tax_amount within 1); messages of docs.klarna.com "Error
codes" and of raw answers in krokedil/klarna-payments-for-woocommerce#155, #217, #318.
"""

import re
from collections.abc import Iterator, Sequence
from typing import Final, Protocol, TypeVar

import msgspec

from ordersaga_sandbox.http import ApiError
from ordersaga_sandbox.klarna.schema import MAY_BE_NEGATIVE, Line

T = TypeVar("T")

_AT: Final = re.compile(r" - at `\$\.?(?P<path>[^`]*)`$")
_MISSING: Final = re.compile(r"^Object missing required field `(?P<field>[^`]+)`")
_LENGTH: Final = re.compile(r"of length (?P<sign><=|>=) (?P<limit>\d+)")
_INDEX: Final = re.compile(r"\[\d+\]")
_MAXIMA: Final = {"shipping_info": 500, "order_lines": 1000}


def decode_payments_body(decoder: msgspec.json.Decoder[T], body: bytes) -> T:
    """Raises ApiError: 400 BAD_REQUEST if it isn't a JSON object, 400 BAD_VALUE with the path of the first bad field."""
    try:
        return decoder.decode(body)
    except msgspec.ValidationError as error:
        path = _path(str(error))
        if not path:
            raise _malformed() from None
        raise ApiError(400, "BAD_VALUE", f"Bad value: {path}") from None
    except (msgspec.DecodeError, UnicodeDecodeError):
        raise _malformed() from None


def decode_management_body(decoder: msgspec.json.Decoder[T], body: bytes) -> T:
    """Raises ApiError: 400 BAD_REQUEST if it isn't a JSON object, 422 for a field that breaks its limits."""
    try:
        return decoder.decode(body)
    except msgspec.ValidationError as error:
        text = str(error)
        path = _path(text)
        if not path:
            raise _malformed() from None
        if "address" in path:
            raise ApiError(422, "INVALID_ADDRESS", "The shipping and/or billing address is invalid") from None
        raise ApiError(422, "UNPROCESSABLE_ENTITY", _size_message(text, path)) from None
    except (msgspec.DecodeError, UnicodeDecodeError):
        raise _malformed() from None


def _malformed() -> ApiError:
    return ApiError(400, "BAD_REQUEST", "The request body is malformed")


def _path(text: str) -> str:
    """`order_lines[0].name` from msgspec's message; empty if it is about the whole body."""
    found, missing = _AT.search(text), _MISSING.match(text)
    return ".".join(part for part in (found and found["path"], missing and missing["field"]) if part)


def _size_message(text: str, path: str) -> str:
    slashed = _INDEX.sub("", path).replace(".", "/")
    if (length := _LENGTH.search(text)) is None:
        return f"The {slashed} value is invalid"
    if length["sign"] == ">=":
        return f"The size of the {slashed} value must be between {length['limit']} and {_MAXIMA.get(slashed, 255)}"
    return f"The size of the {slashed} value must be between 0 and {length['limit']}"


class Sums(Protocol):
    @property
    def order_amount(self) -> int: ...
    @property
    def order_tax_amount(self) -> int | None: ...
    @property
    def order_lines(self) -> Sequence[Line]: ...


def check_purchase(purchase: Sums) -> None:
    """Raises ApiError: BAD_VALUE that names every wrong line, then the wrong sums."""
    bad = [*_bad_lines(purchase.order_lines)]
    if sum(line.total_amount for line in purchase.order_lines) != purchase.order_amount:
        bad.append("order_amount")
    if purchase.order_tax_amount is not None:
        off = abs(order_tax(purchase.order_lines) - purchase.order_tax_amount)
        if off > len(purchase.order_lines):  # each line's tax may be off by one
            bad.append("order_tax_amount")
    _raise_bad_values(bad)


def check_lines(lines: Sequence[Line], *, return_fee: bool = False) -> None:
    """Raises ApiError: BAD_VALUE for lines that break a formula, or for a return fee where none is allowed."""
    bad = [*_bad_lines(lines)]
    if not return_fee:
        bad += [f"order_lines[{index}].type" for index, line in enumerate(lines) if line.type == "return_fee"]
    _raise_bad_values(bad)


def check_sum(lines: Sequence[Line], amount: int) -> None:
    if lines and sum(line.total_amount for line in lines) != amount:
        _raise_bad_values(["order_lines"])


def order_tax(lines: Sequence[Line]) -> int:
    """The total tax; a line of type sales_tax is tax itself (United States)."""
    return sum(line.total_amount if line.type == "sales_tax" else line.total_tax_amount or 0 for line in lines)


def _raise_bad_values(bad: Sequence[str]) -> None:
    if bad:
        raise ApiError(400, "BAD_VALUE", *(f"Bad value: {path}" for path in bad))


def _bad_lines(lines: Sequence[Line]) -> Iterator[str]:
    for index, line in enumerate(lines):
        if line.unit_price < 0 and line.type not in MAY_BE_NEGATIVE:
            yield f"order_lines[{index}].unit_price"
        expected = line.quantity * line.unit_price - (line.total_discount_amount or 0)
        if line.total_amount != expected or (expected < 0 and line.type not in MAY_BE_NEGATIVE):
            yield f"order_lines[{index}].total_amount"
        if line.total_tax_amount is not None and not _tax_fits(line, line.total_tax_amount):
            yield f"order_lines[{index}].total_tax_amount"


def _tax_fits(line: Line, tax: int) -> bool:
    """|tax - amount * rate / (10000 + rate)| <= 1, in whole numbers."""
    gross = 10_000 + (line.tax_rate or 0)
    return abs(tax * gross - line.total_amount * (gross - 10_000)) <= gross
