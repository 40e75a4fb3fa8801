"""POST /checkout/v3/orders/{id}: fields that aren't sent stay. 403 READ_ONLY_ORDER once the customer has completed it."""

from typing import Final

from ordersaga.domain.model.events import CheckoutUpdated, Data
from ordersaga.domain.model.order import Operation, Order, Request
from ordersaga.providers.klarna import checkout
from ordersaga.providers.klarna.limits import Messages
from ordersaga.providers.klarna.operation import KlarnaOperation
from ordersaga.providers.klarna.requests import encode


def _freeze(order: Order, operation: Operation, data: Data | None) -> Request:
    assert isinstance(data, CheckoutUpdated)
    return Request("POST", checkout.own_path(order, operation), encode(checkout.body_of(data)))


def _limits(data: CheckoutUpdated) -> Messages:
    yield from checkout.refusals(data)


UPDATE_CHECKOUT: Final = KlarnaOperation(
    name="update_checkout",
    freeze=_freeze,
    limits={CheckoutUpdated: _limits},
    success=checkout.changed,
    conflict="rejected",
    key_seconds=0.0,
    advice=checkout.ADVICE,
)
