"""POST …/shipping-info of a capture, or of the order: tracking that comes after the shipment."""

from typing import Final

from ordersaga.domain.model.events import Data, Shipped, TrackingAdded
from ordersaga.domain.model.order import Operation, Order, Request
from ordersaga.domain.model.results import Snapshot
from ordersaga.providers.klarna import shipping_info
from ordersaga.providers.klarna.limits import Messages
from ordersaga.providers.klarna.operation import KlarnaOperation, holds
from ordersaga.providers.klarna.requests import body_of, capture_of, given, within_capture, write


def _freeze(order: Order, operation: Operation, data: Data | None) -> Request:
    assert isinstance(data, TrackingAdded | Shipped)
    return write("POST", order, operation, within_capture(operation, "shipping-info"), given(data, ("shipping_info",)))


def _limits(data: TrackingAdded) -> Messages:
    yield from shipping_info.refusals(data.shipping_info, least=1)


def _shows(request: Request, seen: Snapshot) -> bool | None:
    """Each entry is among those of the capture, or of the order."""
    capture_id = capture_of(request)
    known = seen.facts.get("shipping_info") if capture_id is None else seen.facts.get("captures", {}).get(capture_id)
    if known is None:
        return None
    return all(any(holds(one, wanted) for one in known) for wanted in body_of(request)["shipping_info"])


ADD_TRACKING: Final = KlarnaOperation(
    name="add_tracking", freeze=_freeze, limits={TrackingAdded: _limits}, shows=_shows
)
RECORD_SHIPMENT: Final = KlarnaOperation(name="record_shipment", freeze=_freeze, shows=_shows)
