"""POST /v2/orders/{id}/shipments: captures what it ships of an order that is paid later; of one that is paid, it only tells.

A shipment keeps no reference of ours. Source: mollie/api-documentation, create-shipment.rst.
"""

from typing import Final

import msgspec
from msgspec import UNSET

from ordersaga.domain.model.events import Data, Shipped
from ordersaga.domain.model.order import Operation, Order, Request
from ordersaga.domain.model.results import Result, Succeeded, Unknown
from ordersaga.providers.http import Answer
from ordersaga.providers.limits import Messages
from ordersaga.providers.mollie import books, shipping_info
from ordersaga.providers.mollie.lines import parts
from ordersaga.providers.mollie.operation import KEY, MollieOperation
from ordersaga.providers.mollie.requests import post, within_order

_SHIPMENT: Final = msgspec.json.Decoder(books.Shipment)


def _freeze(order: Order, operation: Operation, data: Data | None, _after: Order | None) -> Request:
    shipped = data if isinstance(data, Shipped) else Shipped()
    body = {"lines": parts(order, operation), **shipping_info.tracking(shipped.shipping_info)}
    return post(within_order(order, operation, "shipments"), operation, body)


def _limits(data: Shipped) -> Messages:
    yield from shipping_info.refusals(data.shipping_info)
    if data.shipping_delay is not UNSET:
        yield "$.shipping_delay: Mollie takes none"


def _captured(answer: Answer, operation: Operation | None, correlation_id: str | None) -> Result:
    """Mollie works the amount out: another one than ours is no success of what was asked for."""
    made = _SHIPMENT.decode(answer.body)
    if operation is not None and books.total_of(made) != operation.amount:
        return Unknown("amount_differs", correlation_id, answer.status)
    return Succeeded(made.id, correlation_id)


def _recorded(answer: Answer, _operation: Operation | None, correlation_id: str | None) -> Result:
    return Succeeded(_SHIPMENT.decode(answer.body).id, correlation_id)


CAPTURE: Final = MollieOperation(
    name="capture", freeze=_freeze, limits={Shipped: _limits}, success=_captured, key_seconds=KEY
)
RECORD_SHIPMENT: Final = MollieOperation(name="record_shipment", freeze=_freeze, success=_recorded, key_seconds=KEY)
