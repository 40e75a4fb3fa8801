"""The Orders, Shipments and Order refunds APIs."""

from collections.abc import Collection
from typing import Any, Final

import msgspec

from ordersaga_sandbox.call import Call
from ordersaga_sandbox.http import NO_CONTENT, Response
from ordersaga_sandbox.mollie import canceling, creating, listing, paying, reading, refunding, shipping, updating
from ordersaga_sandbox.mollie.actor import merchant
from ordersaga_sandbox.mollie.errors import HAL, MollieError
from ordersaga_sandbox.mollie.order import Order, Shipment
from ordersaga_sandbox.mollie.payment_views import full_order_view, payment_view, refund_view, visible_refunds
from ordersaga_sandbox.mollie.reading import Request
from ordersaga_sandbox.mollie.views import EMBEDS, embeds, shipment_view
from ordersaga_sandbox.routes import Route

PREFIX: Final = "/v2/orders"
_EMBED: Final = frozenset({"embed"})
_LINES: Final = frozenset({"lines"})


def answer(value: Any, status: int = 200) -> Response:
    return Response(status, (HAL,), msgspec.json.encode(value))


def _embedded(request: Request) -> Collection[str]:
    names = embeds(request.query.get("embed"))
    for name in names:
        if name not in EMBEDS:
            raise MollieError(400, f'Cannot embed "{name}". Possible values: {", ".join(sorted(EMBEDS))}.', "embed")
    return names


def _order_answer(request: Request, order: Order, status: int = 200) -> Response:
    return answer(_view(request, order, _embedded(request)), status)


def _view(request: Request, order: Order, embedded: Collection[str] = ()) -> dict[str, Any]:
    switches = request.call.state.switches
    return full_order_view(order, request.call.base_url, embedded, refunded_too=switches.mollie_refunded_shippable)


# -- orders -----------------------------------------------------------------------------------------------------------


def create(call: Call) -> Response:
    request = reading.read(call, creating.FIELDS, _EMBED, needs_profile=True)
    embedded = _embedded(request)
    return answer(_view(request, creating.create(merchant(call), request), embedded), 201)


def read(call: Call) -> Response:
    request = reading.read(call, query_fields=_EMBED)
    return _order_answer(request, request.order())


def list_orders(call: Call) -> Response:
    request = reading.read(call, query_fields=listing.PAGE_FIELDS | _EMBED)
    own = [
        order
        for order in call.state.mollie_orders.values()
        if (order.account, order.mode) == (call.account, request.mode)
    ]
    return answer(
        listing.paged(
            request,
            "orders",
            own,
            lambda order: order.order_id,
            lambda order: _view(request, order),
            "orders-api/list-orders",
        )
    )


def update(call: Call) -> Response:
    request = reading.read(call, updating.ORDER_FIELDS, _EMBED)
    order = request.order()
    updating.update_order(merchant(call), order, request.body)
    return _order_answer(request, order)


def cancel(call: Call) -> Response:
    request = reading.read(call, query_fields=_EMBED)
    order = request.order()
    canceling.cancel(merchant(call), order)
    return _order_answer(request, order)


def update_line(call: Call) -> Response:
    request = reading.read(call, updating.LINE_FIELDS)
    order = request.order()
    line = order.line(call.params["line_id"])
    if line is None:
        raise MollieError(404, f"No order line exists with token {call.params['line_id']}.")
    updating.update_line(merchant(call), order, line, request.body)
    return _order_answer(request, order)


def manage_lines(call: Call) -> Response:
    request = reading.read(call, frozenset({"operations"}))
    order = request.order()
    updating.manage_lines(merchant(call), order, request.body.get("operations"))
    return _order_answer(request, order)


def cancel_lines(call: Call) -> Response:
    request = reading.read(call, _LINES)
    order = request.order()
    if "lines" not in request.body:
        raise MollieError(422, "The 'lines' field is missing", "lines")
    canceling.cancel_lines(merchant(call), order, request.body["lines"])
    return NO_CONTENT


def create_payment(call: Call) -> Response:
    request = reading.read(call, creating.PAYMENT_FIELDS | {"method"})
    order = request.order()
    paying.check_new_payment(order)
    given = dict(request.body)
    method, methods = creating.read_method(given.pop("method", None))
    fields = creating.read_payment_fields(given, method, "")
    if method is not None or methods:
        order.method, order.methods = method, methods
    order.payment_fields = order.payment_fields | fields
    payment = creating.begin_payment(merchant(call), order)
    return answer(payment_view(order, payment, call.base_url), 201)


# -- shipments --------------------------------------------------------------------------------------------------------


def create_shipment(call: Call) -> Response:
    request = reading.read(call, shipping.FIELDS)
    order = request.order()
    shipment = shipping.ship(merchant(call), order, request.body)
    return answer(shipment_view(order, shipment, call.base_url), 201)


def list_shipments(call: Call) -> Response:
    order = reading.read(call).order()
    views = [shipment_view(order, shipment, call.base_url) for shipment in order.shipments]
    url = f"{call.base_url}{PREFIX}/{order.order_id}/shipments"
    return answer(listing.whole("shipments", views, url, "shipments-api/list-shipments"))


def read_shipment(call: Call) -> Response:
    order = reading.read(call).order()
    return answer(shipment_view(order, _shipment(call, order), call.base_url))


def update_shipment(call: Call) -> Response:
    request = reading.read(call, frozenset({"tracking"}))
    order = request.order()
    shipment = _shipment(call, order)
    shipping.track(merchant(call), order, shipment, request.body)
    return answer(shipment_view(order, shipment, call.base_url))


def _shipment(call: Call, order: Order) -> Shipment:
    shipment_id = call.params["shipment_id"]
    if (shipment := order.shipment(shipment_id)) is None:
        raise MollieError(404, f"No shipment exists with token {shipment_id}.")
    return shipment


# -- refunds ----------------------------------------------------------------------------------------------------------


def create_refund(call: Call) -> Response:
    request = reading.read(call, refunding.ORDER_FIELDS)
    order = request.order()
    refund = refunding.refund_lines(merchant(call), order, request.body)
    return answer(refund_view(order, refund, call.base_url), 201)


def list_refunds(call: Call) -> Response:
    request = reading.read(call, query_fields=listing.PAGE_FIELDS | _EMBED)
    order = request.order()
    return answer(
        listing.paged(
            request,
            "refunds",
            visible_refunds(order),
            lambda refund: refund.refund_id,
            lambda refund: refund_view(order, refund, call.base_url),
            "orders-api/list-order-refunds",
        )
    )


_ORDER: Final = f"{PREFIX}/{{order_id}}"
ROUTES: Final = (
    Route("POST", PREFIX, create, idempotent=True),
    Route("GET", PREFIX, list_orders),
    Route("GET", _ORDER, read),
    Route("PATCH", _ORDER, update),
    Route("DELETE", _ORDER, cancel),
    Route("PATCH", f"{_ORDER}/lines/{{line_id}}", update_line),
    Route("PATCH", f"{_ORDER}/lines", manage_lines),
    Route("DELETE", f"{_ORDER}/lines", cancel_lines),
    Route("POST", f"{_ORDER}/payments", create_payment, idempotent=True),
    Route("POST", f"{_ORDER}/shipments", create_shipment, idempotent=True),
    Route("GET", f"{_ORDER}/shipments", list_shipments),
    Route("GET", f"{_ORDER}/shipments/{{shipment_id}}", read_shipment),
    Route("PATCH", f"{_ORDER}/shipments/{{shipment_id}}", update_shipment),
    Route("POST", f"{_ORDER}/refunds", create_refund, idempotent=True),
    Route("GET", f"{_ORDER}/refunds", list_refunds),
)
