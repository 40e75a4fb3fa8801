"""POST /ordermanagement/v1/orders/{id}/captures."""

from functools import partial
from typing import Final

from msgspec import UNSET

from ordersaga.domain.model.events import Data, Shipped
from ordersaga.domain.model.order import Operation, Order, Request
from ordersaga.providers.klarna import limits
from ordersaga.providers.klarna.answers import created_id
from ordersaga.providers.klarna.limits import Messages
from ordersaga.providers.klarna.lines import lines_of, parts_of
from ordersaga.providers.klarna.operation import KlarnaOperation
from ordersaga.providers.klarna.requests import given, write

_MOST_SHIPPING_INFO: Final = 500
_SHIPPING_METHODS: Final = frozenset(
    (
        "PickUpStore",
        "Home",
        "BoxReg",
        "BoxUnreg",
        "PickUpPoint",
        "Own",
        "Postal",
        "DHLPackstation",
        "Digital",
        "Undefined",
        "PickUpWarehouse",
        "ClickCollect",
        "PalletDelivery",
    )
)
_SHIPPING_INFO: Final = {
    "shipping_company": 100,
    "tracking_number": 100,
    "return_shipping_company": 100,
    "return_tracking_number": 100,
    "tracking_uri": 1024,
    "return_tracking_uri": 1024,
}


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
    if data.shipping_info is UNSET:
        return
    if len(data.shipping_info) > _MOST_SHIPPING_INFO:
        yield f"$.shipping_info: {len(data.shipping_info)} entries, at most {_MOST_SHIPPING_INFO}"
    for position, info in enumerate(data.shipping_info):
        path = f"$.shipping_info[{position}]"
        yield from limits.texts(path, info, _SHIPPING_INFO)
        method = info.get("shipping_method")
        if method is not None and method not in _SHIPPING_METHODS:
            yield f"{path}.shipping_method: one of {', '.join(sorted(_SHIPPING_METHODS))}"


CAPTURE: Final = KlarnaOperation(
    name="capture", freeze=_freeze, limits={Shipped: _limits}, success=partial(created_id, "capture-id")
)
