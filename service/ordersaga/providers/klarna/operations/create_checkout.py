"""POST /checkout/v3/orders: a Checkout order, with the snippet that shows it to the customer.

It has no key. The snippet is in the answer alone, and without it nobody can complete the order: one whose answer was lost
lapses after 48 hours.
"""

from typing import Final

from ordersaga.domain.model.events import CheckoutStarted, Data
from ordersaga.domain.model.order import Operation, Order, Request
from ordersaga.providers.klarna import checkout
from ordersaga.providers.klarna.limits import Messages
from ordersaga.providers.klarna.operation import KlarnaOperation
from ordersaga.providers.klarna.requests import encode


def _freeze(order: Order, _operation: Operation, data: Data | None) -> Request:
    assert isinstance(data, CheckoutStarted)
    body = {"merchant_reference1": order.key.subject, **checkout.body_of(data)}
    return Request("POST", checkout.collection_path(), encode(body))


def _limits(data: CheckoutStarted) -> Messages:
    yield from checkout.refusals(data)


CREATE_CHECKOUT: Final = KlarnaOperation(
    name="create_checkout",
    freeze=_freeze,
    limits={CheckoutStarted: _limits},
    success=checkout.created,
    conflict="rejected",
    key_seconds=0.0,
)
