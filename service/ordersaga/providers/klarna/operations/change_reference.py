"""PATCH /ordermanagement/v1/orders/{id}/merchant-references: an empty reference clears it."""

from typing import Final

from ordersaga.domain.model.events import Data, ReferenceChanged
from ordersaga.domain.model.order import Operation, Order, Request
from ordersaga.providers.klarna import limits
from ordersaga.providers.klarna.limits import Messages
from ordersaga.providers.klarna.operation import KlarnaOperation, body_shown
from ordersaga.providers.klarna.requests import given, write

_REFERENCES: Final = ("merchant_reference1", "merchant_reference2")


def _freeze(order: Order, operation: Operation, data: Data | None) -> Request:
    assert isinstance(data, ReferenceChanged)
    return write("PATCH", order, operation, "merchant-references", given(data, _REFERENCES))


def _limits(data: ReferenceChanged) -> Messages:
    for name in _REFERENCES:
        yield from limits.text(f"$.{name}", getattr(data, name), 255)


CHANGE_REFERENCE: Final = KlarnaOperation(
    name="change_reference", freeze=_freeze, limits={ReferenceChanged: _limits}, shows=body_shown
)
