"""POST /checkout/v3/orders/{id}: fields that aren't sent stay. 403 READ_ONLY_ORDER once the customer has completed it."""

from typing import Final

from ordersaga.domain.model.events import CheckoutUpdated
from ordersaga.providers.klarna import checkout
from ordersaga.providers.klarna.operation import KlarnaOperation

UPDATE_CHECKOUT: Final = KlarnaOperation(
    name="update_checkout",
    freeze=checkout.freeze,
    limits={CheckoutUpdated: checkout.refusals},
    success=checkout.changed,
    conflict="rejected",
    key_seconds=0.0,
    advice=checkout.ADVICE,
)
