"""POST /ordermanagement/v1/orders/{id}/release-remaining-authorization: ends what is left of a part-captured order."""

from typing import Final

from ordersaga.domain.model.events import Data
from ordersaga.domain.model.order import Operation, Order, Request
from ordersaga.providers.klarna.operation import KlarnaOperation
from ordersaga.providers.klarna.requests import write


def _freeze(order: Order, operation: Operation, _data: Data | None) -> Request:
    return write("POST", order, operation, "release-remaining-authorization")


RELEASE: Final = KlarnaOperation(name="release", freeze=_freeze)
