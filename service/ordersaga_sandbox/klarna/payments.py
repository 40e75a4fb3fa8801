"""Klarna Payments v1: sessions and authorizations. Source: its OpenAPI document, docs.klarna.com "Step 3: Create an order"."""

import contextlib
import hashlib
from typing import Any, Final

import msgspec

from ordersaga_sandbox.call import Call
from ordersaga_sandbox.clock import iso, midnight_after
from ordersaga_sandbox.http import NO_CONTENT, Answer, Refused, error, json
from ordersaga_sandbox.klarna import authorizing, checks, tokens
from ordersaga_sandbox.klarna.hand import hand
from ordersaga_sandbox.klarna.order import Order
from ordersaga_sandbox.klarna.schema import Line, Purchase
from ordersaga_sandbox.klarna.session import SESSION_SECONDS, Session, Token
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
_ALPHABET: Final = "0123456789BCDFGHJKLMNPQRSTVWXYZ"


# -- sessions ---------------------------------------------------------------------------------------------------------


def create_session(call: Call) -> Answer:
    checks.check_purchase(checks.payments_body(_PURCHASE, call.body))
    session = Session(call.world.new_id(), call.account, msgspec.json.decode(call.body), call.at)
    call.world.sessions[session.session_id] = session
    return json(
        {
            "session_id": session.session_id,
            "client_token": _client_token(session),
            "payment_method_categories": _CATEGORIES,
        }
    )


def update_session(call: Call) -> Answer:
    """Fields sent replace those of the session; the whole is checked anew."""
    session = _session(call)
    try:
        changes = msgspec.json.decode(call.body, type=dict[str, Any])
    except (msgspec.DecodeError, UnicodeDecodeError):
        raise Refused(400, "BAD_REQUEST", "The request body is malformed") from None
    content = session.content | changes
    checks.check_purchase(checks.payments_body(_PURCHASE, msgspec.json.encode(content)))
    session.content = content
    return NO_CONTENT


def read_session(call: Call) -> Answer:
    session = _session(call, completed=True)
    own = {
        "client_token": _client_token(session),
        "payment_method_categories": _CATEGORIES,
        "status": "complete" if session.completed else "incomplete",
        "expires_at": iso(session.created_at + SESSION_SECONDS),
    }
    if session.token is not None:
        own["authorization_token"] = session.token
    return json(session.content | own)


def _session(call: Call, *, completed: bool = False) -> Session:
    session = call.world.sessions.get(call.params["session_id"])
    if session is None or session.account != call.account or call.at >= session.created_at + SESSION_SECONDS:
        raise Refused(404, "NOT_FOUND", "Invalid session id")
    if session.completed and not completed:
        raise Refused(404, "SESSION_COMPLETED", "The session has been completed")
    return session


def _client_token(session: Session) -> str:
    return f"sandbox.{session.session_id.replace('-', '')}"


# -- authorizations ---------------------------------------------------------------------------------------------------


def create_order(call: Call) -> Answer:
    """Idempotent by token: after success the same body gets the same order, after an error the error stays.

    Source: docs.klarna.com "Error codes" of Payments, krokedil/klarna-payments-for-woocommerce#31.
    """
    switches = call.world.switches
    token = tokens.usable(call.world, call.account, call.params["authorization_token"], call.at)
    if token.order_answer is not None:
        return _again(call, token, token.order_answer)
    if token.failure is not None and switches.sticky_token_errors:
        call.entry.replay = True
        return token.failure
    try:
        purchase = _authorized(call, token)
    except Refused as refused:
        token.failure = error(refused, call.correlation_id)
        return token.failure
    order = _order(call, token, purchase)
    token.order_answer = json(_created(call, order, purchase))
    token.order_digest = _digest(call.body)
    if token.session is not None:
        token.session.completed = True
    authorizing.authorize(hand(call), order)
    return token.order_answer


def _authorized(call: Call, token: Token) -> Purchase:
    """Refused: limits and formulae, what the customer didn't authorize, a customer who is refused."""
    purchase = checks.payments_body(_PURCHASE, call.body)
    checks.check_purchase(purchase)
    if token.snapshot is not None:
        tokens.check_snapshot(token.snapshot, msgspec.json.decode(call.body))
    if token.outcome == "reject":
        raise Refused(403, "REJECTED", "Rejected")
    return purchase


def _again(call: Call, token: Token, answer: Answer) -> Answer:
    if call.world.switches.replayed_create == "consumed":
        raise Refused(403, "INVALID_OPERATION", "Authorization token already consumed")
    if _digest(call.body) != token.order_digest:
        raise Refused(409, "BAD_VALUE", "The order has been already completed with different request body")
    call.entry.replay = True
    return answer


def _digest(body: bytes) -> bytes:
    """Of what the body means: white space and the order of fields don't count."""
    with contextlib.suppress(msgspec.DecodeError, UnicodeDecodeError):
        body = msgspec.json.encode(msgspec.json.decode(body), order="sorted")
    return hashlib.blake2b(body, digest_size=16).digest()


def _order(call: Call, token: Token, purchase: Purchase) -> Order:
    world = call.world
    return Order(
        account=call.account,
        order_id=world.new_id(),
        klarna_reference=_reference(len(world.orders) + 1),
        token=token.token,
        country=purchase.purchase_country,
        currency=purchase.purchase_currency,
        locale=purchase.locale,
        order_amount=purchase.order_amount,
        original_order_amount=purchase.order_amount,
        remaining=purchase.order_amount,
        payment_method=world.switches.payment_method,
        fraud_status="PENDING" if token.outcome == "pending" else "ACCEPTED",
        created_at=call.at,
        expires_at=midnight_after(call.at, world.switches.authorization_days),
        lines=list[Line](purchase.order_lines),
        billing_address=purchase.billing_address,
        shipping_address=purchase.shipping_address or purchase.billing_address,
        customer=purchase.customer,
        merchant_data=purchase.merchant_data,
        merchant_reference1=purchase.merchant_reference1,
        merchant_reference2=purchase.merchant_reference2,
        auto_capture=bool(purchase.auto_capture) and world.switches.auto_capture_allowed,
    )


def _reference(number: int) -> str:
    """Seven letters and digits: what a customer is told on the telephone."""
    return "K" + "".join(_ALPHABET[number // len(_ALPHABET) ** place % len(_ALPHABET)] for place in reversed(range(6)))


def _created(call: Call, order: Order, purchase: Purchase) -> dict[str, Any]:
    method = order.payment_method
    told: dict[str, Any] = {
        "order_id": order.order_id,
        "fraud_status": order.fraud_status,
        "authorized_payment_method": method
        if call.world.switches.authorized_payment_method == "string"
        else {"type": method, "number_of_days": 30},
    }
    if purchase.merchant_urls is not None and purchase.merchant_urls.confirmation:
        told["redirect_url"] = f"{call.base_url}/payments/v1/redirects/{order.order_id}"
    return told


def cancel_authorization(call: Call) -> Answer:
    """204 proves that no order was made by the token and none will be."""
    token = tokens.find(call.world, call.account, call.params["authorization_token"])
    if token is None or token.deleted or token.completed or tokens.expired(call.world, token, call.at):
        raise Refused(404, "NOT_FOUND", "Authorization cannot be deleted")
    token.deleted = True
    effect = Effect(at=call.at, account=call.account, kind="cancel_authorization", token=token.token)
    call.entry.effect_seq = call.world.ledger.add(effect)
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
