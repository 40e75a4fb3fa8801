"""Fields that several shop events share. Amounts are integers in minor units."""

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


class AddressFields(Struct):
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


class CustomerFields(Struct):
    date_of_birth: Text = UNSET
    national_identification_number: Text = UNSET


class MerchantUrlFields(Struct):
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


class AttachmentFields(Struct):
    body: Text = UNSET
    content_type: Text = UNSET


class ProductIdentifierFields(Struct):
    brand: Text = UNSET
    category_path: Text = UNSET
    global_trade_item_number: Text = UNSET
    manufacturer_part_number: Text = UNSET
    color: Text = UNSET
    size: Text = UNSET


class SubscriptionFields(Struct):
    name: Text = UNSET
    interval: Text = UNSET
    interval_count: Integer | UnsetType = UNSET


class ShippingInfoFields(Struct):
    shipping_company: Text = UNSET
    shipping_method: Text = UNSET
    tracking_number: Text = UNSET
    tracking_uri: Text = UNSET
    return_shipping_company: Text = UNSET
    return_tracking_number: Text = UNSET
    return_tracking_uri: Text = UNSET


class TokenizeFields(Struct):
    description: str
    intended_use: str
    locale: Text = UNSET
    purchase_country: Country | UnsetType = UNSET
    purchase_currency: Currency | UnsetType = UNSET
    billing_address: AddressFields | UnsetType = UNSET
    customer: CustomerFields | UnsetType = UNSET


def check_fields(given: Given | UnsetType, shape: type[Struct]) -> None:
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
            check_fields(self.product_identifiers, ProductIdentifierFields)
            check_fields(self.subscription, SubscriptionFields)


class PartLine(Struct, frozen=True, kw_only=True):
    """Part of a line of the order. No quantity: all that is left of the reference."""

    reference: str
    quantity: Count | UnsetType = UNSET
    total_amount: Integer | UnsetType = UNSET


PartLines = Annotated[tuple[PartLine, ...], Meta(min_length=1)]
