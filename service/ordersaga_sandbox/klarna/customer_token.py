"""A customer token."""

from dataclasses import dataclass
from typing import Any, Literal

from ordersaga_sandbox.klarna.schema import Address

TokenStatus = Literal["ACTIVE", "SUSPENDED", "CANCELLED"]
MethodState = Literal["ok", "failing", "unavailable", "down"]
"""Of the payment method: `failing` and `down` may be over the next time, `unavailable` isn't."""


@dataclass(slots=True, eq=False)
class CustomerToken:
    """`currency` None: any. `method_times`: how often `method` still applies; None: until it is changed."""

    token_id: str
    account: str
    created_at: float
    country: str = "SE"
    currency: str | None = None
    locale: str | None = None
    description: str | None = None
    billing_address: Address | None = None
    customer: dict[str, Any] | None = None
    pending: bool = False
    status: TokenStatus = "ACTIVE"
    cancelling: bool = False
    method: MethodState = "ok"
    method_times: int | None = None
