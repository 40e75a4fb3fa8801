"""Refunds, their allocation to captures, return fees. Source: docs.klarna.com, "Refund orders and manage authorizations"."""

from typing import Final

from ordersaga_sandbox.http import Refused
from ordersaga_sandbox.klarna.hand import Hand, limited
from ordersaga_sandbox.klarna.order import RETURN_FEE_MARKETS, Capture, Order, Refund
from ordersaga_sandbox.klarna.schema import Line, RefundBody

_MOST: Final = 200


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
    limited(hand, order, "REFUND_NOT_ALLOWED", full=len(order.refunds) >= _MOST)
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
