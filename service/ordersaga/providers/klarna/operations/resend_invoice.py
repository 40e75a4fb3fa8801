"""POST /ordermanagement/v1/orders/{id}/captures/{capture}/trigger-send-out: the customer gets the invoice again."""

from typing import Final

from ordersaga.domain.model.events import Data
from ordersaga.domain.model.order import Operation, Order, Request
from ordersaga.providers.klarna.operation import KlarnaOperation
from ordersaga.providers.klarna.requests import within_capture, write


def _freeze(order: Order, operation: Operation, _data: Data | None) -> Request:
    return write("POST", order, operation, within_capture(operation, "trigger-send-out"))


RESEND_INVOICE: Final = KlarnaOperation(name="resend_invoice", freeze=_freeze)
