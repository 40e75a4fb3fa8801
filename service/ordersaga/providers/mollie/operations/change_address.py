"""PATCH /v2/orders/{id}: a new billing or shipping address, each of them whole.

Source: mollie/api-documentation, update-order.rst.
"""

from typing import Final

from msgspec import UNSET

from ordersaga.domain.model.events import AddressChanged, Data
from ordersaga.domain.model.order import Operation, Order, Request
from ordersaga.domain.model.results import Snapshot
from ordersaga.providers.limits import Messages
from ordersaga.providers.mollie import addresses
from ordersaga.providers.mollie.operation import MollieOperation
from ordersaga.providers.mollie.requests import body_of, order_path, write

_NAMES: Final = {"billing_address": "billingAddress", "shipping_address": "shippingAddress"}


def _freeze(order: Order, operation: Operation, data: Data | None, _after: Order | None) -> Request:
    assert isinstance(data, AddressChanged)
    given = {ours: getattr(data, name) for name, ours in _NAMES.items()}
    body = {name: addresses.sent(address) for name, address in given.items() if address is not UNSET}
    return write("PATCH", order_path(order, operation), body)


def _limits(data: AddressChanged) -> Messages:
    for name in _NAMES:
        yield from addresses.refusals(f"$.{name}", getattr(data, name))


def _shows(request: Request, seen: Snapshot) -> bool | None:
    sent = {name: address for name, address in body_of(request).items() if name in _NAMES.values()}
    return all(addresses.shown(seen.facts.get(name), address) for name, address in sent.items())


CHANGE_ADDRESS: Final = MollieOperation(
    name="change_address", freeze=_freeze, limits={AddressChanged: _limits}, shows=_shows
)
