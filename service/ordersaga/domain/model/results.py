"""Results of a provider call. There are no others than these four."""

from typing import Any, Literal

from msgspec import Struct

from ordersaga.domain.model.fields import OrderLine


class CaptureSeen(Struct, frozen=True):
    """A capture as the provider lists it (minor units)."""

    id: str
    amount: int
    reference: str | None = None
    refunded: int = 0
    lines: tuple[tuple[str, int, int], ...] = ()  # reference, quantity, total amount


class RefundSeen(Struct, frozen=True):
    """A refund as the provider lists it (minor units). `moving`: it may still fail; `failed`: no money went back."""

    id: str
    amount: int
    reference: str | None = None
    lines: tuple[tuple[str, int, int], ...] = ()
    moving: bool = False
    failed: bool = False


class LineSeen(Struct, frozen=True):
    """A line as the provider lists it, by its own id (minor units)."""

    id: str
    reference: str
    quantity: int
    total: int
    cancelled_quantity: int = 0
    cancelled: int = 0


class PaymentSeen(Struct, frozen=True):
    """The customer's latest payment. `open`: the customer may pay now, at `url`; `status`: in the provider's words."""

    id: str
    open: bool
    status: str = ""
    url: str = ""


class ShipmentSeen(Struct, frozen=True):
    """A shipment that took no money. `lines`: reference and quantity."""

    id: str
    lines: tuple[tuple[str, int], ...] = ()


class Snapshot(Struct, frozen=True):
    """The provider's own books of one order at the time of a read."""

    provider_id: str
    status: Literal["pending_payment", "authorized", "part_captured", "captured", "cancelled", "expired", "closed"]
    fraud_status: str  # ACCEPTED | PENDING | REJECTED; "": the provider has no reviews
    currency: str
    order_amount: int
    captured_amount: int
    refunded_amount: int
    remaining_amount: int
    expires_at: float | None = None
    captures: tuple[CaptureSeen, ...] = ()
    refunds: tuple[RefundSeen, ...] = ()
    original_amount: int | None = None
    facts: dict[str, Any] = {}  # what changes without money set, under the provider's names; "": not set
    lines: tuple[LineSeen, ...] = ()
    payment: PaymentSeen | None = None  # where the customer pays at the provider
    shipments: tuple[ShipmentSeen, ...] = ()


class ShippingSeen(Struct, frozen=True):
    """The shipping option that the customer has chosen; `price` in minor units."""

    id: str
    price: int


class CheckoutSeen(Struct, frozen=True):
    """A Checkout order at the time of a read (minor units). `complete`: the customer has bought; it can't be changed any more."""

    provider_id: str
    complete: bool
    currency: str
    order_amount: int
    lines: tuple[OrderLine, ...] = ()
    html_snippet: str = ""
    customer_token: str = ""
    shipping: ShippingSeen | None = None


TokenStatus = Literal["active", "suspended", "cancelled"]


class Succeeded(Struct, frozen=True):
    """The call took effect (or is a recognised replay of what did). `provider_id`: order, capture or refund id."""

    provider_id: str | None = None
    correlation_id: str | None = None
    fraud_status: str | None = None  # of a created order
    result: dict[str, Any] = {}  # what the shop needs: redirect_url, payment_method, customer_token, options, …
    snapshot: Snapshot | None = None  # of a read of the order, or of a change that is answered with it
    payment: PaymentSeen | None = None  # that was opened
    moving: bool = False  # of a refund: it may still fail
    searched: bool = False  # of a search among the provider's orders; without a snapshot it isn't there
    token_status: TokenStatus | None = None  # of a read of a customer token
    checkout: CheckoutSeen | None = None  # of a read of a Checkout order


class Rejected(Struct, frozen=True):
    """The provider refused for good: nothing took effect by this attempt.

    `conclusive`: nor by an earlier one, which would have been answered by a replay of its success.
    """

    code: str
    messages: tuple[str, ...] = ()
    correlation_id: str | None = None
    status: int | None = None
    conclusive: bool = False
    advice: str | None = None  # what the shop may do


class Retryable(Struct, frozen=True):
    """Certainly nothing took effect (not sent, or turned away before processing): try again later.

    `look`: an earlier attempt may be why: if the answer to one was lost, it is looked for first.
    """

    reason: str
    after: float | None = None  # seconds that the provider asked for
    correlation_id: str | None = None
    status: int | None = None
    look: bool = False


class Unknown(Struct, frozen=True):
    """The call may have taken effect."""

    reason: str
    correlation_id: str | None = None
    status: int | None = None
    after: float | None = None  # seconds that the provider asked for


Result = Succeeded | Rejected | Retryable | Unknown
