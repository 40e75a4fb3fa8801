"""The control plane: Mollie's customer at the payment page, the dashboard, refunds and webhooks."""

from typing import Annotated, Any, Final, Literal

from msgspec import Meta, Struct

from ordersaga_sandbox.control_request import ControlRequest, decode, problem
from ordersaga_sandbox.http import Response, json_response
from ordersaga_sandbox.mollie import canceling, customer, expiry, refunding, shipping, webhooks
from ordersaga_sandbox.mollie.actor import Actor
from ordersaga_sandbox.mollie.checkout_page import page
from ordersaga_sandbox.mollie.order import Order, Payment, Refund
from ordersaga_sandbox.mollie.payment_views import control_view, refund_view
from ordersaga_sandbox.routes import Route


class _CustomerAction(Struct, forbid_unknown_fields=True, kw_only=True):
    """`method`: the one that the customer chooses."""

    action: customer.Action
    method: str | None = None


class _DashboardAction(Struct, forbid_unknown_fields=True, kw_only=True):
    """`lines`, `amount`, `tracking`, `description`, `metadata` as in the API; `times` for `decline` and `webhook`."""

    action: Literal["ship", "refund", "cancel", "cancel_lines", "expire", "decline", "webhook"]
    lines: list[Any] = []
    amount: dict[str, Any] | None = None
    tracking: dict[str, Any] | None = None
    description: str | None = None
    metadata: Any = None
    times: Annotated[int, Meta(ge=0, le=100)] = 1


class _RefundAction(Struct, forbid_unknown_fields=True, kw_only=True):
    action: Literal["queue", "hold", "process", "complete", "fail"]


_REFUND_STATUSES: Final[dict[str, Any]] = {
    "queue": "queued",
    "hold": "pending",
    "process": "processing",
    "complete": "refunded",
    "fail": "failed",
}


def list_orders(request: ControlRequest) -> Response:
    """Without their details."""
    orders = [
        {
            "id": order.order_id,
            "account": order.account,
            "mode": order.mode,
            "orderNumber": order.order_number,
            "status": order.status,
            "payments": [payment.payment_id for payment in order.payments],
        }
        for order in request.state.mollie_orders.values()
    ]
    return json_response({"orders": orders})


def read_order(request: ControlRequest) -> Response:
    return json_response(_view(request, _order(request)))


def act_in_dashboard(request: ControlRequest) -> Response:
    """What a person does in Mollie's dashboard; no duplicate is refused there, and nothing declined."""
    order = _order(request)
    body = decode(request, _DashboardAction)
    actor = Actor(request.state, request.state.clock.now(), "portal")
    if body.action == "expire" and not expiry.expires(order):
        return problem(409, f"the order is {order.status}")
    if body.action == "webhook" and not order.webhook_url:
        return problem(409, "the order has no webhookUrl")
    _act(request, actor, order, body)
    return read_order(request)


def _act(request: ControlRequest, actor: Actor, order: Order, body: _DashboardAction) -> None:
    match body.action:
        case "ship":
            shipping.ship(actor, order, {"lines": body.lines, "tracking": body.tracking})
        case "refund":
            _refund_by_hand(actor, order, body)
        case "cancel":
            canceling.cancel(actor, order)
        case "cancel_lines":
            canceling.cancel_lines(actor, order, body.lines)
        case "expire":
            expiry.expire(Actor(request.state, actor.at, "mollie"), order)
        case "decline":
            order.declines = body.times
        case "webhook":
            for _ in range(body.times):
                webhooks.call_order_webhook(request.state, order, actor.at)


def _refund_by_hand(actor: Actor, order: Order, body: _DashboardAction) -> None:
    """Of an amount, or else by line."""
    given = {"description": body.description, "metadata": body.metadata}
    if body.amount is not None:
        refunding.refund_amount(actor, order, order.payment, given | {"amount": body.amount})
    else:
        refunding.refund_lines(actor, order, given | {"lines": body.lines})


def act_as_customer(request: ControlRequest) -> Response:
    """The response has the URL to which the customer is sent."""
    order, payment = _payment(request)
    body = decode(request, _CustomerAction)
    actor = Actor(request.state, request.state.clock.now(), "customer")
    customer.act(actor, order, payment, body.action, body.method)
    ended = body.action in {"fail", "cancel", "expire"}
    redirect = order.cancel_url if body.action == "cancel" and order.cancel_url else order.redirect_url
    return json_response({"redirect": redirect, "paid": not ended, "order": _view(request, order)})


def show_page(request: ControlRequest) -> Response:
    html = page(*_payment(request)).encode()
    return Response(200, ((b"content-type", b"text/html; charset=utf-8"),), html)


def act_on_refund(request: ControlRequest) -> Response:
    order, refund = _refund(request)
    action = decode(request, _RefundAction).action
    refunding.move(Actor(request.state, request.state.clock.now(), "mollie"), order, refund, _REFUND_STATUSES[action])
    return json_response(refund_view(order, refund, request.base_url))


def _order(request: ControlRequest) -> Order:
    order_id = request.params["order_id"]
    if (order := request.state.mollie_orders.get(order_id)) is None:
        raise KeyError(f"no such order: {order_id}")
    return order


def _payment(request: ControlRequest) -> tuple[Order, Payment]:
    """By its own id, or the last one by the id of the order."""
    token = request.params["token"]
    if (order := request.state.mollie_orders.get(token)) is not None:
        return order, order.payment
    if (order := request.state.mollie_payments.get(token)) is None:
        raise KeyError(f"no such payment: {token}")
    return order, next(payment for payment in order.payments if payment.payment_id == token)


def _refund(request: ControlRequest) -> tuple[Order, Refund]:
    refund_id = request.params["refund_id"]
    for order in request.state.mollie_orders.values():
        for refund in order.refunds:
            if refund.refund_id == refund_id:
                return order, refund
    raise KeyError(f"no such refund: {refund_id}")


def _view(request: ControlRequest, order: Order) -> dict[str, Any]:
    return control_view(order, request.base_url, refunded_too=request.state.switches.mollie_refunded_shippable)


ROUTES: Final = (
    Route("GET", "/mollie/orders", list_orders),
    Route("GET", "/mollie/orders/{order_id}", read_order),
    Route("POST", "/mollie/orders/{order_id}", act_in_dashboard),
    Route("POST", "/mollie/payments/{token}", act_as_customer),
    Route("GET", "/mollie/payments/{token}/page", show_page),
    Route("POST", "/mollie/refunds/{refund_id}", act_on_refund),
)
