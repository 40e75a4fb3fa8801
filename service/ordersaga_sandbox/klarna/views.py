"""Orders, captures and refunds as Order Management returns them. `order_tax_amount` exists only at creation."""

from typing import Any, Final

from ordersaga_sandbox.clock import iso
from ordersaga_sandbox.klarna.order import Capture, Order, Refund

_INITIAL: Final = {
    "b2b_invoice": "INVOICE_BUSINESS",
    "base_account": "ACCOUNT",
    "direct_bank_transfer": "BANK_TRANSFER",
    "slice_it_by_card": "FIXED_AMOUNT_BY_CARD",
}
"""Payment methods that Order Management and Payments name differently."""


def order_view(order: Order) -> dict[str, Any]:
    return _without_nulls(
        {
            "order_id": order.order_id,
            "status": order.status,
            "fraud_status": order.fraud_status,
            "order_amount": order.order_amount,
            "original_order_amount": order.original_order_amount,
            "captured_amount": order.captured,
            "refunded_amount": order.refunded,
            "remaining_authorized_amount": order.remaining,
            "purchase_currency": order.currency,
            "purchase_country": order.country,
            "locale": order.locale,
            "order_lines": order.lines,
            "merchant_reference1": order.merchant_reference1,
            "merchant_reference2": order.merchant_reference2,
            "merchant_data": order.merchant_data,
            "klarna_reference": order.klarna_reference,
            "created_at": iso(order.created_at),
            "expires_at": iso(order.expires_at),
            "customer": order.customer,
            "billing_address": order.billing_address,
            "shipping_address": order.shipping_address,
            "shipping_info": order.shipping_info,
            "captures": [capture_view(order, capture) for capture in order.captures],
            "refunds": [refund_view(refund) for refund in order.refunds],
            "initial_payment_method": {
                "type": _INITIAL.get(order.payment_method, order.payment_method.upper()),
                "description": order.payment_method.replace("_", " ").capitalize(),
            },
        }
    )


def capture_view(order: Order, capture: Capture) -> dict[str, Any]:
    return _without_nulls(
        {
            "capture_id": capture.capture_id,
            "klarna_reference": capture.klarna_reference,
            "captured_amount": capture.amount,
            "captured_at": iso(capture.at),
            "description": capture.description,
            "reference": capture.reference,
            "order_lines": capture.lines,
            "refunded_amount": capture.refunded,
            "billing_address": capture.billing_address or order.billing_address,
            "shipping_address": order.shipping_address,
            "shipping_info": capture.shipping_info,
        }
    )


def refund_view(refund: Refund) -> dict[str, Any]:
    return _without_nulls(
        {
            "refund_id": refund.refund_id,
            "refunded_amount": refund.amount,
            "refunded_at": iso(refund.at),
            "description": refund.description,
            "reference": refund.reference,
            "order_lines": refund.lines,
            "credit_invoice": refund.credit_invoice,
        }
    )


def control_view(order: Order) -> dict[str, Any]:
    """The order for the control plane: also what the API doesn't return."""
    return {
        **order_view(order),
        "account": order.account,
        "authorization_token": order.token,
        "acknowledged": order.acknowledged,
        "allocations": {refund.refund_id: refund.allocated_to for refund in order.refunds},
        "expires_at_seconds": order.expires_at,
    }


def _without_nulls(fields: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in fields.items() if value is not None}
