"""Customers who act by themselves, so that a recorded history can go through the Checkout.

Which Checkout orders have one is told by their `merchant_data`, if it begins with `sbx-`: `sbx-refuse-…` refuses,
`sbx-lapse-…` lets the order lapse, `sbx-quick-…` buys at once, without the merchant's validation; all others buy after a
while, `sbx-pending-…` what then goes to review. Such an order has an id that is known before: the UUIDv5 of the text.
"""

import contextlib
import uuid
from typing import TYPE_CHECKING, Final

from ordersaga_sandbox.http import ApiError
from ordersaga_sandbox.klarna.checkout_order import CheckoutOrder
from ordersaga_sandbox.klarna.purchasing import Purchase, finish
from ordersaga_sandbox.klarna.tokens import AUTHORIZED_PREFIX
from ordersaga_sandbox.state import SandboxState

if TYPE_CHECKING:
    from ordersaga_sandbox.courier import Courier

_QUICK: Final = f"{AUTHORIZED_PREFIX}quick-"
_PENDING: Final = f"{AUTHORIZED_PREFIX}pending-"
_REFUSES: Final = f"{AUTHORIZED_PREFIX}refuse-"
_LAPSES: Final = f"{AUTHORIZED_PREFIX}lapse-"


def known_id(text: str | None) -> str | None:
    """None: the text tells of no customer."""
    return str(uuid.uuid5(uuid.NAMESPACE_URL, text)) if text and text.startswith(AUTHORIZED_PREFIX) else None


def arrive(state: SandboxState, order: CheckoutOrder, at: float) -> None:
    """The order as it is now has its customer, if it tells of one; that of an earlier text has left."""
    text = order.body.merchant_data
    if text is None or not text.startswith(AUTHORIZED_PREFIX):
        return
    if text.startswith(_QUICK):
        finish(state, order, pending=False)
    else:
        state.schedule(at + state.switches.customer_seconds, lambda now: _act(state, order, text, now))


def _act(state: SandboxState, order: CheckoutOrder, text: str, now: float) -> None:
    if order.read_only or order.body.merchant_data != text:
        return
    if text.startswith(_LAPSES):
        order.touched_at = now - state.switches.checkout_seconds
    elif text.startswith(_REFUSES):
        order.touched_at = now
    else:
        state.errands.append(lambda courier: _buy(state, courier, order, pending=text.startswith(_PENDING)))


async def _buy(state: SandboxState, courier: "Courier", order: CheckoutOrder, *, pending: bool) -> None:
    with contextlib.suppress(ApiError):  # the merchant, or another customer, was faster
        await Purchase(state, courier, order).complete({}, pending=pending)
