"""Customer tokens: lookup, status, whether they can pay.

A token that starts with `sbx-` is created on first use, for each account separately, and pays in any currency:
`sbx-suspended-…`, `sbx-canceled-…`, `sbx-failing-…` (its payment method fails), `sbx-unavailable-…` (it has none any
more), `sbx-pending-…` (orders go to review). Others come from an authorization, a Checkout order or the control plane.
"""

from collections.abc import Mapping
from typing import Final, Literal

from ordersaga_sandbox.http import ApiError
from ordersaga_sandbox.klarna.customer_token import CustomerToken, MethodState, TokenStatus
from ordersaga_sandbox.ledger import CausedBy, Effect
from ordersaga_sandbox.state import SandboxState

_SBX_STATUS: Final[Mapping[str, TokenStatus]] = {"sbx-suspended-": "SUSPENDED", "sbx-canceled-": "CANCELLED"}
_SBX_METHOD: Final[Mapping[str, MethodState]] = {"sbx-failing-": "failing", "sbx-unavailable-": "unavailable"}


def find(state: SandboxState, account: str, text: str) -> CustomerToken | None:
    token = state.customer_tokens.get((account, text))
    if token is None and text.startswith("sbx-"):
        token = CustomerToken(text, account, state.clock.now(), pending=text.startswith("sbx-pending-"))
        token.status = next((status for prefix, status in _SBX_STATUS.items() if text.startswith(prefix)), "ACTIVE")
        token.method = next((method for prefix, method in _SBX_METHOD.items() if text.startswith(prefix)), "ok")
        state.customer_tokens[account, text] = token
    return token


def add(state: SandboxState, token: CustomerToken, by: CausedBy = "merchant") -> int:
    """Returns the `seq` of its effect in the ledger."""
    state.customer_tokens[token.account, token.token_id] = token
    return _record(state, token, "customer_token", token.created_at, by)


def is_linked_elsewhere(state: SandboxState, account: str, text: str) -> bool:
    """Whether it is another account's."""
    return any(token == text and owner != account for owner, token in state.customer_tokens)


def cancel_later(state: SandboxState, token: CustomerToken, at: float) -> None:
    """Accepted now, effective after `token_cancel_seconds`. Raises ApiError: it has been cancelled already."""
    if token.status == "CANCELLED" or token.cancelling:
        if state.switches.second_token_cancel == 202:
            return
        raise ApiError(403, state.switches.canceled_code, "The customer token has been cancelled")
    token.cancelling = True
    state.schedule(at + state.switches.token_cancel_seconds, lambda due: cancel(state, token, due, "merchant"))
    state.run_due()


def cancel(state: SandboxState, token: CustomerToken, at: float, by: CausedBy) -> None:
    """Can't be undone."""
    if token.status != "CANCELLED":
        token.status = "CANCELLED"
        _record(state, token, "cancel_customer_token", at, by)


def require_payable(state: SandboxState, token: CustomerToken) -> None:
    """Raises ApiError, with the codes of docs.klarna.com "Step 3: Create an order": the token or its payment method can't pay."""
    match token.status:
        case "SUSPENDED":
            raise ApiError(403, "TOKEN_SUSPENDED", "The customer token is suspended")
        case "CANCELLED":
            raise ApiError(403, state.switches.canceled_code, "The customer token has been cancelled")
        case "ACTIVE":
            pass
    method = token.method
    if method != "ok" and token.method_times is not None:
        token.method_times -= 1
        if token.method_times <= 0:
            token.method, token.method_times = "ok", None
    match method:
        case "failing":
            raise ApiError(403, "PAYMENT_METHOD_FAILED", "Payment method failed. Try resending your request.")
        case "unavailable":
            raise ApiError(403, "UNAVAILABLE_PAYMENT_METHOD", "The payment method isn't available for this purchase")
        case "down":
            raise ApiError(503, "SERVICE_UNAVAILABLE", "The service is temporarily unavailable")
        case "ok":
            pass


def _record(
    state: SandboxState,
    token: CustomerToken,
    kind: Literal["customer_token", "cancel_customer_token"],
    at: float,
    by: CausedBy,
) -> int:
    effect = Effect(
        at=at, account=token.account, kind=kind, id=token.token_id, currency=token.currency, token=token.token_id, by=by
    )
    return state.ledger.add(effect)
