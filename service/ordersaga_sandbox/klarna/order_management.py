"""Klarna Order Management v1. Source: its OpenAPI document; docs.klarna.com "Manage orders with the API"."""

import re
from typing import Final

import msgspec

from ordersaga_sandbox.call import Call
from ordersaga_sandbox.http import NO_CONTENT, Answer, Refused, json
from ordersaga_sandbox.klarna import authorizing, capturing, checks, refunding
from ordersaga_sandbox.klarna.hand import hand, require
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
"""Days and the fee for them, minor units."""


def _order(call: Call, missing: str = "Order {id} cannot be found.", code: str = "NO_SUCH_ORDER") -> Order:
    """The account's order. Refused: INVALID_ORDER_ID; NO_SUCH_ORDER for an unknown order and for another account's."""
    order_id = call.params["order_id"]
    if _UUID.fullmatch(order_id) is None:
        raise Refused(call.world.switches.invalid_order_id_status, "INVALID_ORDER_ID", "Order ID must be a valid UUID.")
    order = call.world.orders.get(order_id.lower())
    if order is None or order.account != call.account:
        raise Refused(404, code, missing.format(id=order_id))
    return order


def _check_lines(call: Call, lines: list[Line] | None, *, return_fee: bool = False) -> None:
    if lines and call.world.switches.line_formulae_checked:
        checks.check_lines(lines, return_fee=return_fee)


def _made(call: Call, kind: bytes, path: str, made_id: str) -> Answer:
    """201 without a body: the id and the place of what was made are in the headers."""
    location = path if call.world.switches.location == "path" else call.base_url + path
    return Answer(201, ((b"location", location.encode()), (kind, made_id.encode())))


# -- the order --------------------------------------------------------------------------------------------------------


def read(call: Call) -> Answer:
    return json(order_view(_order(call)))


def acknowledge(call: Call) -> Answer:
    order = _order(call, "Order {id} cannot be found. Acknowledgement not possible.")
    switches = call.world.switches
    require(order, switches.acknowledge_statuses, "Update not allowed.")
    if order.acknowledged:
        if switches.second_acknowledge == 403:
            raise Refused(403, "NOT_ALLOWED", "Update not allowed.")
        return NO_CONTENT
    order.acknowledged = True
    hand(call).record(order, "acknowledge")
    return NO_CONTENT


def update_authorization(call: Call) -> Answer:
    order = _order(call)
    body = checks.management_body(_AUTHORIZATION, call.body)
    if body.order_lines:
        _check_lines(call, body.order_lines)
        checks.check_sum(body.order_lines, body.order_amount)
    authorizing.update(hand(call), order, body)
    return NO_CONTENT


def cancel(call: Call) -> Answer:
    authorizing.cancel(hand(call), _order(call))
    return NO_CONTENT


def release(call: Call) -> Answer:
    authorizing.release(hand(call), _order(call))
    return NO_CONTENT


def extend(call: Call) -> Answer:
    authorizing.extend(hand(call), _order(call))
    return NO_CONTENT


def update_references(call: Call) -> Answer:
    """A field sent replaces the reference; an empty one clears it."""
    order = _order(call, "Order cannot be found. Merchant references cannot be updated.")
    body = checks.management_body(_REFERENCES, call.body)
    message = f"Order is {order.status.lower()}. Merchant references cannot be updated."
    require(order, call.world.switches.references_statuses, message)
    if body.merchant_reference1 is not None:
        order.merchant_reference1 = body.merchant_reference1 or None
    if body.merchant_reference2 is not None:
        order.merchant_reference2 = body.merchant_reference2 or None
    hand(call).record(order, "references")
    return NO_CONTENT


def update_details(call: Call) -> Answer:
    order = _order(call)
    switches = call.world.switches
    body = checks.management_body(_DETAILS, call.body)
    if body.billing_address is not None:
        raise Refused(
            403,
            "NOT_ALLOWED",
            "Billing address cannot be updated for user account order. Customer details cannot be updated.",
        )
    refusal = "Update not allowed. Customer details cannot be updated."
    require(order, () if switches.risk_refuses_address else switches.details_statuses, refusal)
    if body.shipping_address is not None:
        order.shipping_address = body.shipping_address
    hand(call).record(order, "customer_details")
    return NO_CONTENT


def add_shipping_info(call: Call) -> Answer:
    order_id = call.params["order_id"]
    order = _order(call, f"Order {{id}} cannot be found. Shipping info cannot be added to order {order_id}.")
    body = checks.management_body(_SHIPPING, call.body)
    message = f"Order is {order.status.lower()}. Shipping info cannot be added."
    require(order, call.world.switches.shipping_info_statuses, message)
    order.shipping_info.extend(body.shipping_info)
    hand(call).record(order, "shipping_info")
    return NO_CONTENT


# -- captures ---------------------------------------------------------------------------------------------------------


def create_capture(call: Call) -> Answer:
    order = _order(call)
    body = checks.management_body(_CAPTURE, call.body)
    if body.order_lines:
        _check_lines(call, body.order_lines)
        if call.world.switches.capture_lines_sum_checked:
            checks.check_sum(body.order_lines, body.captured_amount)
    capture = capturing.capture(hand(call), order, body)
    path = f"{PREFIX}/{order.order_id}/captures/{capture.capture_id}"
    return _made(call, b"capture-id", path, capture.capture_id)


def list_captures(call: Call) -> Answer:
    order = _order(call)
    return json([capture_view(order, capture) for capture in order.captures])


def read_capture(call: Call) -> Answer:
    order = _order(call)
    return json(capture_view(order, _capture(call, order, "Capture {id} cannot be found.")))


def add_capture_shipping_info(call: Call) -> Answer:
    order = _order(call)
    body = checks.management_body(_SHIPPING, call.body)
    capture_id = call.params["capture_id"]
    missing = f"Capture could not be found. Shipping info cannot be added to capture {capture_id}."
    capture = _capture(call, _captured(order), missing)
    capture.shipping_info.extend(body.shipping_info)
    hand(call).record(order, "shipping_info", effect_id=capture.capture_id)
    return NO_CONTENT


def trigger_send_out(call: Call) -> Answer:
    order = _order(call)
    capture = _capture(call, _captured(order), "Capture {id} could not be found.")
    hand(call).record(order, "send_out", effect_id=capture.capture_id)
    return NO_CONTENT


def due_date_options(call: Call) -> Answer:
    order = _order(call)
    _capture(call, order, "Capture {id} could not be found.")
    options = [{"amount": fee, "number_of_days": days} for days, fee in _DUE_DATE_FEES.items()]
    return json({"currency": order.currency, "options": options})


def extend_due_date(call: Call) -> Answer:
    order = _order(call)
    body = checks.management_body(_DUE_DATE, call.body)
    capture = _capture(call, _captured(order), "Capture {id} could not be found.")
    fee = _DUE_DATE_FEES.get(body.number_of_days)
    if fee is None:
        raise Refused(403, "NOT_ALLOWED", "Due date cannot be extended by this number of days.")
    hand(call).record(order, "due_date", fee, capture.capture_id)
    return NO_CONTENT


def _captured(order: Order) -> Order:
    if not order.captures:
        raise Refused(403, "NOT_ALLOWED", "Order has no captures.")
    return order


def _capture(call: Call, order: Order, missing: str) -> Capture:
    capture_id = call.params["capture_id"]
    if (capture := order.capture(capture_id)) is None:
        raise Refused(404, "NO_SUCH_CAPTURE", missing.format(id=capture_id))
    return capture


# -- refunds ----------------------------------------------------------------------------------------------------------


def create_refund(call: Call) -> Answer:
    """Lines that don't sum to the refund are taken: it stays unallocated (docs.klarna.com, "Refund allocation")."""
    order = _order(call, code="NOT_FOUND")
    body = checks.management_body(_REFUND, call.body)
    _check_lines(call, body.order_lines, return_fee=True)
    refund = refunding.refund(hand(call), order, body)
    return _made(call, b"refund-id", f"{PREFIX}/{order.order_id}/refunds/{refund.refund_id}", refund.refund_id)


def read_refund(call: Call) -> Answer:
    order = _order(call, code="NOT_FOUND")
    refund_id = call.params["refund_id"]
    if (refund := order.refund(refund_id)) is None:
        raise Refused(
            call.world.switches.refund_not_found_status,
            "NOT_FOUND",
            f"Refund {refund_id} cannot be found for order {order.order_id}",
        )
    return json(refund_view(refund))


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
    Route("POST", f"{_ONE_CAPTURE}/trigger-send-out", trigger_send_out, idempotent=True),
    Route("GET", f"{_ONE_CAPTURE}/extend-due-date-options", due_date_options),
    Route("PATCH", f"{_ONE_CAPTURE}/extend-due-date", extend_due_date, idempotent=True),
    Route("POST", f"{_ORDER}/refunds", create_refund, idempotent=True),
    Route("GET", f"{_ORDER}/refunds/{{refund_id}}", read_refund),
)
