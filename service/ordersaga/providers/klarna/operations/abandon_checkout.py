"""POST /checkout/v3/orders/{id}/abort: the customer can't complete it any more. 403 READ_ONLY_ORDER if that has happened."""

from typing import Final

from ordersaga.domain.model.events import Data
from ordersaga.domain.model.order import Operation, Order, Request
from ordersaga.providers.klarna import checkout
from ordersaga.providers.klarna.operation import KlarnaOperation


def _freeze(order: Order, operation: Operation, _data: Data | None) -> Request:
    return Request("POST", f"{checkout.own_path(order, operation)}/abort")


ABANDON_CHECKOUT: Final = KlarnaOperation(
    name="abandon_checkout",
    freeze=_freeze,
    success=checkout.aborted,
    conflict="rejected",
    key_seconds=0.0,
    advice=checkout.ADVICE,
)
