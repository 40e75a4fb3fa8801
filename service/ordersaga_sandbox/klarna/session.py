"""Sessions and authorization tokens."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal

from ordersaga_sandbox.http import Response

Outcome = Literal["authorize", "reject", "pending"]

Intent = Literal["buy", "tokenize", "buy_and_tokenize"]

SESSION_SECONDS: Final = 48 * 3_600.0


@dataclass(slots=True, eq=False)
class Session:
    """`content`: the purchase as it was last sent."""

    session_id: str
    account: str
    content: dict[str, Any]
    created_at: float
    token: str | None = None
    completed: bool = False


@dataclass(slots=True, eq=False)
class Token:
    token: str
    account: str
    outcome: Outcome
    first_seen_at: float
    snapshot: Mapping[str, Any] | None = None
    session: Session | None = None
    deleted: bool = False
    failure: Response | None = None
    order_response: Response | None = None
    order_digest: bytes = b""
    intent: Intent | None = None
    """What the customer authorized the merchant to do; None: anything."""
    customer_token_response: Response | None = None
    customer_token_digest: bytes = b""
    customer_token_failure: Response | None = None

    @property
    def completed(self) -> bool:
        return self.order_response is not None
