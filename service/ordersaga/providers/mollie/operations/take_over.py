"""GET /v2/orders/{id}?embed=payments,refunds,shipments: all of the order in one answer. Every read is this one.

Source: mollie/api-documentation, get-order.rst.
"""

import re
from typing import Final

from msgspec import UNSET

from ordersaga.domain.model.events import Placed
from ordersaga.domain.model.order import Operation
from ordersaga.domain.model.results import Result, Succeeded
from ordersaga.providers import limits as common
from ordersaga.providers.http import Answer
from ordersaga.providers.limits import Messages
from ordersaga.providers.mollie import books
from ordersaga.providers.mollie.money import is_known
from ordersaga.providers.mollie.operation import MollieOperation

_ID: Final = re.compile("ord_[A-Za-z0-9._-]{1,100}")


def _success(answer: Answer, _operation: Operation | None, correlation_id: str | None) -> Result:
    return Succeeded(correlation_id=correlation_id, snapshot=books.snapshot(answer.body))


def _limits(data: Placed) -> Messages:
    if data.payment.order_id is UNSET:
        return
    yield from common.pattern("$.payment.order_id", data.payment.order_id, _ID)
    if not is_known(data.purchase_currency):
        yield f"$.purchase_currency: Mollie has no amounts in {data.purchase_currency.upper()}"


TAKE_OVER: Final = MollieOperation(
    name="take_over", freeze=None, limits={Placed: _limits}, success=_success, ways=(frozenset({"order_id"}),)
)
