"""DELETE /payments/v1/authorizations/{token}: withdraws an authorization that no order was made of.

404 NOT_FOUND ("Authorization cannot be deleted", "Invalid authorization token"): used, withdrawn before, or past its hour.
"""

from typing import Final

from ordersaga.domain.model.events import AuthorizationAbandoned, Data
from ordersaga.domain.model.order import Operation, Order, Request
from ordersaga.providers.klarna import limits
from ordersaga.providers.klarna.limits import Messages
from ordersaga.providers.klarna.operation import KlarnaOperation
from ordersaga.providers.klarna.requests import authorization_path


def _freeze(order: Order, operation: Operation, data: Data | None) -> Request:
    return Request("DELETE", authorization_path(order, operation, data))


def _limits(data: AuthorizationAbandoned) -> Messages:
    yield from limits.path_segment("$.authorization_token", data.authorization_token)


CANCEL_AUTHORIZATION: Final = KlarnaOperation(
    name="cancel_authorization",
    freeze=_freeze,
    limits={AuthorizationAbandoned: _limits},
    conflict="rejected",
    key_seconds=0.0,
)
