"""Refunds by line and of arbitrary amounts, and what becomes of them.

Sources: mollie/api-documentation, create-order-refund.rst, get-refund.rst; the duplicates: mollie/magento2#456, #626,
mollie/mollie-api-node#256.
"""

from collections.abc import Callable, Mapping
from typing import Any, Final

from ordersaga_sandbox.ledger import Kind
from ordersaga_sandbox.mollie import ids, money, parts, reading, webhooks
from ordersaga_sandbox.mollie.actor import Actor
from ordersaga_sandbox.mollie.errors import MollieError, invalid
from ordersaga_sandbox.mollie.order import Order, Part, Payment, Refund, RefundStatus

ORDER_FIELDS: Final = frozenset({"lines", "description", "metadata"})
PAYMENT_FIELDS: Final = frozenset({"amount", "description", "metadata"})
_MAX_DESCRIPTION: Final = 140
_DUPLICATE_SECONDS: Final = 3_600.0


def refund_lines(actor: Actor, order: Order, body: Mapping[str, Any]) -> Refund:
    if "lines" not in body:
        raise invalid("The 'lines' field is missing", "lines")
    refunded = parts.select(order, body["lines"], parts.to_refund)
    if not refunded:
        raise invalid("Cannot create a refund. No lines can be refunded.", "lines")
    return _refund(actor, order, _paid(order), body, parts.total(refunded), refunded)


def refund_amount(actor: Actor, order: Order, payment: Payment, body: Mapping[str, Any]) -> Refund:
    if body.get("amount") is None:
        raise invalid("The amount is required for refunds", "amount")
    amount = money.require(body["amount"], order.currency, "amount")
    return _refund(actor, order, payment, body, amount, None)


def _paid(order: Order) -> Payment:
    return next((payment for payment in order.payments if payment.captured), order.payment)


def _refund(
    actor: Actor, order: Order, payment: Payment, body: Mapping[str, Any], amount: int, refunded: list[Part] | None
) -> Refund:
    description = reading.text(body, "description", _MAX_DESCRIPTION)
    metadata = reading.metadata(body)
    if not payment.captured:
        raise invalid("The payment is already refunded or has not been paid for yet")
    if amount <= 0:
        raise invalid("The amount is lower than the minimum", "amount")
    if amount > payment.captured - order.refunded:
        raise invalid("The amount is higher than the maximum", "amount")
    _refuse_duplicate(actor, order, amount, by_line=refunded is not None)
    switches = actor.state.switches
    status: RefundStatus = "queued" if switches.mollie_refund_queued_seconds else "pending"
    refund = Refund(
        ids.new(actor.state, "re_"),
        payment.payment_id,
        amount,
        f"Order {order.order_number}" if description is None else description,
        metadata,
        actor.at,
        status,
        refunded,
    )
    for part in refunded or ():
        part.line.refunded += part.quantity
        part.line.amount_refunded += part.amount
    order.refunds.append(refund)
    actor.record(order, "refund", amount, refund.refund_id, metadata)
    _plan(actor, order, refund, switches.mollie_refund_queued_seconds)
    webhooks.call_order_webhook(actor.state, order, actor.at)
    return refund


def _refuse_duplicate(actor: Actor, order: Order, amount: int, *, by_line: bool) -> None:
    """An idempotency key makes no difference. A person in the portal isn't refused."""
    checked = actor.state.switches.mollie_duplicate_refunds
    if actor.by != "merchant" or checked == "off" or (by_line and checked == "payments"):
        return
    if any(
        one.amount == amount
        and one.status not in {"failed", "canceled"}
        and actor.at - one.created_at < _DUPLICATE_SECONDS
        for one in order.refunds
    ):
        raise MollieError(409, "A duplicate refund has been detected")


def _plan(actor: Actor, order: Order, refund: Refund, queued: float) -> None:
    """Queued, pending, processing, and then the outcome; each only if nothing else has happened to it."""
    state, switches = actor.state, actor.state.switches
    pending = actor.at + queued
    processing = pending + switches.mollie_refund_pending_seconds
    done = processing + switches.mollie_refund_processing_seconds

    def step(before: RefundStatus, after: Callable[[], RefundStatus]) -> Callable[[float], None]:
        def go_on(due: float) -> None:
            if refund.status == before:
                move(Actor(state, due, "mollie"), order, refund, after())

        return go_on

    state.schedule(pending, step("queued", lambda: "pending"))
    state.schedule(processing, step("pending", lambda: "processing"))
    state.schedule(done, step("processing", lambda: state.switches.mollie_refund_outcome))


def move(actor: Actor, order: Order, refund: Refund, status: RefundStatus) -> None:
    """Raises MollieError: it has ended."""
    if refund.status in {"refunded", "failed", "canceled"}:
        raise invalid(f"The refund is {refund.status}")
    refund.status = status
    if status in {"failed", "canceled"}:
        for part in refund.parts or ():
            part.line.refunded -= part.quantity
            part.line.amount_refunded -= part.amount
        kind: Kind = "fail_refund" if status == "failed" else "cancel_refund"
        actor.record(order, kind, refund.amount, refund.refund_id, refund.metadata)
    if status in {"failed", "refunded"}:
        webhooks.call_order_webhook(actor.state, order, actor.at)


def cancel(actor: Actor, order: Order, refund: Refund) -> None:
    if refund.status not in {"queued", "pending"}:
        raise invalid("The refund can not be canceled anymore")
    move(actor, order, refund, "canceled")
