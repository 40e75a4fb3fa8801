"""An order with its lines, payments, shipments, captures and refunds. Amounts in minor units, times in virtual seconds."""

from dataclasses import dataclass, field
from typing import Any, Literal

from ordersaga_sandbox.mollie.methods import PAY_LATER

Mode = Literal["test", "live"]
OrderStatus = Literal["created", "pending", "paid", "authorized", "shipping", "completed", "canceled", "expired"]
LineStatus = Literal["created", "paid", "authorized", "shipping", "completed", "canceled"]
PaymentStatus = Literal["open", "pending", "authorized", "paid", "failed", "canceled", "expired"]
RefundStatus = Literal["queued", "pending", "processing", "refunded", "failed", "canceled"]


@dataclass(slots=True, eq=False)
class Line:
    """`rate`: hundredths of a per cent. `total` is unit_price * quantity - discount."""

    line_id: str
    created_at: float
    type: str
    name: str
    quantity: int
    unit_price: int
    discount: int
    total: int
    rate: int
    vat: int
    sku: str | None = None
    category: str | None = None
    image_url: str | None = None
    product_url: str | None = None
    metadata: Any = None
    status: LineStatus = "created"
    shipped: int = 0
    refunded: int = 0
    canceled: int = 0
    amount_shipped: int = 0
    amount_refunded: int = 0
    amount_canceled: int = 0
    by_capture: bool = False
    """Whether its order is captured by shipments, so that only what was shipped can be refunded."""

    @property
    def open(self) -> int:
        """The quantity neither shipped nor canceled."""
        return self.quantity - self.shipped - self.canceled

    @property
    def amount_open(self) -> int:
        return self.total - self.amount_shipped - self.amount_canceled

    @property
    def cancelable(self) -> int:
        return self.open if self.status == "authorized" or (self.status == "shipping" and self.by_capture) else 0

    def shippable(self, *, refunded_too: bool) -> int:
        """`refunded_too`: what was paid and refunded can still be shipped."""
        if self.status not in {"paid", "authorized", "shipping"}:
            return 0
        return self.open if refunded_too else min(self.open, self.quantity - self.refunded)

    @property
    def refundable(self) -> int:
        if self.status not in {"paid", "shipping", "completed"}:
            return 0
        return (self.shipped if self.by_capture else self.quantity - self.canceled) - self.refunded

    @property
    def amount_refundable(self) -> int:
        return (self.amount_shipped if self.by_capture else self.total - self.amount_canceled) - self.amount_refunded


@dataclass(slots=True, eq=False)
class Part:
    """A quantity of a line with its amount, as it was at a shipment or refund."""

    line: Line
    quantity: int
    amount: int
    status: LineStatus


@dataclass(slots=True, eq=False)
class Capture:
    capture_id: str
    shipment_id: str
    amount: int
    at: float


@dataclass(slots=True, eq=False)
class Refund:
    """`parts` is None for a refund of an arbitrary amount."""

    refund_id: str
    payment_id: str
    amount: int
    description: str
    metadata: Any
    created_at: float
    status: RefundStatus
    parts: list[Part] | None = None


@dataclass(slots=True, eq=False)
class Payment:
    payment_id: str
    created_at: float
    amount: int
    method: str | None
    expires_at: float
    sequence_type: str = "oneoff"
    webhook_url: str | None = None
    customer_id: str | None = None
    mandate_id: str | None = None
    status: PaymentStatus = "open"
    changed_at: dict[str, float] = field(default_factory=dict)
    """When it became paid, authorized, failed, canceled, expired."""
    captured: int = 0
    captures: list[Capture] = field(default_factory=list)

    @property
    def unfinished(self) -> bool:
        return self.status in {"open", "pending"}


@dataclass(slots=True, eq=False)
class Shipment:
    shipment_id: str
    created_at: float
    parts: list[Part]
    tracking: dict[str, str | None] | None


@dataclass(slots=True, eq=False)
class Order:
    """`method`: chosen by the merchant or the customer; `methods`: what the customer may choose from, empty: any."""

    account: str
    mode: Mode
    order_id: str
    profile_id: str
    order_number: str
    currency: str
    locale: str
    created_at: float
    expires_at: float
    lines: list[Line]
    billing_address: dict[str, Any] | None
    shipping_address: dict[str, Any] | None
    method: str | None
    methods: tuple[str, ...]
    redirect_url: str | None
    cancel_url: str | None
    webhook_url: str | None
    payment_fields: dict[str, Any]
    metadata: Any
    birth_date: str | None = None
    country_must_match: bool | None = None
    status: OrderStatus = "created"
    changed_at: dict[str, float] = field(default_factory=dict)
    """When it became paid, authorized, canceled, completed, expired."""
    payments: list[Payment] = field(default_factory=list)
    shipments: list[Shipment] = field(default_factory=list)
    refunds: list[Refund] = field(default_factory=list)
    released: int = 0
    """What was authorized and then canceled."""
    declines: int = 0
    """How many of the next changes of its authorization Klarna declines."""

    @property
    def amount(self) -> int:
        return sum(line.total for line in self.lines)

    @property
    def by_capture(self) -> bool:
        return self.method in PAY_LATER

    @property
    def payment(self) -> Payment:
        """The last one."""
        return self.payments[-1]

    @property
    def captured(self) -> int:
        return sum(payment.captured for payment in self.payments)

    @property
    def refunded(self) -> int:
        return sum(refund.amount for refund in self.refunds if refund.status not in {"failed", "canceled"})

    def line(self, line_id: object) -> Line | None:
        return next((line for line in self.lines if line.line_id == line_id), None)

    def shipment(self, shipment_id: str) -> Shipment | None:
        return next((one for one in self.shipments if one.shipment_id == shipment_id), None)
