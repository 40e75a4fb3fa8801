"""POST /v2/orders/{id}/refunds by lines; POST /v2/payments/{id}/refunds where lines can't tell the amount.

Mollie refuses a second refund of the same amount within the hour, whatever its key: 409.
Sources: mollie/api-documentation, create-order-refund.rst, create-payment-refund.rst, get-refund.rst.
"""

from typing import Final

import msgspec
from msgspec import UNSET

from ordersaga.domain.model.events import Data, Returned
from ordersaga.domain.model.order import Operation, Order, Request
from ordersaga.domain.model.results import Result, Succeeded, Unknown
from ordersaga.providers import limits as common
from ordersaga.providers.http import Answer
from ordersaga.providers.limits import Messages
from ordersaga.providers.mollie import books
from ordersaga.providers.mollie.lines import can_be_told, parts
from ordersaga.providers.mollie.money import amount, minor
from ordersaga.providers.mollie.operation import KEY, MollieOperation
from ordersaga.providers.mollie.requests import Json, payment_refunds_path, post, within_order

_MOST_DESCRIPTION: Final = 140
_REFUND: Final = msgspec.json.Decoder(books.Refund)


def _freeze(order: Order, operation: Operation, data: Data | None, _after: Order | None) -> Request:
    body: Json = {"metadata": {books.OPERATION: operation.id}}
    if isinstance(data, Returned) and data.description is not UNSET:
        body["description"] = data.description
    if _by_lines(order, operation):
        body["lines"] = parts(order, operation)
        return post(within_order(order, operation, "refunds"), operation, body)
    body["amount"] = amount(operation.amount, order.currency)
    return post(payment_refunds_path(order, operation), operation, body)


def _by_lines(order: Order, operation: Operation) -> bool:
    """A fee that is kept has no line at Mollie."""
    allocations = operation.allocations
    whole = bool(allocations) and sum(one.amount for one in allocations) == operation.amount
    return whole and not operation.kept and can_be_told(order, allocations)


def _limits(data: Returned) -> Messages:
    yield from common.text("$.description", data.description, _MOST_DESCRIPTION)


def _success(answer: Answer, operation: Operation | None, correlation_id: str | None) -> Result:
    """Until it has arrived it may fail."""
    made = _REFUND.decode(answer.body)
    if operation is not None and minor(made.amount, made.amount.currency) != operation.amount:
        return Unknown("amount_differs", correlation_id, answer.status)
    return Succeeded(made.id, correlation_id, moving=made.is_moving)


REFUND: Final = MollieOperation(
    name="refund",
    freeze=_freeze,
    limits={Returned: _limits},
    success=_success,
    key_seconds=KEY,
    keeps_reference=True,
)
REFUND_PAYMENT: Final = MollieOperation(
    name="refund_payment", freeze=_freeze, success=_success, key_seconds=KEY, keeps_reference=True
)
