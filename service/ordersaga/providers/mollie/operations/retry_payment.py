"""POST /v2/orders/{id}/payments: another payment, once the last one has failed, expired or was cancelled.

The addresses for notifications are those of the first. Source: mollie/api-documentation, create-order-payment.rst.
"""

from typing import Final

import msgspec
from msgspec import UNSET

from ordersaga.domain.model.events import Data, PaymentRetried
from ordersaga.domain.model.order import Operation, Order, Request
from ordersaga.domain.model.results import Result, Succeeded
from ordersaga.providers.http import Answer
from ordersaga.providers.mollie import books
from ordersaga.providers.mollie.operation import KEY, MollieOperation
from ordersaga.providers.mollie.requests import post, within_order

_PAYMENT: Final = msgspec.json.Decoder(books.Payment)


def _freeze(order: Order, operation: Operation, data: Data | None, _after: Order | None) -> Request:
    method = data.method if isinstance(data, PaymentRetried) else UNSET
    body = {"method": method} if method else {}
    return post(within_order(order, operation, "payments"), operation, body)


def _success(answer: Answer, _operation: Operation | None, correlation_id: str | None) -> Result:
    payment = books.seen(_PAYMENT.decode(answer.body))
    return Succeeded(payment.id, correlation_id, payment=payment)


RETRY_PAYMENT: Final = MollieOperation(name="retry_payment", freeze=_freeze, success=_success, key_seconds=KEY)
