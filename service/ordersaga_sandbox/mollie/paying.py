"""Payments of an order: how they start, succeed, wait and end. Source: mollie/api-documentation, orders/status-changes.rst."""

from typing import Literal

from ordersaga_sandbox.mollie import ids, webhooks
from ordersaga_sandbox.mollie.actor import Actor
from ordersaga_sandbox.mollie.errors import invalid
from ordersaga_sandbox.mollie.methods import KNOWN, PAY_LATER, expires_after
from ordersaga_sandbox.mollie.order import Order, Payment

MAX_PAYMENTS = 25
Ending = Literal["failed", "canceled", "expired"]


def start(actor: Actor, order: Order) -> Payment:
    """A new payment, by the order's `payment_fields`."""
    fields = order.payment_fields
    payment = Payment(
        ids.new(actor.state, "tr_"),
        actor.at,
        sum(line.amount_open for line in order.lines),
        order.method,
        actor.at + expires_after(order.method),
        fields.get("sequenceType") or "oneoff",
        fields.get("webhookUrl"),
        fields.get("customerId"),
        fields.get("mandateId"),
    )
    order.payments.append(payment)
    actor.state.mollie_payments[payment.payment_id] = order
    actor.record(order, "payment", None, payment.payment_id)
    state = actor.state
    state.schedule(payment.expires_at, lambda due: _expire_when_due(Actor(state, due, "mollie"), order, payment))
    return payment


def _expire_when_due(actor: Actor, order: Order, payment: Payment) -> None:
    if payment.status == "open" and payment.expires_at <= actor.at:
        end(actor, order, payment, "expired")


def choose(order: Order, method: str | None, *, later: bool = False) -> str:
    """The customer's method. `later`: it has to be one that is paid after delivery. Raises MollieError: not offered."""
    fitting = PAY_LATER if later else KNOWN
    if method is None:
        offered = [order.method] if order.method else [*order.methods] or (["klarna"] if later else ["ideal"])
        method = next((one for one in offered if one in fitting), None)
    if (
        method not in fitting
        or (order.method and method != order.method)
        or (order.methods and method not in order.methods)
    ):
        raise invalid("The payment method is not offered to the customer of this order", "method")
    return method


def succeed(actor: Actor, order: Order, payment: Payment, method: str) -> None:
    """It is authorized or, unless it is paid after delivery, paid. Raises MollieError: it has ended."""
    _require_unfinished(payment)
    payment.method = order.method = method
    status: Literal["authorized", "paid"] = "authorized" if method in PAY_LATER else "paid"
    payment.status = order.status = status
    payment.changed_at[status] = order.changed_at[status] = actor.at
    for line in order.lines:
        if line.status == "created":
            line.status, line.by_capture = status, status == "authorized"
    if payment.sequence_type == "first" and payment.customer_id is not None:
        payment.mandate_id = payment.mandate_id or ids.new(actor.state, "mdt_")
    actor.record(order, "authorize", payment.amount, payment.payment_id, order.metadata)
    if status == "paid":
        payment.captured = payment.amount
        actor.record(order, "capture", payment.amount, payment.payment_id)
    webhooks.call_order_webhook(actor.state, order, actor.at)


def put_under_review(actor: Actor, order: Order, payment: Payment, method: str) -> None:
    """The payment is pending; the order too, where it is paid after delivery. Raises MollieError: it isn't open."""
    if payment.status != "open":
        raise invalid(f"The payment is {payment.status}")
    payment.method = order.method = method
    payment.status = "pending"
    if method in PAY_LATER:
        order.status = "pending"
    actor.record(order, "payment", None, payment.payment_id)


def end(actor: Actor, order: Order, payment: Payment, status: Ending) -> None:
    """It fails, is canceled or expires; the order is open for another payment. Raises MollieError: it has ended."""
    _require_unfinished(payment)
    payment.status = status
    payment.changed_at[status] = actor.at
    if order.status == "pending":
        order.status = "created"
    actor.record(order, "payment", None, payment.payment_id)
    webhooks.call_payment_webhook(actor.state, order, payment, actor.at)


def _require_unfinished(payment: Payment) -> None:
    if not payment.unfinished:
        raise invalid(f"The payment is {payment.status}")


def check_new_payment(order: Order) -> None:
    """Raises MollieError: the order doesn't accept another payment."""
    if order.status != "created":
        raise invalid(
            f'Cannot create a new payment for order {order.order_id} when the order status is "{order.status}".'
        )
    if order.payment.unfinished:
        raise invalid(
            f'Cannot create a new payment for order {order.order_id} when its last payment is "{order.payment.status}".'
        )
    if len(order.payments) >= MAX_PAYMENTS:
        raise invalid(f"Cannot create more than {MAX_PAYMENTS} payments for order {order.order_id}.")
