"""One order in Mollie's books: its lines with their counters, payments, shipments and refunds (minor units)."""

from dataclasses import dataclass, field
from typing import Any, Final, Literal

from ordersaga.domain.model.results import CaptureSeen, LineSeen, PaymentSeen, RefundSeen, ShipmentSeen, Snapshot

from .shop import DAY

URL: Final = "https://mollie.example/checkout"
PAYMENT_ENDS: Final = 2 * DAY
State = Literal["created", "authorized", "paid", "shipping", "completed", "canceled", "expired"]
_SHOWN: Final[dict[State, Any]] = {
    "created": "pending_payment",
    "authorized": "authorized",
    "paid": "captured",
    "shipping": "part_captured",
    "completed": "captured",
    "canceled": "cancelled",
    "expired": "expired",
}
Part = tuple[str, int, int]
"""Id of the line, quantity and amount."""


@dataclass
class LineThere:
    """`removed`: by a change of lines, so that the order's amount is without it."""

    id: str
    sku: str
    quantity: int
    unit: int
    total: int
    shipped_quantity: int = 0
    shipped: int = 0
    cancelled_quantity: int = 0
    cancelled: int = 0
    refunded_quantity: int = 0
    refunded: int = 0
    removed: bool = False

    @property
    def open_quantity(self) -> int:
        return self.quantity - self.shipped_quantity - self.cancelled_quantity

    @property
    def open(self) -> int:
        return self.total - self.shipped - self.cancelled

    def cancel(self, quantity: int, amount: int) -> None:
        self.cancelled_quantity += quantity
        self.cancelled += amount


@dataclass
class PaymentThere:
    id: str
    began: float
    status: Literal["open", "authorized", "paid", "failed", "expired", "canceled"] = "open"


@dataclass
class ShipmentThere:
    id: str
    parts: list[Part]

    @property
    def amount(self) -> int:
        return sum(amount for _, _, amount in self.parts)


@dataclass
class RefundThere:
    """It moves by itself: queued, then refunded or failed."""

    id: str
    amount: int
    began: float
    metadata: str | None = None
    parts: list[Part] = field(default_factory=list)
    status: Literal["queued", "refunded", "failed"] = "queued"


@dataclass
class OrderThere:
    """`pays_later`: by a method that authorizes; its money is taken by shipments."""

    id: str
    metadata: str
    currency: str
    pays_later: bool
    began: float
    lines: list[LineThere]
    payments: list[PaymentThere]
    ended: Literal["canceled", "expired"] | None = None
    shipments: list[ShipmentThere] = field(default_factory=list)
    refunds: list[RefundThere] = field(default_factory=list)
    facts: dict[str, Any] = field(default_factory=dict)

    @property
    def amount(self) -> int:
        return sum(line.total for line in self.lines if not line.removed)

    @property
    def is_paid(self) -> bool:
        return self.payments[-1].status in {"authorized", "paid"}

    @property
    def state(self) -> State:
        if self.ended is not None:
            return self.ended
        if not self.is_paid:
            return "created"
        open_ = any(line.open_quantity for line in self.lines)
        if not self.shipments:
            if not open_ and self.pays_later:
                return "canceled"
            return "authorized" if self.pays_later else "paid"
        return "shipping" if open_ else "completed"

    @property
    def captured(self) -> int:
        if not self.is_paid:
            return 0
        return sum(one.amount for one in self.shipments) if self.pays_later else self.amount

    @property
    def refunded(self) -> int:
        return sum(one.amount for one in self.refunds if one.status != "failed")

    @property
    def remaining(self) -> int:
        if self.ended is not None or (self.is_paid and not self.pays_later):
            return 0
        return sum(line.open for line in self.lines)

    @property
    def expires_at(self) -> float:
        return self.began + 28 * DAY

    def line(self, ident: str) -> LineThere | None:
        return next((line for line in self.lines if line.id == ident), None)

    def refundable(self, line: LineThere) -> tuple[int, int]:
        """Quantity and amount."""
        if self.pays_later:
            return line.shipped_quantity - line.refunded_quantity, line.shipped - line.refunded
        return (line.quantity - line.refunded_quantity, line.total - line.refunded) if self.is_paid else (0, 0)

    def cancel_rest(self) -> None:
        for line in self.lines:
            line.cancel(line.open_quantity, line.open)

    def ship(self, ident: str, parts: list[Part]) -> None:
        for name, quantity, amount in parts:
            line = self.line(name)
            assert line is not None
            line.shipped_quantity += quantity
            line.shipped += amount
        self.shipments.append(ShipmentThere(ident, parts))

    def refund(self, refund: RefundThere) -> None:
        self._count_refund(refund, 1)
        self.refunds.append(refund)

    def fail_refund(self, refund: RefundThere) -> None:
        refund.status = "failed"
        self._count_refund(refund, -1)

    def _count_refund(self, refund: RefundThere, sign: int) -> None:
        for name, quantity, amount in refund.parts:
            line = self.line(name)
            assert line is not None
            line.refunded_quantity += sign * quantity
            line.refunded += sign * amount

    def snapshot(self, *, expires_whole: bool) -> Snapshot:
        """As the port promises it. `expires_whole`: an order that expires in part reads as expired."""
        status = _SHOWN[self.state]
        if self.ended == "expired" and self.shipments and not expires_whole:
            status = "captured"
        if self.is_paid and not self.pays_later and self.ended is None:
            status = "captured"
        last = self.payments[-1]
        open_ = last.status == "open" and self.state == "created"
        return Snapshot(
            self.id,
            status,
            "",
            self.currency,
            self.amount,
            self.captured,
            self.refunded,
            self.remaining,
            self.expires_at,
            self._captures(),
            tuple(self._refund(one) for one in self.refunds),
            facts={**self.facts, "metadata": self.metadata},
            lines=tuple(
                LineSeen(one.id, one.sku, one.quantity, one.total, one.cancelled_quantity, one.cancelled)
                for one in self.lines
            ),
            payment=PaymentSeen(last.id, open_, last.status, URL if open_ else ""),
            shipments=() if self.pays_later else tuple(self._shipment(one) for one in self.shipments),
        )

    def _captures(self) -> tuple[CaptureSeen, ...]:
        if self.pays_later:
            return tuple(CaptureSeen(one.id, one.amount, lines=self._skus(one.parts)) for one in self.shipments)
        if not self.is_paid:
            return ()
        whole = [(line.id, line.quantity, line.total) for line in self.lines if not line.removed]
        return (CaptureSeen(self.payments[-1].id, self.amount, lines=self._skus(whole)),)

    def _refund(self, one: RefundThere) -> RefundSeen:
        moving, failed = one.status == "queued", one.status == "failed"
        return RefundSeen(one.id, one.amount, one.metadata, self._skus(one.parts), moving, failed)

    def _shipment(self, one: ShipmentThere) -> ShipmentSeen:
        return ShipmentSeen(one.id, tuple((sku, quantity) for sku, quantity, _ in self._skus(one.parts)))

    def _skus(self, parts: list[Part]) -> tuple[tuple[str, int, int], ...]:
        names = {line.id: line.sku for line in self.lines}
        return tuple((names[ident], quantity, amount) for ident, quantity, amount in parts)
