"""Expiry of orders by the virtual clock."""

from datetime import UTC, date, datetime, timedelta
from typing import Final

from ordersaga_sandbox.clock import DAY
from ordersaga_sandbox.mollie import paying, settling, webhooks
from ordersaga_sandbox.mollie.actor import Actor
from ordersaga_sandbox.mollie.errors import invalid
from ordersaga_sandbox.mollie.methods import KLARNA
from ordersaga_sandbox.mollie.order import Order
from ordersaga_sandbox.state import SandboxState

_DEFAULT_DAYS: Final = 28
_LATEST_DAYS: Final = 101
"""From today: 100 days after tomorrow."""


def parse(given: object, at: float, methods: tuple[str, ...]) -> float:
    """The time by `expiresAt`: midnight UTC at the start of that day; 28 days if it isn't given. Raises MollieError."""
    if given is None:
        return at + _DEFAULT_DAYS * DAY
    try:
        day = date.fromisoformat(given) if isinstance(given, str) and len(given) == len("2018-12-30") else None
    except ValueError:
        day = None
    if day is None:
        raise invalid("The 'expiresAt' field should be a date in the format YYYY-MM-DD", "expiresAt")
    today = datetime.fromtimestamp(at, UTC).date()
    if not today < day <= today + timedelta(days=_LATEST_DAYS):
        raise invalid(
            "The expiry date should be tomorrow at the earliest and 100 days after tomorrow at the latest", "expiresAt"
        )
    if day > today + timedelta(days=_DEFAULT_DAYS) and not KLARNA.isdisjoint(methods):
        raise invalid("The expiry date can be at most 28 days in the future for Klarna payments", "expiresAt")
    return datetime(day.year, day.month, day.day, tzinfo=UTC).timestamp()


def schedule(state: SandboxState, order: Order) -> None:
    state.schedule(order.expires_at, lambda due: expire(Actor(state, due, "mollie"), order))


def expires(order: Order) -> bool:
    """Whether an authorization, or the chance to pay, is left to expire."""
    return order.status in {"created", "authorized"} or (order.status == "shipping" and order.by_capture)


def expire(actor: Actor, order: Order) -> None:
    """Does nothing to an order that is paid or finished. One under review expires when the review ends."""
    match order.status:
        case "created" | "authorized":
            released = settling.cancel_rest(order) if order.status == "authorized" else settling.drop_lines(order)
            for payment in order.payments:
                if payment.unfinished:
                    paying.end(actor, order, payment, "expired")
                elif payment.status == "authorized":
                    payment.status = "expired"
                    payment.changed_at["expired"] = actor.at
            order.status = "expired"
        case "shipping" if order.by_capture:
            released = settling.cancel_rest(order)
            order.status = actor.state.switches.mollie_shipping_at_expiry
            order.payment.status = "paid"
            order.payment.changed_at["paid"] = actor.at
        case _:
            return
    order.changed_at[order.status] = actor.at
    actor.record(order, "expire", released)
    webhooks.call_order_webhook(actor.state, order, actor.at)


def expire_if_overdue(actor: Actor, order: Order) -> None:
    if order.expires_at <= actor.at:
        expire(actor, order)
