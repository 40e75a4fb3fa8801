"""A model of Mollie's Orders API: what is documented of each call in each state of an order, and how its keys work.

A key is remembered for an hour, of POST alone. A shipment bears nothing of ours; a refund and an order bear metadata.
"""

import re
from collections import Counter
from collections.abc import Callable
from typing import Any, Final

import msgspec

from ordersaga.domain.model.order import Request
from ordersaga.domain.model.outcomes import Call, Read, Revoke
from ordersaga.domain.model.results import Rejected, Result, Retryable, Succeeded

from .mollie_books import PAYMENT_ENDS, LineThere, OrderThere, Part, PaymentThere, RefundThere, minor_of
from .shop import HOUR, START

Json = dict[str, Any]
_PATH: Final = re.compile(r"^/v2/orders(?:/([^/?]+))?(?:/(\w+))?(?:/([^/?]+))?(?:[?].*)?$")
_OF_PAYMENT: Final = re.compile(r"^/v2/payments/([^/]+)/refunds$")
_STATES: Final = ("created", "authorized", "paid", "shipping", "completed", "canceled", "expired")
_DOCUMENTED: Final = {
    "DELETE": "yes yes no yes no no no",
    "DELETE lines": "no yes no yes no no no",
    "PATCH lines": "yes yes no no no no no",
    "POST payments": "yes no no no no no no",
    "POST shipments": "no yes yes yes no no no",
    "POST refunds": "no no yes yes yes no ?",
    "PATCH": "? ? ? ? ? ? ?",
    "PATCH shipments": "? ? ? ? ? ? ?",
}
"""Whether it is allowed, by the states above; "?": it isn't documented."""
_MONEY: Final = ("quantity", "unitPrice", "totalAmount", "discountAmount")
_GOOD: Final = {"authorized", "paid", "shipping"}


def no(detail: str = "not in this state", status: int = 422) -> Rejected:
    return Rejected(str(status), (detail,), None, status)


class WholeMollie:
    """`allows`: what isn't documented. `calls`: of each event, by its id. `called`: by operation."""

    def __init__(self, *, allows: bool = True) -> None:
        self.allows = allows
        self.asked: set[str] = set()
        self.calls: dict[str, list[str]] = {}
        self.called: dict[str, set[str]] = {}
        self.orders: dict[str, OrderThere] = {}
        self.keys: dict[str, tuple[float, Request, Result]] = {}
        self.effects: Counter[str] = Counter()
        self.refuse_next = False
        self._count = 0

    # what others do

    def add(self, body: Json, now: float) -> OrderThere:
        lines = [self._line(one) for one in body["lines"]]
        first = PaymentThere(self._name("tr"), now)
        told = {name: value for name, value in body.items() if name not in {"amount", "lines", "payment"}}
        pays_later = body.get("method") in (None, "klarna")
        made = OrderThere(self._name("ord"), told, body["amount"]["currency"], pays_later, now, lines, [first])
        assert made.amount == minor_of(body["amount"]), "the lines sum to the order's amount"
        self.orders[made.id] = made
        if body.get("payment", {}).get("sequenceType") == "recurring":
            self.pay(made)
        return made

    def pay(self, order: OrderThere) -> None:
        """The customer does, if there is something to pay."""
        if order.state == "created" and order.payments[-1].status == "open":
            order.payments[-1].status = "authorized" if order.pays_later else "paid"

    def fail(self, order: OrderThere) -> None:
        if order.state == "created" and order.payments[-1].status == "open":
            order.payments[-1].status = "failed"

    def decide(self, _what: str = "") -> None:
        """At last the customers pay, and the refunds arrive."""
        for order in self.orders.values():
            self.pay(order)
            for refund in order.refunds:
                refund.status = "refunded" if refund.status == "queued" else refund.status

    def ship_there(self, order: OrderThere, ident: str, quantity: int) -> None:
        """Another hand does, in Mollie's dashboard."""
        line = order.line(ident)
        if line is not None and order.state in _GOOD and 0 < quantity <= line.open_quantity:
            amount = line.open if quantity == line.open_quantity else quantity * line.unit
            if 0 <= amount <= line.open:
                order.ship(self._name("shp"), [(ident, quantity, amount)])

    def refund_there(self, order: OrderThere, amount: int, now: float) -> None:
        if order.payments[-1].status in {"authorized", "paid"} and 0 < amount <= order.captured - order.refunded:
            order.refund(RefundThere(self._name("re"), amount, now))

    def cancel_line_there(self, order: OrderThere, ident: str, quantity: int) -> None:
        line = order.line(ident)
        if line is not None and order.state in {"authorized", "shipping"} and order.pays_later:
            amount = line.open if quantity == line.open_quantity else quantity * line.unit
            if 0 < quantity <= line.open_quantity and 0 <= amount <= line.open:
                line.cancel(quantity, amount)

    def cancel_there(self, order: OrderThere) -> None:
        self._delete(order, {}, START)

    # calls

    def call(self, call: Call, now: float) -> Result:
        assert not isinstance(call, Revoke)
        self._pass_time(now)
        if call.operation is not None:
            self._note(call)
        if isinstance(call, Read):
            return self._read(call)
        request = call.request
        if request.key is None:
            return self._write(request, now)
        first, known, result = self.keys.get(request.key, (now, request, None))
        if result is None or now - first >= HOUR:
            result = self._write(request, now)
            if not isinstance(result, Retryable):
                self.keys[request.key] = (now, request, result)
            if isinstance(result, Succeeded):
                self.effects[f"{request.path} {request.key}"] += 1
            return result
        return result if known == request else no("the key was used with another request", 400)

    def _note(self, call: Call) -> None:
        assert call.operation is not None
        short = "GET /orders" if isinstance(call, Read) and call.of == "search" else "GET order"
        if not isinstance(call, Read):
            short = f"{call.request.method} {_short(call.request.path)}"
        self.calls.setdefault(call.operation.cause.id, []).append(short)
        self.called.setdefault(call.operation.type, set()).add(short)

    def _pass_time(self, now: float) -> None:
        for order in self.orders.values():
            last = order.payments[-1]
            if last.status == "open" and now >= last.began + PAYMENT_ENDS:
                last.status = "expired"
            if now >= order.expires_at and order.state in {"created", "authorized", "shipping"} and order.remaining:
                order.ended = "expired"
                order.cancel_rest()

    def _read(self, call: Read) -> Result:
        if call.of == "search":
            assert call.operation is not None
            found = [one for one in self.orders.values() if one.told["metadata"].get("operation") == call.operation.id]
            if not found:
                return Succeeded(searched=True)
            snapshot = found[0].snapshot(expires_whole=self.allows)
            return Succeeded(found[0].id, result=_link(found[0]), snapshot=snapshot, searched=True)
        order = self.orders.get(call.provider_order_id)
        return no("no such order", 404) if order is None else self._shown(order)

    def _shown(self, order: OrderThere) -> Succeeded:
        return Succeeded(order.id, snapshot=order.snapshot(expires_whole=self.allows))

    def _write(self, request: Request, now: float) -> Result:
        if self.refuse_next:
            self.refuse_next = False
            return no("no")
        body = msgspec.json.decode(request.body) if request.body else {}
        if (of_payment := _OF_PAYMENT.search(request.path)) is not None:
            return self._refund_payment(of_payment[1], body, now)
        found = _PATH.search(request.path)
        assert found is not None, request.path
        name, what, ident = found.groups()
        if name is None:
            made = self.add(body, now)
            shown = made.snapshot(expires_whole=self.allows)
            return Succeeded(made.id, result=_link(made), snapshot=shown)
        order = self.orders[name]
        refusal = self._refusal(f"{request.method} {what or ''}".strip(), order)
        if refusal is not None:
            return refusal
        return self._change(request.method, what, ident, order, body, now)

    def _change(
        self, method: str, what: str | None, ident: str | None, order: OrderThere, body: Json, now: float
    ) -> Result:
        changes: dict[tuple[str, str | None], Callable[[OrderThere, Json, float], Result]] = {
            ("POST", "payments"): self._retry,
            ("POST", "shipments"): self._ship,
            ("POST", "refunds"): self._refund_lines,
            ("DELETE", None): self._delete,
            ("DELETE", "lines"): self._cancel_lines,
            ("PATCH", "lines"): self._amend,
        }
        change = changes.get((method, what))
        if change is not None:
            return change(order, body, now)
        if what is None:
            order.told |= body
            return self._shown(order)
        (shipment,) = [one for one in order.shipments if one.id == ident]
        shipment.tracking = body["tracking"]
        return Succeeded()

    def _refusal(self, what: str, order: OrderThere) -> Rejected | None:
        documented = dict(zip(_STATES, _DOCUMENTED[what].split(), strict=True))[order.state]
        if documented == "?":
            self.asked.add(what)
        allowed = self.allows if documented == "?" else documented == "yes"
        return None if allowed else no(f"{what} of an order that is {order.state}")

    def _retry(self, order: OrderThere, _body: Json, now: float) -> Result:
        if order.payments[-1].status == "open" or len(order.payments) >= 25:
            return no("a payment is open")
        order.payments.append(PaymentThere(self._name("tr"), now))
        shown = order.snapshot(expires_whole=self.allows).payment
        return Succeeded(order.payments[-1].id, payment=shown)

    def _ship(self, order: OrderThere, body: Json, _now: float) -> Result:
        parts = _parts(order, body, {line.id: (line.open_quantity, line.open) for line in order.lines})
        if isinstance(parts, Rejected):
            return parts
        if order.pays_later and sum(amount for _, _, amount in parts) < 0:
            return no("less than nothing")
        name = self._name("shp")
        order.ship(name, parts)
        order.shipments[-1].tracking = body.get("tracking")
        return Succeeded(name)

    def _refund_lines(self, order: OrderThere, body: Json, now: float) -> Result:
        parts = _parts(order, body, {line.id: order.refundable(line) for line in order.lines})
        if isinstance(parts, Rejected):
            return parts
        return self._refund(order, sum(amount for _, _, amount in parts), parts, body["metadata"], now)

    def _refund_payment(self, payment: str, body: Json, now: float) -> Result:
        order = next(one for one in self.orders.values() if any(p.id == payment for p in one.payments))
        if payment != order.payments[-1].id or not order.is_paid:
            return no("that payment took nothing")
        return self._refund(order, minor_of(body["amount"]), [], body["metadata"], now)

    def _refund(self, order: OrderThere, amount: int, parts: list[Part], metadata: Json, now: float) -> Result:
        if not 0 < amount <= order.captured - order.refunded:
            return no("the amount is higher than what is left to refund")
        if any(one.amount == amount and now - one.began < HOUR for one in order.refunds):
            return Retryable("duplicate_refund", HOUR, status=409, look=True)
        refund = RefundThere(self._name("re"), amount, now, metadata, parts)
        order.refund(refund)
        return Succeeded(refund.id, moving=True)

    def _delete(self, order: OrderThere, _body: Json, _now: float) -> Result:
        unshipped = any(line.open_quantity for line in order.lines)
        if order.payments[-1].status == "open" or (order.payments[-1].status == "paid" and unshipped):
            return no("a payment is open, or was made")
        order.cancel_rest()
        if not order.shipments:
            order.ended = "canceled"
        return Succeeded()

    def _cancel_lines(self, order: OrderThere, body: Json, _now: float) -> Result:
        parts = _parts(order, body, {line.id: (line.open_quantity, line.open) for line in order.lines})
        if isinstance(parts, Rejected) or not order.pays_later:
            return parts if isinstance(parts, Rejected) else no("these lines were paid")
        for ident, quantity, amount in parts:
            line = order.line(ident)
            assert line is not None
            line.cancel(quantity, amount)
        return Succeeded()

    def _amend(self, order: OrderThere, body: Json, _now: float) -> Result:
        if order.payments[-1].status == "open":
            return no("a payment is open")
        for one in body["operations"]:
            data = one["data"]
            line = order.line(data.get("id", ""))
            match one["operation"]:
                case "add":
                    order.lines.append(self._line(data))
                case "cancel" if line is not None:
                    line.cancel(line.open_quantity, line.open)
                    line.removed = True
                case _:
                    assert line is not None
                    line.told |= {name: value for name, value in data.items() if name not in _MONEY}
                    if "quantity" in data:
                        line.quantity = data["quantity"]
                        line.unit, line.total = minor_of(data["unitPrice"]), minor_of(data["totalAmount"])
        return self._shown(order)

    def _line(self, given: Json) -> LineThere:
        unit, total, discount = (minor_of(given[name]) if name in given else 0 for name in _MONEY[1:])
        assert total == given["quantity"] * unit - discount, "of the line"
        told = {name: value for name, value in given.items() if name not in _MONEY}
        return LineThere(self._name("odl"), told, given["quantity"], unit, total)

    def _name(self, kind: str) -> str:
        self._count += 1
        return f"{kind}_{self._count}"


def _parts(order: OrderThere, body: Json, left: dict[str, tuple[int, int]]) -> list[Part] | Rejected:
    """A part's amount is worked out, but for a part of a line with a discount: it needs one, within its limits."""
    given = body["lines"]
    if not given or len({one["id"] for one in given}) < len(given):
        return no("no lines, or one twice")
    parts: list[Part] = []
    for one in given:
        line = order.line(one["id"])
        if line is None:
            return no("no such line")
        most, worth = left[line.id]
        quantity = one["quantity"]
        if not 0 < quantity <= most:
            return no(f"The maximum quantity is {most}.")
        low, high = sorted((worth - line.unit * (most - quantity), line.unit * quantity))
        if quantity == most:
            low, high = worth, worth
        amount = minor_of(one["amount"]) if "amount" in one else high
        if not low <= amount <= high or ("amount" not in one and low < high):
            return no(f"An amount is required. The amount must be between {low} and {high}.")
        parts.append((line.id, quantity, amount))
    return parts


def _link(order: OrderThere) -> Json:
    payment = order.snapshot(expires_whole=True).payment
    return {"checkout_url": payment.url} if payment is not None and payment.url else {}


def _short(path: str) -> str:
    """Without what differs from order to order."""
    if _OF_PAYMENT.search(path):
        return "/payments/{id}/refunds"
    found = _PATH.search(path)
    assert found is not None, path
    name, what, ident = found.groups()
    if name is None:
        return "/orders"
    return "order" if what is None else f"/{what}/{{id}}" if ident else f"/{what}"
