"""Shop events as the saga sees them, each type with its data. Times are seconds since the epoch (UTC)."""

from typing import Annotated, Any, Final, Literal

import msgspec
from msgspec import UNSET, Meta, Struct, UnsetType

from ordersaga.domain.model.fields import (
    NOT_GIVEN,
    AddressFields,
    AttachmentFields,
    Count,
    Country,
    Currency,
    CustomerFields,
    Given,
    Id,
    Integer,
    MerchantUrlFields,
    OrderLine,
    PartLines,
    ShippingInfoFields,
    Text,
    TokenizeFields,
    check_fields,
)
from ordersaga.domain.model.ways import WAYS, Provider

_NOT_GIVEN: Final = (UNSET, NOT_GIVEN, ())


class Data(Struct, frozen=True, kw_only=True):
    """What an event says beside its envelope; each type of event has a class of its own."""


class Payment(Struct, frozen=True, kw_only=True):
    """How the order is paid: exactly one of the ways of the contract."""

    provider: Provider
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
        if len(self._named()) != 1:
            raise ValueError("exactly one way of payment is to be named")
        if self.tokenize is not UNSET:
            if self.authorization_token is UNSET:
                raise ValueError("tokenize needs an authorization_token")
            check_fields(self.tokenize, TokenizeFields)

    def _named(self) -> list[str]:
        return [way for way in WAYS[self.provider] if getattr(self, way) is not UNSET]

    @property
    def requires(self) -> tuple[str, ...]:
        """Fields of `placed`."""
        (way,) = self._named()
        return WAYS[self.provider][way]


class Placed(Data, frozen=True, kw_only=True):
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
        check_fields(self.billing_address, AddressFields)
        check_fields(self.shipping_address, AddressFields)
        check_fields(self.customer, CustomerFields)
        check_fields(self.merchant_urls, MerchantUrlFields)
        check_fields(self.attachment, AttachmentFields)
        missing = [name for name in self.payment.requires if getattr(self, name) in _NOT_GIVEN]
        if missing:
            raise ValueError(f"{' and '.join(missing)} {'is' if len(missing) == 1 else 'are'} required")


class Shipped(Data, frozen=True, kw_only=True):
    shipment_id: Id | UnsetType = UNSET
    order_lines: PartLines | UnsetType = UNSET
    captured_amount: Count | UnsetType = UNSET
    description: str | UnsetType = UNSET
    shipping_info: tuple[Given, ...] | UnsetType = UNSET
    shipping_delay: Count | UnsetType = UNSET

    def __post_init__(self) -> None:
        if self.shipping_info is not UNSET:
            for info in self.shipping_info:
                check_fields(info, ShippingInfoFields)


class ReturnFee(Struct, frozen=True, kw_only=True):
    amount: Count
    name: str = "Return fee"
    tax_rate: Integer = 0


class Returned(Data, frozen=True, kw_only=True):
    return_id: Id | UnsetType = UNSET
    order_lines: PartLines | UnsetType = UNSET
    refunded_amount: Count | UnsetType = UNSET
    description: str | UnsetType = UNSET
    return_fee: ReturnFee | UnsetType = UNSET


class Cancelled(Data, frozen=True, kw_only=True):
    reason: str | UnsetType = UNSET
    order_lines: PartLines | UnsetType = UNSET


class Closed(Data, frozen=True, kw_only=True):
    reason: str | UnsetType = UNSET


class Amended(Data, frozen=True, kw_only=True):
    order_amount: Count
    order_lines: Annotated[tuple[OrderLine, ...], Meta(min_length=1)]
    description: str | UnsetType = UNSET


class ReferenceChanged(Data, frozen=True, kw_only=True):
    """An empty reference clears it."""

    merchant_reference1: Text = UNSET
    merchant_reference2: Text = UNSET

    def __post_init__(self) -> None:
        if self.merchant_reference1 is UNSET and self.merchant_reference2 is UNSET:
            raise ValueError("at least one reference is to be given")


class AddressChanged(Data, frozen=True, kw_only=True):
    shipping_address: Given | UnsetType = UNSET
    billing_address: Given | UnsetType = UNSET

    def __post_init__(self) -> None:
        check_fields(self.shipping_address, AddressFields)
        check_fields(self.billing_address, AddressFields)
        if self.shipping_address is UNSET and self.billing_address is UNSET:
            raise ValueError("at least one address is to be given")


class TrackingAdded(Data, frozen=True, kw_only=True):
    """No shipment: of the order."""

    shipping_info: tuple[Given, ...]
    shipment_id: Id | UnsetType = UNSET

    def __post_init__(self) -> None:
        for info in self.shipping_info:
            check_fields(info, ShippingInfoFields)


class ExtensionRequested(Data, frozen=True, kw_only=True):
    """It says nothing more."""


class InvoiceResendRequested(Data, frozen=True, kw_only=True):
    shipment_id: Id


class DueDateExtensionRequested(Data, frozen=True, kw_only=True):
    shipment_id: Id
    number_of_days: Integer


class AuthorizationAbandoned(Data, frozen=True, kw_only=True):
    authorization_token: Id


class CustomerTokenRequested(Data, frozen=True, kw_only=True):
    authorization_token: Id
    purchase_country: Country
    purchase_currency: Currency
    locale: str
    description: str
    intended_use: str
    customer: Given | UnsetType = UNSET
    billing_address: Given | UnsetType = UNSET

    def __post_init__(self) -> None:
        check_fields(self.customer, CustomerFields)
        check_fields(self.billing_address, AddressFields)


class CustomerTokenCancelled(Data, frozen=True, kw_only=True):
    """No token: the one that was created for this subscription."""

    customer_token: Id | UnsetType = UNSET


class PaymentRetried(Data, frozen=True, kw_only=True):
    method: str | tuple[str, ...] | UnsetType | None = UNSET


class CheckoutOptionFields(Struct):
    auto_capture: bool | UnsetType = UNSET
    require_validate_callback_success: bool | UnsetType = UNSET
    acquiring_channel: Text = UNSET


class CheckoutUpdated(Data, frozen=True, kw_only=True):
    """What has changed of the Checkout order; the provider keeps what isn't given."""

    purchase_country: Country | UnsetType = UNSET
    purchase_currency: Currency | UnsetType = UNSET
    locale: Text = UNSET
    order_amount: Count | UnsetType = UNSET
    order_tax_amount: Integer | UnsetType = UNSET
    order_lines: Annotated[tuple[OrderLine, ...], Meta(min_length=1)] | UnsetType = UNSET
    billing_address: Given | UnsetType = UNSET
    shipping_address: Given | UnsetType = UNSET
    customer: Given | UnsetType = UNSET
    merchant_urls: Given | UnsetType = UNSET
    merchant_reference1: Text = UNSET
    merchant_reference2: Text = UNSET
    merchant_data: Text = UNSET
    attachment: Given | UnsetType = UNSET
    recurring: bool | UnsetType = UNSET
    options: Given | UnsetType = UNSET
    shipping_options: Any = UNSET  # this and what follows: as the provider's own document has it
    shipping_countries: Any = UNSET
    billing_countries: Any = UNSET
    gui: Any = UNSET

    def __post_init__(self) -> None:
        check_fields(self.billing_address, AddressFields)
        check_fields(self.shipping_address, AddressFields)
        check_fields(self.customer, CustomerFields)
        check_fields(self.merchant_urls, MerchantUrlFields)
        check_fields(self.attachment, AttachmentFields)
        check_fields(self.options, CheckoutOptionFields)


class CheckoutStarted(CheckoutUpdated, frozen=True, kw_only=True):
    purchase_country: Country
    purchase_currency: Currency
    locale: str
    order_amount: Count
    order_lines: Annotated[tuple[OrderLine, ...], Meta(min_length=1)]
    merchant_urls: Given


class CheckoutAbandoned(Data, frozen=True, kw_only=True):
    """It says nothing more."""


TYPES: Final[dict[str, type[Data]]] = {
    "shop.order.placed.v1": Placed,
    "shop.order.shipped.v1": Shipped,
    "shop.order.returned.v1": Returned,
    "shop.order.cancelled.v1": Cancelled,
    "shop.order.closed.v1": Closed,
    "shop.order.amended.v1": Amended,
    "shop.order.reference_changed.v1": ReferenceChanged,
    "shop.order.address_changed.v1": AddressChanged,
    "shop.order.tracking_added.v1": TrackingAdded,
    "shop.order.authorization_extension_requested.v1": ExtensionRequested,
    "shop.order.invoice_resend_requested.v1": InvoiceResendRequested,
    "shop.order.due_date_extension_requested.v1": DueDateExtensionRequested,
    "shop.order.authorization_abandoned.v1": AuthorizationAbandoned,
    "shop.order.customer_token_requested.v1": CustomerTokenRequested,
    "shop.order.customer_token_cancelled.v1": CustomerTokenCancelled,
    "shop.order.payment_retried.v1": PaymentRetried,
    "shop.order.checkout_started.v1": CheckoutStarted,
    "shop.order.checkout_updated.v1": CheckoutUpdated,
    "shop.order.checkout_abandoned.v1": CheckoutAbandoned,
}
_DECODERS: Final = {name: msgspec.json.Decoder(data) for name, data in TYPES.items()}


def decode_data(event_type: str, data: bytes | msgspec.Raw) -> Data:
    """The typed data of a known event type. Raises KeyError (unknown type) or msgspec.MsgspecError (with a JSON path)."""
    return _DECODERS[event_type].decode(data)


def kind_of(event_type: str) -> Literal["order", "subscription"]:
    """Of what the event's subject is."""
    return "subscription" if event_type.startswith("shop.order.customer_token_") else "order"


class Cause(Struct, frozen=True, omit_defaults=True):
    """Names the shop event behind an operation or an outcome. `sent`: Kafka's timestamp of the record.

    Without a type it is ordersaga's own: see `own_cause`.
    """

    source: str
    id: str
    type: str
    traceparent: str | None = None
    tracestate: str | None = None
    sent: float = 0.0


def own_cause(what: str) -> Cause:
    """Of an operation that no event asks for: its outcome names none. `what` identifies it within its order."""
    return Cause("", what, "")


class Event(Struct, frozen=True):
    """A shop event that passed envelope and schema. `raw` is its data as it came (kept, encrypted, while the event waits)."""

    merchant: str
    subject: str
    cause: Cause
    data: Data
    raw: bytes
    kind: str = "order"
