"""One order in Mollie's books: its lines with their counters, payments, shipments and refunds (minor units).

`shown` is the order as a read with its embeds has it: mollie/api-documentation, get-order.rst.
"""

from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Final, Literal

import msgspec

from ordersaga.domain.model.results import Snapshot
from ordersaga.providers.mollie import books

from .shop import DAY

URL: Final = "https://mollie.example/checkout"
PAYMENT_ENDS: Final = 2 * DAY
State = Literal["created", "authorized", "paid", "shipping", "completed", "canceled", "expired"]
Json = dict[str, Any]
Part = tuple[str, int, int]
"""Id of the line, quantity and amount."""


@dataclass
class LineThere:
    """`told`: what of it has no effect here. `removed`: by a change of lines, so that the order's amount is without it."""

    id: str
    told: Json
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
    tracking: Json | None = None

    @property
    def amount(self) -> int:
        return sum(amount for _, _, amount in self.parts)


@dataclass
class RefundThere:
    """It moves by itself: queued, then refunded or failed."""

    id: str
    amount: int
    began: float
    metadata: Json | None = None
    parts: list[Part] = field(default_factory=list)
    status: Literal["queued", "refunded", "failed"] = "queued"


@dataclass
class OrderThere:
    """`pays_later`: by a method that authorizes; its money is taken by shipments. `told`: its other fields."""

    id: str
    told: Json
    currency: str
    pays_later: bool
    began: float
    lines: list[LineThere]
    payments: list[PaymentThere]
    ended: Literal["canceled", "expired"] | None = None
    shipments: list[ShipmentThere] = field(default_factory=list)
    refunds: list[RefundThere] = field(default_factory=list)

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
        """`expires_whole`: an order of which the rest expires is `expired`, else `completed`."""
        return books.snapshot(msgspec.json.encode(self.shown(expires_whole=expires_whole)))

    def shown(self, *, expires_whole: bool) -> Json:
        status = "completed" if self.ended == "expired" and self.shipments and not expires_whole else self.state
        authorized = {"authorizedAt": _time(self.began)} if self.is_paid and self.pays_later else {}
        open_ = self.payments[-1].status == "open" and self.state == "created"
        return {
            **self.told,
            **authorized,
            "resource": "order",
            "id": self.id,
            "status": status,
            "amount": self._money(self.amount),
            "expiresAt": _time(self.expires_at),
            "lines": [self._line(line) for line in self.lines],
            "_embedded": {
                "payments": [
                    {"id": one.id, "status": one.status, "createdAt": _time(one.began)} for one in self.payments
                ],
                "refunds": [self._refund(one) for one in self.refunds],
                "shipments": [
                    {"id": one.id, "lines": self._parts(one.parts), "tracking": one.tracking} for one in self.shipments
                ],
            },
            "_links": {"checkout": {"href": URL}} if open_ else {},
        }

    def _line(self, line: LineThere) -> Json:
        return {
            **line.told,
            "id": line.id,
            "quantity": line.quantity,
            "unitPrice": self._money(line.unit),
            "totalAmount": self._money(line.total),
            "quantityShipped": line.shipped_quantity,
            "amountShipped": self._money(line.shipped),
            "quantityCanceled": line.cancelled_quantity,
            "amountCanceled": self._money(line.cancelled),
        }

    def _money(self, minor: int) -> Json:
        return money(minor, self.currency)

    def _refund(self, one: RefundThere) -> Json:
        shown = {"id": one.id, "amount": self._money(one.amount), "status": one.status, "metadata": one.metadata}
        return {**shown, "lines": self._parts(one.parts)}

    def _parts(self, parts: list[Part]) -> list[Json]:
        """Lines of a shipment or refund, with the part's quantity and worth."""
        lines = {line.id: line for line in self.lines}
        return [
            {**lines[ident].told, "id": ident, "quantity": quantity, "totalAmount": self._money(amount)}
            for ident, quantity, amount in parts
        ]


def money(minor: int, currency: str) -> Json:
    """JPY has no decimals, EUR two."""
    if currency == "JPY":
        return {"currency": currency, "value": str(minor)}
    sign, rest = ("-" if minor < 0 else ""), abs(minor)
    return {"currency": currency, "value": f"{sign}{rest // 100}.{rest % 100:02}"}


def minor_of(amount: Json) -> int:
    value = amount["value"]
    assert ("." in value) is (amount["currency"] != "JPY"), amount
    whole, _, rest = value.partition(".")
    assert len(rest) in {0, 2}, amount
    return int(whole + rest)


def _time(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).isoformat()
