"""Who acts on an order; writes the effects to the ledger."""

from dataclasses import dataclass
from typing import Final

from ordersaga_sandbox.call import Call
from ordersaga_sandbox.http import ApiError
from ordersaga_sandbox.klarna.order import Order
from ordersaga_sandbox.ledger import CausedBy, Effect, Kind
from ordersaga_sandbox.state import SandboxState
from ordersaga_sandbox.switches import Status

MAX_OPERATIONS: Final = 500


@dataclass(frozen=True, slots=True)
class Actor:
    """Who acts, and when (virtual seconds since the epoch)."""

    state: SandboxState
    at: float
    by: CausedBy = "merchant"
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
        seq = self.state.ledger.add(effect)
        if self.call is not None:
            self.call.entry.effect_seq = seq
        order.operations += 1


def merchant(call: Call) -> Actor:
    return Actor(call.state, call.at, "merchant", call)


def check_operation_limit(actor: Actor, order: Order, code: str, *, full: bool = False) -> None:
    """Raises ApiError if the order has reached its limit of operations (`full`: of one kind), where limits are switched on."""
    if actor.state.switches.order_limits and (full or order.operations >= MAX_OPERATIONS):
        raise ApiError(403, code, "Too many operations on this order")


def require_status(order: Order, allowed: tuple[Status, ...], message: str) -> None:
    """Raises ApiError: 403 NOT_ALLOWED in any other status."""
    if order.status not in allowed:
        raise ApiError(403, "NOT_ALLOWED", message)
