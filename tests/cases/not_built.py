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
}

NOT_BUILT: Final = {
    "32-mollie-discounted-part": ("Mollie",),
    "33-mollie-cancel-authorized": ("Mollie",),
    "35-mollie-surcharge-comes-back": ("Mollie",),
    "36-mollie-negative-physical": ("Mollie",),
    "38-mollie-klarna-declines-change": ("Mollie",),
    "39-mollie-recurring-without-customer": ("Mollie",),
    "41-mollie-completed-once": ("Mollie",),
    "42-mollie-tracking-later": ("Mollie",),
}
"""By the name of the file."""
