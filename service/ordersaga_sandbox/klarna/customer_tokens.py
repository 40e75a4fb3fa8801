"""Customer tokens: made from an authorization (Payments v1); read, order, cancel (Customer Token API v1).

Sources: their OpenAPI documents; error codes of docs.klarna.com "Step 3: Create an order" and "Cancel customer token".
"""

from typing import Any, Final

import msgspec

from ordersaga_sandbox.call import Call
from ordersaga_sandbox.http import ApiError, Response, error_response, json_response
from ordersaga_sandbox.klarna import authorizing, checks, token_life, tokens
from ordersaga_sandbox.klarna.actor import merchant
from ordersaga_sandbox.klarna.creating import created_body, new_order, redirect_url
from ordersaga_sandbox.klarna.customer_token import CustomerToken
from ordersaga_sandbox.klarna.session import Token
from ordersaga_sandbox.klarna.token_schema import CustomerTokenBody, TokenOrderBody, TokenStatusBody
from ordersaga_sandbox.routes import Route

_TOKEN: Final = msgspec.json.Decoder(CustomerTokenBody)
_ORDER: Final = msgspec.json.Decoder(TokenOrderBody)
_STATUS: Final = msgspec.json.Decoder(TokenStatusBody)
_SNAPSHOT_FIELDS: Final = frozenset({"purchase_country", "purchase_currency", "locale", "billing_address", "customer"})
_EURO: Final = ("AT", "BE", "DE", "ES", "FI", "FR", "GR", "IE", "IT", "NL", "PT", "SK")
_OTHERS: Final = (
    ("AU", "AUD"),
    ("CA", "CAD"),
    ("CH", "CHF"),
    ("CZ", "CZK"),
    ("DK", "DKK"),
    ("GB", "GBP"),
    ("HU", "HUF"),
    ("MX", "MXN"),
    ("NO", "NOK"),
    ("NZ", "NZD"),
    ("PL", "PLN"),
    ("RO", "RON"),
    ("SE", "SEK"),
    ("US", "USD"),
)
_CURRENCIES: Final = dict.fromkeys(_EURO, "EUR") | dict(_OTHERS)
"""Klarna's markets and their currencies."""


def create_token(call: Call) -> Response:
    """As create order: once per authorization token; the same body gets the same answer, another one 409."""
    switches = call.state.switches
    token = tokens.require_usable(call.state, call.account, call.params["authorization_token"], call.at)
    if token.customer_token_response is not None:
        return _replay(call, token, token.customer_token_response)
    if token.customer_token_failure is not None and switches.sticky_token_errors:
        call.entry.replay = True
        return token.customer_token_failure
    try:
        body = _checked(call, token)
    except ApiError as error:
        token.customer_token_failure = error_response(error, call.correlation_id)
        return token.customer_token_failure
    made = CustomerToken(
        token_id=call.state.new_id(),
        account=call.account,
        created_at=call.at,
        country=body.purchase_country.upper(),
        currency=body.purchase_currency.upper(),
        locale=body.locale,
        description=body.description,
        billing_address=body.billing_address,
        customer=body.customer,
        pending=token.outcome == "pending",
    )
    token.customer_token_response = json_response(_created_view(call, made))
    token.customer_token_digest = tokens.digest(call.body)
    call.entry.effect_seq = token_life.add(call.state, made)
    return token.customer_token_response


def _checked(call: Call, token: Token) -> CustomerTokenBody:
    """Raises ApiError: limits broken, a currency that isn't the country's, not what the customer authorized, rejected."""
    body = checks.decode_payments_body(_TOKEN, call.body)
    if body.intended_use == "subscription" and not call.state.switches.lower_case_intended_use:
        raise ApiError(400, "BAD_VALUE", "Bad value: intended_use")
    country, currency = body.purchase_country.upper(), body.purchase_currency.upper()
    if country not in _CURRENCIES:
        raise ApiError(400, "BAD_VALUE", "Bad value: purchase_country")
    if currency != _CURRENCIES[country]:
        raise ApiError(400, "BAD_REQUEST", f"{currency} is not valid for creating customer tokens in {country}")
    if token.intent == "buy":
        raise ApiError(403, "INVALID_OPERATION", "Not allowed to create customer tokens for intent buy.")
    if token.snapshot is not None:
        snapshot = {name: value for name, value in token.snapshot.items() if name in _SNAPSHOT_FIELDS}
        tokens.check_snapshot(snapshot, msgspec.json.decode(call.body))
    if token.outcome == "reject":
        raise ApiError(403, "REJECTED", "Rejected")
    return body


def _replay(call: Call, token: Token, response: Response) -> Response:
    if call.state.switches.replayed_create == "consumed":
        raise ApiError(403, "INVALID_OPERATION", "Authorization token already consumed")
    if tokens.digest(call.body) != token.customer_token_digest:
        raise ApiError(409, "BAD_VALUE", "The customer token has been already created with different request body")
    call.entry.replay = True
    return response


def _created_view(call: Call, token: CustomerToken) -> dict[str, Any]:
    view: dict[str, Any] = {
        "token_id": token.token_id,
        "redirect_url": redirect_url(call.base_url, token.token_id),
        "payment_method_reference": token.token_id,
    }
    if token.billing_address is not None:
        view["billing_address"] = token.billing_address
    if token.customer is not None:
        view["customer"] = token.customer
    return view


# -- the token --------------------------------------------------------------------------------------------------------


def _token(call: Call) -> CustomerToken:
    token = token_life.find(call.state, call.account, call.params["customer_token"])
    if token is None:
        raise ApiError(404, "NOT_FOUND", "Invalid customer-token ID")
    return token


def read(call: Call) -> Response:
    token = _token(call)
    switches = call.state.switches
    method = switches.payment_method
    view: dict[str, Any] = {
        "payment_method_type": method.upper(),
        "status": token.status if switches.customer_status_case == "upper" else token.status.lower(),
    }
    if "card" in method:
        view["card"] = {"brand": "VISA", "expiry_date": "12/2031", "masked_number": "************1234"}
    if method == "direct_debit":
        view["direct_debit"] = {"masked_number": "**********124"}
    return json_response(view)


def update_status(call: Call) -> Response:
    """202: accepted, not yet effective; read the token to see when it is."""
    token = _token(call)
    checks.decode_payments_body(_STATUS, call.body)
    token_life.cancel_later(call.state, token, call.at)
    return Response(202)


def create_order(call: Call) -> Response:
    token = _paying_token(call)
    body = _checked_order(call, token)
    token_life.require_payable(call.state, token)
    order = new_order(
        call.state,
        call.at,
        call.account,
        body,
        token=token.token_id,
        country=token.country,
        locale=token.locale,
        billing_address=token.billing_address,
        customer=token.customer,
        pending=token.pending,
        auto_capture=body.auto_capture,
    )
    authorizing.authorize(merchant(call), order, reference=body.merchant_reference1)
    created = created_body(call.state, call.base_url, order)
    match call.state.switches.renewal_redirect_url:
        case "always":
            created["redirect_url"] = redirect_url(call.base_url, order.order_id)
        case "never":
            created.pop("redirect_url", None)
        case "with_confirmation":
            pass
    return json_response(created)


def _paying_token(call: Call) -> CustomerToken:
    text = call.params["customer_token"]
    token = token_life.find(call.state, call.account, text)
    if token is not None:
        return token
    switches = call.state.switches
    if switches.linked_elsewhere == "canceled" and token_life.is_linked_elsewhere(call.state, call.account, text):
        raise ApiError(403, switches.canceled_code, "The customer token exists, but isn't linked to your merchant ID")
    raise ApiError(404, "TOKEN_NOT_FOUND", "The customer token doesn't exist")


def _checked_order(call: Call, token: CustomerToken) -> TokenOrderBody:
    """Raises ApiError: limits or formulae broken, not the token's currency."""
    try:
        body = checks.decode_payments_body(_ORDER, call.body)
        checks.check_purchase(body)
        _check_currency(token, body)
    except ApiError as error:
        code = "BAD_REQUEST" if error.code == "BAD_REQUEST" else call.state.switches.renewal_bad_value
        raise ApiError(error.status, code, *error.messages) from None
    return body


def _check_currency(token: CustomerToken, body: TokenOrderBody) -> None:
    if token.currency is not None and token.currency.upper() != body.purchase_currency.upper():
        raise ApiError(400, "BAD_VALUE", "Bad value: purchase_currency")


_CUSTOMER_TOKEN: Final = "/customer-token/v1/tokens/{customer_token}"  # noqa: S105 - a path

ROUTES: Final = (
    Route("POST", "/payments/v1/authorizations/{authorization_token}/customer-token", create_token),
    Route("GET", _CUSTOMER_TOKEN, read),
    Route("POST", f"{_CUSTOMER_TOKEN}/order", create_order, idempotent=True),
    Route("PATCH", f"{_CUSTOMER_TOKEN}/status", update_status),
)
