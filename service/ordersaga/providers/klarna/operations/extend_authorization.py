"""POST /ordermanagement/v1/orders/{id}/extend-authorization-time: for another period of the merchant's."""

from typing import Final

from ordersaga.domain.model.events import Data
from ordersaga.domain.model.order import Operation, Order, Request
from ordersaga.providers.klarna.operation import KlarnaOperation
from ordersaga.providers.klarna.requests import write


def _freeze(order: Order, operation: Operation, _data: Data | None) -> Request:
    return write("POST", order, operation, "extend-authorization-time")


EXTEND_AUTHORIZATION: Final = KlarnaOperation(name="extend_authorization", freeze=_freeze)
