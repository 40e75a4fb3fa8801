"""Captures. Error messages: docs.klarna.com "Error codes and messages for Order Management", krokedil/klarna-checkout-for-woocommerce#585."""

from typing import Final

from ordersaga_sandbox.clock import midnight_after
from ordersaga_sandbox.http import ApiError
from ordersaga_sandbox.klarna import expiry
from ordersaga_sandbox.klarna.actor import Actor, check_operation_limit
from ordersaga_sandbox.klarna.order import OPEN, Capture, Order
from ordersaga_sandbox.klarna.schema import CaptureBody

_MAX_CAPTURES: Final = 200


def capture(actor: Actor, order: Order, body: CaptureBody) -> Capture:
    switches = actor.state.switches
    check_operation_limit(actor, order, "CAPTURE_NOT_ALLOWED", full=len(order.captures) >= _MAX_CAPTURES)
    if order.status not in OPEN or order.fraud_status == "PENDING":
        raise ApiError(403, "CAPTURE_NOT_ALLOWED", "Capture not allowed")
    if body.captured_amount > order.remaining:
        raise ApiError(
            403,
            "CAPTURE_NOT_ALLOWED",
            "Captured amount is higher than the remaining authorized amount. Capture not possible.",
        )
    if (not body.captured_amount and not switches.capture_of_zero) or (
        body.shipping_delay and not switches.shipping_delay_allowed
    ):
        raise ApiError(403, "CAPTURE_NOT_ALLOWED", "Capture not allowed")
    return execute(actor, order, body)


def execute(actor: Actor, order: Order, body: CaptureBody) -> Capture:
    """Without checks."""
    state = actor.state
    capture = Capture(
        state.new_id(),
        f"{order.klarna_reference}-{len(order.captures) + 1}",
        body.captured_amount,
        actor.at,
        body.description,
        body.reference,
        body.order_lines or [],
        list(body.shipping_info or ()),
    )
    order.captures.append(capture)
    order.captured += capture.amount
    order.remaining -= capture.amount
    if actor.by in {"merchant", "portal"}:
        order.acknowledged = True
    order.status = "PART_CAPTURED" if order.remaining else "CAPTURED"
    if order.remaining and state.switches.partial_capture_renews_expiry:
        expiry.renew(state, order, midnight_after(actor.at, state.switches.authorization_days))
    actor.record(order, "capture", capture.amount, capture.capture_id, capture.reference)
    return capture
