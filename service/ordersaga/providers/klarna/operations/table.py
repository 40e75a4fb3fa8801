"""Klarna's table of operations. An operation that isn't listed is answered with `unsupported_by_provider`."""

from collections.abc import Callable, Mapping
from typing import Any, Final

from ordersaga.domain.model.events import Data
from ordersaga.domain.model.order import OperationType
from ordersaga.providers.klarna.limits import Messages
from ordersaga.providers.klarna.operation import KlarnaOperation
from ordersaga.providers.klarna.operations.abandon_checkout import ABANDON_CHECKOUT
from ordersaga.providers.klarna.operations.acknowledge import ACKNOWLEDGE, SET_REFERENCES
from ordersaga.providers.klarna.operations.add_tracking import ADD_TRACKING, RECORD_SHIPMENT
from ordersaga.providers.klarna.operations.amend import AMEND
from ordersaga.providers.klarna.operations.cancel import CANCEL
from ordersaga.providers.klarna.operations.cancel_authorization import CANCEL_AUTHORIZATION
from ordersaga.providers.klarna.operations.cancel_customer_token import CANCEL_CUSTOMER_TOKEN
from ordersaga.providers.klarna.operations.capture import CAPTURE
from ordersaga.providers.klarna.operations.change_address import CHANGE_ADDRESS
from ordersaga.providers.klarna.operations.change_reference import CHANGE_REFERENCE
from ordersaga.providers.klarna.operations.complete_checkout import COMPLETE_CHECKOUT, CONFIRM_CHECKOUT
from ordersaga.providers.klarna.operations.create_checkout import CREATE_CHECKOUT
from ordersaga.providers.klarna.operations.create_customer_token import CREATE_CUSTOMER_TOKEN
from ordersaga.providers.klarna.operations.create_order import CREATE_ORDER
from ordersaga.providers.klarna.operations.create_token_order import CREATE_TOKEN_ORDER
from ordersaga.providers.klarna.operations.extend_authorization import EXTEND_AUTHORIZATION
from ordersaga.providers.klarna.operations.extend_due_date import EXTEND_DUE_DATE, READ_DUE_DATES
from ordersaga.providers.klarna.operations.refund import REFUND
from ordersaga.providers.klarna.operations.release import RELEASE
from ordersaga.providers.klarna.operations.resend_invoice import RESEND_INVOICE
from ordersaga.providers.klarna.operations.take_over import TAKE_OVER
from ordersaga.providers.klarna.operations.update_checkout import UPDATE_CHECKOUT

_ROWS: Final = (
    CREATE_ORDER,
    CREATE_TOKEN_ORDER,
    CANCEL_AUTHORIZATION,
    TAKE_OVER,
    CAPTURE,
    REFUND,
    CANCEL,
    RELEASE,
    AMEND,
    CHANGE_REFERENCE,
    CHANGE_ADDRESS,
    ADD_TRACKING,
    RECORD_SHIPMENT,
    RESEND_INVOICE,
    EXTEND_AUTHORIZATION,
    READ_DUE_DATES,
    EXTEND_DUE_DATE,
    CREATE_CUSTOMER_TOKEN,
    CANCEL_CUSTOMER_TOKEN,
    CREATE_CHECKOUT,
    UPDATE_CHECKOUT,
    ABANDON_CHECKOUT,
    COMPLETE_CHECKOUT,
    CONFIRM_CHECKOUT,
    ACKNOWLEDGE,
    SET_REFERENCES,
)

OPERATIONS: Final[Mapping[OperationType, KlarnaOperation]] = {row.name: row for row in _ROWS}
LIMITS: Final[Mapping[type[Data], tuple[Callable[[Any], Messages], ...]]] = {
    event: tuple(row.limits[event] for row in _ROWS if event in row.limits) for row in _ROWS for event in row.limits
}
"""By event: those of each operation that it may ask for."""
