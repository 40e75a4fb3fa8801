"""What all ways of making an order at Klarna have in common: its body, its limits, its answer."""

import re
from collections.abc import Iterable
from typing import Annotated, Any, Final

import msgspec
from msgspec import UNSET, Meta, Struct

from ordersaga.domain.model.amounts import line_taxes, order_tax
from ordersaga.domain.model.events import Placed
from ordersaga.domain.model.order import Request
from ordersaga.domain.model.results import Result, Snapshot, Succeeded
from ordersaga.providers.http import Answer
from ordersaga.providers.klarna import limits
from ordersaga.providers.klarna.limits import Messages
from ordersaga.providers.klarna.lines import whole
from ordersaga.providers.klarna.requests import Json, given

_CURRENCY: Final = re.compile("[A-Za-z]{3}")
URLS: Final = {"confirmation": 2000, "notification": 2000, "push": 2000, "authorization": 2000}


class _Created(Struct):
    order_id: Annotated[str, Meta(min_length=1, max_length=255)]
    fraud_status: str | None = None
    redirect_url: str | None = None
    authorized_payment_method: Any = None


_CREATED: Final = msgspec.json.Decoder(_Created)


def order_body(subject: str, placed: Placed, passed_on: Iterable[str]) -> Json:
    """`passed_on`: fields that are sent as the shop gave them."""
    reference = subject if placed.merchant_reference1 is UNSET else placed.merchant_reference1
    lines = placed.order_lines
    taxes = line_taxes(lines)
    body: Json = {
        "purchase_currency": placed.purchase_currency,
        "order_amount": placed.order_amount,
        "order_tax_amount": order_tax(lines, taxes) if placed.order_tax_amount is UNSET else placed.order_tax_amount,
        "order_lines": [*map(whole, lines, taxes)],
        "merchant_reference1": reference,
        **given(placed, ("merchant_reference2", *passed_on)),
    }
    if placed.auto_capture:
        body["auto_capture"] = True
    return body


def order_limits(data: Placed) -> Messages:
    yield from limits.pattern("$.purchase_currency", data.purchase_currency, _CURRENCY)
    yield from limits.pattern("$.locale", data.locale, limits.LOCALE)
    if data.order_tax_amount is not UNSET and data.order_tax_amount < 0:
        yield "$.order_tax_amount: at least 0"
    yield from limits.address("$.shipping_address", data.shipping_address)
    yield from limits.text("$.merchant_reference1", data.merchant_reference1, 255)
    yield from limits.text("$.merchant_reference2", data.merchant_reference2, 255)
    yield from limits.text("$.merchant_data", data.merchant_data, 6000)
    yield from limits.texts("$.merchant_urls", data.merchant_urls, URLS)


def created(answer: Answer, correlation_id: str | None) -> Result:
    made = _CREATED.decode(answer.body)
    method = made.authorized_payment_method
    if isinstance(method, dict):  # the guide shows a string, the OpenAPI document an object
        method = method.get("type")
    result = {}
    if made.redirect_url:
        result["redirect_url"] = made.redirect_url
    if isinstance(method, str) and method:
        result["payment_method"] = method
    return Succeeded(made.order_id, correlation_id, made.fraud_status, result)


def reference_shown(request: Request, seen: Snapshot) -> bool | None:
    """By the merchant reference: the amounts are compared anyway."""
    shown = seen.facts.get("merchant_reference1")
    sent = msgspec.json.decode(request.body, type=dict[str, Any])
    return None if shown is None else bool(shown == sent["merchant_reference1"])
