"""Mollie's ids: a prefix and an opaque token."""

from typing import Final
from uuid import UUID

from ordersaga_sandbox.state import SandboxState

_LETTERS: Final = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"


def new(state: SandboxState, prefix: str) -> str:
    number, token = UUID(state.new_id()).int, ""
    for _ in range(12):
        number, letter = divmod(number, len(_LETTERS))
        token += _LETTERS[letter]
    return prefix + token
