"""Who acts on an order; writes the effects to the ledger, with the same kinds of money as for Klarna."""

from dataclasses import dataclass
from typing import Any

import msgspec

from ordersaga_sandbox.call import Call
from ordersaga_sandbox.ledger import CausedBy, Effect, Kind
from ordersaga_sandbox.mollie.order import Order
from ordersaga_sandbox.state import SandboxState


@dataclass(frozen=True, slots=True)
class Actor:
    """Who acts, and when (virtual seconds since the epoch)."""

    state: SandboxState
    at: float
    by: CausedBy = "merchant"
    call: Call | None = None

    def record(
        self, order: Order, kind: Kind, amount: int | None = None, effect_id: str | None = None, metadata: Any = None
    ) -> None:
        effect = Effect(
            at=self.at,
            account=order.account,
            provider="mollie",
            kind=kind,
            order_id=order.order_id,
            merchant_reference1=order.order_number,
            amount=amount,
            currency=order.currency,
            id=effect_id,
            reference=_reference(metadata),
            idempotency_key=self.call.key if self.call is not None else None,
            by=self.by,
        )
        seq = self.state.ledger.add(effect)
        if self.call is not None:
            self.call.entry.effect_seq = seq


def _reference(metadata: Any) -> str | None:
    """A text as it is, the `reference` of an object or the only text in it, or else the whole metadata as JSON."""
    if metadata is None or isinstance(metadata, str):
        return metadata or None
    if isinstance(metadata, dict):
        told = metadata.get("reference", next(iter(metadata.values())) if len(metadata) == 1 else None)
        if isinstance(told, str):
            return told
    return msgspec.json.encode(metadata, order="sorted").decode()


def merchant(call: Call) -> Actor:
    return Actor(call.state, call.at, "merchant", call)
