"""Authorization tokens: creation, lookup and validity.

A token that starts with `sbx-` is created on first use, for each account separately, and is authorized for any amount
and cart; `sbx-reject-…` is rejected, `sbx-pending-…` goes to review, `sbx-buy-…` allows no customer token. Other tokens are created by the control plane, with
or without a snapshot of what the customer authorized.
"""

import contextlib
import hashlib
from collections.abc import Iterator, Mapping
from typing import Any, Final

import msgspec

from ordersaga_sandbox.http import ApiError
from ordersaga_sandbox.klarna.session import Outcome, Token
from ordersaga_sandbox.state import SandboxState

AUTHORIZED_PREFIX: Final = "sbx-"


def find(state: SandboxState, account: str, text: str) -> Token | None:
    """The account's token, usable or not. One that starts with `sbx-` is created on first use."""
    token = state.tokens.get((account, text))
    if token is None and text.startswith(AUTHORIZED_PREFIX):
        made = Token(text, account, _outcome(text), state.clock.now())
        made.intent = "buy" if text.startswith(f"{AUTHORIZED_PREFIX}buy-") else None
        return add(state, made)
    return token


def add(state: SandboxState, token: Token) -> Token:
    state.tokens[token.account, token.token] = token
    return token


def _outcome(text: str) -> Outcome:
    for outcome in ("reject", "pending"):
        if text.startswith(f"{AUTHORIZED_PREFIX}{outcome}-"):
            return "reject" if outcome == "reject" else "pending"
    return "authorize"


def expired(state: SandboxState, token: Token, at: float) -> bool:
    return at >= token.first_seen_at + state.switches.token_seconds


def require_usable(state: SandboxState, account: str, text: str, at: float) -> Token:
    """Raises ApiError: 404 for a token that is unknown, deleted or expired."""
    token = find(state, account, text)
    if token is None or token.deleted:
        raise ApiError(404, "NOT_FOUND", "Invalid authorization token")
    if expired(state, token, at) and not (token.completed and state.switches.completed_token_outlives_expiry):
        raise ApiError(404, "NOT_FOUND", "Invalid authorization token")
    return token


def digest(body: bytes) -> bytes:
    """Of the content of the body: white space and the order of fields are ignored."""
    with contextlib.suppress(msgspec.DecodeError, UnicodeDecodeError):
        body = msgspec.json.encode(msgspec.json.decode(body), order="sorted")
    return hashlib.blake2b(body, digest_size=16).digest()


def check_snapshot(snapshot: Mapping[str, Any], body: Mapping[str, Any]) -> None:
    """Raises ApiError: 409 with every field of the snapshot that differs in the body."""
    if bad := list(_differences(snapshot, body, "")):
        raise ApiError(409, "BAD_VALUE", f"Not matching fields: [{', '.join(bad)}]")


def _differences(expected: Mapping[str, Any], actual: Mapping[str, Any], path: str) -> Iterator[str]:
    for name, value in expected.items():
        yield from _difference(value, actual.get(name), f"{path}{name}")


def _difference(expected: object, actual: object, path: str) -> Iterator[str]:
    if isinstance(expected, dict) and isinstance(actual, dict):
        yield from _differences(expected, actual, f"{path}.")
    elif isinstance(expected, list) and isinstance(actual, list):
        if len(expected) != len(actual):
            yield f"Incorrect number of items in the cart. Expected: {len(expected)}, Actual: {len(actual)}"
            return
        for index, (one, other) in enumerate(zip(expected, actual, strict=True)):
            yield from _difference(one, other, f"{path}[{index}]")
    elif expected != actual and (expected or actual):
        # A missing field, null, 0 and the empty string are equal: tax and discount may be sent as 0 or not at all.
        yield path
