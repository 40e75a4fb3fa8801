"""Who acts on an order, and the record of what came of it."""

from dataclasses import dataclass
from typing import Final

from ordersaga_sandbox.call import Call
from ordersaga_sandbox.http import Refused
from ordersaga_sandbox.klarna.order import Order
from ordersaga_sandbox.ledger import By, Effect, Kind
from ordersaga_sandbox.switches import Status
from ordersaga_sandbox.world import World

MOST_OPERATIONS: Final = 500


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
        effect = Effect(
            at=self.at,
            account=order.account,
            kind=kind,
            order_id=order.order_id,
            merchant_reference1=order.merchant_reference1,
            amount=amount,
            currency=order.currency,
            id=effect_id,
            reference=reference,
            idempotency_key=self.call.key if self.call is not None else None,
            token=order.token,
            by=self.by,
        )
        seq = self.world.ledger.add(effect)
        if self.call is not None:
            self.call.entry.effect_seq = seq
        order.operations += 1


def hand(call: Call) -> Hand:
    return Hand(call.world, call.at, "merchant", call)


def limited(hand: Hand, order: Order, code: str, *, full: bool = False) -> None:
    """Refused when the order has used up its operations (or, `full`, those of a kind), where that is switched on."""
    if hand.world.switches.order_limits and (full or order.operations >= MOST_OPERATIONS):
        raise Refused(403, code, "Too many operations on this order")


def require(order: Order, allowed: tuple[Status, ...], message: str) -> None:
    """Refused: 403 NOT_ALLOWED where the order's state isn't among those."""
    if order.status not in allowed:
        raise Refused(403, "NOT_ALLOWED", message)
