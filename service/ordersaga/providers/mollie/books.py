"""The books of an order as a read of the Orders API shows them, with its payments, refunds and shipments embedded.

What is paid first was captured whole by its payment; what is paid later (it has an `authorizedAt`) is captured by its shipments.
Sources: mollie/api-documentation, get-order.rst, get-shipment.rst, get-refund.rst, orders/status-changes.rst.
"""

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any, Final, Literal

import msgspec
from msgspec import Struct, field

from ordersaga.domain.model.results import CaptureSeen, LineSeen, PaymentSeen, RefundSeen, ShipmentSeen, Snapshot
from ordersaga.providers.mollie.lines import reference_of
from ordersaga.providers.mollie.money import Amount, minor

OPERATION: Final = "operation"
"""In the metadata of an order or a refund: the id of the operation that made it."""
_OPEN: Final = frozenset({"open", "pending"})
_TAKEN: Final = frozenset({"paid", "authorized"})
_FAILED: Final = frozenset({"failed", "canceled"})
_ARRIVED: Final = "refunded"

Status = Literal["pending_payment", "authorized", "part_captured", "captured", "cancelled", "expired"]

_STATUSES: Final[dict[str, Status]] = {
    "created": "pending_payment",
    "pending": "pending_payment",
    "authorized": "authorized",
    "paid": "captured",
    "shipping": "captured",
    "completed": "captured",
    "canceled": "cancelled",
    "expired": "expired",
}


class _Link(Struct):
    href: str


class _Links(Struct):
    checkout: _Link | None = None


class _Line(Struct, rename="camel"):
    id: str
    name: str
    quantity: int
    total_amount: Amount
    sku: str | None = None
    metadata: Any = None
    unit_price: Any = None
    vat_rate: Any = None
    quantity_shipped: int = 0
    quantity_canceled: int = 0
    amount_shipped: Amount | None = None
    amount_canceled: Amount | None = None

    @property
    def reference(self) -> str:
        return reference_of(self.sku, self.metadata)


class Payment(Struct, rename="camel"):
    id: str
    status: str
    created_at: str = ""
    links: _Links = field(name="_links", default_factory=_Links)

    @property
    def is_open(self) -> bool:
        return self.status in _OPEN


class Refund(Struct, rename="camel"):
    """`lines`: empty for one of an amount."""

    id: str
    amount: Amount
    status: str
    metadata: Any = None
    lines: list[_Line] | None = None

    @property
    def is_moving(self) -> bool:
        return self.status != _ARRIVED


class Shipment(Struct, rename="camel"):
    id: str
    lines: list[_Line]
    tracking: dict[str, Any] | None = None


class _Embedded(Struct):
    payments: list[Payment] = []
    refunds: list[Refund] = []
    shipments: list[Shipment] = []


class _Order(Struct, rename="camel"):
    id: str
    status: Literal["created", "pending", "authorized", "paid", "shipping", "completed", "canceled", "expired"]
    amount: Amount
    lines: list[_Line]
    order_number: str = ""
    metadata: Any = None
    billing_address: Any = None
    shipping_address: Any = None
    authorized_at: str | None = None
    expires_at: str | None = None
    amount_refunded: Amount | None = None
    embedded: _Embedded | None = field(name="_embedded", default=None)
    links: _Links = field(name="_links", default_factory=_Links)

    @property
    def paid_later(self) -> bool:
        return self.authorized_at is not None or self.status == "authorized"


_ORDER: Final = msgspec.json.Decoder(_Order)


def snapshot(body: bytes, *, of_change: bool = False) -> Snapshot:
    """The order that was answered. Raises msgspec.MsgspecError when it isn't one.

    Without what is embedded it shows no single captures, refunds and payments, only sums and lines. `of_change`: the answer
    to one, in which Mollie embeds nothing.
    """
    order = _ORDER.decode(body)
    embedded = order.embedded or _Embedded()
    paid_by = _payment(order, embedded.payments)
    if paid_by is None and order.status in {"created", "pending"} and not of_change:
        raise msgspec.ValidationError("an order to be paid without a payment")
    return _Books(order, embedded, paid_by).snapshot()


class _Books:
    def __init__(self, order: _Order, embedded: _Embedded, paid_by: PaymentSeen | None) -> None:
        self._order = order
        self._embedded = embedded
        self._paid_by = paid_by
        self._amount = self._minor(order.amount)
        self._references = {line.id: line.reference for line in order.lines}

    def snapshot(self) -> Snapshot:
        order = self._order
        captured, remaining = self._captured(), self._remaining()
        return Snapshot(
            provider_id=order.id,
            status=self._status(captured, remaining),
            fraud_status="",
            currency=order.amount.currency,
            order_amount=self._amount,
            captured_amount=captured,
            refunded_amount=self._refunded(),
            remaining_amount=remaining,
            expires_at=seconds(order.expires_at),
            captures=self._captures(),
            refunds=tuple(map(self._refund, self._embedded.refunds)),
            facts=self._facts(),
            lines=tuple(map(self._line, order.lines)),
            payment=self._paid_by,
            shipments=() if order.paid_later else tuple(map(self._shipment, self._embedded.shipments)),
        )

    def _minor(self, given: Amount | None) -> int:
        return 0 if given is None else minor(given, self._order.amount.currency)

    def _status(self, captured: int, remaining: int) -> Status:
        match self._order.status:
            case "shipping" if remaining:
                return "part_captured" if captured else "authorized"
            case "completed" if self._amount and not captured:  # what was shipped was free, the rest was cancelled
                return "cancelled"
            case status:
                return _STATUSES[status]

    def _captured(self) -> int:
        order = self._order
        if order.paid_later:
            if order.embedded is None:
                return sum(self._minor(line.amount_shipped) for line in order.lines)
            return sum(self._total(one.lines) for one in self._embedded.shipments)
        return self._amount if order.status in {"paid", "shipping", "completed"} else 0

    def _captures(self) -> tuple[CaptureSeen, ...]:
        order = self._order
        if order.paid_later:
            return tuple(
                CaptureSeen(one.id, self._total(one.lines), lines=self._parts(one.lines))
                for one in self._embedded.shipments
            )
        if order.embedded is None or not self._captured():
            return ()
        name = self._paid_by.id if self._paid_by is not None else order.id
        return (CaptureSeen(name, self._amount, lines=self._parts(order.lines)),)

    def _remaining(self) -> int:
        """By the lines, of which some may be shipped or cancelled."""
        order = self._order
        if order.status in {"created", "pending"}:
            return self._amount
        if not order.paid_later or order.status not in {"authorized", "shipping"}:
            return 0
        gone = sum(self._minor(line.amount_shipped) + self._minor(line.amount_canceled) for line in order.lines)
        return max(self._total(order.lines) - gone, 0)

    def _refunded(self) -> int:
        if self._order.embedded is None:
            return self._minor(self._order.amount_refunded)
        return sum(self._minor(one.amount) for one in self._embedded.refunds if one.status not in _FAILED)

    def _refund(self, one: Refund) -> RefundSeen:
        failed = one.status in _FAILED
        return RefundSeen(
            one.id,
            self._minor(one.amount),
            operation_of(one.metadata),
            self._parts(one.lines or ()),
            moving=one.is_moving and not failed,
            failed=failed,
        )

    def _shipment(self, one: Shipment) -> ShipmentSeen:
        return ShipmentSeen(one.id, tuple((reference, quantity) for reference, quantity, _ in self._parts(one.lines)))

    def _line(self, line: _Line) -> LineSeen:
        return LineSeen(
            line.id,
            line.reference,
            line.quantity,
            self._minor(line.total_amount),
            line.quantity_canceled,
            self._minor(line.amount_canceled),
        )

    def _parts(self, lines: Iterable[_Line]) -> tuple[tuple[str, int, int], ...]:
        """By reference; the order has it where the line of a shipment or refund comes without its metadata."""
        return tuple(
            (line.reference or self._references.get(line.id, ""), line.quantity, self._minor(line.total_amount))
            for line in lines
        )

    def _total(self, lines: Iterable[_Line]) -> int:
        return sum(self._minor(line.total_amount) for line in lines)

    def _facts(self) -> dict[str, Any]:
        order = self._order
        return {
            "orderNumber": order.order_number,
            "billingAddress": order.billing_address or {},
            "shippingAddress": order.shipping_address or {},
            OPERATION: operation_of(order.metadata) or "",
            "shipments": {one.id: one.tracking or {} for one in self._embedded.shipments},
            "lines": {line.id: _fact(line) for line in order.lines},
        }


def _fact(line: _Line) -> dict[str, Any]:
    """The line as a request would tell it, and how much of it is left."""
    return {
        "name": line.name,
        "reference": line.reference,
        "quantity": line.quantity,
        "totalAmount": msgspec.to_builtins(line.total_amount),
        "unitPrice": line.unit_price,
        "vatRate": line.vat_rate,
        "left": line.quantity - line.quantity_shipped - line.quantity_canceled,
        "canceled": line.quantity_canceled,
    }


def _payment(order: _Order, payments: list[Payment]) -> PaymentSeen | None:
    """The one that has paid the order; while there is none, the latest."""
    if not payments:
        return None
    latest = max(payments, key=lambda one: (seconds(one.created_at) or 0.0, one.is_open))
    if order.status in {"created", "pending"}:
        return seen(latest, order.links)
    return seen(next((one for one in payments if one.status in _TAKEN), latest), order.links)


def seen(payment: Payment, of_order: _Links | None = None) -> PaymentSeen:
    """With the link at which the customer pays: the order's, else its own."""
    link = (of_order.checkout if of_order is not None else None) or payment.links.checkout
    return PaymentSeen(
        payment.id, payment.is_open, payment.status, link.href if payment.is_open and link is not None else ""
    )


def total_of(shipment: Shipment) -> int:
    """Its worth (minor units), in whatever currency it is."""
    return sum(minor(line.total_amount, line.total_amount.currency) for line in shipment.lines)


def operation_of(metadata: object) -> str | None:
    """The id of the operation that made it, if we did."""
    made_by = metadata.get(OPERATION) if isinstance(metadata, dict) else None
    return made_by if isinstance(made_by, str) and made_by else None


def seconds(time: str | None) -> float | None:
    """ISO 8601 to seconds since the epoch; None where it can't be read."""
    try:
        at = datetime.fromisoformat(time or "")
    except ValueError:
        return None
    return (at if at.tzinfo else at.replace(tzinfo=UTC)).timestamp()
