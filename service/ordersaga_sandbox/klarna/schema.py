"""Request bodies with their limits. Sources: OpenAPI documents of Klarna Payments v1 and Order Management v1.

Unknown fields are ignored. Amounts are integers in minor units, `tax_rate` has two implied decimals.
"""

from typing import Annotated, Any, Final, Literal

from msgspec import Meta, Struct

Price = Annotated[int, Meta(le=200_000_000)]
Amount = Annotated[int, Meta(ge=0, le=200_000_000)]
Text20 = Annotated[str, Meta(max_length=20)]
Text100 = Annotated[str, Meta(max_length=100)]
Text200 = Annotated[str, Meta(max_length=200)]
Text255 = Annotated[str, Meta(max_length=255)]
Text1024 = Annotated[str, Meta(max_length=1024)]
Text2000 = Annotated[str, Meta(max_length=2000)]
Country = Annotated[str, Meta(pattern="^[A-Za-z]{2}$")]
Currency = Annotated[str, Meta(pattern="^[A-Za-z]{3}$")]
Locale = Annotated[str, Meta(pattern="^[A-Za-z]{2}(?:-[A-Za-z]{2})*$")]

PaymentsLineType = Literal[
    "physical", "discount", "shipping_fee", "sales_tax", "digital", "gift_card", "store_credit", "surcharge"
]
LineType = Literal[
    "physical",
    "discount",
    "shipping_fee",
    "sales_tax",
    "digital",
    "gift_card",
    "store_credit",
    "surcharge",
    "return_fee",
]
MAY_BE_NEGATIVE: Final = frozenset({"discount", "gift_card", "store_credit", "return_fee"})


class Subscription(Struct, omit_defaults=True, kw_only=True):
    name: Text255
    interval: Literal["DAY", "WEEK", "MONTH", "YEAR"]
    interval_count: Annotated[int, Meta(ge=1)]


class ProductIdentifiers(Struct, omit_defaults=True, kw_only=True):
    brand: Annotated[str, Meta(max_length=70)] | None = None
    category_path: Annotated[str, Meta(max_length=750)] | None = None
    global_trade_item_number: Annotated[str, Meta(max_length=50)] | None = None
    manufacturer_part_number: Annotated[str, Meta(max_length=70)] | None = None
    color: Annotated[str, Meta(max_length=64)] | None = None
    size: Annotated[str, Meta(max_length=64)] | None = None


class Line(Struct, omit_defaults=True, kw_only=True):
    """An order line of Order Management."""

    name: Text255
    quantity: Annotated[int, Meta(ge=0)]
    unit_price: Price
    total_amount: Price
    type: LineType | None = None
    reference: Text255 | None = None
    tax_rate: Annotated[int, Meta(ge=0)] | None = None
    total_discount_amount: Amount | None = None
    total_tax_amount: Price | None = None
    quantity_unit: Annotated[str, Meta(max_length=10)] | None = None
    merchant_data: Text1024 | None = None
    product_url: Text1024 | None = None
    image_url: Text1024 | None = None
    subscription: Subscription | None = None
    product_identifiers: ProductIdentifiers | None = None


class PaymentsLine(Line, omit_defaults=True, kw_only=True):
    """An order line of Payments."""

    name: Annotated[str, Meta(min_length=1, max_length=255)]
    type: PaymentsLineType | None = None
    tax_rate: Annotated[int, Meta(ge=0, le=10_000)] | None = None
    quantity_unit: Annotated[str, Meta(min_length=1, max_length=8)] | None = None


Lines = Annotated[list[Line], Meta(max_length=1000)]
PaymentsLines = Annotated[list[PaymentsLine], Meta(min_length=1, max_length=1000)]


class Address(Struct, omit_defaults=True, kw_only=True):
    title: Text20 | None = None
    given_name: Text100 | None = None
    family_name: Text100 | None = None
    organization_name: Text255 | None = None
    attention: Text255 | None = None
    email: Text100 | None = None
    phone: Text100 | None = None
    street_address: Text100 | None = None
    street_address2: Text100 | None = None
    postal_code: Annotated[str, Meta(max_length=10)] | None = None
    city: Text200 | None = None
    region: Text200 | None = None
    country: str | None = None


class MerchantUrls(Struct, omit_defaults=True, kw_only=True):
    confirmation: Text2000 | None = None
    notification: Text2000 | None = None
    push: Text2000 | None = None
    authorization: Text2000 | None = None


class Purchase(Struct, omit_defaults=True, kw_only=True):
    """The body of create order and of a session."""

    purchase_country: Country
    purchase_currency: Currency
    order_amount: Annotated[int, Meta(ge=0)]
    order_lines: PaymentsLines
    order_tax_amount: Annotated[int, Meta(ge=0)] | None = None
    auto_capture: bool | None = None
    billing_address: Address | None = None
    shipping_address: Address | None = None
    customer: dict[str, Any] | None = None
    locale: Locale | None = None
    merchant_data: Annotated[str, Meta(max_length=6000)] | None = None
    merchant_reference1: Text255 | None = None
    merchant_reference2: Text255 | None = None
    merchant_urls: MerchantUrls | None = None
    custom_payment_method_ids: list[str] | None = None


class ShippingInfo(Struct, omit_defaults=True, kw_only=True):
    shipping_company: Text100 | None = None
    shipping_method: (
        Literal[
            "PickUpStore",
            "Home",
            "BoxReg",
            "BoxUnreg",
            "PickUpPoint",
            "Own",
            "Postal",
            "DHLPackstation",
            "Digital",
            "Undefined",
            "PickUpWarehouse",
            "ClickCollect",
            "PalletDelivery",
        ]
        | None
    ) = None
    tracking_number: Text100 | None = None
    tracking_uri: Text1024 | None = None
    return_shipping_company: Text100 | None = None
    return_tracking_number: Text100 | None = None
    return_tracking_uri: Text1024 | None = None


class CaptureBody(Struct, kw_only=True):
    captured_amount: Amount
    description: Text255 | None = None
    reference: Text255 | None = None
    order_lines: Lines | None = None
    shipping_info: Annotated[list[ShippingInfo], Meta(max_length=500)] | None = None
    shipping_delay: Annotated[int, Meta(ge=0)] | None = None


class RefundBody(Struct, kw_only=True):
    refunded_amount: Amount
    description: Text255 | None = None
    reference: Text255 | None = None
    order_lines: Lines | None = None
    credit_invoice: bool | None = None


class AuthorizationBody(Struct, kw_only=True):
    order_amount: Amount
    description: Text255 | None = None
    order_lines: Lines | None = None


class ReferencesBody(Struct, kw_only=True):
    merchant_reference1: Text255 | None = None
    merchant_reference2: Text255 | None = None


class DetailsBody(Struct, kw_only=True):
    shipping_address: Address | None = None
    billing_address: Address | None = None


class ShippingInfoBody(Struct, kw_only=True):
    shipping_info: Annotated[list[ShippingInfo], Meta(min_length=1, max_length=500)]


class DueDateBody(Struct, kw_only=True):
    number_of_days: int
