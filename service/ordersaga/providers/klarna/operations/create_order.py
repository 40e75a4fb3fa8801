"""POST /payments/v1/authorizations/{token}/order: the authorization becomes an order.

The token is the idempotency scope: same body, same answer, for its life of an hour.
"""

import re
from typing import Annotated, Any, Final

import msgspec
from msgspec import UNSET, Meta, Struct
from msgspec.structs import replace

from ordersaga.domain.model.amounts import line_tax, order_tax
from ordersaga.domain.model.events import Data, Placed
from ordersaga.domain.model.order import Operation, Order, Request
from ordersaga.domain.model.results import Result, Snapshot, Succeeded
from ordersaga.providers.http import Answer
from ordersaga.providers.klarna import limits, notifications
from ordersaga.providers.klarna.limits import Messages
from ordersaga.providers.klarna.lines import whole
from ordersaga.providers.klarna.operation import KlarnaOperation
from ordersaga.providers.klarna.requests import Json, authorization_path, encode, given

_RESOURCE: Final = "/order"
_TOKEN_SECONDS: Final = 55 * 60.0  # Klarna keeps an authorization token for 60 minutes
_PASSED_ON: Final = (
    "locale",
    "billing_address",
    "shipping_address",
    "customer",
    "merchant_data",
    "merchant_urls",
    "custom_payment_method_ids",
    "attachment",
)
_CURRENCY: Final = re.compile("[A-Za-z]{3}")
_LOCALE: Final = re.compile("[A-Za-z]{2}(?:-[A-Za-z]{2})*")
_URLS: Final = {"confirmation": 2000, "notification": 2000, "push": 2000, "authorization": 2000}


_CONCLUSIVE: Final = frozenset({(403, "REJECTED"), (400, "BAD_VALUE"), (400, "BAD_REQUEST")})
"""A token's first answer is repeated for the same body, errors too: after a success Klarna would give the order."""


class _Created(Struct):
    order_id: Annotated[str, Meta(min_length=1, max_length=255)]
    fraud_status: str | None = None
    redirect_url: str | None = None
    authorized_payment_method: Any = None


_CREATED: Final = msgspec.json.Decoder(_Created)


def freeze(order: Order, operation: Operation, data: Data | None) -> Request:
    path = authorization_path(order, operation, data)
    assert isinstance(data, Placed)
    return Request("POST", f"{path}{_RESOURCE}", encode(_body(order.key.subject, data)))


def revocation(create: Request) -> Request:
    """Withdraws the authorization that `create` would use."""
    return Request("DELETE", create.path.removesuffix(_RESOURCE))


def _body(subject: str, placed: Placed) -> Json:
    reference = subject if placed.merchant_reference1 is UNSET else placed.merchant_reference1
    taxes = [line_tax(line) for line in placed.order_lines]
    body: Json = {
        "purchase_country": placed.purchase_country,
        "purchase_currency": placed.purchase_currency,
        "order_amount": placed.order_amount,
        "order_tax_amount": order_tax(placed.order_lines)
        if placed.order_tax_amount is UNSET
        else placed.order_tax_amount,
        "order_lines": [whole(line, tax) for line, tax in zip(placed.order_lines, taxes, strict=True)],
        "merchant_reference1": reference,
        **given(placed, ("merchant_reference2", *_PASSED_ON)),
    }
    if placed.auto_capture:
        body["auto_capture"] = True
    return body


def _notified(request: Request, address: str) -> Request:
    """The shop's own address takes precedence. The order's id, which an answer that is lost would have told, comes along."""
    address = f"{address}&{notifications.ORDER}={notifications.PLACEHOLDER}"
    body: Json = msgspec.json.decode(request.body, type=dict[str, Any])
    urls = body.get("merchant_urls") or {}
    if "notification" in urls or len(address) > _URLS["notification"]:
        return request
    return replace(request, body=encode({**body, "merchant_urls": {**urls, "notification": address}}))


def _limits(data: Placed) -> Messages:
    """An order that the shop has made at Klarna is only read: of it, just the lines are ever sent."""
    yield from limits.path_segment("$.payment.order_id", data.payment.order_id)
    yield from limits.order_lines(data.order_lines)
    if data.payment.order_id is not UNSET:
        return
    yield from limits.path_segment("$.payment.authorization_token", data.payment.authorization_token)
    yield from limits.pattern("$.purchase_country", data.purchase_country, limits.COUNTRY)
    yield from limits.pattern("$.purchase_currency", data.purchase_currency, _CURRENCY)
    yield from limits.pattern("$.locale", data.locale, _LOCALE)
    if data.order_tax_amount is not UNSET and data.order_tax_amount < 0:
        yield "$.order_tax_amount: at least 0"
    yield from limits.address("$.billing_address", data.billing_address)
    yield from limits.address("$.shipping_address", data.shipping_address)
    yield from limits.text("$.merchant_reference1", data.merchant_reference1, 255)
    yield from limits.text("$.merchant_reference2", data.merchant_reference2, 255)
    yield from limits.text("$.merchant_data", data.merchant_data, 6000)
    yield from limits.texts("$.merchant_urls", data.merchant_urls, _URLS)


def _success(answer: Answer, correlation_id: str | None) -> Result:
    created = _CREATED.decode(answer.body)
    method = created.authorized_payment_method
    if isinstance(method, dict):  # the guide shows a string, the OpenAPI document an object
        method = method.get("type")
    result = {}
    if created.redirect_url:
        result["redirect_url"] = created.redirect_url
    if isinstance(method, str) and method:
        result["payment_method"] = method
    return Succeeded(created.order_id, correlation_id, created.fraud_status, result)


def _shown(request: Request, seen: Snapshot) -> bool | None:
    """By the merchant reference: the amounts are compared anyway."""
    shown = seen.facts.get("merchant_reference1")
    sent = msgspec.json.decode(request.body, type=dict[str, Any])
    return None if shown is None else bool(shown == sent["merchant_reference1"])


CREATE_ORDER: Final = KlarnaOperation(
    name="create_order",
    freeze=freeze,
    limits={Placed: _limits},
    success=_success,
    conflict="rejected",
    conclusive=_CONCLUSIVE,
    key_seconds=_TOKEN_SECONDS,
    shows=_shown,
    notified=_notified,
)
