"""Expiry of authorizations by the virtual clock."""

from ordersaga_sandbox.klarna.actor import Actor
from ordersaga_sandbox.klarna.order import OPEN, Order
from ordersaga_sandbox.state import SandboxState


def renew(state: SandboxState, order: Order, expires_at: float) -> None:
    if expires_at > order.expires_at:
        order.expires_at = expires_at
        schedule(state, order)


def schedule(state: SandboxState, order: Order) -> None:
    state.schedule(order.expires_at, lambda due: _expire_when_due(state, order, due))


def _expire_when_due(state: SandboxState, order: Order, due: float) -> None:
    if order.expires_at <= due:
        expire(Actor(state, due, "klarna"), order)


def expire(actor: Actor, order: Order) -> None:
    """Does nothing if nothing could be captured any more."""
    if order.status not in OPEN:
        return
    switches = actor.state.switches
    released = order.remaining
    order.status = switches.part_captured_at_expiry if order.captures else "EXPIRED"
    if not switches.expiry_keeps_remaining:
        order.remaining = 0
    actor.record(order, "expire", released)
