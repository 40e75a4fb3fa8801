"""Klarna's Checkout as the sandbox has it, with customers who act by themselves as soon as they can."""

from typing import Any, Final

import msgspec

from ordersaga.domain.model.order import Order
from ordersaga.domain.model.outcomes import Read, Send
from ordersaga.domain.model.results import CheckoutSeen, Rejected, Result, Snapshot, Succeeded

from .klarna_checkout import PATH, lines_of
from .shop import Json, snapshot

_LOST: Final = Rejected("NOT_FOUND", status=404)


def customer_of(content: Json) -> str:
    """What the customer does, by the text that the shop has sent; any other buys."""
    word = str(content["merchant_data"]).split("-")[1]
    return word if word in {"pending", "quick", "refuse", "lapse"} else "buy"


class Customers:
    """The Checkout orders of one order's history; their ids are those that the sample expects."""

    def __init__(self) -> None:
        self._orders: dict[str, Json] = {}

    def told(self, call: Send) -> Result | None:
        """None: it isn't a call of Checkout."""
        if not call.request.path.startswith(PATH):
            return None
        ident, _, what = call.request.path.removeprefix(PATH).strip("/").partition("/")
        body: Json = msgspec.json.decode(call.request.body) if call.request.body else {}
        if not ident:
            from sample.oracle_checkout import id_of

            ident = id_of(body["merchant_data"])
            self._orders[ident] = body
            return Succeeded(ident)
        if customer_of(self._orders[ident]) != "refuse":
            return Rejected("READ_ONLY_ORDER", status=403)
        self._orders[ident] |= {"aborted": True} if what else body
        return Succeeded()

    def shown(self, call: Read, order: Order) -> Result | None:
        """None: it isn't a read of a Checkout order, or of what came of one."""
        kind = call.operation.type if call.operation is not None else call.of
        content = self._orders.get(call.provider_order_id)
        if kind in {"checkout", "complete_checkout"}:
            return _LOST if content is None or customer_of(content) == "lapse" else _seen(call, content)
        if kind == "confirm_checkout":
            bought = content is not None and customer_of(content) not in {"lapse", "refuse"}
            return Succeeded(snapshot=_bought(order, content)) if bought and content is not None else _LOST
        return None


def _seen(call: Read, content: Json) -> Result:
    amount, currency = content["order_amount"], content["purchase_currency"]
    complete = customer_of(content) != "refuse"
    seen = CheckoutSeen(call.provider_order_id, complete, currency, amount, lines_of(content))
    return Succeeded(checkout=seen)


def _bought(order: Order, content: Json) -> Snapshot:
    amount = content["order_amount"]
    facts: dict[str, Any] = {name: content.get(name, "") for name in ("merchant_reference1", "merchant_reference2")}
    return snapshot(
        order,
        currency=content["purchase_currency"],
        order_amount=amount,
        remaining_amount=amount,
        fraud_status="PENDING" if customer_of(content) == "pending" else "ACCEPTED",
        facts=facts,
    )
