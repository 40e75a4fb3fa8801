"""POST /payments/v1/authorizations/{token}/order: the authorization becomes an order.

The token is the idempotency scope: same body, same answer, for its life of an hour.
"""

from typing import Any, Final

import msgspec
from msgspec import UNSET
from msgspec.structs import replace

from ordersaga.domain.model.events import Data, Placed
from ordersaga.domain.model.order import Operation, Order, Request
from ordersaga.providers.klarna import limits, notifications
from ordersaga.providers.klarna.limits import Messages
from ordersaga.providers.klarna.operation import KlarnaOperation
from ordersaga.providers.klarna.placed import URLS, created, order_body, order_limits, reference_shown
from ordersaga.providers.klarna.requests import Json, authorization_path, encode

_RESOURCE: Final = "/order"
_TOKEN_SECONDS: Final = 55 * 60.0  # Klarna keeps an authorization token for 60 minutes
_PASSED_ON: Final = (
    "purchase_country",
    "locale",
    "billing_address",
    "shipping_address",
    "customer",
    "merchant_data",
    "merchant_urls",
    "custom_payment_method_ids",
    "attachment",
)
_CONCLUSIVE: Final = frozenset({(403, "REJECTED"), (400, "BAD_VALUE"), (400, "BAD_REQUEST")})
"""A token's first answer is repeated for the same body, errors too: after a success Klarna would give the order."""


def freeze(order: Order, operation: Operation, data: Data | None) -> Request:
    path = authorization_path(order, operation, data)
    assert isinstance(data, Placed)
    return Request("POST", f"{path}{_RESOURCE}", encode(order_body(order.key.subject, data, _PASSED_ON)))


def revocation(create: Request) -> Request:
    """Withdraws the authorization that `create` would use."""
    return Request("DELETE", create.path.removesuffix(_RESOURCE))


def _notified(request: Request, address: str) -> Request:
    """The shop's own address takes precedence. The order's id, which an answer that is lost would have told, comes along."""
    address = f"{address}&{notifications.ORDER}={notifications.PLACEHOLDER}"
    body: Json = msgspec.json.decode(request.body, type=dict[str, Any])
    urls = body.get("merchant_urls") or {}
    if "notification" in urls or len(address) > URLS["notification"]:
        return request
    return replace(request, body=encode({**body, "merchant_urls": {**urls, "notification": address}}))


def _limits(data: Placed) -> Messages:
    """An order that the shop has made at Klarna is only read: of it, just the lines are ever sent."""
    if data.payment.customer_token is not UNSET or data.payment.checkout_order_id is not UNSET:
        return
    yield from limits.path_segment("$.payment.order_id", data.payment.order_id)
    yield from limits.order_lines(data.order_lines)
    if data.payment.order_id is not UNSET:
        return
    yield from limits.path_segment("$.payment.authorization_token", data.payment.authorization_token)
    yield from limits.pattern("$.purchase_country", data.purchase_country, limits.COUNTRY)
    yield from limits.address("$.billing_address", data.billing_address)
    yield from order_limits(data)


CREATE_ORDER: Final = KlarnaOperation(
    name="create_order",
    freeze=freeze,
    limits={Placed: _limits},
    success=created,
    conflict="rejected",
    conclusive=_CONCLUSIVE,
    key_seconds=_TOKEN_SECONDS,
    shows=reference_shown,
    notified=_notified,
    ways=(frozenset({"authorization_token"}), frozenset({"authorization_token", "tokenize"})),
)
