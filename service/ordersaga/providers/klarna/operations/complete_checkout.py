"""What the customer has completed: GET /checkout/v3/orders/{id}, then GET /ordermanagement/v1/orders/{id}, the same id.

The recurring token stands in the Checkout order alone.
"""

from typing import Final

from msgspec import UNSET

from ordersaga.domain.model.events import Placed
from ordersaga.domain.model.order import Operation, Request
from ordersaga.domain.model.results import Result, Succeeded
from ordersaga.providers.http import Answer
from ordersaga.providers.klarna import books, checkout, limits
from ordersaga.providers.klarna.limits import Messages
from ordersaga.providers.klarna.operation import KlarnaOperation
from ordersaga.providers.klarna.requests import order_path


def _confirm(provider_order_id: str, _operation: Operation) -> Request:
    return Request("GET", order_path(provider_order_id))


def _confirmed(answer: Answer, correlation_id: str | None) -> Result:
    return Succeeded(correlation_id=correlation_id, snapshot=books.snapshot(answer.body))


def _limits(data: Placed) -> Messages:
    if data.payment.checkout_order_id is UNSET:
        return
    yield from limits.path_segment("$.payment.checkout_order_id", data.payment.checkout_order_id)
    yield from limits.order_lines(data.order_lines)
    yield from limits.text("$.merchant_reference1", data.merchant_reference1, 255)
    yield from limits.text("$.merchant_reference2", data.merchant_reference2, 255)


COMPLETE_CHECKOUT: Final = KlarnaOperation(
    name="complete_checkout",
    freeze=None,
    read=checkout.read,
    limits={Placed: _limits},
    success=checkout.seen,
    key_seconds=0.0,
    ways=(frozenset({"checkout_order_id"}),),
)
CONFIRM_CHECKOUT: Final = KlarnaOperation(
    name="confirm_checkout", freeze=None, read=_confirm, success=_confirmed, key_seconds=0.0
)
