"""The ledger: every effect on money and orders once, written when it happens."""

from collections import Counter, defaultdict
from collections.abc import Sequence
from typing import Literal

from msgspec import Struct

ProviderName = Literal["klarna", "mollie"]
Kind = Literal[
    "authorize",
    "cancel_authorization",
    "capture",
    "refund",
    "cancel",
    "release",
    "update",
    "extend",
    "expire",
    "close",
    "fraud_decision",
    "acknowledge",
    "references",
    "customer_details",
    "shipping_info",
    "send_out",
    "due_date",
    "customer_token",
    "cancel_customer_token",
    "create",
    "payment",
    "shipment",
    "cancel_refund",
    "fail_refund",
]
CausedBy = Literal["merchant", "portal", "klarna", "mollie", "customer"]
"""An API call of the merchant, a person in the portal (by the control plane), the provider itself, the customer in the Checkout."""


class Effect(Struct, gc=False, kw_only=True):
    """`amount` in minor units: what was captured or refunded; for cancel, release, expire and close what was released;
    for authorize and update the order amount. `at`: virtual seconds since the epoch.
    """

    seq: int = 0
    at: float
    account: str
    kind: Kind
    order_id: str | None = None
    merchant_reference1: str | None = None
    amount: int | None = None
    currency: str | None = None
    id: str | None = None
    reference: str | None = None
    idempotency_key: str | None = None
    token: str | None = None
    by: CausedBy = "merchant"
    provider: ProviderName = "klarna"


class Total(Struct):
    account: str
    provider: ProviderName
    kind: Kind
    currency: str | None
    count: int
    amount: int


class DuplicateReference(Struct):
    """A reference that was captured, or refunded, more than once in an account."""

    account: str
    provider: ProviderName
    kind: Kind
    reference: str
    seqs: list[int]


class Summary(Struct):
    totals: list[Total]
    doubled_references: list[DuplicateReference]


class Ledger:
    def __init__(self) -> None:
        self._effects: list[Effect] = []

    def __len__(self) -> int:
        return len(self._effects)

    def add(self, effect: Effect) -> int:
        """Assigns its `seq` (1, 2, 3 …) and returns it."""
        self._effects.append(effect)
        effect.seq = len(self._effects)
        return effect.seq

    def after(self, seq: int, limit: int) -> Sequence[Effect]:
        return self._effects[seq : seq + limit]

    def summary(self) -> Summary:
        counts: Counter[tuple[str, ProviderName, Kind, str | None]] = Counter()
        amounts: Counter[tuple[str, ProviderName, Kind, str | None]] = Counter()
        references: defaultdict[tuple[str, ProviderName, Kind, str], list[int]] = defaultdict(list)
        for effect in self._effects:
            group = (effect.account, effect.provider, effect.kind, effect.currency)
            counts[group] += 1
            amounts[group] += effect.amount or 0
            if effect.reference is not None and effect.kind in {"capture", "refund"}:
                references[effect.account, effect.provider, effect.kind, effect.reference].append(effect.seq)
        return Summary(
            [Total(*group, count, amounts[group]) for group, count in counts.items()],
            [DuplicateReference(*group, seqs) for group, seqs in references.items() if len(seqs) > 1],
        )
