"""PATCH /ordermanagement/v1/orders/{id}/authorization: all that was captured or still may be."""

from typing import Final

from ordersaga.domain.model.events import Amended, Data
from ordersaga.domain.model.order import Operation, Order, Request
from ordersaga.providers.klarna import limits
from ordersaga.providers.klarna.limits import Messages
from ordersaga.providers.klarna.lines import lines_of, parts_left
from ordersaga.providers.klarna.operation import KlarnaOperation
from ordersaga.providers.klarna.requests import given, write


def _freeze(order: Order, operation: Operation, data: Data | None) -> Request:
    """`order` is the order as it will be.

    Klarna deletes its lines when none are sent; that is the lesser evil where lines and amount don't agree.
    """
    target = order.order_amount if operation.target is None else operation.target
    described = given(data, ("description",)) if isinstance(data, Amended) else {}
    body = {"order_amount": target, **described, **lines_of(parts_left(order), target)}
    return write("PATCH", order, operation, "authorization", body)


def _limits(data: Amended) -> Messages:
    yield from limits.amount("$.order_amount", data.order_amount)
    yield from limits.text("$.description", data.description, 255)
    yield from limits.order_lines(data.order_lines)


AMEND: Final = KlarnaOperation(name="amend", freeze=_freeze, limits={Amended: _limits})
