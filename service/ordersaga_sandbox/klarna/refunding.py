"""Refunds, their allocation to captures, return fees. Source: docs.klarna.com, "Refund orders and manage authorizations"."""

from typing import Final

from ordersaga_sandbox.http import ApiError
from ordersaga_sandbox.klarna.actor import Actor, check_operation_limit
from ordersaga_sandbox.klarna.order import RETURN_FEE_MARKETS, Capture, Order, Refund
from ordersaga_sandbox.klarna.schema import Line, RefundBody

_MAX_REFUNDS: Final = 200


def refund(actor: Actor, order: Order, body: RefundBody) -> Refund:
    lines = body.order_lines or []
    _check_refund(actor, order, body.refunded_amount)
    if any(line.type == "return_fee" for line in lines):
        _check_return_fee(order, lines, body.refunded_amount)
    capture = _allocation(order, lines, body.refunded_amount)
    if capture is not None:
        capture.refunded += body.refunded_amount
    refund = Refund(
        actor.state.new_id(),
        body.refunded_amount,
        actor.at,
        body.description,
        body.reference,
        lines,
        body.credit_invoice,
        capture.capture_id if capture is not None else None,
    )
    order.refunds.append(refund)
    order.refunded += refund.amount
    actor.record(order, "refund", refund.amount, refund.refund_id, refund.reference)
    return refund


def _check_refund(actor: Actor, order: Order, amount: int) -> None:
    switches = actor.state.switches
    check_operation_limit(actor, order, "REFUND_NOT_ALLOWED", full=len(order.refunds) >= _MAX_REFUNDS)
    if order.status == "CANCELLED":
        raise ApiError(403, "REFUND_NOT_ALLOWED", "Order is already cancelled or fully refunded. Refund not possible")
    if not order.captures:
        raise ApiError(403, "REFUND_NOT_ALLOWED", "Order has no captures. Refund not possible")
    if amount > order.captured - order.refunded:
        raise ApiError(403, "REFUND_NOT_ALLOWED", "Over refund is not allowed. Refund not possible.")
    if order.status not in switches.refund_statuses or (not amount and not switches.refund_of_zero):
        raise ApiError(403, "REFUND_NOT_ALLOWED", "Refund not possible")


def _check_return_fee(order: Order, lines: list[Line], amount: int) -> None:
    """Raises ApiError unless there is one full capture, the lines sum to the refund, and the market is listed.

    Source: docs.klarna.com, "Refund with return fees".
    """
    fully_captured = len(order.captures) == 1 and order.captured == order.order_amount
    if (
        not fully_captured
        or order.country.upper() not in RETURN_FEE_MARKETS
        or sum(line.total_amount for line in lines) != amount
        or any(line.type == "return_fee" and line.total_amount >= 0 for line in lines)
    ):
        raise ApiError(403, "REFUND_NOT_ALLOWED", "Return fee is not allowed. Refund not possible.")


def _allocation(order: Order, lines: list[Line], amount: int) -> Capture | None:
    """The capture whose lines include all references of the refund; None: the refund is accepted, but unallocated.

    The lines must sum to the refund, the capture must have that amount left, and no earlier refund may be unallocated
    (docs.klarna.com, "Refund allocation"). A refund without lines is allocated to the order's only capture.
    """
    if any(refund.allocated_to is None for refund in order.refunds):
        return None
    candidates = [capture for capture in order.captures if capture.refunded + amount <= capture.amount]
    if not lines:
        return candidates[0] if len(order.captures) == 1 and candidates else None
    if sum(line.total_amount for line in lines) != amount:
        return None
    references = {line.reference for line in lines if line.type != "return_fee"}
    return next(
        (c for c in candidates if None not in references and references <= {line.reference for line in c.lines}), None
    )
