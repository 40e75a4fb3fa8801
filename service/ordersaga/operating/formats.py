"""Times and amounts for people."""

from datetime import UTC, datetime
from typing import Any

from msgspec import Struct


def at(seconds: float | None) -> str:
    """UTC, to the millisecond."""
    if seconds is None:
        return ""
    return datetime.fromtimestamp(seconds, UTC).isoformat(sep=" ", timespec="milliseconds").removesuffix("+00:00")


def to_second(seconds: float | None) -> str:
    """UTC, without fractions of a second."""
    return at(seconds).partition(".")[0]


def money(minor: int | None, currency: str) -> str:
    """In the currency's major unit; in minor units if the currency is unknown."""
    if minor is None:
        return ""
    digits = _digits(currency)
    whole, part = divmod(abs(minor), 10**digits)
    sign = "-" if minor < 0 else ""
    return f"{sign}{whole:,}" + (f".{part:0{digits}}" if digits else "")


def counted(number: int, one: str) -> str:
    """`1 event`, `2 events`, `1,000 events`; `one`: the noun in the singular, whose plural ends with s."""
    return f"{number:,} {one}" if number == 1 else f"{number:,} {one}s"


def _digits(currency: str) -> int:
    from iso4217 import Currency

    try:
        return Currency(currency).exponent or 0
    except ValueError:
        return 0


def named(value: Any) -> Any:
    """Structs as objects with the names of all their fields, however they are stored."""
    match value:
        case Struct():
            return {name: named(getattr(value, name)) for name in value.__struct_fields__}
        case dict():
            return {name: named(one) for name, one in value.items()}
        case tuple() | list():
            return [named(one) for one in value]
        case _:
            return value
