"""Decodes the data of a shop event to the domain's types; the contract's schema explains what is wrong with it."""

from typing import Final, Literal

import msgspec
from msgspec import Struct

from ordersaga.bus import schemas
from ordersaga.domain.model.events import Data, decode_data


class InvalidData(Struct, frozen=True):
    """`messages`: all that is wrong with the data, without quoting it."""

    code: Literal["not_json", "invalid_event"]
    messages: tuple[str, ...]


_NUL: Final = b"\\u0000"
_NOT_JSON: Final = InvalidData("not_json", ("$: isn't JSON in UTF-8",))


def decode(event_type: str, data: bytes) -> Data | InvalidData:
    """For a type in `domain.events.TYPES`. Accepts exactly what the contract's schema accepts."""
    typed: Data | None = None
    refusal = ""
    try:
        if not data.isascii():
            data.decode()
        typed = decode_data(event_type, data)
        if _NUL not in data:
            return typed
    except msgspec.ValidationError as error:
        refusal = str(error).rpartition("`$")[2].rstrip("`") if "`$" in str(error) else ""
    except (msgspec.DecodeError, UnicodeDecodeError):
        return _NOT_JSON
    except RecursionError:
        return InvalidData("invalid_event", ("$: is nested too deeply",))
    try:
        return _by_schema(event_type, data) or typed or _undecodable(refusal)
    except schemas.TooLargeError as error:
        if typed is not None and not _has_nul(msgspec.json.decode(data)):
            return typed
        first = "$: contains NUL" if typed is not None else _undecodable(refusal).messages[0]
        return InvalidData(
            "invalid_event", (*(error.messages or (first,)), "$: not checked in full: there may be more errors")
        )


def _undecodable(path: str) -> InvalidData:
    return InvalidData("invalid_event", (f"${path}: can't be decoded",))


def _has_nul(value: object) -> bool:
    match value:
        case str():
            return "\0" in value
        case dict():
            return any(map(_has_nul, value)) or any(map(_has_nul, value.values()))
        case list():
            return any(map(_has_nul, value))
        case _:
            return False


def _by_schema(event_type: str, data: bytes) -> InvalidData | None:
    """None: the data is valid by the schema. Raises schemas.TooLargeError."""
    try:
        messages = schemas.problems(event_type, data)
    except schemas.NotJsonError:
        return _NOT_JSON
    return InvalidData("invalid_event", messages) if messages else None
