"""POST /v2/orders?embed=payments: the order with its first payment, which the customer makes at the link of the answer.

Source: mollie/api-documentation, create-order.rst.
"""

import re
from typing import Final

from msgspec import UNSET

from ordersaga.domain.model.events import Data, Payment, Placed
from ordersaga.domain.model.order import Operation, Order, Request
from ordersaga.domain.model.results import Result, Snapshot, Succeeded
from ordersaga.providers import limits as common
from ordersaga.providers.http import Answer
from ordersaga.providers.limits import Messages
from ordersaga.providers.mollie import addresses, books, limits
from ordersaga.providers.mollie.lines import whole
from ordersaga.providers.mollie.money import amount, is_known
from ordersaga.providers.mollie.notifications import ORDER, PAYMENT
from ordersaga.providers.mollie.operation import KEY, MollieOperation, NotifiedAt
from ordersaga.providers.mollie.requests import ORDERS, Json, body_of, encode, post, with_fields

_MOST_SHOP_METADATA: Final = 900  # bytes, which leaves room for the operation's id
_LOCALE: Final = re.compile("([A-Za-z]{2})[-_]([A-Za-z]{2})")
_DATE: Final = re.compile("[0-9]{4}-[0-9]{2}-[0-9]{2}")
_SEQUENCES: Final = frozenset({"oneoff", "first", "recurring"})
_OF_CUSTOMER: Final = frozenset({"first", "recurring"})
_UNSUPPORTED: Final = {
    "merchant_reference2": "Mollie has one order number, merchant_reference1",
    "attachment": "Mollie takes none",
    "custom_payment_method_ids": "Mollie takes none, name the method in $.payment.method",
}


def _freeze(order: Order, operation: Operation, data: Data | None, _after: Order | None) -> Request:
    assert isinstance(data, Placed)
    return post(f"{ORDERS}?embed=payments", operation, _body(order, operation, data))


def _body(order: Order, operation: Operation, placed: Placed) -> Json:
    currency, subject = placed.purchase_currency.upper(), order.key.subject
    body: Json = {
        "amount": amount(placed.order_amount, currency),
        "orderNumber": subject if placed.merchant_reference1 is UNSET else placed.merchant_reference1 or subject,
        "lines": [whole(line, currency) for line in placed.order_lines],
        "locale": _locale(placed.locale),
        "metadata": _metadata(placed, subject, operation.id),
        **_urls(placed),
        **_of_customer(placed),
    }
    if placed.payment.method:
        body["method"] = placed.payment.method
    if payment := _payment(placed.payment):
        body["payment"] = payment
    for name in ("expiresAt", "shopperCountryMustMatchBillingCountry"):
        if (value := getattr(placed, name)) is not UNSET:
            body[name] = value
    return body


def _locale(given: object) -> str:
    found = _LOCALE.fullmatch(given) if isinstance(given, str) else None
    if found is None:
        raise ValueError("a locale that isn't one")
    return f"{found[1].lower()}_{found[2].upper()}"


def _metadata(placed: Placed, subject: str, operation_id: str) -> Json:
    """Ours wins over the shop's. The operation's id is what a lost order is found by."""
    given = {} if placed.metadata is UNSET else placed.metadata
    ours = {"order": subject, books.OPERATION: operation_id}
    merged = {**given, **ours}
    if len(encode(merged).encode()) <= limits.MOST_METADATA:
        return merged
    return {**given, books.OPERATION: operation_id}


def _urls(placed: Placed) -> Json:
    """Its own `merchant_urls.notification` is where a shop wants Mollie's notifications instead of us."""
    payment = placed.payment
    given = {} if placed.merchant_urls is UNSET else placed.merchant_urls
    urls = {
        "redirectUrl": payment.redirect_url,
        "cancelUrl": payment.cancel_url,
        "webhookUrl": given.get("notification", UNSET),
    }
    return {name: value for name, value in urls.items() if value is not UNSET}


def _of_customer(placed: Placed) -> Json:
    given: Json = {}
    if placed.billing_address is not UNSET:
        given["billingAddress"] = addresses.sent(placed.billing_address)
    if placed.shipping_address is not UNSET:
        given["shippingAddress"] = addresses.sent(placed.shipping_address)
    if placed.customer is not UNSET and (born := placed.customer.get("date_of_birth")):
        given["consumerDateOfBirth"] = born
    return given


def _payment(payment: Payment) -> Json:
    given = {
        "customerId": payment.customer_id,
        "sequenceType": payment.sequence_type,
        "mandateId": payment.mandate_id,
        "issuer": payment.issuer,
    }
    return {name: value for name, value in given.items() if value is not UNSET}


def _notified(request: Request, notified_at: NotifiedAt) -> Request:
    """The shop's own address takes precedence."""
    body = body_of(request)
    payment = {"webhookUrl": notified_at(PAYMENT), **body.get("payment", {})}
    return with_fields(request, {"webhookUrl": body.get("webhookUrl", notified_at(ORDER)), "payment": payment})


def _limits(data: Placed) -> Messages:
    """An order that the shop has made at Mollie is only read."""
    if data.payment.redirect_url is UNSET:
        return
    yield from _order_limits(data)
    yield from _payment_limits(data.payment)
    yield from limits.order_lines(data.order_lines)
    yield from addresses.refusals("$.billing_address", data.billing_address)
    yield from addresses.refusals("$.shipping_address", data.shipping_address)


def _order_limits(data: Placed) -> Messages:
    if not is_known(data.purchase_currency):
        yield f"$.purchase_currency: Mollie has no amounts in {data.purchase_currency.upper()}"
    if data.order_amount < 1 and data.payment.sequence_type != "first":
        yield "$.order_amount: at least 1"
    if data.auto_capture:
        yield "$.auto_capture: with Mollie the method of payment decides when money is taken"
    for name, why in _UNSUPPORTED.items():
        if getattr(data, name) is not UNSET:
            yield f"$.{name}: {why}"
    yield from common.pattern("$.locale", data.locale, _LOCALE)
    yield from common.pattern("$.expiresAt", data.expiresAt, _DATE)
    yield from limits.metadata("$.metadata", data.metadata, _MOST_SHOP_METADATA)
    if data.customer is not UNSET:
        yield from common.pattern("$.customer.date_of_birth", data.customer.get("date_of_birth", UNSET), _DATE)
    if data.merchant_urls is not UNSET:
        yield from limits.url("$.merchant_urls.notification", data.merchant_urls.get("notification", UNSET))


def _payment_limits(payment: Payment) -> Messages:
    yield from limits.url("$.payment.redirect_url", payment.redirect_url)
    yield from limits.url("$.payment.cancel_url", payment.cancel_url)
    sequence = payment.sequence_type
    if sequence is not UNSET and sequence not in _SEQUENCES:
        yield "$.payment.sequence_type: oneoff, first or recurring"
    if sequence in _OF_CUSTOMER and payment.customer_id is UNSET:
        yield f"$.payment.customer_id: is needed with sequence_type {sequence}"


def _success(answer: Answer, _operation: Operation | None, correlation_id: str | None) -> Result:
    return opened(books.snapshot(answer.body), correlation_id)


def opened(seen: Snapshot, correlation_id: str | None, *, searched: bool = False) -> Succeeded:
    """The order, with the link at which the customer pays it."""
    url = seen.payment.url if seen.payment is not None else ""
    result = {"checkout_url": url} if url else {}
    return Succeeded(seen.provider_id, correlation_id, None, result, seen, searched=searched)


def _shows(request: Request, seen: Snapshot) -> bool | None:
    made_by = seen.facts.get(books.OPERATION)
    return bool(made_by == body_of(request)["metadata"][books.OPERATION])


CREATE_ORDER_TO_PAY: Final = MollieOperation(
    name="create_order_to_pay",
    freeze=_freeze,
    limits={Placed: _limits},
    success=_success,
    key_seconds=KEY,
    names_profile=True,
    shows=_shows,
    notified=_notified,
    ways=(frozenset({"redirect_url"}),),
)
