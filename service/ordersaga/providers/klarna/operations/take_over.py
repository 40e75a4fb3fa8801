"""GET /ordermanagement/v1/orders/{id}: the order with its captures and refunds, all in one answer. Every read is this one."""

from typing import Final

from ordersaga.domain.model.order import Request
from ordersaga.domain.model.results import Result, Succeeded
from ordersaga.providers.http import Answer
from ordersaga.providers.klarna import books
from ordersaga.providers.klarna.operation import KlarnaOperation
from ordersaga.providers.klarna.requests import order_path


def read(provider_order_id: str) -> Request:
    return Request("GET", order_path(provider_order_id))


def _success(answer: Answer, correlation_id: str | None) -> Result:
    return Succeeded(correlation_id=correlation_id, snapshot=books.snapshot(answer.body))


TAKE_OVER: Final = KlarnaOperation(
    name="take_over", freeze=None, success=_success, key_seconds=0.0, ways=(frozenset({"order_id"}),)
)
