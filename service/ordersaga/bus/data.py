"""The data of a shop event: typed by the domain, held to the contract's schema."""

from typing import Final, Literal

import msgspec
from msgspec import Struct

from ordersaga.bus import schemas
from ordersaga.domain.model.events import Data, decode_data


class Broken(Struct, frozen=True):
    """Data that isn't taken, and all that is wrong with it."""

    code: Literal["not_json", "invalid_event"]
    messages: tuple[str, ...]


_NUL: Final = b"\\u0000"
_NOT_JSON: Final = Broken("not_json", ("$: isn't JSON in UTF-8",))


def decode(event_type: str, data: bytes) -> Data | Broken:
    """The data of a type of `domain.events.TYPES`, or what is wrong with it. Takes what the contract's schema takes."""
    typed: Data | None = None
    refusal = ""
    try:
        if not data.isascii():
            data.decode()
        typed = decode_data(event_type, data)
        if _NUL not in data:
            return typed
    except msgspec.ValidationError as error:
        refusal = str(error).rpartition("`$")[2].rstrip("`")
    except (msgspec.DecodeError, UnicodeDecodeError):
        return _NOT_JSON
    except RecursionError:
        return Broken("invalid_event", ("$: is nested too deeply",))
    return _judged(event_type, data) or typed or Broken("invalid_event", (f"${refusal}: can't be read",))


def _judged(event_type: str, data: bytes) -> Broken | None:
    """The schema's word; None: it has nothing against the data."""
    try:
        messages = schemas.problems(event_type, data)
    except schemas.NotJsonError:
        return _NOT_JSON
    return Broken("invalid_event", messages) if messages else None
