"""PATCH /customer-token/v1/tokens/{token}/status: 202, "accepted and is being processed"; a read shows when it is done.

It has no key. Cancelling can't be undone.
"""

from typing import Final, cast

import msgspec
from msgspec import UNSET, Struct

from ordersaga.domain.model.events import CustomerTokenCancelled, Data
from ordersaga.domain.model.order import Operation, Order, Request
from ordersaga.domain.model.results import Result, Succeeded, TokenStatus
from ordersaga.providers.http import Answer
from ordersaga.providers.klarna import limits
from ordersaga.providers.klarna.limits import Messages
from ordersaga.providers.klarna.operation import KlarnaOperation
from ordersaga.providers.klarna.requests import customer_token_path, encode

_RESOURCE: Final = "/status"
_STATUSES: Final = frozenset({"active", "suspended", "cancelled"})
_ADVICE: Final = {
    "TOKEN_NOT_FOUND": "check the token, and that it is of this merchant's account: Klarna doesn't know it",
    "NOT_FOUND": "check the token, and that it is of this merchant's account: Klarna doesn't know it",
}


class _Token(Struct):
    status: str


_TOKEN: Final = msgspec.json.Decoder(_Token)


def _freeze(order: Order, operation: Operation, data: Data | None) -> Request:
    named = data.customer_token if isinstance(data, CustomerTokenCancelled) else UNSET
    token = order.details.customer_token if named is UNSET else named
    if not token:
        raise ValueError(f"subscription {order.key.subject!r} has no customer token: {operation.type} can't be frozen")
    return Request("PATCH", f"{customer_token_path(token)}{_RESOURCE}", encode({"status": "CANCELLED"}))


def reading(cancel: Request) -> Request:
    """Reads the token that `cancel` is for."""
    return Request("GET", cancel.path.removesuffix(_RESOURCE))


def token_reading(token: str) -> Request:
    return Request("GET", customer_token_path(token))


def _limits(data: CustomerTokenCancelled) -> Messages:
    yield from limits.path_segment("$.customer_token", data.customer_token)


def _accepted(_answer: Answer, correlation_id: str | None) -> Result:
    return Succeeded(correlation_id=correlation_id)


def _seen(answer: Answer, correlation_id: str | None) -> Result:
    """A status that isn't known is none: the read is made again."""
    status = _TOKEN.decode(answer.body).status.lower()
    if status == "canceled":
        status = "cancelled"
    if status not in _STATUSES:
        raise msgspec.ValidationError("an unknown status of a customer token")
    return Succeeded(correlation_id=correlation_id, token_status=cast("TokenStatus", status))


CANCEL_CUSTOMER_TOKEN: Final = KlarnaOperation(
    name="cancel_customer_token",
    freeze=_freeze,
    limits={CustomerTokenCancelled: _limits},
    success=_accepted,
    key_seconds=0.0,
    advice=_ADVICE,
)
TOKEN_READ: Final = KlarnaOperation(name="cancel_customer_token", freeze=None, success=_seen, key_seconds=0.0)
"""GET /customer-token/v1/tokens/{token}: no operation of its own, but the evidence of one."""
