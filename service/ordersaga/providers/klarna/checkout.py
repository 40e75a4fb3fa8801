"""Orders of Checkout v3: what they are sent as, Klarna's limits for them, and what an answer shows.

Source: the OpenAPI document of Checkout v3. It has no idempotency key. `Location` isn't followed: the id is in the body, so
that no answer leads to another host.
"""

import re
from collections.abc import Mapping
from typing import Annotated, Any, Final, Literal
from urllib.parse import quote, urlsplit

import msgspec
from msgspec import UNSET, Meta, Struct
from msgspec.structs import replace

from ordersaga.domain.model.amounts import line_taxes, order_tax
from ordersaga.domain.model.events import CheckoutStarted, CheckoutUpdated, Data
from ordersaga.domain.model.fields import Given, LineType, OrderLine
from ordersaga.domain.model.order import Operation, Order, Request
from ordersaga.domain.model.results import CheckoutSeen, Result, ShippingSeen, Succeeded
from ordersaga.providers.http import Answer
from ordersaga.providers.klarna import callbacks, limits
from ordersaga.providers.klarna.limits import Messages
from ordersaga.providers.klarna.lines import whole
from ordersaga.providers.klarna.requests import Json, encode, given

ADVICE: Final = {
    "READ_ONLY_ORDER": "the customer has completed it: it is an order now, to be amended or cancelled as such",
    "NOT_FOUND": "Klarna has no such Checkout order any more: start another one",
}
_ORDERS: Final = "/checkout/v3/orders"
_MOST_AMOUNT: Final = 100_000_000
_CURRENCY: Final = re.compile("[A-Za-z]{3}")
_REQUIRED_URLS: Final = ("terms", "checkout", "confirmation", "push")
_URLS: Final = dict.fromkeys((*_REQUIRED_URLS, *callbacks.KINDS, "notification", "cancellation_terms"), 2000)
_CHANNELS: Final = ("ECOMMERCE", "MOTO", "IN_STORE", "TELESALES")
_PASSED_ON: Final = (
    "purchase_country",
    "purchase_currency",
    "locale",
    "order_amount",
    "billing_address",
    "shipping_address",
    "customer",
    "merchant_urls",
    "merchant_reference1",
    "merchant_reference2",
    "merchant_data",
    "attachment",
    "recurring",
    "options",
    "shipping_options",
    "shipping_countries",
    "billing_countries",
    "gui",
)


def checkout_path(checkout_order_id: str) -> str:
    return f"{_ORDERS}/{quote(checkout_order_id, safe='')}"


def read(checkout_order_id: str, _operation: Operation | None = None) -> Request:
    return Request("GET", checkout_path(checkout_order_id))


def own_path(order: Order, operation: Operation) -> str:
    if order.provider_order_id is None:
        raise ValueError(f"order {order.key.subject!r} has no Checkout order: {operation.type} can't be frozen")
    return checkout_path(order.provider_order_id)


def with_urls(data: CheckoutUpdated, ours: Mapping[str, str]) -> CheckoutUpdated:
    """With these `merchant_urls` where the shop gave none. An update without any leaves those that the order has."""
    if data.merchant_urls is UNSET:
        return data
    return replace(data, merchant_urls={**ours, **data.merchant_urls})


def with_required_urls(data: CheckoutUpdated, ours: Mapping[str, str]) -> CheckoutUpdated:
    """The same, with those alone that Klarna requires: what the shop may leave out if we give it."""
    return with_urls(data, {name: url for name, url in ours.items() if name in _REQUIRED_URLS})


def freeze(order: Order, operation: Operation, data: Data | None) -> Request:
    """Of a new Checkout order, or of an update of the one that there is."""
    assert isinstance(data, CheckoutUpdated)
    if not isinstance(data, CheckoutStarted):
        return Request("POST", own_path(order, operation), encode(_body(data)))
    return Request("POST", _ORDERS, encode({"merchant_reference1": order.key.subject, **_body(data)}))


def _body(data: CheckoutUpdated) -> Json:
    """What the event gives; with lines, each has its tax, and the order their sum."""
    body = given(data, _PASSED_ON)
    if (lines := data.order_lines) is not UNSET:
        taxes = line_taxes(lines)
        body["order_tax_amount"] = order_tax(lines, taxes)
        body["order_lines"] = [*map(whole, lines, taxes)]
    if data.order_tax_amount is not UNSET:
        body["order_tax_amount"] = data.order_tax_amount
    return body


def refusals(data: CheckoutUpdated) -> Messages:
    if data.order_lines is not UNSET:
        yield from limits.order_lines(data.order_lines)
        yield from _most(data.order_lines)
    if data.purchase_currency is not UNSET:
        yield from limits.pattern("$.purchase_currency", data.purchase_currency, _CURRENCY)
    yield from limits.pattern("$.locale", data.locale, limits.LOCALE)
    if data.order_tax_amount is not UNSET and data.order_tax_amount < 0:
        yield "$.order_tax_amount: at least 0"
    yield from limits.address("$.billing_address", data.billing_address)
    yield from limits.address("$.shipping_address", data.shipping_address)
    yield from limits.text("$.merchant_reference1", data.merchant_reference1, 255)
    yield from limits.text("$.merchant_reference2", data.merchant_reference2, 255)
    yield from limits.text("$.merchant_data", data.merchant_data, 6000)
    if data.merchant_urls is not UNSET:
        yield from _urls(data.merchant_urls)
    if data.options is not UNSET and data.options.get("acquiring_channel", _CHANNELS[0]) not in _CHANNELS:
        yield f"$.options.acquiring_channel: {', '.join(_CHANNELS)}"


def _most(lines: tuple[OrderLine, ...]) -> Messages:
    for position, line in enumerate(lines):
        for name in ("unit_price", "total_amount", "total_discount_amount"):
            if _MOST_AMOUNT < getattr(line, name) <= limits.MOST_AMOUNT:
                yield f"$.order_lines[{position}].{name}: at most {_MOST_AMOUNT} in Checkout"


def _urls(urls: Given) -> Messages:
    for name in _REQUIRED_URLS:
        if not urls.get(name):
            yield f"$.merchant_urls.{name}: is needed in Checkout"
    yield from limits.texts("$.merchant_urls", urls, _URLS)
    for name in callbacks.KINDS:
        if name in urls and not _is_callback(urls[name]):
            yield f"$.merchant_urls.{name}: a URL with https"


def _is_callback(url: str) -> bool:
    try:
        return urlsplit(url).scheme == "https"
    except ValueError:
        return False


# answers


class _Changed(Struct):
    order_id: Annotated[str, Meta(max_length=255, pattern=r"^(?!\.{1,2}$)[!-~]+$")]  # it becomes part of a URL's path
    html_snippet: str = ""


class _Line(Struct):
    name: Annotated[str, Meta(min_length=1)]
    quantity: Annotated[int, Meta(ge=0)]
    unit_price: int
    total_amount: int
    type: LineType | None = None
    reference: str | None = None
    tax_rate: int | None = None
    total_discount_amount: int | None = None
    total_tax_amount: int | None = None
    quantity_unit: str | None = None
    merchant_data: str | None = None
    product_url: str | None = None
    image_url: str | None = None
    product_identifiers: dict[str, Any] | None = None


class _Shipping(Struct):
    id: str = ""
    price: int = 0


class _Seen(Struct):
    order_id: str
    status: str
    purchase_currency: str
    order_amount: Annotated[int, Meta(ge=0)]
    order_lines: list[_Line]
    html_snippet: str | None = None
    recurring_token: str | None = None
    selected_shipping_option: _Shipping | None = None


_CHANGED: Final = msgspec.json.Decoder(_Changed)
_SEEN: Final = msgspec.json.Decoder(_Seen)
_STATUSES: Final[Mapping[str, Literal["open", "complete"]]] = {
    "checkout_incomplete": "open",
    "incomplete": "open",
    "checkout_complete": "complete",
    "complete": "complete",
}


def created(answer: Answer, correlation_id: str | None) -> Result:
    made = _CHANGED.decode(answer.body)
    return Succeeded(made.order_id, correlation_id, result=_shown(made))


def changed(answer: Answer, correlation_id: str | None) -> Result:
    return Succeeded(correlation_id=correlation_id, result=_shown(_CHANGED.decode(answer.body)))


def _shown(made: _Changed) -> dict[str, Any]:
    """A snippet that an outcome can't hold is left out when it is published."""
    return {"html_snippet": made.html_snippet} if made.html_snippet else {}


def aborted(_answer: Answer, correlation_id: str | None) -> Result:
    return Succeeded(correlation_id=correlation_id)


def seen(answer: Answer, correlation_id: str | None) -> Result:
    """Klarna spells the status in upper or lower case. One that isn't known is none: the read is made again."""
    order = _SEEN.decode(answer.body)
    status = _STATUSES.get(order.status.lower())
    if status is None:
        raise msgspec.ValidationError("an unknown status of a Checkout order")
    chosen = order.selected_shipping_option
    found = CheckoutSeen(
        provider_id=order.order_id,
        complete=status == "complete",
        currency=order.purchase_currency,
        order_amount=order.order_amount,
        lines=tuple(_line(line) for line in order.order_lines),
        html_snippet=order.html_snippet or "",
        customer_token=order.recurring_token or "",
        shipping=None if chosen is None else ShippingSeen(chosen.id, chosen.price),
    )
    return Succeeded(correlation_id=correlation_id, checkout=found)


def _line(line: _Line) -> OrderLine:
    """As the shop would have given it."""
    shown = {name: value for name in line.__struct_fields__ if (value := getattr(line, name)) is not None}
    return OrderLine(**shown)
