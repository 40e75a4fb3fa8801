"""How Klarna's requests are put together."""

from collections.abc import Iterable
from typing import Any, Final, Literal
from urllib.parse import quote, unquote

import msgspec
from msgspec import UNSET, Struct, UnsetType

from ordersaga.domain.model.events import AuthorizationAbandoned, CustomerTokenRequested, Data, Placed
from ordersaga.domain.model.order import Operation, Order, Request

Json = dict[str, Any]

_AUTHORIZATIONS: Final = "/payments/v1/authorizations"
_CUSTOMER_TOKENS: Final = "/customer-token/v1/tokens"
_ORDERS: Final = "/ordermanagement/v1/orders"


def encode(body: Json) -> str:
    """The same text for the same body."""
    return msgspec.json.encode(body, order="deterministic").decode()


def within_capture(operation: Operation, resource: str) -> str:
    """The resource of the operation's capture; of the order, if it is of none."""
    return resource if operation.capture_id is None else f"captures/{quote(operation.capture_id, safe='')}/{resource}"


def body_of(request: Request) -> Json:
    body: Json = msgspec.json.decode(request.body)
    return body


def capture_of(request: Request) -> str | None:
    """The capture whose resource the request is for; None: the order's."""
    _, found, rest = request.path.partition("/captures/")
    return unquote(rest.partition("/")[0]) if found else None


def given(data: Struct, names: Iterable[str]) -> Json:
    """The fields that the shop gave, under Klarna's own names."""
    return {name: value for name in names if (value := getattr(data, name)) is not UNSET}


def authorization_path(order: Order, operation: Operation, data: Data | None) -> str:
    """Of the authorization that the event came with."""
    token: str | UnsetType = UNSET
    if isinstance(data, Placed):
        token = data.payment.authorization_token
    elif isinstance(data, AuthorizationAbandoned | CustomerTokenRequested):
        token = data.authorization_token
    if token is UNSET:
        raise ValueError(f"order {order.key.subject!r}: {operation.type} needs its event, with an authorization token")
    return f"{_AUTHORIZATIONS}/{quote(token, safe='')}"


def customer_token_path(token: str) -> str:
    return f"{_CUSTOMER_TOKENS}/{quote(token, safe='')}"


def order_path(provider_order_id: str) -> str:
    """Of an order in Order Management."""
    return f"{_ORDERS}/{quote(provider_order_id, safe='')}"


def write(
    method: Literal["POST", "PATCH"], order: Order, operation: Operation, resource: str, body: Json | None = None
) -> Request:
    """A write to a resource of the order in Order Management; its key is the operation's id."""
    if order.provider_order_id is None:
        raise ValueError(f"order {order.key.subject!r} has no Klarna order id yet: {operation.type} can't be frozen")
    path = f"{order_path(order.provider_order_id)}/{resource}"
    return Request(method, path, "" if body is None else encode(body), operation.id)
