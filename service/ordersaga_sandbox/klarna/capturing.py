"""Captures. Refusals: docs.klarna.com "Error codes and messages for Order Management", krokedil/klarna-checkout-for-woocommerce#585."""

from typing import Final

from ordersaga_sandbox.clock import midnight_after
from ordersaga_sandbox.http import Refused
from ordersaga_sandbox.klarna import expiry
from ordersaga_sandbox.klarna.hand import Hand, limited
from ordersaga_sandbox.klarna.order import OPEN, Capture, Order
from ordersaga_sandbox.klarna.schema import CaptureBody

_MOST: Final = 200


def capture(hand: Hand, order: Order, body: CaptureBody) -> Capture:
    switches = hand.world.switches
    limited(hand, order, "CAPTURE_NOT_ALLOWED", full=len(order.captures) >= _MOST)
    if order.status not in OPEN or order.fraud_status == "PENDING":
        raise Refused(403, "CAPTURE_NOT_ALLOWED", "Capture not allowed")
    if body.captured_amount > order.remaining:
        raise Refused(
            403,
            "CAPTURE_NOT_ALLOWED",
            "Captured amount is higher than the remaining authorized amount. Capture not possible.",
        )
    if (not body.captured_amount and not switches.capture_of_zero) or (
        body.shipping_delay and not switches.shipping_delay_allowed
    ):
        raise Refused(403, "CAPTURE_NOT_ALLOWED", "Capture not allowed")
    return take(hand, order, body)


def take(hand: Hand, order: Order, body: CaptureBody) -> Capture:
    world = hand.world
    capture = Capture(
        world.new_id(),
        f"{order.klarna_reference}-{len(order.captures) + 1}",
        body.captured_amount,
        hand.at,
        body.description,
        body.reference,
        body.order_lines or [],
        list(body.shipping_info or ()),
    )
    order.captures.append(capture)
    order.captured += capture.amount
    order.remaining -= capture.amount
    order.acknowledged = True
    order.status = "PART_CAPTURED" if order.remaining else "CAPTURED"
    if order.remaining and world.switches.partial_capture_renews_expiry:
        expiry.renew(world, order, midnight_after(hand.at, world.switches.authorization_days))
    hand.record(order, "capture", capture.amount, capture.capture_id, capture.reference)
    return capture
