"""Payments of orders, with their refunds and captures."""

from typing import Final

from ordersaga_sandbox.call import Call
from ordersaga_sandbox.http import NO_CONTENT, Response
from ordersaga_sandbox.mollie import listing, reading, refunding
from ordersaga_sandbox.mollie.actor import merchant
from ordersaga_sandbox.mollie.errors import MollieError, invalid
from ordersaga_sandbox.mollie.order import Order, Payment, Refund
from ordersaga_sandbox.mollie.orders import answer
from ordersaga_sandbox.mollie.payment_views import capture_view, payment_view, refund_view, visible_refunds
from ordersaga_sandbox.routes import Route

PREFIX: Final = "/v2/payments"
_EMBED: Final = frozenset({"embed", "include"})
_CAPTURE_FIELDS: Final = frozenset({"amount", "description", "metadata"})


def read(call: Call) -> Response:
    order, payment = reading.read(call, query_fields=_EMBED).payment()
    return answer(payment_view(order, payment, call.base_url))


def create_refund(call: Call) -> Response:
    request = reading.read(call, refunding.PAYMENT_FIELDS)
    order, payment = request.payment()
    refund = refunding.refund_amount(merchant(call), order, payment, request.body)
    return answer(refund_view(order, refund, call.base_url), 201)


def list_refunds(call: Call) -> Response:
    request = reading.read(call, query_fields=listing.PAGE_FIELDS | _EMBED)
    order, payment = request.payment()
    return answer(
        listing.paged(
            request,
            "refunds",
            _refunds(order, payment),
            lambda refund: refund.refund_id,
            lambda refund: refund_view(order, refund, call.base_url),
            "refunds-api/list-payment-refunds",
        )
    )


def read_refund(call: Call) -> Response:
    order, payment = reading.read(call, query_fields=_EMBED).payment()
    return answer(refund_view(order, _refund(call, order, payment), call.base_url))


def cancel_refund(call: Call) -> Response:
    order, payment = reading.read(call).payment()
    refunding.cancel(merchant(call), order, _refund(call, order, payment))
    return NO_CONTENT


def _refunds(order: Order, payment: Payment) -> list[Refund]:
    return [refund for refund in visible_refunds(order) if refund.payment_id == payment.payment_id]


def _refund(call: Call, order: Order, payment: Payment) -> Refund:
    refund_id = call.params["refund_id"]
    for refund in _refunds(order, payment):
        if refund.refund_id == refund_id:
            return refund
    raise MollieError(404, f"No refund exists with token {refund_id}.")


def create_capture(call: Call) -> Response:
    """The payment of an order is captured by shipments only. Text: mollie/magento2#1028, mollie/OpenCart#359."""
    reading.read(call, _CAPTURE_FIELDS).payment()
    raise invalid("Capture not supported for payments linked to orders. Please use the Shipments API instead.")


def list_captures(call: Call) -> Response:
    request = reading.read(call, query_fields=listing.PAGE_FIELDS | _EMBED)
    order, payment = request.payment()
    return answer(
        listing.paged(
            request,
            "captures",
            payment.captures,
            lambda capture: capture.capture_id,
            lambda capture: capture_view(order, payment, capture, call.base_url),
            "captures-api/list-captures",
        )
    )


def read_capture(call: Call) -> Response:
    order, payment = reading.read(call, query_fields=_EMBED).payment()
    capture_id = call.params["capture_id"]
    for capture in payment.captures:
        if capture.capture_id == capture_id:
            return answer(capture_view(order, payment, capture, call.base_url))
    raise MollieError(404, f"No capture exists with token {capture_id}.")


_PAYMENT: Final = f"{PREFIX}/{{payment_id}}"
ROUTES: Final = (
    Route("GET", _PAYMENT, read),
    Route("POST", f"{_PAYMENT}/refunds", create_refund, idempotent=True),
    Route("GET", f"{_PAYMENT}/refunds", list_refunds),
    Route("GET", f"{_PAYMENT}/refunds/{{refund_id}}", read_refund),
    Route("DELETE", f"{_PAYMENT}/refunds/{{refund_id}}", cancel_refund),
    Route("POST", f"{_PAYMENT}/captures", create_capture, idempotent=True),
    Route("GET", f"{_PAYMENT}/captures", list_captures),
    Route("GET", f"{_PAYMENT}/captures/{{capture_id}}", read_capture),
)
