"""Request bodies of customer tokens. Sources: OpenAPI documents of Klarna Payments v1 and of the Customer Token API v1.

The limits of order lines differ from those of Payments: prices up to 100 000 000, `reference` 256, `merchant_data` 255.
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


class CustomerTokenBody(Struct, kw_only=True):
    description: Annotated[str, Meta(min_length=1, max_length=255)]
    intended_use: Literal["SUBSCRIPTION", "subscription"]
    locale: Locale
    purchase_country: Country
    purchase_currency: Currency
    billing_address: Address | None = None
    customer: dict[str, Any] | None = None


class TokenLine(PaymentsLine, omit_defaults=True, kw_only=True):
    unit_price: Price
    total_amount: Price
    reference: Annotated[str, Meta(max_length=256)] | None = None
    merchant_data: Text255 | None = None


class TokenUrls(MerchantUrls, omit_defaults=True, kw_only=True):
    confirmation: Text2000


class Attachment(Struct, kw_only=True):
    body: str
    content_type: str


class TokenOrderBody(Struct, kw_only=True):
    order_amount: Annotated[int, Meta(ge=1)]
    order_lines: Annotated[list[TokenLine], Meta(min_length=1, max_length=1000)]
    order_tax_amount: Annotated[int, Meta(ge=0)]
    purchase_currency: Currency
    auto_capture: bool | None = None
    attachment: Attachment | None = None
    merchant_data: Annotated[str, Meta(max_length=6000)] | None = None
    merchant_reference1: Text255 | None = None
    merchant_reference2: Text255 | None = None
    merchant_urls: TokenUrls | None = None
    shipping_address: Address | None = None


class TokenStatusBody(Struct, kw_only=True):
    status: Literal["CANCELLED"]
