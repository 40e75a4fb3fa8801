"""Master keys as settings give them: `key` or `id:key`, base64 of 32 bytes."""

import base64
import binascii
from typing import Final

_BYTES: Final = 32
_LONGEST_ID: Final = 64
_UNNAMED: Final = "1"
"""The id of a key that is given without one. It stands in the database: it can't be another one's later."""
HOW: Final = "make one with `openssl rand -base64 32`"


def key_of(text: str) -> tuple[str, bytes]:
    """Id and bytes. ValueError says what is wrong without showing any of it."""
    name, colon, encoded = text.strip().rpartition(":")
    name = name.strip() if colon else _UNNAMED
    if not 1 <= len(name.encode()) <= _LONGEST_ID:
        raise ValueError(f"has a key with an id that isn't 1 to {_LONGEST_ID} bytes long")
    try:
        key = base64.b64decode(encoded.strip(), validate=True)
    except binascii.Error:
        raise ValueError(f"isn't base64: {HOW}") from None
    if len(key) != _BYTES:
        raise ValueError(f"is {len(key)} bytes long, not {_BYTES}: {HOW}")
    return name, key


def keys_of(texts: str) -> list[tuple[str, bytes]]:
    """Of a list with commas."""
    return [key_of(text) for text in texts.split(",") if text.strip()]
