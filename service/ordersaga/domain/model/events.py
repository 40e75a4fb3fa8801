"""Shop events as the saga sees them. Amounts are integers in minor units; times are seconds since the epoch (UTC)."""

from typing import Annotated, Any, Final, Literal

import msgspec
from msgspec import UNSET, Meta, Struct, UnsetType

LIMIT: Final = 2**53
NOT_GIVEN: Final = -1
Integer = Annotated[int, Meta(ge=-LIMIT, le=LIMIT)]
Count = Annotated[int, Meta(ge=0, le=LIMIT)]
Id = Annotated[str, Meta(min_length=1, max_length=255)]
Country = Annotated[str, Meta(pattern="^[A-Za-z]{2}$", max_length=2)]
Currency = Annotated[str, Meta(pattern="^[A-Za-z]{3}$", max_length=3)]
Text = str | UnsetType
LineType = Literal[
    "physical",
    "discount",
    "shipping_fee",
    "sales_tax",
    "digital",
    "gift_card",
    "store_credit",
    "surcharge",
]
Given = dict[str, Any]


class _Address(Struct):
    title: Text = UNSET
    given_name: Text = UNSET
    family_name: Text = UNSET
    organization_name: Text = UNSET
    attention: Text = UNSET
    email: Text = UNSET
    phone: Text = UNSET
    street_address: Text = UNSET
    street_address2: Text = UNSET
    postal_code: Text = UNSET
    city: Text = UNSET
    region: Text = UNSET
    country: Text = UNSET


class _Customer(Struct):
    date_of_birth: Text = UNSET
    national_identification_number: Text = UNSET


class _MerchantUrls(Struct):
    confirmation: Text = UNSET
    notification: Text = UNSET
    push: Text = UNSET
    authorization: Text = UNSET
    terms: Text = UNSET
    checkout: Text = UNSET
    validation: Text = UNSET
    cancellation_terms: Text = UNSET
    shipping_option_update: Text = UNSET
    address_update: Text = UNSET
    country_change: Text = UNSET


class _Attachment(Struct):
    body: Text = UNSET
    content_type: Text = UNSET


class _ProductIdentifiers(Struct):
    brand: Text = UNSET
    category_path: Text = UNSET
    global_trade_item_number: Text = UNSET
    manufacturer_part_number: Text = UNSET
    color: Text = UNSET
    size: Text = UNSET


class _Subscription(Struct):
    name: Text = UNSET
    interval: Text = UNSET
    interval_count: Integer | UnsetType = UNSET


class _ShippingInfo(Struct):
    shipping_company: Text = UNSET
    shipping_method: Text = UNSET
    tracking_number: Text = UNSET
    tracking_uri: Text = UNSET
    return_shipping_company: Text = UNSET
    return_tracking_number: Text = UNSET
    return_tracking_uri: Text = UNSET


class _Tokenize(Struct):
    description: str
    intended_use: str
    locale: Text = UNSET
    purchase_country: Country | UnsetType = UNSET
    purchase_currency: Currency | UnsetType = UNSET
    billing_address: _Address | UnsetType = UNSET
    customer: _Customer | UnsetType = UNSET


def _fits(given: Given | UnsetType, shape: type[Struct]) -> None:
    """What is passed on stays as given, but its known fields have the types of the contract."""
    if given is not UNSET:
        msgspec.convert(given, shape)


class OrderLine(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A line as the shop gives it; optional fields go to the provider under the provider's own names."""

    name: Annotated[str, Meta(min_length=1)]
    quantity: Count
    unit_price: Integer
    total_amount: Integer
    type: LineType = "physical"
    reference: str = ""
    tax_rate: Integer = 0
    total_discount_amount: Integer = 0
    total_tax_amount: Integer | UnsetType = UNSET
    quantity_unit: str | UnsetType = UNSET
    merchant_data: str | UnsetType = UNSET
    product_url: str | UnsetType = UNSET
    image_url: str | UnsetType = UNSET
    product_identifiers: Given | UnsetType = UNSET
    subscription: Given | UnsetType = UNSET
    category: Text = UNSET
    metadata: Given | UnsetType = UNSET

    def __post_init__(self) -> None:
        if self.product_identifiers is not UNSET or self.subscription is not UNSET:
            _fits(self.product_identifiers, _ProductIdentifiers)
            _fits(self.subscription, _Subscription)


class PartLine(Struct, frozen=True, kw_only=True):
    """Part of a line of the order. No quantity: all that is left of the reference."""

    reference: str
    quantity: Count | UnsetType = UNSET
    total_amount: Integer | UnsetType = UNSET


PartLines = Annotated[tuple[PartLine, ...], Meta(min_length=1)]


class Payment(Struct, frozen=True, kw_only=True):
    """How the order is paid: exactly one of the ways of the contract."""

    provider: Literal["klarna", "mollie"]
    authorization_token: Id | UnsetType = UNSET
    order_id: Id | UnsetType = UNSET
    customer_token: Id | UnsetType = UNSET
    checkout_order_id: Id | UnsetType = UNSET
    tokenize: Given | UnsetType = UNSET
    method: str | tuple[str, ...] | UnsetType | None = UNSET
    redirect_url: Text = UNSET
    cancel_url: Text = UNSET
    customer_id: Id | UnsetType = UNSET
    sequence_type: Text = UNSET
    mandate_id: Id | UnsetType = UNSET
    issuer: Text = UNSET

    def __post_init__(self) -> None:
        ways: tuple[Text, ...] = (self.order_id, self.redirect_url)
        if self.provider == "klarna":
            ways = (self.authorization_token, self.order_id, self.customer_token, self.checkout_order_id)
        if sum(way is not UNSET for way in ways) != 1:
            raise ValueError("exactly one way of payment is to be named")
        if self.tokenize is not UNSET:
            if self.authorization_token is UNSET:
                raise ValueError("tokenize needs an authorization_token")
            _fits(self.tokenize, _Tokenize)


class Placed(Struct, frozen=True, kw_only=True):
    """Amount and lines are left out only where Checkout knows them."""

    payment: Payment
    purchase_country: Country
    purchase_currency: Currency
    order_amount: Count = NOT_GIVEN
    order_lines: tuple[OrderLine, ...] = ()
    order_tax_amount: Integer | UnsetType = UNSET
    locale: str | UnsetType = UNSET
    billing_address: Given | UnsetType = UNSET
    shipping_address: Given | UnsetType = UNSET
    customer: Given | UnsetType = UNSET
    merchant_reference1: str | UnsetType = UNSET
    merchant_reference2: str | UnsetType = UNSET
    merchant_data: str | UnsetType = UNSET
    merchant_urls: Given | UnsetType = UNSET
    auto_capture: bool = False
    custom_payment_method_ids: tuple[str, ...] | UnsetType = UNSET
    attachment: Given | UnsetType = UNSET
    metadata: Given | UnsetType = UNSET
    expiresAt: Text = UNSET  # noqa: N815 - Mollie's name
    shopperCountryMustMatchBillingCountry: bool | UnsetType = UNSET  # noqa: N815 - Mollie's name

    def __post_init__(self) -> None:
        _fits(self.billing_address, _Address)
        _fits(self.shipping_address, _Address)
        _fits(self.customer, _Customer)
        _fits(self.merchant_urls, _MerchantUrls)
        _fits(self.attachment, _Attachment)
        payment = self.payment
        if payment.provider == "klarna" and payment.checkout_order_id is not UNSET:
            return
        if self.order_amount == NOT_GIVEN or not self.order_lines:
            raise ValueError("order_amount and order_lines are required")
        made_there = payment.provider == "mollie" and payment.order_id is UNSET
        if made_there and (self.locale is UNSET or self.billing_address is UNSET):
            raise ValueError("locale and billing_address are required")


class Shipped(Struct, frozen=True, kw_only=True):
    shipment_id: Id | UnsetType = UNSET
    order_lines: PartLines | UnsetType = UNSET
    captured_amount: Count | UnsetType = UNSET
    description: str | UnsetType = UNSET
    shipping_info: tuple[Given, ...] | UnsetType = UNSET
    shipping_delay: Count | UnsetType = UNSET

    def __post_init__(self) -> None:
        if self.shipping_info is not UNSET:
            for info in self.shipping_info:
                _fits(info, _ShippingInfo)


class ReturnFee(Struct, frozen=True, kw_only=True):
    amount: Count
    name: str = "Return fee"
    tax_rate: Integer = 0


class Returned(Struct, frozen=True, kw_only=True):
    return_id: Id | UnsetType = UNSET
    order_lines: PartLines | UnsetType = UNSET
    refunded_amount: Count | UnsetType = UNSET
    description: str | UnsetType = UNSET
    return_fee: ReturnFee | UnsetType = UNSET


class Cancelled(Struct, frozen=True, kw_only=True):
    reason: str | UnsetType = UNSET
    order_lines: PartLines | UnsetType = UNSET


class Closed(Struct, frozen=True, kw_only=True):
    reason: str | UnsetType = UNSET


class Amended(Struct, frozen=True, kw_only=True):
    order_amount: Count
    order_lines: Annotated[tuple[OrderLine, ...], Meta(min_length=1)]
    description: str | UnsetType = UNSET


Data = Placed | Shipped | Returned | Cancelled | Closed | Amended

TYPES: Final[dict[str, type[Data]]] = {
    "shop.order.placed.v1": Placed,
    "shop.order.shipped.v1": Shipped,
    "shop.order.returned.v1": Returned,
    "shop.order.cancelled.v1": Cancelled,
    "shop.order.closed.v1": Closed,
    "shop.order.amended.v1": Amended,
}
_DECODERS: Final = {name: msgspec.json.Decoder(data) for name, data in TYPES.items()}


def decode_data(event_type: str, data: bytes | msgspec.Raw) -> Data:
    """The typed data of a known event type. Raises KeyError (unknown type) or msgspec.MsgspecError (with a JSON path)."""
    return _DECODERS[event_type].decode(data)


class Cause(Struct, frozen=True, omit_defaults=True):
    """Names the shop event behind an operation or an outcome. `sent`: Kafka's timestamp of the record."""

    source: str
    id: str
    type: str
    traceparent: str | None = None
    tracestate: str | None = None
    sent: float = 0.0


class Event(Struct, frozen=True):
    """A shop event that passed envelope and schema. `raw` is its data as it came (kept, encrypted, while the event waits)."""

    merchant: str
    subject: str
    cause: Cause
    data: Data
    raw: bytes
    kind: str = "order"
