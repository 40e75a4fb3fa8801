"""The Checkout order as the merchant sends it. Source: OpenAPI document of Checkout v3.

Prices are up to 100 000 000; unlike in Payments, each line has its tax.
"""

from typing import Annotated, Any, Literal

from msgspec import Meta, Struct

from ordersaga_sandbox.klarna.schema import (
    Address,
    Country,
    Currency,
    Locale,
    MerchantUrls,
    PaymentsLine,
    Text255,
    Text2000,
)

Price = Annotated[int, Meta(le=100_000_000)]
TaxRate = Annotated[int, Meta(ge=0, le=10_000)]


class CheckoutLine(PaymentsLine, omit_defaults=True, kw_only=True):
    unit_price: Price
    total_amount: Price
    tax_rate: TaxRate
    total_tax_amount: Price


class CheckoutUrls(MerchantUrls, omit_defaults=True, kw_only=True):
    terms: Text2000
    checkout: Text2000
    confirmation: Text2000
    push: Text2000
    validation: Text2000 | None = None
    cancellation_terms: Text2000 | None = None
    shipping_option_update: Text2000 | None = None
    address_update: Text2000 | None = None
    country_change: Text2000 | None = None


class CheckoutOptions(Struct, kw_only=True):
    auto_capture: bool = False
    require_validate_callback_success: bool = False
    acquiring_channel: Literal["ECOMMERCE", "MOTO", "IN_STORE", "TELESALES"] | None = None


class ShippingOption(Struct, kw_only=True):
    id: str
    name: Annotated[str, Meta(min_length=1, max_length=255)]
    price: int
    tax_amount: int
    tax_rate: TaxRate


class CheckoutBody(Struct, kw_only=True):
    purchase_country: Country
    purchase_currency: Currency
    locale: Locale
    order_amount: Annotated[int, Meta(ge=0)]
    order_tax_amount: Annotated[int, Meta(ge=0)]
    order_lines: Annotated[list[CheckoutLine], Meta(max_length=1000)]
    merchant_urls: CheckoutUrls
    options: CheckoutOptions | None = None
    recurring: bool = False
    shipping_options: list[ShippingOption] | None = None
    billing_address: Address | None = None
    shipping_address: Address | None = None
    customer: dict[str, Any] | None = None
    merchant_data: Annotated[str, Meta(max_length=6000)] | None = None
    merchant_reference1: Text255 | None = None
    merchant_reference2: Text255 | None = None


class CallbackError(Struct):
    """Body of a 400 by which the merchant denies a purchase or an address."""

    error_type: Literal["address_error", "unsupported_shipping_address", "approval_failed"]
    error_text: str | None = None
