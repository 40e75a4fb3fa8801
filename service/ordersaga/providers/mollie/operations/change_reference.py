"""PATCH /v2/orders/{id}: another order number, the only reference that Mollie has.

Source: mollie/api-documentation, update-order.rst.
"""

from typing import Final

from msgspec import UNSET

from ordersaga.domain.model.events import Data, ReferenceChanged
from ordersaga.domain.model.order import Operation, Order, Request
from ordersaga.domain.model.results import Snapshot
from ordersaga.providers.limits import Messages
from ordersaga.providers.mollie.operation import MollieOperation
from ordersaga.providers.mollie.requests import body_of, order_path, write


def _freeze(order: Order, operation: Operation, data: Data | None, _after: Order | None) -> Request:
    assert isinstance(data, ReferenceChanged)
    return write("PATCH", order_path(order, operation), {"orderNumber": data.merchant_reference1})


def _limits(data: ReferenceChanged) -> Messages:
    if data.merchant_reference2 is not UNSET:
        yield "$.merchant_reference2: Mollie has one order number, merchant_reference1"
    if not data.merchant_reference1:
        yield "$.merchant_reference1: is needed, Mollie's order number can't be cleared"


def _shows(request: Request, seen: Snapshot) -> bool | None:
    return bool(seen.facts.get("orderNumber") == body_of(request)["orderNumber"])


CHANGE_REFERENCE: Final = MollieOperation(
    name="change_reference", freeze=_freeze, limits={ReferenceChanged: _limits}, shows=_shows
)
