"""Klarna Payments v1: the authorization that becomes an order, or is withdrawn."""

from typing import Final
from urllib.parse import quote

from ordersaga.domain.model.events import Placed
from ordersaga.domain.model.order import Request
from ordersaga.providers.klarna import bodies

_AUTHORIZATIONS: Final = "/payments/v1/authorizations"
_ORDER: Final = "/order"


def create_order(subject: str, placed: Placed) -> Request:
    """The token is the idempotency scope: same body, same answer, for its life of an hour."""
    return Request("POST", f"{_path(placed)}{_ORDER}", bodies.encode(bodies.create_order(subject, placed)))


def cancel_authorization(placed: Placed) -> Request:
    return Request("DELETE", _path(placed))


def revocation(create: Request) -> Request:
    """Withdraws the authorization that `create` would use."""
    return Request("DELETE", create.path.removesuffix(_ORDER))


def _path(placed: Placed) -> str:
    return f"{_AUTHORIZATIONS}/{quote(str(placed.payment.authorization_token), safe='')}"
