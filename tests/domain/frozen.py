"""Requests of the provider of the tests that aren't writes to an order: of customer tokens and of Checkout."""

from typing import Final

import msgspec
from msgspec import UNSET

from ordersaga.domain.model.events import (
    CheckoutStarted,
    CustomerTokenCancelled,
    CustomerTokenRequested,
    Data,
    Payment,
    Placed,
)
from ordersaga.domain.model.order import Operation, Order, Request

OF_CHECKOUT: Final = {"create_checkout": "", "update_checkout": "", "abandon_checkout": "/abort"}


def _of_token(order: Order, _operation: Operation, data: Data | None) -> Request:
    if isinstance(data, CustomerTokenCancelled):
        token = order.details.customer_token if data.customer_token is UNSET else data.customer_token
        return Request("PATCH", f"/tokens/{token}/status", '{"status":"CANCELLED"}')
    asked = data.payment if isinstance(data, Placed) else data
    assert isinstance(asked, CustomerTokenRequested | Payment)
    given = asked.tokenize if isinstance(asked, Payment) else {"description": asked.description}
    assert given is not UNSET
    body = msgspec.json.encode({"description": given["description"]}).decode()
    return Request("POST", f"/authorizations/{asked.authorization_token}/customer-token", body)


def _of_checkout(order: Order, operation: Operation, data: Data | None) -> Request:
    own = f"/{order.provider_order_id}{OF_CHECKOUT[operation.type]}"
    return Request("POST", f"/checkout{'' if isinstance(data, CheckoutStarted) else own}")


OTHERS: Final = dict.fromkeys(OF_CHECKOUT, _of_checkout) | dict.fromkeys(
    ("create_customer_token", "cancel_customer_token"), _of_token
)

WRITES: Final = {
    "capture": ("captures", "captured_amount"),
    "refund": ("refunds", "refunded_amount"),
    "cancel": ("cancel", "amount"),
    "release": ("release-remaining-authorization", "amount"),
    "amend": ("authorization", "order_amount"),
    "change_reference": ("merchant-references", "amount"),
    "change_address": ("customer-details", "amount"),
    "add_tracking": ("shipping-info", "amount"),
    "record_shipment": ("shipping-info", "amount"),
    "resend_invoice": ("trigger-send-out", "amount"),
    "extend_authorization": ("extend-authorization-time", "amount"),
    "extend_due_date": ("extend-due-date", "amount"),
    "acknowledge": ("acknowledge", "amount"),
    "create_order_to_pay": ("orders", "amount"),
    "retry_payment": ("payments", "amount"),
    "refund_payment": ("refunds", "amount"),
    "cancel_lines": ("lines", "amount"),
    "set_references": ("merchant-references", "amount"),
}
"""What of the order is written to, and the field with the amount."""
