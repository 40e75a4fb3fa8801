"""Klarna Payments v1: sessions and authorizations. Source: its OpenAPI document, docs.klarna.com "Step 3: Create an order"."""

from typing import Any, Final

import msgspec

from ordersaga_sandbox.call import Call
from ordersaga_sandbox.clock import iso
from ordersaga_sandbox.http import NO_CONTENT, ApiError, Response, error_response, json_response
from ordersaga_sandbox.klarna import authorizing, checks, tokens
from ordersaga_sandbox.klarna.actor import merchant
from ordersaga_sandbox.klarna.creating import created_body, new_order
from ordersaga_sandbox.klarna.order import Order
from ordersaga_sandbox.klarna.schema import Purchase
from ordersaga_sandbox.klarna.session import SESSION_SECONDS, Session, Token
from ordersaga_sandbox.klarna.tokens import digest
from ordersaga_sandbox.ledger import Effect
from ordersaga_sandbox.routes import Route

_PURCHASE: Final = msgspec.json.Decoder(Purchase)
_CATEGORIES: Final = [
    {
        "identifier": identifier,
        "name": name,
        "asset_urls": {"standard": "https://x.klarnacdn.net/payment-method/assets/badges/generic/klarna.svg"},
    }
    for identifier, name in (("pay_later", "Pay later"), ("pay_over_time", "Pay over time"), ("pay_now", "Pay now"))
]


# -- sessions ---------------------------------------------------------------------------------------------------------


def create_session(call: Call) -> Response:
    checks.check_purchase(checks.decode_payments_body(_PURCHASE, call.body))
    session = Session(call.state.new_id(), call.account, msgspec.json.decode(call.body), call.at)
    call.state.sessions[session.session_id] = session
    return json_response(
        {
            "session_id": session.session_id,
            "client_token": _client_token(session),
            "payment_method_categories": _CATEGORIES,
        }
    )


def update_session(call: Call) -> Response:
    """Fields that are sent replace those of the session; the whole purchase is checked again."""
    session = _session(call)
    try:
        changes = msgspec.json.decode(call.body, type=dict[str, Any])
    except (msgspec.DecodeError, UnicodeDecodeError):
        raise ApiError(400, "BAD_REQUEST", "The request body is malformed") from None
    content = session.content | changes
    checks.check_purchase(checks.decode_payments_body(_PURCHASE, msgspec.json.encode(content)))
    session.content = content
    return NO_CONTENT


def read_session(call: Call) -> Response:
    session = _session(call, completed=True)
    session_fields = {
        "client_token": _client_token(session),
        "payment_method_categories": _CATEGORIES,
        "status": "complete" if session.completed else "incomplete",
        "expires_at": iso(session.created_at + SESSION_SECONDS),
    }
    if session.token is not None:
        session_fields["authorization_token"] = session.token
    return json_response(session.content | session_fields)


def _session(call: Call, *, completed: bool = False) -> Session:
    session = call.state.sessions.get(call.params["session_id"])
    if session is None or session.account != call.account or call.at >= session.created_at + SESSION_SECONDS:
        raise ApiError(404, "NOT_FOUND", "Invalid session id")
    if session.completed and not completed:
        raise ApiError(404, "SESSION_COMPLETED", "The session has been completed")
    return session


def _client_token(session: Session) -> str:
    return f"sandbox.{session.session_id.replace('-', '')}"


# -- authorizations ---------------------------------------------------------------------------------------------------


def create_order(call: Call) -> Response:
    """Idempotent per token: after success the same body returns the same order, after an error the same error.

    Source: docs.klarna.com "Error codes" of Payments, krokedil/klarna-payments-for-woocommerce#31.
    """
    switches = call.state.switches
    token = tokens.require_usable(call.state, call.account, call.params["authorization_token"], call.at)
    if token.order_response is not None:
        return _replay(call, token, token.order_response)
    if token.failure is not None and switches.sticky_token_errors:
        call.entry.replay = True
        return token.failure
    try:
        purchase = _checked_purchase(call, token)
    except ApiError as error:
        token.failure = error_response(error, call.correlation_id)
        return token.failure
    order = _order(call, token, purchase)
    token.order_response = json_response(created_body(call.state, call.base_url, order))
    token.order_digest = digest(call.body)
    if token.session is not None:
        token.session.completed = True
    authorizing.authorize(merchant(call), order)
    return token.order_response


def _checked_purchase(call: Call, token: Token) -> Purchase:
    """Raises ApiError: limits or formulae broken, not what the customer authorized, customer rejected."""
    purchase = checks.decode_payments_body(_PURCHASE, call.body)
    checks.check_purchase(purchase)
    if token.snapshot is not None:
        tokens.check_snapshot(token.snapshot, msgspec.json.decode(call.body))
    if token.outcome == "reject":
        raise ApiError(403, "REJECTED", "Rejected")
    return purchase


def _replay(call: Call, token: Token, response: Response) -> Response:
    if call.state.switches.replayed_create == "consumed":
        raise ApiError(403, "INVALID_OPERATION", "Authorization token already consumed")
    if digest(call.body) != token.order_digest:
        raise ApiError(409, "BAD_VALUE", "The order has been already completed with different request body")
    call.entry.replay = True
    return response


def _order(call: Call, token: Token, purchase: Purchase) -> Order:
    return new_order(
        call.state,
        call.at,
        call.account,
        purchase,
        token=token.token,
        country=purchase.purchase_country,
        locale=purchase.locale,
        billing_address=purchase.billing_address,
        customer=purchase.customer,
        pending=token.outcome == "pending",
        auto_capture=purchase.auto_capture,
        session_id=token.session.session_id if token.session is not None else None,
    )


def cancel_authorization(call: Call) -> Response:
    """204 proves that no order was created with the token and none will be."""
    token = tokens.find(call.state, call.account, call.params["authorization_token"])
    if token is None or token.deleted or token.completed or tokens.expired(call.state, token, call.at):
        raise ApiError(404, "NOT_FOUND", "Authorization cannot be deleted")
    token.deleted = True
    effect = Effect(at=call.at, account=call.account, kind="cancel_authorization", token=token.token)
    call.entry.effect_seq = call.state.ledger.add(effect)
    return NO_CONTENT


_SESSIONS: Final = "/payments/v1/sessions"
_AUTHORIZATION: Final = "/payments/v1/authorizations/{authorization_token}"

ROUTES: Final = (
    Route("POST", _SESSIONS, create_session),
    Route("POST", f"{_SESSIONS}/{{session_id}}", update_session),
    Route("GET", f"{_SESSIONS}/{{session_id}}", read_session),
    Route("POST", f"{_AUTHORIZATION}/order", create_order),
    Route("DELETE", _AUTHORIZATION, cancel_authorization),
)
