"""The control plane under `/_sandbox/`: clock, tokens, fraud decisions, edits in the portal, switches, faults, request log, ledger.

JSON in and out, no authentication. Errors are `{"error": …}`: 400 for a bad request, 404 for something unknown, 409 for
an edit that the provider itself would reject.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Annotated, Any, Final, Literal, TypeVar
from urllib.parse import parse_qsl

import msgspec
from msgspec import Meta, Struct

from ordersaga_sandbox.clock import iso
from ordersaga_sandbox.faults import Fault
from ordersaga_sandbox.http import NO_CONTENT, ApiError, Response, json_response
from ordersaga_sandbox.klarna import authorizing, capturing, expiry, order_management, payments, refunding, tokens
from ordersaga_sandbox.klarna.actor import Actor
from ordersaga_sandbox.klarna.order import OPEN, Order
from ordersaga_sandbox.klarna.schema import AuthorizationBody, CaptureBody, RefundBody
from ordersaga_sandbox.klarna.session import Outcome, Token
from ordersaga_sandbox.klarna.views import control_view
from ordersaga_sandbox.routes import Route, Router
from ordersaga_sandbox.state import SandboxState
from ordersaga_sandbox.switches import Decision, Switches

T = TypeVar("T")
_API: Final = (*payments.ROUTES, *order_management.ROUTES)
_LATEST: Final = datetime(9000, 1, 1, tzinfo=UTC).timestamp()  # leaves room for expiry dates


@dataclass(frozen=True, slots=True)
class ControlRequest:
    """A request to the control plane."""

    state: SandboxState
    reset: Callable[[], None]
    params: Mapping[str, str]
    query: bytes
    body: bytes


class _ClockBody(Struct, forbid_unknown_fields=True):
    advance: float | None = None
    set: float | datetime | None = None


class _TokenBody(Struct, forbid_unknown_fields=True, kw_only=True):
    account: Annotated[str, Meta(min_length=1)]
    token: Annotated[str, Meta(min_length=1)] | None = None
    session_id: str | None = None
    snapshot: dict[str, Any] | None = None
    outcome: Outcome = "authorize"


class _FraudBody(Struct, forbid_unknown_fields=True):
    decision: Decision


class _EditBody(Struct):
    action: Literal["capture", "refund", "cancel", "release", "update", "extend", "expire", "close"]


class _Page(Struct):
    after: Annotated[int, Meta(ge=0)] = 0
    limit: Annotated[int, Meta(ge=1, le=100_000)] = 1_000


class Control:
    """`reset` clears the state of the sandbox."""

    def __init__(self, reset: Callable[[], None]) -> None:
        self._reset = reset
        self._router: Router[Callable[[ControlRequest], Response]] = Router(_ROUTES)

    def handle(self, state: SandboxState, method: str, path: str, query: bytes, body: bytes | None) -> Response:
        found = self._router.find(method, path)
        if isinstance(found, frozenset):
            return (
                _error(405, f"{method} isn't allowed for this path") if found else _error(404, f"no such path: {path}")
            )
        route, params = found
        if body is None:
            return _error(413, "the body is too large")
        try:
            return route.handler(ControlRequest(state, self._reset, params, query, body))
        except ApiError as error:
            return json_response({"error": "; ".join(error.messages), "error_code": error.code}, 409)
        except KeyError as error:
            return _error(404, str(error.args[0]))
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            return _error(400, str(error))


def _error(status: int, message: str) -> Response:
    return json_response({"error": message}, status)


def _decode(request: ControlRequest, type_: type[T]) -> T:
    return msgspec.json.decode(request.body or b"{}", type=type_)


def _page(request: ControlRequest) -> _Page:
    return msgspec.convert(dict(parse_qsl(request.query.decode("latin-1"))), _Page, strict=False)


# -- time and state ---------------------------------------------------------------------------------------------------


def health(request: ControlRequest) -> Response:
    return json_response({"status": "ok", "orders": len(request.state.orders)})


def reset(request: ControlRequest) -> Response:
    request.reset()
    return NO_CONTENT


def read_clock(request: ControlRequest) -> Response:
    clock = request.state.clock
    now = clock.now()
    return json_response({"now": now, "iso": iso(now), "offset": clock.offset})


def set_clock(request: ControlRequest) -> Response:
    """Everything that becomes due has happened before the response."""
    body = _decode(request, _ClockBody)
    clock = request.state.clock
    start = body.set.timestamp() if isinstance(body.set, datetime) else body.set
    if not 0 <= (clock.now() if start is None else start) + (body.advance or 0.0) < _LATEST:
        return _error(400, "the clock must stay between 1970 and 9000: times are in seconds, not in milliseconds")
    if start is not None:
        clock.set(start)
    clock.advance(body.advance or 0.0)
    request.state.run_due()
    return read_clock(request)


def read_switches(request: ControlRequest) -> Response:
    return json_response(request.state.switches)


def set_switches(request: ControlRequest) -> Response:
    """Only the given switches change."""
    changes = _decode(request, dict[str, Any])
    request.state.switches = msgspec.convert(msgspec.to_builtins(request.state.switches) | changes, Switches)
    return read_switches(request)


# -- tokens and orders ------------------------------------------------------------------------------------------------


def make_token(request: ControlRequest) -> Response:
    body = _decode(request, _TokenBody)
    state = request.state
    session = None
    if body.session_id is not None and (session := state.sessions.get(body.session_id)) is None:
        raise KeyError(f"no such session: {body.session_id}")
    text = body.token or state.new_id()
    if (body.account, text) in state.tokens:
        return _error(409, f"the token {text} already exists")
    snapshot = body.snapshot if body.snapshot is not None or session is None else session.content
    token = Token(text, body.account, body.outcome, state.clock.now(), snapshot, session)
    tokens.add(state, token)
    if session is not None:
        session.token = text
    expires_at = token.first_seen_at + state.switches.token_seconds
    return json_response(
        {"authorization_token": text, "account": body.account, "outcome": body.outcome, "expires_at": expires_at}, 201
    )


def _order(request: ControlRequest) -> Order:
    order_id = request.params["order_id"]
    if (order := request.state.orders.get(order_id)) is None:
        raise KeyError(f"no such order: {order_id}")
    return order


def read_order(request: ControlRequest) -> Response:
    return json_response(control_view(_order(request)))


def decide(request: ControlRequest) -> Response:
    """Also for an order that isn't pending: the decision is changed."""
    order = _order(request)
    decision = _decode(request, _FraudBody).decision
    authorizing.decide(Actor(request.state, request.state.clock.now(), "klarna"), order, decision)
    return read_order(request)


def edit_order(request: ControlRequest) -> Response:
    """What a person does in the provider's portal; the other fields of the body are those of the API."""
    order = _order(request)
    actor = Actor(request.state, request.state.clock.now(), "portal")
    match _decode(request, _EditBody).action:
        case "capture":
            capturing.capture(actor, order, _decode(request, CaptureBody))
        case "refund":
            refunding.refund(actor, order, _decode(request, RefundBody))
        case "cancel":
            authorizing.cancel(actor, order)
        case "release":
            authorizing.release(actor, order)
        case "update":
            authorizing.update(actor, order, _decode(request, AuthorizationBody))
        case "extend":
            authorizing.extend(actor, order)
        case "expire":
            if order.status not in OPEN:
                return _error(409, f"the order is {order.status}")
            expiry.expire(actor, order)
        case "close":
            authorizing.close(actor, order)
    return read_order(request)


# -- faults -----------------------------------------------------------------------------------------------------------


def add_fault(request: ControlRequest) -> Response:
    fault = _decode(request, Fault)
    templates = [one.template for one in _API if fault.method in {None, one.method}]
    if fault.route not in {"*", *templates}:
        known = ", ".join(dict.fromkeys(templates)) or "none"
        return _error(400, f"there is no route {fault.route!r} for {fault.method or 'any method'}; there are: {known}")
    return json_response({"id": request.state.faults.add(fault)}, 201)


def list_faults(request: ControlRequest) -> Response:
    return json_response({"faults": request.state.faults.view()})


def clear_faults(request: ControlRequest) -> Response:
    request.state.faults.clear()
    return NO_CONTENT


def remove_fault(request: ControlRequest) -> Response:
    if not request.state.faults.remove(request.params["id"]):
        raise KeyError(f"no such fault: {request.params['id']}")
    return NO_CONTENT


# -- request log and ledger---------------------------------------------------------------------------------------------


def read_requests(request: ControlRequest) -> Response:
    page = _page(request)
    return json_response({"requests": request.state.log.after(page.after, page.limit)})


def read_ledger(request: ControlRequest) -> Response:
    page = _page(request)
    return json_response({"effects": request.state.ledger.after(page.after, page.limit)})


def summarize(request: ControlRequest) -> Response:
    return json_response(request.state.ledger.summary())


_ROUTES: Final = (
    Route("GET", "/health", health),
    Route("POST", "/reset", reset),
    Route("GET", "/clock", read_clock),
    Route("POST", "/clock", set_clock),
    Route("GET", "/switches", read_switches),
    Route("PUT", "/switches", set_switches),
    Route("POST", "/tokens", make_token),
    Route("GET", "/orders/{order_id}", read_order),
    Route("POST", "/orders/{order_id}", edit_order),
    Route("POST", "/orders/{order_id}/fraud", decide),
    Route("POST", "/faults", add_fault),
    Route("GET", "/faults", list_faults),
    Route("DELETE", "/faults", clear_faults),
    Route("DELETE", "/faults/{id}", remove_fault),
    Route("GET", "/requests", read_requests),
    Route("GET", "/ledger", read_ledger),
    Route("GET", "/ledger/summary", summarize),
)
