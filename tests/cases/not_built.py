"""Cases that can't run yet, each with what it needs. Once that is supported, a test fails until the case runs."""

from dataclasses import dataclass
from typing import Final

from .files import Json


@dataclass(frozen=True)
class Need:
    """Event types, and a way of payment (`payment` of a `placed`), that the service doesn't support yet."""

    types: frozenset[str] = frozenset()
    payment: Json | None = None

    def includes(self, payment: Json) -> bool:
        """Whether the payment of a case is of this way."""
        if self.payment is None or payment["provider"] != self.payment["provider"]:
            return False
        return payment["provider"] == "mollie" or payment.keys() == self.payment.keys()


NEEDS: Final = {
    "Mollie": Need(payment={"provider": "mollie", "method": "klarna", "redirect_url": "https://shop.example/thanks"}),
    "customer token": Need(payment={"provider": "klarna", "customer_token": "a-customer-token"}),
    "extension": Need(frozenset({"shop.order.authorization_extension_requested.v1"})),
    "tracking": Need(frozenset({"shop.order.tracking_added.v1"})),
}

NOT_BUILT: Final = {
    "32-mollie-discounted-part": ("Mollie",),
    "33-mollie-cancel-authorized": ("Mollie",),
    "35-mollie-surcharge-comes-back": ("Mollie",),
    "36-mollie-negative-physical": ("Mollie",),
    "38-mollie-klarna-declines-change": ("Mollie",),
    "39-mollie-recurring-without-customer": ("Mollie",),
    "41-mollie-completed-once": ("Mollie",),
    "42-mollie-tracking-later": ("Mollie", "tracking"),
    "47-backorder-extended": ("extension",),
    "49-virtual-renewal-by-token": ("customer token",),
}
"""By the name of the file."""
