"""PATCH /ordermanagement/v1/orders/{id}/customer-details: Klarna changes the shipping address alone."""

from typing import Final

from msgspec import UNSET

from ordersaga.domain.model.events import AddressChanged, Data
from ordersaga.domain.model.order import Operation, Order, Request
from ordersaga.domain.model.results import Snapshot
from ordersaga.providers.klarna import limits
from ordersaga.providers.klarna.limits import Messages
from ordersaga.providers.klarna.operation import KlarnaOperation, holds
from ordersaga.providers.klarna.requests import body_of, given, write


def _freeze(order: Order, operation: Operation, data: Data | None) -> Request:
    assert isinstance(data, AddressChanged)
    return write("PATCH", order, operation, "customer-details", given(data, ("shipping_address",)))


def _limits(data: AddressChanged) -> Messages:
    if data.billing_address is not UNSET:
        yield "$.billing_address: Klarna changes the shipping address only"
    yield from limits.address("$.shipping_address", data.shipping_address)


def _shows(request: Request, seen: Snapshot) -> bool | None:
    shown = seen.facts.get("shipping_address")
    return None if shown is None else holds(shown, body_of(request)["shipping_address"])


CHANGE_ADDRESS: Final = KlarnaOperation(
    name="change_address", freeze=_freeze, limits={AddressChanged: _limits}, shows=_shows
)
