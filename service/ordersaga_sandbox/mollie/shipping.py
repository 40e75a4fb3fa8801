"""Shipments, which capture the payment of what they ship. Source: mollie/api-documentation, create-shipment.rst.

Error texts: mollie/magento2#129, #131.
"""

from collections.abc import Mapping
from typing import Any, Final

from ordersaga_sandbox.mollie import ids, parts, reading, settling, webhooks
from ordersaga_sandbox.mollie.actor import Actor
from ordersaga_sandbox.mollie.errors import invalid
from ordersaga_sandbox.mollie.order import Capture, Order, Shipment

FIELDS: Final = frozenset({"lines", "tracking"})
_MAX_TRACKING: Final = 100


def ship(actor: Actor, order: Order, body: Mapping[str, Any]) -> Shipment:
    tracking = parse_tracking(body.get("tracking")) if body.get("tracking") is not None else None
    if order.status not in {"paid", "authorized", "shipping", "completed"}:
        raise invalid("This order cannot be shipped.")
    shipped = parts.select(
        order, body.get("lines"), parts.to_ship(refunded_too=actor.state.switches.mollie_refunded_shippable)
    )
    if not shipped:
        raise invalid("Cannot create a shipment. No lines can be shipped.")
    amount = parts.total(shipped)
    if amount < 0:
        raise invalid("Cannot create a shipment. The amount of the lines is negative.", "lines")
    shipment = Shipment(ids.new(actor.state, "shp_"), actor.at, shipped, tracking)
    for part in shipped:
        settling.ship_part(part)
    order.shipments.append(shipment)
    if order.by_capture:
        _capture(actor, order, shipment, amount)
    else:
        actor.record(order, "shipment", None, shipment.shipment_id)
    settling.settle(actor, order)
    webhooks.call_order_webhook(actor.state, order, actor.at)
    return shipment


def _capture(actor: Actor, order: Order, shipment: Shipment, amount: int) -> None:
    payment = order.payment
    if amount:
        payment.captures.append(Capture(ids.new(actor.state, "cpt_"), shipment.shipment_id, amount, actor.at))
        payment.captured += amount
    actor.record(order, "capture", amount, shipment.shipment_id)


def track(actor: Actor, order: Order, shipment: Shipment, body: Mapping[str, Any]) -> None:
    shipment.tracking = parse_tracking(body.get("tracking"))
    actor.record(order, "shipping_info", None, shipment.shipment_id)


def parse_tracking(given: object) -> dict[str, str | None]:
    if not isinstance(given, dict):
        raise invalid("The 'tracking' field should be an object with the fields 'carrier' and 'code'", "tracking")
    for name in given:
        if name not in {"carrier", "code", "url"}:
            raise invalid(f'Non-existent body parameter "tracking.{name}" for this API call.', f"tracking.{name}")
    tracking = {name: reading.text(given, name, _MAX_TRACKING, where="tracking.") for name in ("carrier", "code")}
    for name, value in tracking.items():
        if not value:
            raise invalid(f"The 'tracking.{name}' field is missing", f"tracking.{name}")
    return {**tracking, "url": reading.url(given, "url", where="tracking.")}
