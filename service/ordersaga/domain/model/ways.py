"""How an order is paid: the contract's table of providers and their ways. Nothing else in the domain names a provider."""

from collections.abc import Mapping
from typing import Final, Literal

Provider = Literal["klarna", "mollie"]

_AMOUNTS: Final = ("order_amount", "order_lines")

WAYS: Final[Mapping[Provider, Mapping[str, tuple[str, ...]]]] = {
    "klarna": {
        "authorization_token": _AMOUNTS,
        "order_id": _AMOUNTS,
        "customer_token": _AMOUNTS,
        "checkout_order_id": (),  # Checkout knows them
    },
    "mollie": {
        "redirect_url": (*_AMOUNTS, "locale", "billing_address"),
        "order_id": _AMOUNTS,
    },
}
"""By provider: the fields of `payment` that name a way, each with the fields of `placed` that it requires."""
