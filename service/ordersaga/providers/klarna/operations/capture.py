"""POST /ordermanagement/v1/orders/{id}/captures."""

from functools import partial
from typing import Final

from ordersaga.domain.model.events import Data, Shipped
from ordersaga.domain.model.order import Operation, Order, Request
from ordersaga.providers.klarna import limits, shipping_info
from ordersaga.providers.klarna.answers import created_id
from ordersaga.providers.klarna.limits import Messages
from ordersaga.providers.klarna.lines import lines_of, parts_of
from ordersaga.providers.klarna.operation import KlarnaOperation
from ordersaga.providers.klarna.requests import given, write


def _freeze(order: Order, operation: Operation, data: Data | None) -> Request:
    shipped = data if isinstance(data, Shipped) else Shipped()
    body = {
        "captured_amount": operation.amount,
        "reference": operation.id,
        **given(shipped, ("description", "shipping_info", "shipping_delay")),
        **lines_of(parts_of(order, operation.allocations), operation.amount),
    }
    return write("POST", order, operation, "captures", body)


def _limits(data: Shipped) -> Messages:
    yield from limits.part_lines(data.order_lines)
    yield from limits.amount("$.captured_amount", data.captured_amount)
    yield from limits.text("$.description", data.description, 255)
    yield from shipping_info.refusals(data.shipping_info)


CAPTURE: Final = KlarnaOperation(
    name="capture", freeze=_freeze, limits={Shipped: _limits}, success=partial(created_id, "capture-id")
)
