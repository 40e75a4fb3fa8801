"""POST /ordermanagement/v1/orders/{id}/acknowledge, which ends Klarna's pushes, then PATCH …/merchant-references.

Both have a key, which keeps a repeat from counting twice; without it they would do no harm either. No read shows whether they
took effect, so that any 2xx is believed, whichever the region answers with.
"""

from typing import Final

from ordersaga.domain.model.events import Data, ReferenceChanged
from ordersaga.domain.model.order import Operation, Order, Request
from ordersaga.domain.model.results import Result, Succeeded
from ordersaga.providers.http import Answer
from ordersaga.providers.klarna.operation import KlarnaOperation
from ordersaga.providers.klarna.requests import given, write

_REFERENCES: Final = ("merchant_reference1", "merchant_reference2")


def _acknowledge(order: Order, operation: Operation, _data: Data | None) -> Request:
    return write("POST", order, operation, "acknowledge")


def _references(order: Order, operation: Operation, data: Data | None) -> Request:
    assert isinstance(data, ReferenceChanged)
    return write("PATCH", order, operation, "merchant-references", given(data, _REFERENCES))


def _done(_answer: Answer, correlation_id: str | None) -> Result:
    return Succeeded(correlation_id=correlation_id)


ACKNOWLEDGE: Final = KlarnaOperation(name="acknowledge", freeze=_acknowledge, success=_done, key_seconds=0.0)
SET_REFERENCES: Final = KlarnaOperation(name="set_references", freeze=_references, success=_done, key_seconds=0.0)
