"""Mollie's table of operations. An operation that isn't listed is answered with `unsupported_by_provider`."""

from collections.abc import Callable, Mapping
from typing import Any, Final

from ordersaga.domain.model.events import Data
from ordersaga.domain.model.order import OperationType
from ordersaga.providers.limits import Messages
from ordersaga.providers.mollie.operation import MollieOperation
from ordersaga.providers.mollie.operations.add_tracking import ADD_TRACKING
from ordersaga.providers.mollie.operations.amend import AMEND
from ordersaga.providers.mollie.operations.cancel import CANCEL, RELEASE
from ordersaga.providers.mollie.operations.cancel_lines import CANCEL_LINES
from ordersaga.providers.mollie.operations.capture import CAPTURE, RECORD_SHIPMENT
from ordersaga.providers.mollie.operations.change_address import CHANGE_ADDRESS
from ordersaga.providers.mollie.operations.change_reference import CHANGE_REFERENCE
from ordersaga.providers.mollie.operations.create_order_to_pay import CREATE_ORDER_TO_PAY
from ordersaga.providers.mollie.operations.refund import REFUND, REFUND_PAYMENT
from ordersaga.providers.mollie.operations.retry_payment import RETRY_PAYMENT
from ordersaga.providers.mollie.operations.take_over import TAKE_OVER

_ROWS: Final = (
    CREATE_ORDER_TO_PAY,
    TAKE_OVER,
    RETRY_PAYMENT,
    CAPTURE,
    RECORD_SHIPMENT,
    ADD_TRACKING,
    REFUND,
    REFUND_PAYMENT,
    CANCEL,
    RELEASE,
    CANCEL_LINES,
    AMEND,
    CHANGE_ADDRESS,
    CHANGE_REFERENCE,
)

OPERATIONS: Final[Mapping[OperationType, MollieOperation]] = {row.name: row for row in _ROWS}
LIMITS: Final[Mapping[type[Data], tuple[Callable[[Any], Messages], ...]]] = {
    event: tuple(row.limits[event] for row in _ROWS if event in row.limits) for row in _ROWS for event in row.limits
}
"""By event: those of each operation that it may ask for."""
