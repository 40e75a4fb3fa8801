"""POST /ordermanagement/v1/orders/{id}/cancel: ends an order of which nothing was captured."""

from typing import Final

from ordersaga.domain.model.events import Cancelled, Data
from ordersaga.domain.model.order import Operation, Order, Request
from ordersaga.providers.klarna import limits
from ordersaga.providers.klarna.limits import Messages
from ordersaga.providers.klarna.operation import KlarnaOperation
from ordersaga.providers.klarna.requests import write


def _freeze(order: Order, operation: Operation, _data: Data | None) -> Request:
    return write("POST", order, operation, "cancel")


def _limits(data: Cancelled) -> Messages:
    yield from limits.part_lines(data.order_lines)


CANCEL: Final = KlarnaOperation(name="cancel", freeze=_freeze, limits={Cancelled: _limits})
