"""What Klarna sends to the merchant's URLs, and when.

Sources: docs.klarna.com "Confirm purchase" (push), "Pending orders" (notification), "Authorization callback".
"""

from collections.abc import Iterator
from typing import Final

import msgspec

from ordersaga_sandbox.clock import iso
from ordersaga_sandbox.deliveries import Delivery
from ordersaga_sandbox.klarna.order import Order
from ordersaga_sandbox.klarna.session import Session
from ordersaga_sandbox.state import SandboxState
from ordersaga_sandbox.switches import FraudEvent

_MINUTE: Final = 60.0
_HOUR: Final = 3_600.0
_PUSH_RETRIES: Final = (5 * _MINUTE, 15 * _MINUTE, 30 * _MINUTE, _HOUR)
_PUSH_EVERY: Final = 4 * _HOUR
_PUSH_FOR: Final = 48 * _HOUR
_NOTIFICATION_EVERY: Final = 10 * _MINUTE
_NOTIFICATION_FOR: Final = 24 * _HOUR
_AUTHORIZATION_RETRIES: Final = (1.0, 3.0)


def fill(url: str, order_id: str | None, session_id: str | None) -> str:
    """The URL with its placeholders filled; one whose value doesn't exist stays."""
    for name, value in (("checkout.order.id", order_id), ("order.id", order_id), ("session.id", session_id)):
        if value is not None:
            url = url.replace(f"{{{name}}}", value).replace(f"%7B{name}%7D", value)
    return url


def push(state: SandboxState, order: Order, at: float) -> None:
    """Until the order is acknowledged; a 2xx alone doesn't stop it."""
    if order.merchant_urls is None or not order.merchant_urls.push:
        return
    first = at + state.switches.push_after
    delivery = Delivery(
        "push",
        order.account,
        fill(order.merchant_urls.push, order.order_id, order.session_id),
        b"",
        at,
        order_id=order.order_id,
        session_id=order.session_id,
        retries=_push_times(first),
        stops_on_success=False,
        acknowledged=lambda: order.acknowledged,
    )
    _send(state, delivery, first)


def _push_times(first: float) -> Iterator[float]:
    yield from (first + after for after in _PUSH_RETRIES)
    after = _PUSH_RETRIES[-1] + _PUSH_EVERY
    while after <= _PUSH_FOR:
        yield first + after
        after += _PUSH_EVERY


def notify(state: SandboxState, order: Order, at: float, event: FraudEvent) -> None:
    """Every ten minutes for a day, until a 2xx."""
    if order.merchant_urls is None or not order.merchant_urls.notification:
        return
    body = {"order_id": order.order_id, "event_type": event}
    if (name := state.switches.notification_time_field) is not None:
        body[name] = iso(at)
    times = int(_NOTIFICATION_FOR / _NOTIFICATION_EVERY)
    delivery = Delivery(
        "notification",
        order.account,
        fill(order.merchant_urls.notification, order.order_id, order.session_id),
        msgspec.json.encode(body),
        at,
        order_id=order.order_id,
        session_id=order.session_id,
        retries=(at + n * _NOTIFICATION_EVERY for n in range(1, times + 1)),
    )
    _send(state, delivery, at)


def call_back(state: SandboxState, session: Session, authorization_token: str, at: float) -> None:
    """The `authorization` callback: the customer has authorized the session's purchase."""
    urls = session.content.get("merchant_urls") or {}
    if not urls.get("authorization"):
        return
    body = {"authorization_token": authorization_token, "session_id": session.session_id}
    delivery = Delivery(
        "authorization",
        session.account,
        fill(urls["authorization"], None, session.session_id),
        msgspec.json.encode(body),
        at,
        session_id=session.session_id,
        retries=(at + after for after in _AUTHORIZATION_RETRIES),
    )
    _send(state, delivery, at)


def _send(state: SandboxState, delivery: Delivery, first: float) -> None:
    state.deliveries.plan(state.deliveries.log(delivery), first + state.switches.delivery_delay)
