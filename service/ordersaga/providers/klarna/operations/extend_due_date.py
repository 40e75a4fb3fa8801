"""A capture's due date: GET …/captures/{id}/extend-due-date-options, then PATCH …/extend-due-date."""

from typing import Final

import msgspec
from msgspec import Struct

from ordersaga.domain.model.events import Data, DueDateExtensionRequested
from ordersaga.domain.model.order import Operation, Order, Request
from ordersaga.domain.model.results import Result, Succeeded
from ordersaga.providers.http import Answer
from ordersaga.providers.klarna.operation import KlarnaOperation
from ordersaga.providers.klarna.requests import order_path, within_capture, write


class _Option(Struct):
    number_of_days: int
    amount: int


class _Options(Struct):
    options: list[_Option]


_OPTIONS: Final = msgspec.json.Decoder(_Options)


def _read(provider_order_id: str, operation: Operation) -> Request:
    return Request("GET", f"{order_path(provider_order_id)}/{within_capture(operation, 'extend-due-date-options')}")


def _success(answer: Answer, correlation_id: str | None) -> Result:
    options = msgspec.to_builtins(_OPTIONS.decode(answer.body).options)
    return Succeeded(correlation_id=correlation_id, result={"options": options})


def _freeze(order: Order, operation: Operation, data: Data | None) -> Request:
    assert isinstance(data, DueDateExtensionRequested)
    body = {"number_of_days": data.number_of_days}
    return write("PATCH", order, operation, within_capture(operation, "extend-due-date"), body)


READ_DUE_DATES: Final = KlarnaOperation(
    name="read_due_dates", freeze=None, read=_read, success=_success, key_seconds=0.0
)
EXTEND_DUE_DATE: Final = KlarnaOperation(name="extend_due_date", freeze=_freeze)
