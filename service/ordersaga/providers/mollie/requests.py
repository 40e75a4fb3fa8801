"""How Mollie's requests are put together."""

from collections.abc import Mapping
from typing import Any, Final, Literal
from urllib.parse import quote, unquote, urlencode

import msgspec
from msgspec.structs import replace

from ordersaga.domain.model.order import Operation, Order, Request

Json = dict[str, Any]

ORDERS: Final = "/v2/orders"
_EMBEDS: Final = "payments,refunds,shipments"


def encode(body: Json) -> str:
    """The same text for the same body."""
    return msgspec.json.encode(body, order="deterministic").decode()


def body_of(request: Request) -> Json:
    return msgspec.json.decode(request.body, type=dict[str, Any]) if request.body else {}


def with_fields(request: Request, fields: Mapping[str, Any]) -> Request:
    """The same request with more in its body."""
    return replace(request, body=encode({**body_of(request), **fields}))


def with_query(request: Request, fields: Mapping[str, str]) -> Request:
    if not fields:
        return request
    return replace(request, path=f"{request.path}{'&' if '?' in request.path else '?'}{urlencode(fields)}")


def order_path(order: Order, operation: Operation) -> str:
    """Of the order that the operation is for."""
    if order.provider_order_id is None:
        raise ValueError(f"order {order.key.subject!r} has no Mollie order id yet: {operation.type} can't be frozen")
    return f"{ORDERS}/{quote(order.provider_order_id, safe='')}"


def within_order(order: Order, operation: Operation, resource: str) -> str:
    return f"{order_path(order, operation)}/{resource}"


def shipment_path(order: Order, operation: Operation) -> str:
    if operation.capture_id is None:
        raise ValueError(f"order {order.key.subject!r}: {operation.type} needs a shipment at Mollie")
    return within_order(order, operation, f"shipments/{quote(operation.capture_id, safe='')}")


def shipment_of(request: Request) -> str:
    """The shipment whose resource the request is for."""
    return unquote(request.path.partition("/shipments/")[2].partition("?")[0])


def payment_refunds_path(order: Order, operation: Operation) -> str:
    if order.payment is None:
        raise ValueError(f"order {order.key.subject!r} has no Mollie payment: {operation.type} can't be frozen")
    return f"/v2/payments/{quote(order.payment.id, safe='')}/refunds"


def post(path: str, operation: Operation, body: Json) -> Request:
    """Its key is the operation's id: of POST alone Mollie reads one."""
    return Request("POST", path, encode(body), operation.id)


def write(method: Literal["PATCH", "DELETE"], path: str, body: Json | None = None) -> Request:
    return Request(method, path, "" if body is None else encode(body))


def read(provider_order_id: str) -> Request:
    """The order with its payments, refunds and shipments."""
    return Request("GET", f"{ORDERS}/{quote(provider_order_id, safe='')}?embed={_EMBEDS}")
