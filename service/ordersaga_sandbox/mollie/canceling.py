"""Cancellation of orders and lines. Source: mollie/api-documentation, cancel-order.rst, cancel-order-lines.rst."""

from typing import Final

from ordersaga_sandbox.mollie import customer, parts, paying, settling, webhooks
from ordersaga_sandbox.mollie.actor import Actor
from ordersaga_sandbox.mollie.errors import invalid
from ordersaga_sandbox.mollie.methods import KLARNA
from ordersaga_sandbox.mollie.order import Order, Part

DECLINED: Final = "Update authorization not allowed. Decision is based on order state and outcome of risk assessment."


def is_cancelable(order: Order) -> bool:
    """Once it is paid, its lines are refunded instead."""
    return order.status in {"created", "authorized"} or (order.status == "shipping" and order.by_capture)


def cancel(actor: Actor, order: Order) -> None:
    """The order, or what is left of it. Raises MollieError: its status or an open payment is in the way, or Klarna declines."""
    if not is_cancelable(order):
        raise invalid("The order cannot be canceled. Create a refund for the lines that have been paid instead.")
    if order.status == "created":
        _cancel_unpaid(actor, order)
        return
    _ask_klarna(actor, order)
    released = settling.cancel_rest(order)
    settling.settle(actor, order)
    _record(actor, order, released)
    webhooks.call_order_webhook(actor.state, order, actor.at)


def _cancel_unpaid(actor: Actor, order: Order) -> None:
    if order.payment.unfinished:
        if actor.state.switches.mollie_open_payment_blocks_cancel:
            raise invalid("The order cannot be canceled, because it has an open payment.")
        paying.end(actor, order, order.payment, "canceled")
    released = settling.drop_lines(order)
    order.status = "canceled"
    order.changed_at["canceled"] = actor.at
    actor.record(order, "cancel", released)
    webhooks.call_order_webhook(actor.state, order, actor.at)


def cancel_lines(actor: Actor, order: Order, given: object) -> list[Part]:
    """Raises MollieError: a line is neither authorized nor partly shipped, or Klarna declines."""
    canceled = parts.select(order, given, parts.to_cancel)
    if not canceled:
        raise invalid("Cannot cancel the order lines. No lines can be canceled.", "lines")
    _ask_klarna(actor, order)
    for part in canceled:
        settling.cancel_part(part)
    settling.settle(actor, order)
    _record(actor, order, parts.total(canceled))
    webhooks.call_order_webhook(actor.state, order, actor.at)
    return canceled


def _record(actor: Actor, order: Order, released: int) -> None:
    order.released += released
    actor.record(order, "cancel" if order.status == "canceled" else "release", released)


def _ask_klarna(actor: Actor, order: Order) -> None:
    """Raises MollieError: it declines, and nothing changes. A person in the portal isn't refused."""
    if actor.by == "merchant" and declined(actor, order):
        raise invalid(DECLINED)


def declined(actor: Actor, order: Order) -> bool:
    """Whether Klarna declines a change of the authorization."""
    if order.method not in KLARNA or order.status not in {"authorized", "shipping"}:
        return False
    if order.declines:
        order.declines -= 1
        return True
    return actor.state.switches.mollie_declines or customer.declines(order)
