"""POST /payments/v1/authorizations/{token}/customer-token: a token for orders without the customer.

It has no key, and what it made can't be looked up. Klarna knows one use, SUBSCRIPTION, which its guide writes in lower
case.
"""

from typing import Annotated, Any, Final

import msgspec
from msgspec import UNSET, Meta, Struct

from ordersaga.domain.model.events import CustomerTokenRequested, Data, Placed
from ordersaga.domain.model.order import Operation, Order, Request
from ordersaga.domain.model.results import Result, Succeeded
from ordersaga.providers.http import Answer
from ordersaga.providers.klarna import limits
from ordersaga.providers.klarna.limits import Messages
from ordersaga.providers.klarna.operation import KlarnaOperation
from ordersaga.providers.klarna.requests import Json, authorization_path, encode, given

_OF_ORDER: Final = ("purchase_country", "purchase_currency", "locale", "billing_address", "customer")
_OWN: Final = ("description", "intended_use")
_USE: Final = "SUBSCRIPTION"
_ADVICE: Final = {
    "INVALID_OPERATION": "ask the customer for a new authorization, made with an intent that allows customer tokens",
    "NOT_FOUND": "the authorization is unknown or older than an hour: ask the customer for a new one",
}


class _Created(Struct):
    token_id: Annotated[str, Meta(min_length=1, max_length=255)]
    redirect_url: str | None = None


_CREATED: Final = msgspec.json.Decoder(_Created)


def _freeze(order: Order, operation: Operation, data: Data | None) -> Request:
    path = authorization_path(order, operation, data)
    body = _asked(data)
    if "intended_use" in body:
        body["intended_use"] = body["intended_use"].upper()
    return Request("POST", f"{path}/customer-token", encode(body))


def _asked(data: Data | None) -> Json:
    """Of a `placed`, what `tokenize` leaves out is the order's."""
    if isinstance(data, CustomerTokenRequested):
        return given(data, (*_OF_ORDER, *_OWN))
    if isinstance(data, Placed) and data.payment.tokenize is not UNSET:
        own: dict[str, Any] = data.payment.tokenize
        return {**given(data, _OF_ORDER), **{name: own[name] for name in (*_OF_ORDER, *_OWN) if name in own}}
    return {}


def _limits(data: CustomerTokenRequested) -> Messages:
    yield from limits.path_segment("$.authorization_token", data.authorization_token)
    yield from _asked_limits("$", _asked(data))


def _limits_beside(data: Placed) -> Messages:
    if data.payment.tokenize is not UNSET:
        yield from _asked_limits("$.payment.tokenize", _asked(data))


def _asked_limits(path: str, asked: Json) -> Messages:
    yield from limits.text(f"{path}.description", asked["description"], 255, 1)
    if asked["intended_use"].upper() != _USE:
        yield f"{path}.intended_use: {_USE}"
    if "locale" not in asked:
        yield f"{path}.locale: is needed"
    yield from limits.pattern(f"{path}.locale", asked.get("locale", UNSET), limits.LOCALE)
    yield from limits.address(f"{path}.billing_address", asked.get("billing_address", UNSET))


def _success(answer: Answer, correlation_id: str | None) -> Result:
    created = _CREATED.decode(answer.body)
    result = {"customer_token": created.token_id}
    if created.redirect_url:
        result["redirect_url"] = created.redirect_url
    return Succeeded(correlation_id=correlation_id, result=result)


CREATE_CUSTOMER_TOKEN: Final = KlarnaOperation(
    name="create_customer_token",
    freeze=_freeze,
    limits={CustomerTokenRequested: _limits, Placed: _limits_beside},
    success=_success,
    conflict="rejected",
    key_seconds=0.0,
    advice=_ADVICE,
)
