"""Parses master keys in settings: `key` or `id:key`, base64 of 32 bytes."""

import base64
import binascii
from typing import Final

_BYTES: Final = 32
_MAX_ID_LENGTH: Final = 64
_DEFAULT_ID: Final = "1"
"""The id of a key without one. The database stores it, so another key can't have it later."""
_HOW_TO_CREATE: Final = "create one with `openssl rand -base64 32`"


def key_of(text: str) -> tuple[str, bytes]:
    """Id and bytes. The message of a ValueError doesn't quote the text."""
    name, colon, encoded = text.strip().rpartition(":")
    name = name.strip() if colon else _DEFAULT_ID
    if not 1 <= len(name.encode()) <= _MAX_ID_LENGTH:
        raise ValueError(f"has a key with an id that isn't 1 to {_MAX_ID_LENGTH} bytes long")
    try:
        key = base64.b64decode(encoded.strip(), validate=True)
    except binascii.Error:
        raise ValueError(f"isn't base64: {_HOW_TO_CREATE}") from None
    if len(key) != _BYTES:
        raise ValueError(f"is {len(key)} bytes long, not {_BYTES}: {_HOW_TO_CREATE}")
    return name, key


def keys_of(texts: str) -> list[tuple[str, bytes]]:
    """From a list separated by commas."""
    return [key_of(text) for text in texts.split(",") if text.strip()]
