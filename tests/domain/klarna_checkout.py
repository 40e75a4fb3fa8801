"""The Checkout orders of the model of Klarna: open until they are completed, aborted, or 48 hours old."""

from dataclasses import dataclass
from typing import Any, Final

import msgspec

from ordersaga.domain.model.fields import OrderLine
from ordersaga.domain.model.order import Request
from ordersaga.domain.model.results import CheckoutSeen, Rejected, Result, Succeeded

from .model import no
from .shop import HOUR

PATH: Final = "/checkout/v3/orders"
_LIVES: Final = 48 * HOUR
_SHOWN: Final = {"html_snippet": "<div/>"}


@dataclass
class CheckoutOrder:
    """`changed`: since when its 48 hours count."""

    amount: int
    lines: tuple[OrderLine, ...]
    changed: float
    complete: bool = False
    aborted: bool = False

    def lapsed(self, now: float) -> bool:
        return not self.complete and now - self.changed >= _LIVES


class Checkouts:
    """Checkout v3, as far as it is documented. No call has a key."""

    def __init__(self) -> None:
        self.orders: dict[str, CheckoutOrder] = {}

    def call(self, request: Request, now: float) -> Result:
        ident, _, what = request.path.removeprefix(PATH).strip("/").partition("/")
        body = msgspec.json.decode(request.body) if request.body else {}
        if not ident:
            return self._create(body, now)
        order = self.orders.get(ident)
        if order is None or order.lapsed(now):
            return no("NOT_FOUND", 404)
        if request.method == "GET":
            return Succeeded(checkout=CheckoutSeen(ident, order.complete, "GBP", order.amount, order.lines))
        return _abort(order) if what else _update(order, body, now)

    def _create(self, body: dict[str, Any], now: float) -> Result:
        ident = f"checkout-{len(self.orders)}"
        self.orders[ident] = CheckoutOrder(body["order_amount"], lines_of(body), now)
        return Succeeded(ident, result=_SHOWN)


def lines_of(body: dict[str, Any]) -> tuple[OrderLine, ...]:
    return msgspec.convert(body["order_lines"], tuple[OrderLine, ...])


def _closed(order: CheckoutOrder) -> Rejected | None:
    return no("READ_ONLY_ORDER") if order.complete or order.aborted else None


def _update(order: CheckoutOrder, body: dict[str, Any], now: float) -> Result:
    refusal = _closed(order)
    if refusal is None:
        order.amount, order.lines, order.changed = body["order_amount"], lines_of(body), now
    return refusal or Succeeded(result=_SHOWN)


def _abort(order: CheckoutOrder) -> Result:
    refusal = _closed(order)
    order.aborted = order.aborted or refusal is None
    return refusal or Succeeded()
