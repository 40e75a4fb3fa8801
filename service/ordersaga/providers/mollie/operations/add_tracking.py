"""PATCH /v2/orders/{id}/shipments/{shipment}: tracking that comes after the shipment, of which there is one at most.

Source: mollie/api-documentation, update-shipment.rst.
"""

from typing import Final

from msgspec import UNSET

from ordersaga.domain.model.events import Data, TrackingAdded
from ordersaga.domain.model.order import Operation, Order, Request
from ordersaga.domain.model.results import Snapshot
from ordersaga.providers.limits import Messages
from ordersaga.providers.mollie import shipping_info
from ordersaga.providers.mollie.operation import MollieOperation
from ordersaga.providers.mollie.requests import body_of, shipment_of, shipment_path, write


def _freeze(order: Order, operation: Operation, data: Data | None, _after: Order | None) -> Request:
    assert isinstance(data, TrackingAdded)
    return write("PATCH", shipment_path(order, operation), shipping_info.tracking(data.shipping_info))


def _limits(data: TrackingAdded) -> Messages:
    if data.shipment_id is UNSET:
        yield "$.shipment_id: is needed, Mollie has tracking of shipments alone"
    yield from shipping_info.refusals(data.shipping_info, least=1)


def _shows(request: Request, seen: Snapshot) -> bool | None:
    shown = seen.facts.get("shipments", {}).get(shipment_of(request))
    if shown is None:
        return None
    return all(shown.get(name) == value for name, value in body_of(request)["tracking"].items())


ADD_TRACKING: Final = MollieOperation(
    name="add_tracking", freeze=_freeze, limits={TrackingAdded: _limits}, shows=_shows
)
