"""An authorization's life on the virtual clock."""

from ordersaga_sandbox.klarna.hand import Hand
from ordersaga_sandbox.klarna.order import OPEN, Order
from ordersaga_sandbox.world import World


def renew(world: World, order: Order, expires_at: float) -> None:
    if expires_at > order.expires_at:
        order.expires_at = expires_at
        watch(world, order)


def watch(world: World, order: Order) -> None:
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
