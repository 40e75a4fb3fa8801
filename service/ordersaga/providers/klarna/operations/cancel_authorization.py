"""DELETE /payments/v1/authorizations/{token}: withdraws an authorization that no order was made of."""

from typing import Final

from ordersaga.domain.model.events import Data
from ordersaga.domain.model.order import Operation, Order, Request
from ordersaga.providers.klarna.operation import KlarnaOperation
from ordersaga.providers.klarna.requests import authorization_path


def _freeze(order: Order, operation: Operation, data: Data | None) -> Request:
    return Request("DELETE", authorization_path(order, operation, data))


CANCEL_AUTHORIZATION: Final = KlarnaOperation(
    name="cancel_authorization", freeze=_freeze, conflict="rejected", key_seconds=0.0
)
