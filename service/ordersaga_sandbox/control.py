"""The control plane under `/_sandbox/`: clock, tokens, fraud decisions, edits in the portal, switches, faults, request log, ledger.

JSON in and out, no authentication. Errors are `{"error": …}`: 400 for a bad request, 404 for something unknown, 409 for
an edit that the provider itself would reject.
"""

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import Any, Final, Literal

import msgspec
from msgspec import Struct

from ordersaga_sandbox import control_checkout, control_deliveries, control_mollie, control_tokens
from ordersaga_sandbox.clock import iso
from ordersaga_sandbox.connection import Connection
from ordersaga_sandbox.control_request import ControlRequest, decode, page, problem
from ordersaga_sandbox.courier import Courier
from ordersaga_sandbox.faults import Fault
from ordersaga_sandbox.http import NO_CONTENT, ApiError, Response, json_response
from ordersaga_sandbox.klarna import authorizing, capturing, expiry, notifying, refunding
from ordersaga_sandbox.klarna.actor import Actor
from ordersaga_sandbox.klarna.order import OPEN, Order
from ordersaga_sandbox.klarna.provider import KLARNA
from ordersaga_sandbox.klarna.schema import AuthorizationBody, CaptureBody, RefundBody
from ordersaga_sandbox.klarna.views import control_view
from ordersaga_sandbox.mollie.provider import MOLLIE
from ordersaga_sandbox.routes import Route, Router
from ordersaga_sandbox.state import SandboxState
from ordersaga_sandbox.switches import Decision, FraudEvent, Switches

_LATEST: Final = datetime(9000, 1, 1, tzinfo=UTC).timestamp()  # leaves room for expiry dates


class _ClockBody(Struct, forbid_unknown_fields=True):
    advance: float | None = None
    set: float | datetime | None = None


class _FraudBody(Struct, forbid_unknown_fields=True):
    decision: Decision


class _NotificationBody(Struct, forbid_unknown_fields=True):
    event_type: FraudEvent


class _EditBody(Struct):
    action: Literal["capture", "refund", "cancel", "release", "update", "extend", "expire", "close"]


_Handler = Callable[[ControlRequest], Response | Awaitable[Response]]


class Control:
    """`reset` clears the state of the sandbox."""

    def __init__(self, reset: Callable[[], None], courier: Courier) -> None:
        self._reset = reset
        self._courier = courier
        self._router: Router[_Handler] = Router(_ROUTES)

    async def handle(self, state: SandboxState, connection: Connection, path: str, body: bytes | None) -> Response:
        method = connection.method
        found = self._router.find(method, path)
        if isinstance(found, frozenset):
            return (
                problem(405, f"{method} isn't allowed for this path")
                if found
                else problem(404, f"no such path: {path}")
            )
        route, params = found
        if body is None:
            return problem(413, "the body is too large")
        try:
            request = ControlRequest(
                state, self._reset, params, connection.query, body, connection.base_url, self._courier
            )
            response = route.handler(request)
            return response if isinstance(response, Response) else await response
        except ApiError as error:
            return json_response({"error": "; ".join(error.messages), "error_code": error.code}, 409)
        except KeyError as error:
            return problem(404, str(error.args[0]))
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            return problem(400, str(error))


# -- time and state ---------------------------------------------------------------------------------------------------


def health(request: ControlRequest) -> Response:
    return json_response({"status": "ok", "orders": len(request.state.orders) + len(request.state.mollie_orders)})


def reset(request: ControlRequest) -> Response:
    request.reset()
    return NO_CONTENT


def read_clock(request: ControlRequest) -> Response:
    clock = request.state.clock
    now = clock.now()
    return json_response({"now": now, "iso": iso(now), "offset": clock.offset})


def set_clock(request: ControlRequest) -> Response:
    """Everything that becomes due has happened before the response."""
    body = decode(request, _ClockBody)
    clock = request.state.clock
    start = body.set.timestamp() if isinstance(body.set, datetime) else body.set
    if not 0 <= (clock.now() if start is None else start) + (body.advance or 0.0) < _LATEST:
        return problem(400, "the clock must stay between 1970 and 9000: times are in seconds, not in milliseconds")
    if start is not None:
        clock.set(start)
    clock.advance(body.advance or 0.0)
    request.state.run_due()
    return read_clock(request)


def read_switches(request: ControlRequest) -> Response:
    return json_response(request.state.switches)


def set_switches(request: ControlRequest) -> Response:
    """Only the given switches change."""
    changes = decode(request, dict[str, Any])
    request.state.switches = msgspec.convert(msgspec.to_builtins(request.state.switches) | changes, Switches)
    return read_switches(request)


# -- orders ----------------------------------------------------------------------------------------------------------


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
    decision = decode(request, _FraudBody).decision
    authorizing.decide(Actor(request.state, request.state.clock.now(), "klarna"), order, decision)
    return read_order(request)


def notify(request: ControlRequest) -> Response:
    """A notification without a decision; FRAUD_RISK_STOPPED may come for any order."""
    order = _order(request)
    if order.merchant_urls is None or not order.merchant_urls.notification:
        return problem(409, "the order has no merchant_urls.notification")
    event = decode(request, _NotificationBody).event_type
    notifying.notify(request.state, order, request.state.clock.now(), event)
    return read_order(request)


def edit_order(request: ControlRequest) -> Response:
    """What a person does in the provider's portal; the other fields of the body are those of the API."""
    order = _order(request)
    actor = Actor(request.state, request.state.clock.now(), "portal")
    match decode(request, _EditBody).action:
        case "capture":
            capturing.capture(actor, order, decode(request, CaptureBody))
        case "refund":
            refunding.refund(actor, order, decode(request, RefundBody))
        case "cancel":
            authorizing.cancel(actor, order)
        case "release":
            authorizing.release(actor, order)
        case "update":
            authorizing.update(actor, order, decode(request, AuthorizationBody))
        case "extend":
            authorizing.extend(actor, order)
        case "expire":
            if order.status not in OPEN:
                return problem(409, f"the order is {order.status}")
            expiry.expire(actor, order)
        case "close":
            authorizing.close(actor, order)
    return read_order(request)


# -- faults -----------------------------------------------------------------------------------------------------------


def add_fault(request: ControlRequest) -> Response:
    fault = decode(request, Fault)
    templates = [one.template for one in (*KLARNA.routes, *MOLLIE.routes) if fault.method in {None, one.method}]
    if fault.route not in {"*", *templates}:
        known = ", ".join(dict.fromkeys(templates)) or "none"
        return problem(400, f"there is no route {fault.route!r} for {fault.method or 'any method'}; there are: {known}")
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
    asked = page(request)
    return json_response({"requests": request.state.log.after(asked.after, asked.limit)})


def read_ledger(request: ControlRequest) -> Response:
    asked = page(request)
    return json_response({"effects": request.state.ledger.after(asked.after, asked.limit)})


def summarize(request: ControlRequest) -> Response:
    return json_response(request.state.ledger.summary())


_ROUTES: Final[tuple[Route[_Handler], ...]] = (
    Route("GET", "/health", health),
    Route("POST", "/reset", reset),
    Route("GET", "/clock", read_clock),
    Route("POST", "/clock", set_clock),
    Route("GET", "/switches", read_switches),
    Route("PUT", "/switches", set_switches),
    *control_tokens.ROUTES,
    *control_checkout.ROUTES,
    *control_deliveries.ROUTES,
    *control_mollie.ROUTES,
    Route("GET", "/orders/{order_id}", read_order),
    Route("POST", "/orders/{order_id}", edit_order),
    Route("POST", "/orders/{order_id}/fraud", decide),
    Route("POST", "/orders/{order_id}/notification", notify),
    Route("POST", "/faults", add_fault),
    Route("GET", "/faults", list_faults),
    Route("DELETE", "/faults", clear_faults),
    Route("DELETE", "/faults/{id}", remove_fault),
    Route("GET", "/requests", read_requests),
    Route("GET", "/ledger", read_ledger),
    Route("GET", "/ledger/summary", summarize),
)
