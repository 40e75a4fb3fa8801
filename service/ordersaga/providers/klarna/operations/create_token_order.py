"""POST /customer-token/v1/tokens/{token}/order: an order without the customer, for a subscription or on demand.

Only what the OpenAPI document of Customer Token v1 lists is sent, and the locale, as the guide does. The token stands for
the customer and the billing address. Klarna keeps the key for 24 hours from the first attempt.
"""

from collections.abc import Mapping
from typing import Final

from msgspec import UNSET

from ordersaga.domain.model.events import Data, Placed
from ordersaga.domain.model.order import Operation, Order, Request
from ordersaga.providers.klarna import limits
from ordersaga.providers.klarna.limits import Messages
from ordersaga.providers.klarna.operation import ORDER_MANAGEMENT_KEY, KlarnaOperation
from ordersaga.providers.klarna.placed import created, order_body, order_limits, reference_shown
from ordersaga.providers.klarna.requests import customer_token_path, encode, given

_PASSED_ON: Final = ("locale", "shipping_address", "merchant_data", "merchant_urls", "attachment")
_MOST_AMOUNT: Final = 100_000_000
_NEW_AUTHORIZATION: Final = "ask the customer for a new authorization: this token's error is final"
_AGAIN: Final = "the order may be placed again, under a new event id"
ADVICE: Final[Mapping[str, str]] = {
    "TOKEN_NOT_FOUND": "check the token, and that it is of this merchant's account: Klarna doesn't know it",
    "NOT_FOUND": "check the token, and that it is of this merchant's account: Klarna doesn't know it",
    "TOKEN_SUSPENDED": f"Klarna has suspended the token for now; once it is active again, {_AGAIN}",
    "TOKEN_CANCELED": _NEW_AUTHORIZATION,
    "TOKEN_CANCELLED": _NEW_AUTHORIZATION,
    "UNAVAILABLE_PAYMENT_METHOD": "ask the customer for another way of payment: the token's is not available here",
    "PAYMENT_METHOD_FAILED": f"{_AGAIN}: the payment failed this time",
}


def _freeze(order: Order, operation: Operation, data: Data | None) -> Request:
    token = data.payment.customer_token if isinstance(data, Placed) else UNSET
    if token is UNSET or not isinstance(data, Placed):
        raise ValueError(f"order {order.key.subject!r}: {operation.type} needs its event, with a customer token")
    body = order_body(order.key.subject, data, _PASSED_ON)
    return Request("POST", f"{customer_token_path(token)}/order", encode(body), operation.id)


def _limits(data: Placed) -> Messages:
    if data.payment.customer_token is UNSET:
        return
    yield from limits.path_segment("$.payment.customer_token", data.payment.customer_token)
    if data.order_amount < 1:
        yield "$.order_amount: at least 1 with a customer token"
    yield from limits.order_lines(data.order_lines)
    for position, line in enumerate(data.order_lines):
        path = f"$.order_lines[{position}]"
        for name in ("unit_price", "total_amount", "total_discount_amount"):
            if getattr(line, name) > _MOST_AMOUNT:
                yield f"{path}.{name}: at most {_MOST_AMOUNT} with a customer token"
        yield from limits.text(f"{path}.merchant_data", line.merchant_data, 255)
    yield from order_limits(data)
    yield from _required("$.merchant_urls", given(data, ("merchant_urls",)).get("merchant_urls"), ("confirmation",))
    yield from _required("$.attachment", given(data, ("attachment",)).get("attachment"), ("body", "content_type"))


def _required(path: str, value: Mapping[str, object] | None, names: tuple[str, ...]) -> Messages:
    for name in names:
        if value is not None and name not in value:
            yield f"{path}.{name}: is needed with a customer token"


CREATE_TOKEN_ORDER: Final = KlarnaOperation(
    name="create_token_order",
    freeze=_freeze,
    limits={Placed: _limits},
    success=created,
    key_seconds=ORDER_MANAGEMENT_KEY,
    shows=reference_shown,
    ways=(frozenset({"customer_token"}),),
    advice=ADVICE,
)
