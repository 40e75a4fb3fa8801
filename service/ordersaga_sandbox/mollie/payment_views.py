"""Payments, captures and refunds as the API returns them, and the order with all of them.

Source: mollie/api-documentation, get-payment.rst, get-capture.rst, get-refund.rst.
"""

from collections.abc import Collection
from typing import Any

from ordersaga_sandbox.mollie import money
from ordersaga_sandbox.mollie.order import Capture, Order, Payment, Refund
from ordersaga_sandbox.mollie.views import (
    documentation,
    iso,
    link,
    order_view,
    page_url,
    part_view,
    shipment_view,
    without_nulls,
)


def full_order_view(order: Order, base_url: str, embedded: Collection[str], *, refunded_too: bool) -> dict[str, Any]:
    """With `_embedded`, in the order of creation."""
    view = order_view(order, base_url, refunded_too=refunded_too)
    if not embedded:
        return view
    views = {
        "payments": [payment_view(order, payment, base_url) for payment in order.payments],
        "refunds": [refund_view(order, refund, base_url) for refund in visible_refunds(order)],
        "shipments": [shipment_view(order, shipment, base_url) for shipment in order.shipments],
    }
    return view | {"_embedded": {name: value for name, value in views.items() if name in embedded}}


def visible_refunds(order: Order) -> list[Refund]:
    """A canceled refund doesn't exist any more."""
    return [refund for refund in order.refunds if refund.status != "canceled"]


def payment_view(order: Order, payment: Payment, base_url: str) -> dict[str, Any]:
    currency = order.currency
    url = f"{base_url}/v2/payments/{payment.payment_id}"
    refunds = [refund for refund in visible_refunds(order) if refund.payment_id == payment.payment_id]
    refunded = sum(refund.amount for refund in refunds if refund.status != "failed")
    links = {"self": link(url), "order": link(f"{base_url}/v2/orders/{order.order_id}")}
    if payment.status == "open" and payment.sequence_type != "recurring":
        links["checkout"] = link(page_url(base_url, payment.payment_id), "text/html")
    links |= {"refunds": link(f"{url}/refunds")} if refunds else {}
    links |= {"captures": link(f"{url}/captures")} if payment.captures else {}
    links["documentation"] = documentation("payments-api/get-payment")
    fields = {
        "resource": "payment",
        "id": payment.payment_id,
        "mode": order.mode,
        "createdAt": iso(payment.created_at),
        "amount": money.view(payment.amount, currency),
        "amountCaptured": money.view(payment.captured, currency) if payment.captures else None,
        "amountRefunded": money.view(refunded, currency) if payment.captured else None,
        "amountRemaining": money.view(payment.captured - refunded, currency) if payment.captured else None,
        "description": f"Order {order.order_number}",
        "status": payment.status,
        "isCancelable": False if payment.unfinished else None,
        "expiresAt": iso(payment.expires_at) if payment.unfinished else None,
        **{f"{status}At": iso(at) for status, at in payment.changed_at.items()},
        "locale": order.locale,
        "profileId": order.profile_id,
        "orderId": order.order_id,
        "customerId": payment.customer_id,
        "mandateId": payment.mandate_id,
        "sequenceType": payment.sequence_type,
        "redirectUrl": order.redirect_url,
        "webhookUrl": payment.webhook_url,
        "_links": links,
    }
    return without_nulls(fields) | {"method": payment.method, "metadata": None}


def refund_view(order: Order, refund: Refund, base_url: str) -> dict[str, Any]:
    payment = f"{base_url}/v2/payments/{refund.payment_id}"
    fields = {
        "resource": "refund",
        "id": refund.refund_id,
        "mode": order.mode,
        "amount": money.view(refund.amount, order.currency),
        "settlementAmount": money.view(-refund.amount, order.currency) if order.currency == "EUR" else None,
        "status": refund.status,
        "createdAt": iso(refund.created_at),
        "description": refund.description,
        "paymentId": refund.payment_id,
        "orderId": order.order_id,
        "lines": None if refund.parts is None else [part_view(order, part) for part in refund.parts],
        "_links": {
            "self": link(f"{payment}/refunds/{refund.refund_id}"),
            "payment": link(payment),
            "order": link(f"{base_url}/v2/orders/{order.order_id}"),
            "documentation": documentation("refunds-api/get-payment-refund"),
        },
    }
    return without_nulls(fields) | {"metadata": refund.metadata}


def capture_view(order: Order, payment: Payment, capture: Capture, base_url: str) -> dict[str, Any]:
    url = f"{base_url}/v2/payments/{payment.payment_id}"
    return {
        "resource": "capture",
        "id": capture.capture_id,
        "mode": order.mode,
        "amount": money.view(capture.amount, order.currency),
        "status": "succeeded",
        "paymentId": payment.payment_id,
        "shipmentId": capture.shipment_id,
        "createdAt": iso(capture.at),
        "_links": {
            "self": link(f"{url}/captures/{capture.capture_id}"),
            "payment": link(url),
            "shipment": link(f"{base_url}/v2/orders/{order.order_id}/shipments/{capture.shipment_id}"),
            "documentation": documentation("captures-api/get-capture"),
        },
    }


def control_view(order: Order, base_url: str, *, refunded_too: bool) -> dict[str, Any]:
    """The order for the control plane: also what the API doesn't return."""
    return full_order_view(order, base_url, ("payments", "refunds", "shipments"), refunded_too=refunded_too) | {
        "account": order.account,
        "methods": order.methods,
        "declines": order.declines,
        "expires_at_seconds": order.expires_at,
        "captures": {
            payment.payment_id: [capture_view(order, payment, one, base_url) for one in payment.captures]
            for payment in order.payments
        },
    }
