"""Klarna Checkout v3. Source: its OpenAPI document; docs.klarna.com "Errors" of Checkout.

After completion all further work is done in Order Management, under the same order id.
"""

from typing import Any, Final

import msgspec

from ordersaga_sandbox.call import Call
from ordersaga_sandbox.http import ApiError, Response, json_response
from ordersaga_sandbox.klarna import checkout_customer
from ordersaga_sandbox.klarna.checkout_order import READ_ONLY, CheckoutOrder, checked_body
from ordersaga_sandbox.routes import Route

_ORDERS: Final = "/checkout/v3/orders"


def create(call: Call) -> Response:
    body = checked_body(call.body, any_host=call.state.switches.deliveries_anywhere)
    order = _known(call, body.merchant_data)
    if order is None:
        order = CheckoutOrder(_new_id(call, body.merchant_data), call.account, _content(call), body, call.at, call.at)
        call.state.checkouts[order.order_id] = order
        checkout_customer.arrive(call.state, order, call.at)
    path = f"{_ORDERS}/{order.order_id}"
    location = path if call.state.switches.location == "path" else call.base_url + path
    response = json_response(_view(call, order), 201)
    return Response(201, (*response.headers, (b"location", location.encode())), response.body)


def read(call: Call) -> Response:
    if not call.state.switches.checkout_activated:
        raise ApiError(403, "MERCHANT_INACTIVE", "The merchant isn't activated")
    return json_response(_view(call, _order(call)))


def update(call: Call) -> Response:
    """Fields that aren't sent stay."""
    order = _changeable(call)
    content = _content(call)
    order.change(content, call.at, any_host=call.state.switches.deliveries_anywhere)
    if "merchant_data" in content:
        checkout_customer.arrive(call.state, order, call.at)
    return json_response(_view(call, order))


def abort(call: Call) -> Response:
    order = _changeable(call)
    order.aborted = True
    return json_response(_view(call, order))


def _known(call: Call, text: str | None) -> CheckoutOrder | None:
    """The account's order that has its customer by the same text: it isn't made again."""
    order = call.state.checkouts.get(checkout_customer.known_id(text) or "")
    return order if order is not None and order.account == call.account else None


def _new_id(call: Call, text: str | None) -> str:
    known = checkout_customer.known_id(text)
    return call.state.new_id() if known is None or known in call.state.checkouts else known


def _content(call: Call) -> dict[str, Any]:
    """What was sent, without the fields that only Klarna sets. Raises ApiError: not a JSON object."""
    try:
        sent = msgspec.json.decode(call.body, type=dict[str, Any])
    except (msgspec.DecodeError, UnicodeDecodeError):
        raise ApiError(400, "BAD_REQUEST", "The request body is malformed") from None
    return {name: value for name, value in sent.items() if name not in READ_ONLY}


def _order(call: Call) -> CheckoutOrder:
    """Raises ApiError: 404 if it is unknown, another account's, or older than its life of 48 hours."""
    order = call.state.checkouts.get(call.params["order_id"])
    if (
        order is None
        or order.account != call.account
        or call.at >= order.touched_at + call.state.switches.checkout_seconds
    ):
        raise ApiError(404, "NOT_FOUND", "Order not found")
    return order


def _changeable(call: Call) -> CheckoutOrder:
    order = _order(call)
    if order.read_only:
        raise ApiError(403, "READ_ONLY_ORDER", "Resource is read-only")
    return order


def _view(call: Call, order: CheckoutOrder) -> dict[str, Any]:
    view = order.view()
    if call.state.switches.checkout_status_case == "upper":
        view["status"] = order.status.upper()
    page = f"{call.base_url}/_sandbox/checkout/{order.order_id}/page"
    view["html_snippet"] = (
        f'<div id="klarna-checkout-container"><iframe id="klarna-checkout-iframe" src="{page}"></iframe></div>'
    )
    return view


_ORDER: Final = f"{_ORDERS}/{{order_id}}"

ROUTES: Final = (
    Route("POST", _ORDERS, create),
    Route("GET", _ORDER, read),
    Route("POST", _ORDER, update),
    Route("POST", f"{_ORDER}/abort", abort),
)
