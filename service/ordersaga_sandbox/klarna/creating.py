"""New orders, of whatever API: Payments, customer tokens, Checkout."""

from collections.abc import Sequence
from typing import Any, Final, Protocol

from ordersaga_sandbox.clock import midnight_after
from ordersaga_sandbox.klarna.order import Order
from ordersaga_sandbox.klarna.schema import Address, Line, MerchantUrls
from ordersaga_sandbox.state import SandboxState

_ALPHABET: Final = "0123456789BCDFGHJKLMNPQRSTVWXYZ"


class Terms(Protocol):
    """What the bodies that create an order have in common."""

    @property
    def purchase_currency(self) -> str: ...
    @property
    def order_amount(self) -> int: ...
    @property
    def order_lines(self) -> Sequence[Line]: ...
    @property
    def shipping_address(self) -> Address | None: ...
    @property
    def merchant_data(self) -> str | None: ...
    @property
    def merchant_reference1(self) -> str | None: ...
    @property
    def merchant_reference2(self) -> str | None: ...
    @property
    def merchant_urls(self) -> MerchantUrls | None: ...


def new_order(
    state: SandboxState,
    at: float,
    account: str,
    terms: Terms,
    *,
    token: str,
    country: str,
    locale: str | None,
    billing_address: Address | None,
    customer: dict[str, Any] | None,
    pending: bool,
    auto_capture: bool | None,
    order_id: str | None = None,
    session_id: str | None = None,
) -> Order:
    """Not yet authorized. `token`: of the authorization or the customer; for Checkout the id of the order."""
    return Order(
        account=account,
        order_id=order_id or state.new_id(),
        klarna_reference=_reference(len(state.orders) + 1),
        token=token,
        session_id=session_id,
        country=country,
        currency=terms.purchase_currency,
        locale=locale,
        order_amount=terms.order_amount,
        original_order_amount=terms.order_amount,
        remaining=terms.order_amount,
        payment_method=state.switches.payment_method,
        fraud_status="PENDING" if pending else "ACCEPTED",
        created_at=at,
        expires_at=midnight_after(at, state.switches.authorization_days),
        lines=list(terms.order_lines),
        billing_address=billing_address,
        shipping_address=terms.shipping_address or billing_address,
        customer=customer,
        merchant_data=terms.merchant_data,
        merchant_reference1=terms.merchant_reference1,
        merchant_reference2=terms.merchant_reference2,
        merchant_urls=terms.merchant_urls,
        auto_capture=bool(auto_capture) and state.switches.auto_capture_allowed,
    )


def created_body(state: SandboxState, base_url: str, order: Order) -> dict[str, Any]:
    """The response of create order, and of create order with a customer token."""
    method = order.payment_method
    body: dict[str, Any] = {
        "order_id": order.order_id,
        "fraud_status": order.fraud_status,
        "authorized_payment_method": method
        if state.switches.authorized_payment_method == "string"
        else {"type": method, "number_of_days": 30},
    }
    if order.merchant_urls is not None and order.merchant_urls.confirmation:
        body["redirect_url"] = redirect_url(base_url, order.order_id)
    return body


def redirect_url(base_url: str, of: str) -> str:
    """Where the customer's browser would be sent to; nothing answers there."""
    return f"{base_url}/payments/v1/redirects/{of}"


def _reference(number: int) -> str:
    """Seven letters and digits: a reference that can be told on the phone."""
    return "K" + "".join(_ALPHABET[number // len(_ALPHABET) ** place % len(_ALPHABET)] for place in reversed(range(6)))
