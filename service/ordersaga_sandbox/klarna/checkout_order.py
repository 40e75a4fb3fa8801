"""A Checkout order, until it becomes an order of Order Management."""

from dataclasses import dataclass
from typing import Any, Final, Literal

import msgspec

from ordersaga_sandbox.clock import iso
from ordersaga_sandbox.http import ApiError
from ordersaga_sandbox.klarna import checks
from ordersaga_sandbox.klarna.checkout_schema import CheckoutBody, CheckoutUrls
from ordersaga_sandbox.loopback import is_loopback

READ_ONLY: Final = frozenset(
    {
        "order_id",
        "status",
        "html_snippet",
        "recurring_token",
        "started_at",
        "completed_at",
        "last_modified_at",
    }
)
_BODY: Final = msgspec.json.Decoder(CheckoutBody)


@dataclass(slots=True, eq=False)
class CheckoutOrder:
    """`content`: as the merchant and the customer have set it; `body`: the same, decoded and valid."""

    order_id: str
    account: str
    content: dict[str, Any]
    body: CheckoutBody
    started_at: float
    touched_at: float
    """Of the last update or interaction of the customer."""
    status: Literal["checkout_incomplete", "checkout_complete"] = "checkout_incomplete"
    aborted: bool = False
    completing: bool = False
    completed_at: float | None = None
    recurring_token: str | None = None

    @property
    def read_only(self) -> bool:
        return self.aborted or self.status == "checkout_complete"

    def change(self, changes: dict[str, Any], at: float, *, any_host: bool) -> None:
        """Fields that are given replace those of the order. Raises ApiError: it would no longer be valid; nothing changes."""
        content = self.content | changes
        self.body = checked_body(msgspec.json.encode(content), any_host=any_host)
        self.content, self.touched_at = content, at

    def view(self) -> dict[str, Any]:
        """Without the snippet."""
        view = self.content | {
            "order_id": self.order_id,
            "status": self.status,
            "started_at": iso(self.started_at),
            "last_modified_at": iso(self.touched_at),
        }
        if self.completed_at is not None:
            view["completed_at"] = iso(self.completed_at)
        if self.recurring_token is not None:
            view["recurring_token"] = self.recurring_token
        return view


def checked_body(body: bytes, *, any_host: bool) -> CheckoutBody:
    """Raises ApiError: limits, formulae or sums broken; a callback URL that isn't https (http is allowed on this machine)."""
    decoded = checks.decode_payments_body(_BODY, body)
    checks.check_purchase(decoded)
    if not any_host:
        _check_urls(decoded.merchant_urls)
    return decoded


def _check_urls(urls: CheckoutUrls) -> None:
    callbacks = {
        "validation": urls.validation,
        "shipping_option_update": urls.shipping_option_update,
        "address_update": urls.address_update,
        "country_change": urls.country_change,
    }
    bad = [f"Bad value: merchant_urls.{name}" for name, url in callbacks.items() if url and not _is_safe(url)]
    if bad:
        raise ApiError(400, "BAD_VALUE", *bad)


def _is_safe(url: str) -> bool:
    return url.startswith("https://") or (url.startswith("http://") and is_loopback(url))
