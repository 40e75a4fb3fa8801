"""Klarna Order Management v1. Source: its OpenAPI document; docs.klarna.com "Manage orders with the API"."""

import re
from typing import Final

import msgspec

from ordersaga_sandbox.call import Call
from ordersaga_sandbox.http import NO_CONTENT, ApiError, Response, json_response
from ordersaga_sandbox.klarna import authorizing, capturing, checks, refunding
from ordersaga_sandbox.klarna.actor import merchant, require_status
from ordersaga_sandbox.klarna.order import Capture, Order
from ordersaga_sandbox.klarna.schema import (
    AuthorizationBody,
    CaptureBody,
    DetailsBody,
    DueDateBody,
    Line,
    ReferencesBody,
    RefundBody,
    ShippingInfoBody,
)
from ordersaga_sandbox.klarna.views import capture_view, order_view, refund_view
from ordersaga_sandbox.routes import Route

PREFIX: Final = "/ordermanagement/v1/orders"

_UUID: Final = re.compile(r"[0-9a-fA-F]{8}-(?:[0-9a-fA-F]{4}-){3}[0-9a-fA-F]{12}")
_AUTHORIZATION: Final = msgspec.json.Decoder(AuthorizationBody)
_CAPTURE: Final = msgspec.json.Decoder(CaptureBody)
_REFUND: Final = msgspec.json.Decoder(RefundBody)
_REFERENCES: Final = msgspec.json.Decoder(ReferencesBody)
_DETAILS: Final = msgspec.json.Decoder(DetailsBody)
_SHIPPING: Final = msgspec.json.Decoder(ShippingInfoBody)
_DUE_DATE: Final = msgspec.json.Decoder(DueDateBody)
_DUE_DATE_FEES: Final = {14: 0, 30: 200, 60: 400}
"""Days, and the fee in minor units."""


def _order(call: Call, missing: str = "Order {id} cannot be found.", code: str = "NO_SUCH_ORDER") -> Order:
    """The account's order. Raises ApiError: INVALID_ORDER_ID; NO_SUCH_ORDER for an unknown order or another account's."""
    order_id = call.params["order_id"]
    if _UUID.fullmatch(order_id) is None:
        raise ApiError(
            call.state.switches.invalid_order_id_status, "INVALID_ORDER_ID", "Order ID must be a valid UUID."
        )
    order = call.state.orders.get(order_id.lower())
    if order is None or order.account != call.account:
        raise ApiError(404, code, missing.format(id=order_id))
    return order


def _check_lines(call: Call, lines: list[Line] | None, *, return_fee: bool = False) -> None:
    if lines and call.state.switches.line_formulae_checked:
        checks.check_lines(lines, return_fee=return_fee)


def _created(call: Call, id_header: bytes, path: str, created_id: str) -> Response:
    """201 without a body: id and location of what was created are in the headers."""
    location = path if call.state.switches.location == "path" else call.base_url + path
    return Response(201, ((b"location", location.encode()), (id_header, created_id.encode())))


# -- the order --------------------------------------------------------------------------------------------------------


def read(call: Call) -> Response:
    return json_response(order_view(_order(call)))


def acknowledge(call: Call) -> Response:
    order = _order(call, "Order {id} cannot be found. Acknowledgement not possible.")
    switches = call.state.switches
    require_status(order, switches.acknowledge_statuses, "Update not allowed.")
    if order.acknowledged:
        if switches.second_acknowledge == 403:
            raise ApiError(403, "NOT_ALLOWED", "Update not allowed.")
        return NO_CONTENT
    order.acknowledged = True
    merchant(call).record(order, "acknowledge")
    return NO_CONTENT


def update_authorization(call: Call) -> Response:
    order = _order(call)
    body = checks.decode_management_body(_AUTHORIZATION, call.body)
    if body.order_lines:
        _check_lines(call, body.order_lines)
        checks.check_sum(body.order_lines, body.order_amount)
    authorizing.update(merchant(call), order, body)
    return NO_CONTENT


def cancel(call: Call) -> Response:
    authorizing.cancel(merchant(call), _order(call))
    return NO_CONTENT


def release(call: Call) -> Response:
    authorizing.release(merchant(call), _order(call))
    return NO_CONTENT


def extend(call: Call) -> Response:
    authorizing.extend(merchant(call), _order(call))
    return NO_CONTENT


def update_references(call: Call) -> Response:
    """A field that is sent replaces the reference; an empty one clears it."""
    order = _order(call, "Order cannot be found. Merchant references cannot be updated.")
    body = checks.decode_management_body(_REFERENCES, call.body)
    message = f"Order is {order.status.lower()}. Merchant references cannot be updated."
    require_status(order, call.state.switches.references_statuses, message)
    if body.merchant_reference1 is not None:
        order.merchant_reference1 = body.merchant_reference1 or None
    if body.merchant_reference2 is not None:
        order.merchant_reference2 = body.merchant_reference2 or None
    merchant(call).record(order, "references")
    return NO_CONTENT


def update_details(call: Call) -> Response:
    order = _order(call)
    switches = call.state.switches
    body = checks.decode_management_body(_DETAILS, call.body)
    if body.billing_address is not None and not switches.billing_address_changes:
        raise ApiError(
            403,
            "NOT_ALLOWED",
            "Billing address cannot be updated for user account order. Customer details cannot be updated.",
        )
    refusal = "Update not allowed. Customer details cannot be updated."
    require_status(order, () if switches.risk_refuses_address else switches.details_statuses, refusal)
    if body.shipping_address is not None:
        order.shipping_address = body.shipping_address
    if body.billing_address is not None:
        order.billing_address = body.billing_address
    merchant(call).record(order, "customer_details")
    return NO_CONTENT


def add_shipping_info(call: Call) -> Response:
    order_id = call.params["order_id"]
    order = _order(call, f"Order {{id}} cannot be found. Shipping info cannot be added to order {order_id}.")
    body = checks.decode_management_body(_SHIPPING, call.body)
    message = f"Order is {order.status.lower()}. Shipping info cannot be added."
    require_status(order, call.state.switches.shipping_info_statuses, message)
    order.shipping_info.extend(body.shipping_info)
    merchant(call).record(order, "shipping_info")
    return NO_CONTENT


# -- captures ---------------------------------------------------------------------------------------------------------


def create_capture(call: Call) -> Response:
    order = _order(call)
    body = checks.decode_management_body(_CAPTURE, call.body)
    if body.order_lines:
        _check_lines(call, body.order_lines)
        if call.state.switches.capture_lines_sum_checked:
            checks.check_sum(body.order_lines, body.captured_amount)
    capture = capturing.capture(merchant(call), order, body)
    path = f"{PREFIX}/{order.order_id}/captures/{capture.capture_id}"
    return _created(call, b"capture-id", path, capture.capture_id)


def list_captures(call: Call) -> Response:
    order = _order(call)
    return json_response([capture_view(order, capture) for capture in order.captures])


def read_capture(call: Call) -> Response:
    order = _order(call)
    return json_response(capture_view(order, _capture(call, order, "Capture {id} cannot be found.")))


def add_capture_shipping_info(call: Call) -> Response:
    order = _order(call)
    body = checks.decode_management_body(_SHIPPING, call.body)
    capture_id = call.params["capture_id"]
    missing = f"Capture could not be found. Shipping info cannot be added to capture {capture_id}."
    capture = _capture(call, _captured(order), missing)
    capture.shipping_info.extend(body.shipping_info)
    merchant(call).record(order, "shipping_info", effect_id=capture.capture_id)
    return NO_CONTENT


def update_capture_details(call: Call) -> Response:
    """Of the billing address only; a call of older clients. Without the switch its path is unknown."""
    if not call.state.switches.billing_address_changes:
        raise ApiError(404, "NOT_FOUND", "Not found")
    order = _order(call)
    body = checks.decode_management_body(_DETAILS, call.body)
    capture = _capture(call, _captured(order), "Capture {id} could not be found.")
    if body.shipping_address is not None:
        raise ApiError(403, "NOT_ALLOWED", "Shipping address cannot be updated.")
    if body.billing_address is not None:
        capture.billing_address = body.billing_address
    merchant(call).record(order, "customer_details", effect_id=capture.capture_id)
    return NO_CONTENT


def trigger_send_out(call: Call) -> Response:
    order = _order(call)
    capture = _capture(call, _captured(order), "Capture {id} could not be found.")
    merchant(call).record(order, "send_out", effect_id=capture.capture_id)
    return NO_CONTENT


def due_date_options(call: Call) -> Response:
    order = _order(call)
    _capture(call, order, "Capture {id} could not be found.")
    options = [{"amount": fee, "number_of_days": days} for days, fee in _DUE_DATE_FEES.items()]
    return json_response({"currency": order.currency, "options": options})


def extend_due_date(call: Call) -> Response:
    order = _order(call)
    body = checks.decode_management_body(_DUE_DATE, call.body)
    capture = _capture(call, _captured(order), "Capture {id} could not be found.")
    fee = _DUE_DATE_FEES.get(body.number_of_days)
    if fee is None:
        raise ApiError(403, "NOT_ALLOWED", "Due date cannot be extended by this number of days.")
    merchant(call).record(order, "due_date", fee, capture.capture_id)
    return NO_CONTENT


def _captured(order: Order) -> Order:
    if not order.captures:
        raise ApiError(403, "NOT_ALLOWED", "Order has no captures.")
    return order


def _capture(call: Call, order: Order, missing: str) -> Capture:
    capture_id = call.params["capture_id"]
    if (capture := order.capture(capture_id)) is None:
        raise ApiError(404, "NO_SUCH_CAPTURE", missing.format(id=capture_id))
    return capture


# -- refunds ----------------------------------------------------------------------------------------------------------


def create_refund(call: Call) -> Response:
    """Lines that don't sum to the refund are accepted: it stays unallocated (docs.klarna.com, "Refund allocation")."""
    order = _order(call, code="NOT_FOUND")
    body = checks.decode_management_body(_REFUND, call.body)
    _check_lines(call, body.order_lines, return_fee=True)
    refund = refunding.refund(merchant(call), order, body)
    return _created(call, b"refund-id", f"{PREFIX}/{order.order_id}/refunds/{refund.refund_id}", refund.refund_id)


def read_refund(call: Call) -> Response:
    order = _order(call, code="NOT_FOUND")
    refund_id = call.params["refund_id"]
    if (refund := order.refund(refund_id)) is None:
        raise ApiError(
            call.state.switches.refund_not_found_status,
            "NOT_FOUND",
            f"Refund {refund_id} cannot be found for order {order.order_id}",
        )
    return json_response(refund_view(refund))


_ORDER: Final = f"{PREFIX}/{{order_id}}"
_ONE_CAPTURE: Final = f"{_ORDER}/captures/{{capture_id}}"

ROUTES: Final = (
    Route("GET", _ORDER, read),
    Route("POST", f"{_ORDER}/acknowledge", acknowledge, idempotent=True),
    Route("PATCH", f"{_ORDER}/authorization", update_authorization, idempotent=True),
    Route("POST", f"{_ORDER}/cancel", cancel, idempotent=True),
    Route("POST", f"{_ORDER}/release-remaining-authorization", release, idempotent=True),
    Route("POST", f"{_ORDER}/extend-authorization-time", extend, idempotent=True),
    Route("PATCH", f"{_ORDER}/merchant-references", update_references, idempotent=True),
    Route("PATCH", f"{_ORDER}/customer-details", update_details, idempotent=True),
    Route("POST", f"{_ORDER}/shipping-info", add_shipping_info, idempotent=True),
    Route("POST", f"{_ORDER}/captures", create_capture, idempotent=True),
    Route("GET", f"{_ORDER}/captures", list_captures),
    Route("GET", _ONE_CAPTURE, read_capture),
    Route("POST", f"{_ONE_CAPTURE}/shipping-info", add_capture_shipping_info, idempotent=True),
    Route("PATCH", f"{_ONE_CAPTURE}/customer-details", update_capture_details, idempotent=True),
    Route("POST", f"{_ONE_CAPTURE}/trigger-send-out", trigger_send_out, idempotent=True),
    Route("GET", f"{_ONE_CAPTURE}/extend-due-date-options", due_date_options),
    Route("PATCH", f"{_ONE_CAPTURE}/extend-due-date", extend_due_date, idempotent=True),
    Route("POST", f"{_ORDER}/refunds", create_refund, idempotent=True),
    Route("GET", f"{_ORDER}/refunds/{{refund_id}}", read_refund),
)
