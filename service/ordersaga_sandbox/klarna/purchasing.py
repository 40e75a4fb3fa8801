"""What the customer does in the Checkout: changes addresses, country and shipping option, and completes the purchase.

The merchant is asked on the way. Sources: OpenAPI document of Checkout's callbacks; docs.klarna.com "Validate order".
"""

from dataclasses import dataclass
from typing import Any, Final, Literal

import msgspec
from msgspec import Struct

from ordersaga_sandbox.courier import Answer, Courier
from ordersaga_sandbox.deliveries import Delivery
from ordersaga_sandbox.http import ApiError
from ordersaga_sandbox.klarna import authorizing, notifying, token_life
from ordersaga_sandbox.klarna.actor import Actor
from ordersaga_sandbox.klarna.checkout_order import CheckoutOrder
from ordersaga_sandbox.klarna.checkout_schema import CallbackError
from ordersaga_sandbox.klarna.creating import new_order
from ordersaga_sandbox.klarna.customer_token import CustomerToken
from ordersaga_sandbox.state import SandboxState

ChangeKind = Literal["address_update", "shipping_option_update", "country_change"]

_REDIRECTS: Final = frozenset({301, 302, 303, 307})
_ASKED: Final[tuple[str, ...]] = (
    "order_amount",
    "order_tax_amount",
    "order_lines",
    "billing_address",
    "shipping_address",
    "selected_shipping_option",
    "purchase_currency",
    "merchant_data",
    "merchant_reference1",
    "merchant_reference2",
    "customer",
    "locale",
)
_ANSWERED: Final = frozenset(
    {"order_amount", "order_tax_amount", "order_lines", "shipping_options", "purchase_currency", "locale", "attachment"}
)


class Result(Struct, kw_only=True):
    """What the customer sees. `redirect`: to the confirmation page, or to where the merchant sends them instead."""

    completed: bool = False
    redirect: str | None = None
    error_type: str | None = None
    error_text: str | None = None


@dataclass(frozen=True, slots=True)
class Purchase:
    """One customer in the checkout of one order."""

    state: SandboxState
    courier: Courier
    order: CheckoutOrder

    def touch(self, changes: dict[str, Any]) -> None:
        """Raises ApiError: the order is closed to the customer, or the change isn't valid."""
        now = self.state.clock.now()
        if self.order.read_only:
            raise ApiError(403, "READ_ONLY_ORDER", "the order has been completed or aborted")
        if now >= self.order.touched_at + self.state.switches.checkout_seconds:
            raise ApiError(404, "NOT_FOUND", "the order has expired")
        self.order.change(changes, now, any_host=self.state.switches.deliveries_anywhere)

    async def change(self, kind: ChangeKind, changes: dict[str, Any]) -> Result:
        """The merchant's answer changes the order; without one it stays as the customer left it."""
        self.touch(changes)
        url = getattr(self.order.body.merchant_urls, kind)
        if not url:
            return Result()
        asked = {name: self.order.content[name] for name in _ASKED if name in self.order.content}
        answer = await self._ask(kind, url, asked, self.state.switches.delivery_seconds)
        if answer is None or (refusal := _refusal(answer)) is None:
            return Result()
        if refusal.error_type is not None or refusal.redirect is not None or answer.status != 200:
            return refusal
        try:
            answered = msgspec.json.decode(answer.body, type=dict[str, Any])
            self.touch({name: value for name, value in answered.items() if name in _ANSWERED})
        except (msgspec.DecodeError, UnicodeDecodeError):
            return Result(error_type="bad_answer", error_text="the merchant's answer isn't a JSON object")
        except ApiError as error:
            return Result(error_type="bad_answer", error_text="; ".join(error.messages))
        return Result()

    async def complete(self, changes: dict[str, Any], *, pending: bool) -> Result:
        """Asks for the merchant's validation, then creates the order of Order Management."""
        order = self.order
        if order.completing:
            raise ApiError(409, "CONFLICT", "the order is being completed")
        self.touch(changes)
        order.completing = True
        try:
            denial = await self._validate()
        finally:
            order.completing = False
        if denial is not None:
            return denial
        self.touch({})
        finish(self.state, order, pending=pending)
        return Result(
            completed=True, redirect=notifying.fill(order.body.merchant_urls.confirmation or "", order.order_id, None)
        )

    async def _validate(self) -> Result | None:
        """The denial, if any. Without an answer in time the purchase is approved, unless the merchant's success is required."""
        body, switches = self.order.body, self.state.switches
        if not body.merchant_urls.validation:
            return None
        required = body.options is not None and body.options.require_validate_callback_success
        seconds = switches.required_validation_seconds if required else switches.validation_seconds
        answer = await self._ask("validation", body.merchant_urls.validation, self.order.view(), seconds)
        if answer is not None and 200 <= answer.status < 300:
            return None
        refusal = None if answer is None else _refusal(answer)
        if refusal is None and required:
            return Result(error_type="approval_failed", error_text="The merchant didn't confirm the purchase")
        return refusal

    async def _ask(
        self, kind: ChangeKind | Literal["validation"], url: str, asked: dict[str, Any], seconds: float
    ) -> Answer | None:
        order = self.order
        delivery = Delivery(
            kind,
            order.account,
            notifying.fill(url, order.order_id, None),
            msgspec.json.encode(asked),
            self.state.clock.now(),
            order_id=order.order_id,
        )
        return await self.courier.call(delivery, seconds)


def finish(state: SandboxState, order: CheckoutOrder, *, pending: bool) -> None:
    """It becomes an order of Order Management, with the same id, now."""
    body, now = order.body, state.clock.now()
    order.status, order.completed_at = "checkout_complete", now
    if body.recurring:
        order.recurring_token = state.new_id()
        token = CustomerToken(
            order.recurring_token,
            order.account,
            now,
            body.purchase_country.upper(),
            body.purchase_currency.upper(),
            body.locale,
            None,
            body.billing_address,
            body.customer,
        )
        token_life.add(state, token, "klarna")
    created = new_order(
        state,
        now,
        order.account,
        body,
        token=order.order_id,
        country=body.purchase_country,
        locale=body.locale,
        billing_address=body.billing_address,
        customer=body.customer,
        pending=pending,
        auto_capture=body.options is not None and body.options.auto_capture,
        order_id=order.order_id,
    )
    created.from_checkout = True
    authorizing.authorize(Actor(state, now, "customer"), created)


def _refusal(answer: Answer) -> Result | None:
    """The merchant's "no": a redirect, or a 400. Empty for a 2xx; None for whatever else, which is no answer."""
    if 200 <= answer.status < 300:
        return Result()
    if answer.status in _REDIRECTS and answer.location:
        return Result(redirect=answer.location)
    if answer.status != 400:
        return None
    try:
        error = msgspec.json.decode(answer.body, type=CallbackError)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return Result(error_type="approval_failed")
    return Result(error_type=error.error_type, error_text=error.error_text)
