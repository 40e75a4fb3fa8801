"""The control plane: authorization tokens and customer tokens."""

from typing import Annotated, Any, Final

from msgspec import UNSET, Meta, Struct, UnsetType

from ordersaga_sandbox.control_request import ControlRequest, decode, problem
from ordersaga_sandbox.http import Response, json_response
from ordersaga_sandbox.klarna import notifying, token_life, tokens
from ordersaga_sandbox.klarna.customer_token import CustomerToken, MethodState, TokenStatus
from ordersaga_sandbox.klarna.session import Intent, Outcome, Session, Token
from ordersaga_sandbox.routes import Route


class _TokenBody(Struct, forbid_unknown_fields=True, kw_only=True):
    account: Annotated[str, Meta(min_length=1)]
    token: Annotated[str, Meta(min_length=1)] | None = None
    session_id: str | None = None
    snapshot: dict[str, Any] | None = None
    outcome: Outcome = "authorize"
    intent: Intent | None = None


def make_token(request: ControlRequest) -> Response:
    body = decode(request, _TokenBody)
    state = request.state
    session = None
    if body.session_id is not None and (session := state.sessions.get(body.session_id)) is None:
        raise KeyError(f"no such session: {body.session_id}")
    text = body.token or state.new_id()
    if (body.account, text) in state.tokens:
        return problem(409, f"the token {text} already exists")
    snapshot = body.snapshot if body.snapshot is not None or session is None else session.content
    token = Token(text, body.account, body.outcome, state.clock.now(), snapshot, session, intent=_intent(body, session))
    tokens.add(state, token)
    if session is not None:
        session.token = text
        if body.outcome != "reject":
            notifying.call_back(state, session, text, token.first_seen_at)
    expires_at = token.first_seen_at + state.switches.token_seconds
    return json_response(
        {"authorization_token": text, "account": body.account, "outcome": body.outcome, "expires_at": expires_at}, 201
    )


def _intent(body: _TokenBody, session: Session | None) -> Intent | None:
    """The session's, whose default is to buy."""
    if body.intent is not None or session is None:
        return body.intent
    given = session.content.get("intent")
    return given if given in {"tokenize", "buy_and_tokenize"} else "buy"


# -- customer tokens --------------------------------------------------------------------------------------------------


class _NewCustomerToken(Struct, forbid_unknown_fields=True, kw_only=True):
    account: Annotated[str, Meta(min_length=1)]
    token: Annotated[str, Meta(min_length=1)] | None = None
    purchase_country: str = "SE"
    purchase_currency: str | None = None
    locale: str | None = None


class _CustomerTokenChange(Struct, forbid_unknown_fields=True, kw_only=True):
    """`times`: for how many orders the payment method is in that state."""

    status: TokenStatus | UnsetType = UNSET
    payment_method: MethodState | UnsetType = UNSET
    times: Annotated[int, Meta(ge=1)] | None = None
    account: str | None = None


def make_customer_token(request: ControlRequest) -> Response:
    body = decode(request, _NewCustomerToken)
    state = request.state
    text = body.token or state.new_id()
    if (body.account, text) in state.customer_tokens:
        return problem(409, f"the customer token {text} already exists")
    token = CustomerToken(
        text, body.account, state.clock.now(), body.purchase_country, body.purchase_currency, body.locale
    )
    token_life.add(state, token, "klarna")
    return json_response(_view(token), 201)


def read_customer_token(request: ControlRequest) -> Response:
    return json_response(_view(_customer_token(request, None)))


def change_customer_token(request: ControlRequest) -> Response:
    """What Klarna or the customer does: cancelling takes effect at once and can't be undone."""
    body = decode(request, _CustomerTokenChange)
    token = _customer_token(request, body.account)
    if body.status is not UNSET and token.status == "CANCELLED" != body.status:
        return problem(409, f"the customer token {token.token_id} is cancelled, which can't be undone")
    if body.status == "CANCELLED":
        token_life.cancel(request.state, token, request.state.clock.now(), "klarna")
    elif body.status is not UNSET:
        token.status = body.status
    if body.payment_method is not UNSET:
        token.method, token.method_times = body.payment_method, body.times
    return json_response(_view(token))


def _customer_token(request: ControlRequest, account: str | None) -> CustomerToken:
    """`account` creates an `sbx-…` token that hasn't been used yet."""
    text = request.params["token"]
    if account is not None:
        found = token_life.find(request.state, account, text)
    else:
        found = next((one for one in request.state.customer_tokens.values() if one.token_id == text), None)
    if found is None:
        raise KeyError(f"no such customer token: {text}")
    return found


def _view(token: CustomerToken) -> dict[str, Any]:
    return {
        "token_id": token.token_id,
        "account": token.account,
        "status": token.status,
        "cancelling": token.cancelling and token.status != "CANCELLED",
        "payment_method": token.method,
        "times": token.method_times,
    }


ROUTES: Final = (
    Route("POST", "/tokens", make_token),
    Route("POST", "/customer-tokens", make_customer_token),
    Route("GET", "/customer-tokens/{token}", read_customer_token),
    Route("POST", "/customer-tokens/{token}", change_customer_token),
)
