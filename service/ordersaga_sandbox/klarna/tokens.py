"""Authorization tokens: which there are, and what each is good for.

A token that starts `sbx-` is authorized for any amount and cart from its first sight, for each account on its own;
`sbx-reject-…` is refused, `sbx-pending-…` goes to review. Other tokens are made by the control plane, with or without a
snapshot of what the customer authorized.
"""

from collections.abc import Iterator, Mapping
from typing import Any, Final

from ordersaga_sandbox.http import Refused
from ordersaga_sandbox.klarna.session import Outcome, Token
from ordersaga_sandbox.world import World

FREE: Final = "sbx-"


def find(world: World, account: str, text: str) -> Token | None:
    """The account's token, dead or alive; a free one comes into being at its first sight."""
    token = world.tokens.get((account, text))
    if token is None and text.startswith(FREE):
        return add(world, Token(text, account, _outcome(text), world.clock.now()))
    return token


def add(world: World, token: Token) -> Token:
    world.tokens[token.account, token.token] = token
    return token


def _outcome(text: str) -> Outcome:
    for outcome in ("reject", "pending"):
        if text.startswith(f"{FREE}{outcome}-"):
            return "reject" if outcome == "reject" else "pending"
    return "authorize"


def expired(world: World, token: Token, at: float) -> bool:
    return at >= token.seen_at + world.switches.token_seconds


def usable(world: World, account: str, text: str, at: float) -> Token:
    """Refused: 404 for a token that is unknown, deleted or over."""
    token = find(world, account, text)
    if token is None or token.deleted:
        raise Refused(404, "NOT_FOUND", "Invalid authorization token")
    if expired(world, token, at) and not (token.completed and world.switches.completed_token_outlives_expiry):
        raise Refused(404, "NOT_FOUND", "Invalid authorization token")
    return token


def check_snapshot(snapshot: Mapping[str, Any], body: Mapping[str, Any]) -> None:
    """Refused: 409 with every field that isn't as the customer authorized it. Fields the snapshot lacks aren't compared."""
    if bad := list(_differences(snapshot, body, "")):
        raise Refused(409, "BAD_VALUE", f"Not matching fields: [{', '.join(bad)}]")


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
        # Left out, null, 0 and the empty string are one: tax and discount may be sent as 0 or not at all.
        yield path
