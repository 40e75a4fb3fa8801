"""The model of Klarna with every call of Order Management, and what is documented of each in each state of an order."""

import re
from typing import Final

import msgspec
from msgspec.structs import replace

from ordersaga.domain.model.fields import OrderLine
from ordersaga.domain.model.order import Request
from ordersaga.domain.model.outcomes import Call, Read
from ordersaga.domain.model.results import Rejected, Result, Succeeded
from ordersaga.providers.klarna.operations.table import OPERATIONS

from .klarna_checkout import PATH, CheckoutOrder, Checkouts
from .model import Account, Klarna, no
from .shop import DAY, START, line

_STATES: Final = ("authorized", "part_captured", "captured", "cancelled", "expired", "closed")
_DOCUMENTED: Final = {
    "captures": "yes yes no no no no",
    "cancel": "yes no no no no no",
    "release-remaining-authorization": "no yes no no no no",
    "refunds": "no yes yes no yes ?",
    "authorization": "yes yes no no no no",
    "extend-authorization-time": "yes yes ? no no no",
    "acknowledge": "yes yes yes ? ? ?",
    "merchant-references": "yes yes yes no ? ?",
    "customer-details": "yes ? ? no no no",
    "shipping-info": "yes yes yes ? ? ?",
    "captures/{id}/shipping-info": "no yes yes ? ? ?",
    "captures/{id}/trigger-send-out": "no yes yes ? ? ?",
    "captures/{id}/extend-due-date": "no yes yes ? ? ?",
    "captures/{id}/extend-due-date-options": "no yes yes ? ? ?",
}
"""Whether it is allowed, by the states above; "?": it isn't documented."""
_CODES: Final = {"captures": "CAPTURE_NOT_ALLOWED", "cancel": "CANCEL_NOT_ALLOWED", "refunds": "REFUND_NOT_ALLOWED"}
_MOVES: Final = frozenset({"captures", "cancel", "release-remaining-authorization", "refunds", "authorization"})
_OPTIONS: Final = "captures/{id}/extend-due-date-options"
_ID: Final = re.compile(r"(?<=captures/)[^/]+(?=/)")
_LINES: Final = msgspec.convert([line("A", 4, 25)], tuple[OrderLine, ...])
_OFFERED: Final = {"options": [{"number_of_days": 14, "amount": 0}, {"number_of_days": 30, "amount": 295}]}


def _resource(request: Request) -> tuple[str, str]:
    """The order, and what of it."""
    name, _, what = request.path.partition("/orders/")[2].partition("/")
    return name, _ID.sub("{id}", what)


def _short(request: Request) -> str:
    """Without what differs from order to order."""
    if request.path.startswith(PATH):
        return f"{request.method} {re.sub(f'(?<={PATH}/)[^/]+', '{id}', request.path)}"
    name, what = _resource(request)
    if name:
        return f"{request.method} /{what}" if what else f"{request.method} order"
    path = re.sub(r"^.*(?=/(authorizations|tokens)/)", "", request.path)
    return f"{request.method} {re.sub(r'(?<=s/)[^/]+', '{token}', path, count=1)}"


class WholeKlarna(Klarna):
    """`allows`: what isn't documented. `calls`: of each event, by its id. `called`: by operation."""

    def __init__(self, *, allows: bool = True) -> None:
        super().__init__()
        self.allows = allows
        self.asked: set[str] = set()
        self.calls: dict[str, list[str]] = {}
        self.called: dict[str, set[str]] = {}
        self.orders["theirs"] = Account(100, "ACCEPTED", START + 28 * DAY, auto=False, remaining=100)
        self.tokens["gone"] = no("NOT_FOUND", 404)
        self.customer_tokens["another"] = "active"
        self.checkouts = Checkouts()
        self.checkouts.orders["bought"] = CheckoutOrder(100, _LINES, START)
        self.buy("bought", START)

    def buy(self, name: str, now: float, fraud: str = "ACCEPTED", *, auto: bool = False) -> None:
        """The customer completes the Checkout order, if it is open. `auto`: it is captured at once."""
        order = self.checkouts.orders[name]
        if not (order.complete or order.aborted or order.lapsed(now)):
            order.complete = True
            self.orders[name] = Account(order.amount, fraud, now + 28 * DAY, auto, remaining=order.amount)
            if fraud == "ACCEPTED":
                self._auto(self.orders[name])

    def call(self, call: Call, now: float) -> Result:
        operation = call.operation
        request = self._request(call)
        if operation is not None:
            self.calls.setdefault(operation.cause.id, []).append(_short(request))
            self.called.setdefault(operation.type, set()).add(_short(request))
        if request.path.startswith(PATH):
            return self.checkouts.call(request, now)
        if isinstance(call, Read) and _resource(request)[1] == _OPTIONS:
            return self._refusal(request) or Succeeded(result=_OFFERED)
        return super().call(call, now)

    def _request(self, call: Call) -> Request:
        if not isinstance(call, Read):
            return call.request
        if call.of == "checkout":
            return Request("GET", f"{PATH}/{call.provider_order_id}")
        read = OPERATIONS[call.operation.type].read if call.operation else None
        if read is not None and call.operation is not None:
            return read(call.provider_order_id, call.operation)
        return call.request or Request("GET", f"/orders/{call.provider_order_id}")

    def _read(self, name: str) -> Result:
        """What ended tells so, whatever was captured."""
        result = super()._read(name)
        if isinstance(result, Succeeded) and result.snapshot is not None:
            return replace(result, snapshot=replace(result.snapshot, status=self._state(self.orders[name])))
        return result

    def _write(self, request: Request, now: float) -> Result:
        name, what = _resource(request)
        if not name or what in _MOVES:
            return (self._refusal(request) if name else None) or super()._write(request, now)
        refusal = self._refusal(request)
        if refusal is None:
            self.effects[f"{what} {name if what == 'acknowledge' else request.key}"] += 1
        return refusal or Succeeded()

    def _refusal(self, request: Request) -> Rejected | None:
        name, what = _resource(request)
        documented = dict(zip(_STATES, _DOCUMENTED[what].split(), strict=True))[self._state(self.orders[name])]
        if documented == "?":
            self.asked.add(what)
        allowed = self.allows if documented == "?" else documented == "yes"
        return None if allowed else no(_CODES.get(what, "NOT_ALLOWED"))

    def _state(self, account: Account) -> str:
        return account.ended if account.ended in {"expired", "closed", "cancelled"} else account.status
