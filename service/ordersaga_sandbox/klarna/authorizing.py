"""The authorization from its beginning to its end: update, extend, decide, cancel, release, close.

Refusals carry the texts of docs.klarna.com "Error codes and messages for Order Management" and of the OpenAPI document;
the wording for states that those don't name is modelled on them.
"""

from typing import Final

from ordersaga_sandbox.clock import DAY, midnight_after
from ordersaga_sandbox.http import Refused
from ordersaga_sandbox.klarna import expiry
from ordersaga_sandbox.klarna.capturing import take
from ordersaga_sandbox.klarna.hand import Hand, limited
from ordersaga_sandbox.klarna.order import OPEN, Order
from ordersaga_sandbox.klarna.schema import AuthorizationBody, CaptureBody
from ordersaga_sandbox.switches import Decision
from ordersaga_sandbox.world import World

GRACE: Final = 4 * 3_600.0
"""How long a rejected order waits for a capture at the merchant's own risk (docs.klarna.com, "Pending orders")."""
EXTENSION_LIMIT: Final = 180 * DAY


def authorize(hand: Hand, order: Order) -> None:
    """The order comes into being: its expiry and, for a pending one, its decision are put on the clock."""
    world = hand.world
    world.orders[order.order_id] = order
    hand.record(order, "authorize", order.order_amount)
    expiry.watch(world, order)
    after = world.switches.pending_decision_after
    if order.fraud_status == "PENDING" and after is not None:
        decision = world.switches.pending_decision
        world.at(hand.at + after, lambda due: _decide_pending(world, order, decision, due))
    _capture_at_once(hand, order)


def _capture_at_once(hand: Hand, order: Order) -> None:
    if order.auto_capture and order.fraud_status == "ACCEPTED" and order.status in OPEN and order.remaining:
        take(hand, order, CaptureBody(captured_amount=order.remaining, order_lines=list(order.lines)))


def update(hand: Hand, order: Order, body: AuthorizationBody) -> None:
    """Order lines left out are deleted (docs.klarna.com, "View and change orders")."""
    limited(hand, order, "NOT_ALLOWED")
    grows = body.order_amount > order.order_amount
    if order.status not in OPEN or (grows and (hand.world.switches.risk_refuses_increase or not order.may_grow)):
        raise Refused(403, "NOT_ALLOWED", "Update not allowed.")
    if body.order_amount < order.captured:
        raise Refused(
            403,
            "NOT_ALLOWED",
            f"Resulting authorization amount {body.order_amount} cannot be less than the captured amount {order.captured} "
            "for order. Order authorization cannot be updated",
        )
    order.order_amount = body.order_amount
    order.remaining = body.order_amount - order.captured
    order.lines = body.order_lines or []
    if order.captures and not order.remaining:
        order.status = "CAPTURED"
    hand.record(order, "update", body.order_amount)


def extend(hand: Hand, order: Order) -> None:
    switches = hand.world.switches
    limited(hand, order, "NOT_ALLOWED")
    if order.status not in switches.extend_statuses:
        state = {"EXPIRED": "expired", "CANCELLED": "cancelled", "CLOSED": "closed"}.get(order.status, "fully captured")
        raise Refused(403, "NOT_ALLOWED", f"Order is {state}. Authorization time cannot be extended.")
    if hand.at > order.created_at + EXTENSION_LIMIT:
        raise Refused(403, "NOT_ALLOWED", "Order is older than 180 days. Authorization time cannot be extended.")
    days = switches.authorization_days + switches.extension_extra_days
    expiry.renew(hand.world, order, midnight_after(hand.at, days))
    hand.record(order, "extend")


def _decide_pending(world: World, order: Order, decision: Decision, due: float) -> None:
    if order.fraud_status == "PENDING":
        decide(Hand(world, due, "klarna"), order, decision)


def decide(hand: Hand, order: Order, decision: Decision) -> None:
    """A rejected order that isn't captured within four hours is cancelled."""
    order.fraud_status = decision
    order.decided_at = hand.at
    hand.record(order, "fraud_decision", reference=decision)
    if decision == "ACCEPTED":
        _capture_at_once(hand, order)
    else:
        hand.world.at(hand.at + GRACE, lambda due: _cancel_rejected(hand.world, order, due))


def _cancel_rejected(world: World, order: Order, due: float) -> None:
    if order.fraud_status == "REJECTED" and order.decided_at + GRACE <= due and order.status == "AUTHORIZED":
        _cancel(Hand(world, due, "klarna"), order)


def cancel(hand: Hand, order: Order) -> None:
    switches = hand.world.switches
    limited(hand, order, "CANCEL_NOT_ALLOWED")
    if order.captures:
        raise Refused(403, "CANCEL_NOT_ALLOWED", "Order has previous captures. Cancel not possible.")
    if order.status == "CANCELLED" and switches.second_cancel == 204:
        return
    if order.status != "AUTHORIZED" and not (order.status == "EXPIRED" and switches.cancel_when_expired):
        raise Refused(403, "CANCEL_NOT_ALLOWED", f"Order is {order.status.lower()}. Cancel not possible.")
    _cancel(hand, order)


def _cancel(hand: Hand, order: Order) -> None:
    order.status = "CANCELLED"
    gone, order.remaining = order.remaining, 0
    hand.record(order, "cancel", gone)


def release(hand: Hand, order: Order) -> None:
    """What remains is let go; `order_amount` stays."""
    limited(hand, order, "NOT_ALLOWED")
    if order.released and hand.world.switches.second_release == 204:
        return
    if order.status != "PART_CAPTURED":
        state = {
            "AUTHORIZED": "Order has no captures.",
            "CAPTURED": "Order is fully captured.",
        }.get(order.status, f"Order is {order.status.lower()}.")
        raise Refused(403, "NOT_ALLOWED", f"{state} Remaining authorization cannot be released.")
    gone, order.remaining = order.remaining, 0
    order.released = True
    order.status = "CAPTURED"
    hand.record(order, "release", gone)


def close(hand: Hand, order: Order) -> None:
    order.status = "CLOSED"
    lapsed, order.remaining = order.remaining, 0
    hand.record(order, "close", lapsed)
