"""A shop to tell stories with: events in short, a provider that says what the test wants, and checks after every step."""

import re
from collections.abc import Sequence
from typing import Any, Final

import msgspec
from msgspec.structs import replace

from ordersaga.domain import saga
from ordersaga.domain.model.events import (
    AuthorizationAbandoned,
    Cause,
    Data,
    Event,
    Placed,
    decode_data,
    kind_of,
)
from ordersaga.domain.model.fields import PartLine
from ordersaga.domain.model.order import Key, Operation, OperationType, Order, Request
from ordersaga.domain.model.outcomes import (
    Call,
    Decision,
    Elapsed,
    Entry,
    Next,
    Outcome,
    Read,
    Rest,
    Revoke,
    Send,
    Wait,
)
from ordersaga.domain.model.results import Result, Snapshot, Succeeded
from ordersaga.domain.model.terms import Rules
from ordersaga.domain.uncertainty import manual, refreshing

from .frozen import OF_CHECKOUT, OTHERS, WRITES

START: Final = 1_700_000_000.0
DAY: Final = 86_400.0
HOUR: Final = 3_600.0
KEY: Final = Key("default", "order", "536365")
SUBSCRIPTION: Final = Key("default", "subscription", "536365")
"""With the id of the order: ids of two kinds may coincide."""
Json = dict[str, Any]
_PLACING: Final = frozenset({"create_order", "create_token_order"})
_WITHOUT_KEY: Final = frozenset(
    {"cancel_authorization", "create_customer_token", "cancel_customer_token", *OF_CHECKOUT}
)
_WITH_ID: Final = _PLACING | {"capture", "refund"}


class FakeTerms:
    """A provider that remembers keys for 23 hours and whose requests tell the operation."""

    def __init__(self) -> None:
        self.fee_refusals: list[str] = []
        self.unsupported: set[OperationType] = set()
        self.without_reference: set[OperationType] = set()
        self.shown: bool | None = None
        self.extends = False
        self.whole_lines = False
        self.refund_per_capture = True
        self.follows_others = False
        self.part_messages: list[str] = []

    def refusals(self, data: Data) -> list[str]:
        """Refuses the description `bad`, and of `placed` a locale `bad`."""
        told = data.locale if isinstance(data, Placed) else getattr(data, "description", "")
        return ["$.description: is bad"] if told == "bad" else []

    def supports(self, operation: OperationType, data: Placed | None = None) -> bool:
        return operation not in self.unsupported

    def freeze(self, order: Order, operation: Operation, data: Data | None, after: Order | None = None) -> Request:
        """Paths and amounts as Klarna has them."""
        order = after or order
        body: Json
        if (freeze := OTHERS.get(operation.type)) is not None:
            return freeze(order, operation, data)
        if operation.type in {"create_order", "cancel_authorization"}:
            if isinstance(data, AuthorizationAbandoned):
                return Request("DELETE", f"/authorizations/{data.authorization_token}")
            assert isinstance(data, Placed)
            path = f"/authorizations/{data.payment.authorization_token}"
            if operation.type == "cancel_authorization":
                return Request("DELETE", path)
            body = {"order_amount": operation.amount, "auto_capture": data.auto_capture}
            return Request("POST", f"{path}/order", msgspec.json.encode(body).decode())
        if operation.type == "create_token_order":
            assert isinstance(data, Placed)
            body = {"order_amount": operation.amount, "auto_capture": data.auto_capture}
            path = f"/tokens/{data.payment.customer_token}/order"
            return Request("POST", path, msgspec.json.encode(body).decode(), operation.id)
        what, field = WRITES[operation.type]
        body = {"reference": operation.id, field: operation.amount if operation.target is None else operation.target}
        path = f"/orders/{order.provider_order_id}/{what}"
        return Request("POST", path, msgspec.json.encode(body).decode(), operation.id)

    def revocation(self, request: Request) -> Request:
        return Request("DELETE", request.path.removesuffix("/order"))

    def reading(self, request: Request) -> Request:
        return Request("GET", request.path.removesuffix("/status"))

    def token_reading(self, token: str) -> Request:
        return Request("GET", f"/tokens/{token}")

    def key_seconds(self, operation: OperationType) -> float:
        if operation in _WITHOUT_KEY:
            return 0.0
        return 55 * 60.0 if operation == "create_order" else 23 * HOUR

    def keeps_reference(self, operation: OperationType) -> bool:
        return operation not in self.without_reference

    def shows(self, operation: OperationType, request: Request, seen: Snapshot) -> bool | None:
        return self.shown

    def reduction(self, order: Order, *, to_nothing: bool) -> OperationType:
        if not to_nothing:
            return "amend"
        return "release" if order.captured_amount or order.status == "captured" else "cancel"

    def part_refusals(self, order: Order, named: Sequence[PartLine]) -> list[str]:
        return self.part_messages

    def return_fee_refusals(self, order: Order) -> list[str]:
        return self.fee_refusals

    def expiry(self, now: float) -> float:
        return now + 28 * DAY


def line(reference: str, quantity: int, unit_price: int, **more: Any) -> Json:
    total = quantity * unit_price - more.get("total_discount_amount", 0)
    given = {"name": f"name of {reference}", "reference": reference, "quantity": quantity, "unit_price": unit_price}
    return {**given, "total_amount": total, **more}


def fee(reference: str, amount: int) -> Json:
    return line(reference, 1, amount, type="shipping_fee")


def voucher(reference: str, amount: int) -> Json:
    return line(reference, 1, -amount, type="discount")


def order_of(*lines: Json, token: str = "token", **more: Any) -> Json:
    payment = {"provider": "klarna", "authorization_token": token}
    given = {"payment": payment, "purchase_country": "GB", "purchase_currency": "GBP", "order_lines": list(lines)}
    return {**given, "order_amount": sum(one["total_amount"] for one in lines), **more}


def by_token(*lines: Json, token: str = "customer", **more: Any) -> Json:
    """An order that is paid by a customer token."""
    return {**order_of(*lines, **more), "payment": {"provider": "klarna", "customer_token": token}}


def with_token(*lines: Json, token: str = "token", **more: Any) -> Json:
    """An order with a customer token beside it."""
    tokenize = {"description": "Tea club", "intended_use": "SUBSCRIPTION", "locale": "en-GB"}
    payment = {"provider": "klarna", "authorization_token": token, "tokenize": tokenize}
    return {**order_of(*lines, **more), "payment": payment}


def part(given: str) -> Json:
    """`A`, `A:2` (two of it) or `A:2=80` (two of it, worth 80)."""
    match = re.fullmatch(r"(.+?)(?::(\d+))?(?:=(-?\d+))?", given)
    assert match
    fields = {"reference": match[1], "quantity": match[2], "total_amount": match[3]}
    return {name: value if name == "reference" else int(value) for name, value in fields.items() if value is not None}


def event(what: str, data: Json, ident: str, sent: float = START) -> Event:
    name = f"shop.order.{what}.v1"
    raw = msgspec.json.encode(data)
    cause = Cause("/shop", ident, name, sent=sent)
    return Event(KEY.merchant, KEY.subject, cause, decode_data(name, raw), raw, kind_of(name))


def snapshot(order: Order, **more: Any) -> Snapshot:
    """The provider's books as ours are, but for what is told otherwise."""
    status = order.status if order.status in {"authorized", "part_captured", "captured"} else "authorized"
    same = Snapshot(
        order.provider_order_id or "order-1",
        status,
        order.fraud_status or "ACCEPTED",
        order.currency,
        order.captured_amount + order.remaining,
        order.captured_amount,
        order.refunded_amount,
        order.remaining,
        order.expires_at,
    )
    return replace(same, **more)


class Story:
    """One order's life. With `eager` the provider says yes to everything at once."""

    def __init__(
        self, *lines: Json, eager: bool = True, rules: Rules | None = None, key: Key = KEY, **more: Any
    ) -> None:
        self.terms = FakeTerms()
        self.rules = rules or Rules({"klarna": self.terms}, create_repeats=6)
        self.now = START
        self.eager = eager
        self.order = Order(key)
        self.outcomes: list[Outcome] = []
        self.entries: list[Entry] = []
        self.requests: dict[str, Request] = {}
        self.count = 0
        if lines:
            self.placed(*lines, **more)

    # events

    def tell(self, what: str, data: Json, ident: str | None = None) -> list[Outcome]:
        """The outcomes that followed from an event of the shop (and, when eager, from the calls for it)."""
        self.count += 1
        before = len(self.outcomes)
        told = event(what, data, ident or f"e{self.count}", self.now)
        self._take(saga.accept(self.order, told, self.now, self.rules))
        while self.eager and self.yes():
            pass
        return self.outcomes[before:]

    def placed(self, *lines: Json, **more: Any) -> list[Outcome]:
        return self.tell("placed", order_of(*lines, **more))

    def shipped(self, *parts: str, **more: Any) -> list[Outcome]:
        return self.tell("shipped", _with_parts(parts, more))

    def returned(self, *parts: str, **more: Any) -> list[Outcome]:
        return self.tell("returned", _with_parts(parts, more))

    def cancelled(self, *parts: str, **more: Any) -> list[Outcome]:
        return self.tell("cancelled", _with_parts(parts, more))

    def closed(self) -> list[Outcome]:
        return self.tell("closed", {})

    def amended(self, *lines: Json, **more: Any) -> list[Outcome]:
        amount = sum(one["total_amount"] for one in lines)
        return self.tell("amended", {"order_amount": amount, "order_lines": list(lines), **more})

    # calls

    def next(self) -> Next:
        return saga.next_call(self.order, self.now, self.rules)

    @property
    def operation(self) -> Operation:
        return self.order.operations[0]

    def yes(self) -> bool:
        """Answers the call that is due, if there is one, with a success."""
        call = self.next()
        if not isinstance(call, Send | Read | Revoke):
            return False
        self.count += 1
        if isinstance(call, Read):
            self.answer(Succeeded(snapshot=snapshot(self.order)))
        else:
            kind = call.operation.type if isinstance(call, Send) else "revoked"
            ident = f"{kind}-{self.count}" if kind in _WITH_ID else None
            self.answer(Succeeded(ident, fraud_status="ACCEPTED" if kind in _PLACING else None))
        return True

    def answer(self, result: Result | None, call: Call | Elapsed | None = None) -> list[Outcome]:
        """Settles the call that is due (or `call`)."""
        due = call or self.next()
        assert isinstance(due, Send | Read | Revoke | Elapsed), due
        before = len(self.outcomes)
        self._take(saga.settle(self.order, due, result, self.now, self.rules))
        return self.outcomes[before:]

    def say(self, verdict: manual.Verdict, ident: str | None = None, by: str = "grace") -> list[Outcome]:
        """A person settles the current operation, or the one that is named."""
        before = len(self.outcomes)
        self._take(saga.settle_manually(self.order, ident or self.operation.id, verdict, by, self.now, self.rules))
        return self.outcomes[before:]

    def stall(self) -> None:
        """Our own code fails on the order."""
        self._take(saga.stall(self.order, "settle: KeyError", self.now, self.rules))

    def seen(self, **more: Any) -> list[Outcome]:
        """Answers the read that is due with books that are ours but for what is told."""
        assert isinstance(self.next(), Read), self.next()
        return self.answer(Succeeded(snapshot=snapshot(self.order, **more)))

    def wait(self, seconds: float | None = None) -> None:
        """Lets time pass: so many seconds, or until something is due."""
        if seconds is None:
            following = self.next()
            assert isinstance(following, Wait), following
            seconds = following.until - self.now
        assert seconds >= 0
        self.now += seconds
        self.hear(self.now)

    def hear(self, until: float) -> None:
        self.rules = replace(self.rules, input_watermark=until)

    def pass_time(self, seconds: float) -> list[Outcome]:
        """Waits, doing what needs no provider."""
        before = len(self.outcomes)
        self.wait(seconds)
        while isinstance(self.next(), Elapsed):
            self.answer(None)
        return self.outcomes[before:]

    # checks

    def waits_for_a_person(self) -> bool:
        """Nothing is to be done for it, but to warn of its expiry."""
        following = self.next()
        warning = refreshing.warning_due(self.order, self.rules)
        return following == (Rest() if warning is None else Wait(warning))

    def finals(self, ident: str) -> list[Outcome]:
        return [one for one in self.outcomes if one.final and one.cause is not None and one.cause.id == ident]

    def _take(self, decision: Decision) -> None:
        self.order = decision.order
        self.outcomes += decision.outcomes
        self.entries += decision.entries
        check(self.order)
        assert [one.sequence for one in self.outcomes] == list(range(1, len(self.outcomes) + 1))
        for name, request in self.order.details.requests.items():
            assert self.requests.setdefault(name, request) == request, "a frozen request changed"


def _with_parts(parts: Sequence[str], more: Json) -> Json:
    return {"order_lines": [part(one) for one in parts], **more} if parts else more


_ORDER: Final = msgspec.json.Decoder(Order)


def check(order: Order) -> None:
    """I2, and that the order is the same after a round trip through JSON."""
    assert order.order_amount == order.captured_amount + order.released_amount + order.remaining
    assert min(order.captured_amount, order.released_amount, order.remaining, order.refunded_amount) >= 0
    assert order.refundable >= 0
    again = _ORDER.decode(msgspec.json.encode(order))
    waiting = {token: bytes(raw) for token, raw in order.details.waiting.items()}
    assert {token: bytes(raw) for token, raw in again.details.waiting.items()} == waiting
    plain = replace(order, details=replace(order.details, waiting={}))
    assert replace(again, details=replace(again.details, waiting={})) == plain


def lively(order: Order, now: float, rules: Rules) -> bool:
    """I8: the order is at rest, will be looked at, or a person has it."""
    if not isinstance(saga.next_call(order, now, rules), Rest):
        return True
    return not (order.operations or order.pending) or bool(order.attentions) or order.blocked is not None


def what(outcomes: Sequence[Outcome]) -> list[str]:
    return [one.what for one in outcomes]


def moved(outcomes: Sequence[Outcome]) -> int:
    """What came of the event in money, in all its operations."""
    assert all(one.refusal is None for one in outcomes), outcomes
    assert [one.final for one in outcomes] == [False] * (len(outcomes) - 1) + [True]
    amounts = [one.operation.amount for one in outcomes if one.operation is not None]
    return sum(amount for amount in amounts if amount is not None)


def code(outcomes: Sequence[Outcome]) -> str:
    """Of the one rejection."""
    (only,) = outcomes
    assert only.what == "rejected"
    assert only.final
    assert only.refusal is not None
    return only.refusal.code
