"""POST /checkout/v3/orders: a Checkout order, with the snippet that shows it to the customer.

It has no key. The snippet is in the answer alone, and without it nobody can complete the order: one whose answer was lost
lapses after 48 hours.
"""

from typing import Final

from ordersaga.domain.model.events import CheckoutStarted
from ordersaga.providers.klarna import checkout
from ordersaga.providers.klarna.operation import KlarnaOperation

CREATE_CHECKOUT: Final = KlarnaOperation(
    name="create_checkout",
    freeze=checkout.freeze,
    limits={CheckoutStarted: checkout.refusals},
    success=checkout.created,
    conflict="rejected",
    key_seconds=0.0,
)
