"""DELETE /v2/orders/{id}/lines, with a body: some lines, or parts of them, that nobody will ship. Answered with 204.

Source: mollie/api-documentation, cancel-order-lines.rst.
"""

from typing import Final

from ordersaga.domain.model.events import Data
from ordersaga.domain.model.order import Operation, Order, Request
from ordersaga.providers.mollie.lines import parts
from ordersaga.providers.mollie.operation import MollieOperation
from ordersaga.providers.mollie.requests import within_order, write


def _freeze(order: Order, operation: Operation, _data: Data | None, _after: Order | None) -> Request:
    return write("DELETE", within_order(order, operation, "lines"), {"lines": parts(order, operation)})


CANCEL_LINES: Final = MollieOperation(name="cancel_lines", freeze=_freeze)
