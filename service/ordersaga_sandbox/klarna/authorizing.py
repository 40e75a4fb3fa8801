"""The life cycle of an authorization: authorize, update, extend, fraud decision, cancel, release, close.

Error messages are those of docs.klarna.com "Error codes and messages for Order Management" and of the OpenAPI document;
messages for statuses that they don't mention are modelled on them.
"""

from typing import Final

from ordersaga_sandbox.clock import DAY, midnight_after
from ordersaga_sandbox.http import ApiError
from ordersaga_sandbox.klarna import capturing, expiry, notifying
from ordersaga_sandbox.klarna.actor import Actor, check_operation_limit
from ordersaga_sandbox.klarna.order import OPEN, Order
from ordersaga_sandbox.klarna.schema import AuthorizationBody, CaptureBody
from ordersaga_sandbox.state import SandboxState
from ordersaga_sandbox.switches import Decision, FraudEvent

REJECTED_GRACE_SECONDS: Final = 4 * 3_600.0
"""How long the merchant may capture a rejected order at its own risk (docs.klarna.com, "Pending orders")."""
MAX_EXTENSION_SECONDS: Final = 180 * DAY


def authorize(actor: Actor, order: Order, reference: str | None = None) -> None:
    """Creates the order and schedules its expiry and, if it is pending, its fraud decision."""
    state = actor.state
    state.orders[order.order_id] = order
    actor.record(order, "authorize", order.order_amount, reference=reference)
    expiry.schedule(state, order)
    if order.from_checkout or state.switches.push_for_payments:
        notifying.push(state, order, actor.at)
    after = state.switches.pending_decision_after
    if order.fraud_status == "PENDING" and after is not None:
        decision = state.switches.pending_decision
        state.schedule(actor.at + after, lambda due: _decide_pending(state, order, decision, due))
    _auto_capture(actor, order)


def _auto_capture(actor: Actor, order: Order) -> None:
    if order.auto_capture and order.fraud_status == "ACCEPTED" and order.status in OPEN and order.remaining:
        capturing.execute(actor, order, CaptureBody(captured_amount=order.remaining, order_lines=list(order.lines)))


def update(actor: Actor, order: Order, body: AuthorizationBody) -> None:
    """Order lines that are left out are deleted (docs.klarna.com, "View and change orders")."""
    check_operation_limit(actor, order, "NOT_ALLOWED")
    grows = body.order_amount > order.order_amount
    if order.status not in OPEN or (grows and (actor.state.switches.risk_refuses_increase or not order.may_grow)):
        raise ApiError(403, "NOT_ALLOWED", "Update not allowed.")
    if body.order_amount < order.captured:
        raise ApiError(
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
    actor.record(order, "update", body.order_amount)


def extend(actor: Actor, order: Order) -> None:
    switches = actor.state.switches
    check_operation_limit(actor, order, "NOT_ALLOWED")
    if order.status not in switches.extend_statuses:
        status = {"EXPIRED": "expired", "CANCELLED": "cancelled", "CLOSED": "closed"}.get(
            order.status, "fully captured"
        )
        raise ApiError(403, "NOT_ALLOWED", f"Order is {status}. Authorization time cannot be extended.")
    if actor.at > order.created_at + MAX_EXTENSION_SECONDS:
        raise ApiError(403, "NOT_ALLOWED", "Order is older than 180 days. Authorization time cannot be extended.")
    days = switches.authorization_days + switches.extension_extra_days
    expiry.renew(actor.state, order, midnight_after(actor.at, days))
    actor.record(order, "extend")


def _decide_pending(state: SandboxState, order: Order, decision: Decision, due: float) -> None:
    if order.fraud_status == "PENDING":
        decide(Actor(state, due, "klarna"), order, decision)


def decide(actor: Actor, order: Order, decision: Decision) -> None:
    """A rejected order is cancelled unless it is captured within four hours."""
    order.fraud_status = decision
    order.decided_at = actor.at
    actor.record(order, "fraud_decision", reference=decision)
    event: FraudEvent = "FRAUD_RISK_ACCEPTED" if decision == "ACCEPTED" else "FRAUD_RISK_REJECTED"
    notifying.notify(actor.state, order, actor.at, event)
    if decision == "ACCEPTED":
        _auto_capture(actor, order)
    else:
        actor.state.schedule(actor.at + REJECTED_GRACE_SECONDS, lambda due: _cancel_rejected(actor.state, order, due))


def _cancel_rejected(state: SandboxState, order: Order, due: float) -> None:
    if (
        order.fraud_status == "REJECTED"
        and order.decided_at + REJECTED_GRACE_SECONDS <= due
        and order.status == "AUTHORIZED"
    ):
        _cancel(Actor(state, due, "klarna"), order)


def cancel(actor: Actor, order: Order) -> None:
    switches = actor.state.switches
    check_operation_limit(actor, order, "CANCEL_NOT_ALLOWED")
    if order.captures:
        raise ApiError(403, "CANCEL_NOT_ALLOWED", "Order has previous captures. Cancel not possible.")
    if order.status == "CANCELLED" and switches.second_cancel == 204:
        return
    if order.status != "AUTHORIZED" and not (order.status == "EXPIRED" and switches.cancel_when_expired):
        raise ApiError(403, "CANCEL_NOT_ALLOWED", f"Order is {order.status.lower()}. Cancel not possible.")
    _cancel(actor, order)


def _cancel(actor: Actor, order: Order) -> None:
    order.status = "CANCELLED"
    released, order.remaining = order.remaining, 0
    actor.record(order, "cancel", released)


def release(actor: Actor, order: Order) -> None:
    """Releases the remaining amount; `order_amount` stays."""
    check_operation_limit(actor, order, "NOT_ALLOWED")
    if order.released and actor.state.switches.second_release == 204:
        return
    if order.status != "PART_CAPTURED":
        status = {
            "AUTHORIZED": "Order has no captures.",
            "CAPTURED": "Order is fully captured.",
        }.get(order.status, f"Order is {order.status.lower()}.")
        raise ApiError(403, "NOT_ALLOWED", f"{status} Remaining authorization cannot be released.")
    released, order.remaining = order.remaining, 0
    order.released = True
    order.status = "CAPTURED"
    actor.record(order, "release", released)


def close(actor: Actor, order: Order) -> None:
    order.status = "CLOSED"
    released, order.remaining = order.remaining, 0
    actor.record(order, "close", released)
