"""Payment methods: which ones are paid after delivery, and when a payment expires.

Sources: mollie/api-documentation, orders/status-changes.rst (the two flows), payments/status-changes.rst (expiry times).
"""

from typing import Final

MINUTE: Final = 60.0
HOUR: Final = 3_600.0
DAY: Final = 86_400.0

KLARNA: Final = frozenset({"klarna", "klarnapaylater", "klarnasliceit", "klarnapaynow"})
PAY_LATER: Final = KLARNA | {"billie", "in3", "riverty"}
"""Authorized by the customer, captured by shipments."""

_EXPIRY: Final = {
    "ideal": 15 * MINUTE,
    "paysafecard": 15 * MINUTE,
    "creditcard": 30 * MINUTE,
    "applepay": 30 * MINUTE,
    "bancontact": HOUR,
    "eps": HOUR,
    "giropay": HOUR,
    "kbc": HOUR,
    "sofort": HOUR,
    "mybank": HOUR,
    "przelewy24": HOUR,
    "paypal": 3 * HOUR,
    "belfius": DAY,
    "banktransfer": 12 * DAY,
    "directdebit": 12 * DAY,
    "giftcard": HOUR,
    "voucher": HOUR,
    **dict.fromkeys(PAY_LATER, 48 * HOUR),
}
KNOWN: Final = frozenset(_EXPIRY)
RECURRING: Final = frozenset({"creditcard", "directdebit", "paypal"})
_ANY: Final = HOUR
"""While the customer hasn't chosen a method. Not documented."""


def expires_after(method: str | None) -> float:
    return _ANY if method is None else _EXPIRY[method]
