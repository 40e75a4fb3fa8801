"""What can happen to an order, by any hand: each act checks the state, moves the books and records its effect once.

Refusals carry the texts of docs.klarna.com "Error codes and messages for Order Management" and of the OpenAPI document;
the wording for states that those don't name is modelled on them.
"""

from dataclasses import dataclass
from typing import Final

from ordersaga_sandbox.clock import DAY, midnight_after
from ordersaga_sandbox.http import Call, Refused
from ordersaga_sandbox.klarna.order import OPEN, RETURN_FEE_MARKETS, Capture, Order, Refund
from ordersaga_sandbox.klarna.schema import AuthorizationBody, CaptureBody, Line, RefundBody
from ordersaga_sandbox.ledger import By, Effect, Kind
from ordersaga_sandbox.switches import Decision, Status
from ordersaga_sandbox.world import World

GRACE: Final = 4 * 3_600.0
"""How long a rejected order waits for a capture at the merchant's own risk (docs.klarna.com, "Pending orders")."""
EXTENSION_LIMIT: Final = 180 * DAY
_MOST_CAPTURES: Final = 200
_MOST_REFUNDS: Final = 200
_MOST_OPERATIONS: Final = 500


@dataclass(frozen=True, slots=True)
class Hand:
    """Who acts, and when (virtual seconds since the epoch)."""

    world: World
    at: float
    by: By = "merchant"
    call: Call | None = None

    def record(
        self,
        order: Order,
        kind: Kind,
        amount: int | None = None,
        effect_id: str | None = None,
        reference: str | None = None,
    ) -> None:
        ledger = self.world.ledger
        seq = ledger.next_seq()
        key = None
        if self.call is not None:
            key = self.call.key
            self.call.entry.effect_seq = seq
        ledger.add(
            Effect(
                seq,
                self.at,
                order.account,
                kind,
                order.order_id,
                order.merchant_reference1,
                amount,
                order.currency,
                effect_id,
                reference,
                key,
                order.token,
                self.by,
            )
        )
        order.operations += 1


def hand(call: Call) -> Hand:
    return Hand(call.world, call.at, "merchant", call)


def _limited(hand: Hand, order: Order, code: str, *, full: bool = False) -> None:
    if hand.world.switches.order_limits and (full or order.operations >= _MOST_OPERATIONS):
        raise Refused(403, code, "Too many operations on this order")


# -- authorization ----------------------------------------------------------------------------------------------------


def authorize(hand: Hand, order: Order) -> None:
    """The order comes into being: its expiry and, for a pending one, its decision are put on the clock."""
    world = hand.world
    world.orders[order.order_id] = order
    hand.record(order, "authorize", order.order_amount)
    _watch_expiry(world, order)
    after = world.switches.pending_decision_after
    if order.fraud_status == "PENDING" and after is not None:
        decision = world.switches.pending_decision
        world.at(hand.at + after, lambda due: _decide_pending(world, order, decision, due))
    _capture_at_once(hand, order)


def _capture_at_once(hand: Hand, order: Order) -> None:
    if order.auto_capture and order.fraud_status == "ACCEPTED" and order.status in OPEN and order.remaining:
        _take(hand, order, CaptureBody(captured_amount=order.remaining, order_lines=list(order.lines)))


def update(hand: Hand, order: Order, body: AuthorizationBody) -> None:
    """Order lines left out are deleted (docs.klarna.com, "View and change orders")."""
    _limited(hand, order, "NOT_ALLOWED")
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
    _limited(hand, order, "NOT_ALLOWED")
    if order.status not in switches.extend_statuses:
        state = {"EXPIRED": "expired", "CANCELLED": "cancelled", "CLOSED": "closed"}.get(order.status, "fully captured")
        raise Refused(403, "NOT_ALLOWED", f"Order is {state}. Authorization time cannot be extended.")
    if hand.at > order.created_at + EXTENSION_LIMIT:
        raise Refused(403, "NOT_ALLOWED", "Order is older than 180 days. Authorization time cannot be extended.")
    days = switches.authorization_days + switches.extension_extra_days
    _renew(hand.world, order, midnight_after(hand.at, days))
    hand.record(order, "extend")


def _renew(world: World, order: Order, expires_at: float) -> None:
    if expires_at > order.expires_at:
        order.expires_at = expires_at
        _watch_expiry(world, order)


def _watch_expiry(world: World, order: Order) -> None:
    world.at(order.expires_at, lambda due: _expire_when_due(world, order, due))


def _expire_when_due(world: World, order: Order, due: float) -> None:
    if order.expires_at <= due:
        expire(Hand(world, due, "klarna"), order)


def expire(hand: Hand, order: Order) -> None:
    """Nothing for an order of which nothing could be captured any more."""
    if order.status not in OPEN:
        return
    switches = hand.world.switches
    lapsed = order.remaining
    order.status = switches.part_captured_at_expiry if order.captures else "EXPIRED"
    if not switches.expiry_keeps_remaining:
        order.remaining = 0
    hand.record(order, "expire", lapsed)


def close(hand: Hand, order: Order) -> None:
    order.status = "CLOSED"
    lapsed, order.remaining = order.remaining, 0
    hand.record(order, "close", lapsed)


# -- fraud decision ---------------------------------------------------------------------------------------------------


def _decide_pending(world: World, order: Order, decision: Decision, due: float) -> None:
    if order.fraud_status == "PENDING":
        decide(Hand(world, due, "klarna"), order, decision)


def decide(hand: Hand, order: Order, decision: Decision) -> None:
    """A rejected order that isn't captured within four hours is cancelled."""
    order.fraud_status = decision
    hand.record(order, "fraud_decision", reference=decision)
    if decision == "ACCEPTED":
        _capture_at_once(hand, order)
    else:
        hand.world.at(hand.at + GRACE, lambda due: _cancel_rejected(hand.world, order, due))


def _cancel_rejected(world: World, order: Order, due: float) -> None:
    if order.fraud_status == "REJECTED" and order.status == "AUTHORIZED":
        _cancel(Hand(world, due, "klarna"), order)


# -- cancel and release -----------------------------------------------------------------------------------------------


def cancel(hand: Hand, order: Order) -> None:
    switches = hand.world.switches
    _limited(hand, order, "CANCEL_NOT_ALLOWED")
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
    _limited(hand, order, "NOT_ALLOWED")
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


# -- capture ----------------------------------------------------------------------------------------------------------


def capture(hand: Hand, order: Order, body: CaptureBody) -> Capture:
    switches = hand.world.switches
    _limited(hand, order, "CAPTURE_NOT_ALLOWED", full=len(order.captures) >= _MOST_CAPTURES)
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
    return _take(hand, order, body)


def _take(hand: Hand, order: Order, body: CaptureBody) -> Capture:
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
        _renew(world, order, midnight_after(hand.at, world.switches.authorization_days))
    hand.record(order, "capture", capture.amount, capture.capture_id, capture.reference)
    return capture


# -- refund -----------------------------------------------------------------------------------------------------------


def refund(hand: Hand, order: Order, body: RefundBody) -> Refund:
    lines = body.order_lines or []
    _check_refund(hand, order, body.refunded_amount)
    if any(line.type == "return_fee" for line in lines):
        _check_return_fee(order, lines, body.refunded_amount)
    into = _allocation(order, lines, body.refunded_amount)
    if into is not None:
        into.refunded += body.refunded_amount
    refund = Refund(
        hand.world.new_id(),
        body.refunded_amount,
        hand.at,
        body.description,
        body.reference,
        lines,
        body.credit_invoice,
        into.capture_id if into is not None else None,
    )
    order.refunds.append(refund)
    order.refunded += refund.amount
    hand.record(order, "refund", refund.amount, refund.refund_id, refund.reference)
    return refund


def _check_refund(hand: Hand, order: Order, amount: int) -> None:
    switches = hand.world.switches
    _limited(hand, order, "REFUND_NOT_ALLOWED", full=len(order.refunds) >= _MOST_REFUNDS)
    if order.status == "CANCELLED":
        raise Refused(403, "REFUND_NOT_ALLOWED", "Order is already cancelled or fully refunded. Refund not possible")
    if not order.captures:
        raise Refused(403, "REFUND_NOT_ALLOWED", "Order has no captures. Refund not possible")
    if amount > order.captured - order.refunded:
        raise Refused(403, "REFUND_NOT_ALLOWED", "Over refund is not allowed. Refund not possible.")
    if order.status not in switches.refund_statuses or (not amount and not switches.refund_of_zero):
        raise Refused(403, "REFUND_NOT_ALLOWED", "Refund not possible")


def _check_return_fee(order: Order, lines: list[Line], amount: int) -> None:
    """One full capture, lines that sum to the refund, and a listed market (docs.klarna.com, "Refund with return fees")."""
    whole = len(order.captures) == 1 and order.captured == order.order_amount
    if (
        not whole
        or order.country.upper() not in RETURN_FEE_MARKETS
        or sum(line.total_amount for line in lines) != amount
        or any(line.type == "return_fee" and line.total_amount >= 0 for line in lines)
    ):
        raise Refused(403, "REFUND_NOT_ALLOWED", "Return fee is not allowed. Refund not possible.")


def _allocation(order: Order, lines: list[Line], amount: int) -> Capture | None:
    """The capture whose lines have all of the refund's references; None: accepted, but unallocated.

    Lines must sum to the refund, the capture must have that much left, and no earlier refund may have stayed unallocated
    (docs.klarna.com, "Refund allocation"). Without lines the only capture of an order is meant.
    """
    if any(refund.allocated_to is None for refund in order.refunds):
        return None
    fitting = [capture for capture in order.captures if capture.refunded + amount <= capture.amount]
    if not lines:
        return fitting[0] if len(order.captures) == 1 and fitting else None
    if sum(line.total_amount for line in lines) != amount:
        return None
    wanted = {line.reference for line in lines if line.type != "return_fee"}
    return next((c for c in fitting if None not in wanted and wanted <= {line.reference for line in c.lines}), None)


# -- the rest ---------------------------------------------------------------------------------------------------------


def require(order: Order, allowed: tuple[Status, ...], message: str) -> None:
    """Refused: 403 NOT_ALLOWED where the order's state isn't among those."""
    if order.status not in allowed:
        raise Refused(403, "NOT_ALLOWED", message)
