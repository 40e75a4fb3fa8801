"""What an event does that moves no money: the contract's "others", as far as the provider's documentation says their end."""

from typing import Any

from sample.oracle_order import Order, Waits
from sample.oracle_parts import Rejected, Unsaid

Json = dict[str, Any]
OFFERED_DAYS = {14, 30, 60}
"""By how much the sandbox lets a due date be extended; at Klarna it depends on the customer."""
OUTCOMES = {
    "tracking_added": "tracking_added",
    "address_changed": "address_changed",
    "reference_changed": "reference_changed",
    "authorization_extension_requested": "extended",
    "invoice_resend_requested": "invoice_resent",
    "due_date_extension_requested": "due_date_extended",
}


def change(order: Order, what: str, data: Json) -> str:
    """The type of the final outcome; the books stay as they are."""
    if order.status == "cancelled":
        raise Unsaid("changing an order that was cancelled")
    if what in {"address_changed", "authorization_extension_requested"} and order.over:
        raise Unsaid("the address or the authorization of an order of which nothing is left")
    if "shipment_id" in data:
        _of_shipment(order, what, data["shipment_id"])
    if what == "due_date_extension_requested" and data["number_of_days"] not in OFFERED_DAYS:
        raise Rejected("not_acceptable_to_provider")
    return OUTCOMES[what]


def _of_shipment(order: Order, what: str, shipment: str) -> None:
    """Waits as long as the shipment may still come."""
    if shipment not in order.shipments:
        raise Rejected("shipment_unknown") if order.over else Waits("shipment_unknown")
    if not order.shipments[shipment] and what != "tracking_added":
        raise Unsaid("the invoice of a shipment worth nothing")
