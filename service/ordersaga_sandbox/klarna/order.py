"""An order with its amounts, captures and refunds."""

from dataclasses import dataclass, field
from typing import Any, Final

from ordersaga_sandbox.klarna.schema import Address, Line, MerchantUrls, ShippingInfo
from ordersaga_sandbox.switches import PaymentMethod, Status

OPEN: Final[frozenset[Status]] = frozenset({"AUTHORIZED", "PART_CAPTURED"})
"""Statuses in which the order can still be captured."""

INCREASABLE: Final = frozenset({"invoice", "b2b_invoice", "base_account"})
DIRECT_DEBIT_EXCEPT: Final = frozenset({"CH"})
FIXED_AMOUNT_MARKETS: Final = frozenset({"AT", "DE", "DK", "FI", "FR", "NL", "NO", "SE"})
RETURN_FEE_MARKETS: Final = FIXED_AMOUNT_MARKETS | {"IT", "ES", "IE", "PT", "CZ", "AU", "GR"}


@dataclass(slots=True, eq=False)
class Capture:
    capture_id: str
    klarna_reference: str
    amount: int
    at: float
    description: str | None
    reference: str | None
    lines: list[Line]
    shipping_info: list[ShippingInfo]
    refunded: int = 0
    billing_address: Address | None = None
    """None: the order's."""


@dataclass(slots=True, eq=False)
class Refund:
    refund_id: str
    amount: int
    at: float
    description: str | None
    reference: str | None
    lines: list[Line]
    credit_invoice: bool | None
    allocated_to: str | None
    """The id of the capture that it was allocated to."""


@dataclass(slots=True, eq=False)
class Order:
    """Amounts in minor units; captured + remaining <= order_amount always; the rest was released or cancelled or has expired."""

    account: str
    order_id: str
    klarna_reference: str
    token: str
    country: str
    currency: str
    locale: str | None
    order_amount: int
    original_order_amount: int
    remaining: int
    payment_method: PaymentMethod
    fraud_status: str
    created_at: float
    expires_at: float
    lines: list[Line]
    billing_address: Address | None
    shipping_address: Address | None
    customer: dict[str, Any] | None
    merchant_data: str | None
    merchant_reference1: str | None
    merchant_reference2: str | None
    auto_capture: bool
    session_id: str | None = None
    merchant_urls: MerchantUrls | None = None
    from_checkout: bool = False
    status: Status = "AUTHORIZED"
    decided_at: float = 0.0
    captured: int = 0
    refunded: int = 0
    acknowledged: bool = False
    released: bool = False
    operations: int = 0
    captures: list[Capture] = field(default_factory=list)
    refunds: list[Refund] = field(default_factory=list)
    shipping_info: list[ShippingInfo] = field(default_factory=list)

    def capture(self, capture_id: str) -> Capture | None:
        return next((capture for capture in self.captures if capture.capture_id == capture_id), None)

    def refund(self, refund_id: str) -> Refund | None:
        return next((refund for refund in self.refunds if refund.refund_id == refund_id), None)

    @property
    def may_grow(self) -> bool:
        """Whether its payment method and market allow the authorization to be increased (docs.klarna.com, "View and change orders")."""
        country = self.country.upper()
        return (
            self.payment_method in INCREASABLE
            or (self.payment_method == "direct_debit" and country not in DIRECT_DEBIT_EXCEPT)
            or (self.payment_method == "fixed_amount" and country in FIXED_AMOUNT_MARKETS)
        )
