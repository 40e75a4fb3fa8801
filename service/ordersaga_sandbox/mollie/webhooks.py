"""Webhooks: a POST with the id of what changed, until the merchant answers 200.

Source: mollie/api-documentation, overview/webhooks.rst and orders/status-changes.rst; where they differ, both hold.
"""

from typing import Final
from urllib.parse import urlencode

from ordersaga_sandbox.deliveries import Delivery
from ordersaga_sandbox.mollie.order import Order, Payment
from ordersaga_sandbox.state import SandboxState
from ordersaga_sandbox.switches import DeliveryKind

_MINUTE: Final = 60.0
_RETRIES: Final = tuple(after * _MINUTE for after in (1, 3, 7, 15, 31, 60, 120, 240, 1560))


def call_order_webhook(state: SandboxState, order: Order, at: float) -> None:
    """For paid, authorized, completed, canceled, expired; a shipment; a cancellation or refund of a part."""
    if order.webhook_url:
        _send(state, "order_webhook", order, order.webhook_url, order.order_id, at)


def call_payment_webhook(state: SandboxState, order: Order, payment: Payment, at: float) -> None:
    """For failed, canceled and expired payments, to the URL of `payment.webhookUrl`."""
    if payment.webhook_url:
        _send(state, "payment_webhook", order, payment.webhook_url, payment.payment_id, at)


def _send(state: SandboxState, kind: DeliveryKind, order: Order, url: str, object_id: str, at: float) -> None:
    delivery = Delivery(
        kind,
        order.account,
        url,
        urlencode({"id": object_id}).encode(),
        at,
        order_id=order.order_id,
        content_type="application/x-www-form-urlencoded",
        only_200=True,
        retries=(at + after for after in _RETRIES),
    )
    state.deliveries.plan(state.deliveries.log(delivery), at + state.switches.delivery_delay)
