"""Leads an order through any history with the model provider, and holds the invariants against each step."""

from collections import Counter
from typing import Any, Literal, Protocol

from msgspec.structs import replace

from ordersaga.domain import saga
from ordersaga.domain.model.events import Event
from ordersaga.domain.model.order import Key, Order, Request
from ordersaga.domain.model.outcomes import Call, Decision, Elapsed, Outcome, Read, Rest, Revoke, Send, Wait
from ordersaga.domain.model.owed import forgotten, owed
from ordersaga.domain.model.results import Rejected, Result, Retryable, Succeeded, Unknown
from ordersaga.domain.model.terms import Rules, Terms
from ordersaga.domain.operations import OPERATIONS
from ordersaga.domain.uncertainty.evidence import mark_uncertain
from ordersaga.domain.uncertainty.manual import NotSettledError, TryAgain, Verdict
from ordersaga.worker.violations import violations

from .model import Klarna
from .shop import KEY, START, check, event, lively

Fault = Literal["none", "lost before", "lost after", "away", "refused", "crashed before", "crashed after"]


class Provider(Protocol):
    """A model of one."""

    effects: Counter[str]
    refuse_next: bool

    def call(self, call: Call, now: float) -> Result: ...

    def decide(self, fraud: str) -> None:
        """What waits for somebody there comes to its end."""


class Life:
    """`terms`: of the fake or the real provider."""

    def __init__(self, terms: Terms, key: Key = KEY, name: str = "klarna") -> None:
        self.rules = Rules({name: terms}, input_watermark=START)
        self.klarna = Klarna()
        self.now = START
        self.order = Order(key)
        self.outcomes: list[Outcome] = []
        self.told: list[str] = []
        self.requests: dict[str, Request] = {}
        self.finals: set[str] = set()
        self.inputs: list[Event] = []
        self.backups: list[tuple[Order, list[Outcome], set[str], list[str]]] = []

    @property
    def there(self) -> Provider:
        return self.klarna

    def tell(self, what: str, data: dict[str, Any], ident: str | None = None) -> None:
        """A new event; the books as they were before it are a backup."""
        name = ident or f"e{len(self.inputs)}"
        self.backups.append((self.order, list(self.outcomes), set(self.finals), list(self.told)))
        self.inputs.append(event(what, _described(data, name), name, self.now))
        self._hear(self.inputs[-1])

    def restore(self, number: int) -> None:
        """The database as it was before one of the events; what came since is read again."""
        if not self.backups:
            return
        number %= len(self.backups)
        order, outcomes, finals, told = self.backups[number]
        self.outcomes, self.finals, self.told = list(outcomes), set(finals), list(told)
        self.rules = replace(self.rules, restored_at=self.now)
        self._change(order)
        self.wait(1.0)
        for known in self.inputs[number:]:
            self._hear(known)

    def _hear(self, known: Event) -> None:
        self.told.append(known.cause.id)
        decision = saga.accept(self.order, known, self.now, self.rules)
        assert forgotten({known.cause, *owed(self.order)}, decision) == set(), "I6"
        self._take(decision)

    def wait(self, seconds: float) -> None:
        self.now += seconds
        self.rules = replace(self.rules, input_watermark=self.now)

    def act(self, fault: Fault = "none") -> bool:
        """What a worker does now; False: nothing is to be done before some time has passed."""
        call = saga.next_call(self.order, self.now, self.rules)
        match call:
            case Wait() | Rest():
                return False
            case Elapsed():
                pending, raised = len(self.order.pending), len(self.order.attentions)
                self._settle(call, None)
                changed = len(self.order.pending) < pending or len(self.order.attentions) > raised
                assert changed, "nothing came of it"
            case Send() | Read() | Revoke():
                self._call(call, fault)
        return True

    def stall(self) -> None:
        """Our own code fails on the operation, whether or not it was sent."""
        if self.order.operations and self.order.operations[0].stage != "stuck":
            self._take(saga.stall(self.order, "settle: KeyError", self.now, self.rules))

    def say(self, verdict: Verdict) -> None:
        """A person settles the operation that is stuck."""
        name = self.order.operations[0].id
        self._take(saga.settle_manually(self.order, name, verdict, "grace", self.now, self.rules))

    def look_again(self, otherwise: Verdict) -> None:
        """A person has it tried again, and where that is refused, says what is true."""
        try:
            self.say(TryAgain())
        except NotSettledError as error:
            if "might do it a second time" not in str(error):
                raise
            self.say(otherwise)

    def act_until_rest(self) -> None:
        """Lets time pass as it is asked for, without faults."""
        for _ in range(400):
            in_a_row = 0
            self.at_last()
            while self.act():
                in_a_row += 1
                assert in_a_row < 60, "it spins"
            following = saga.next_call(self.order, self.now, self.rules)
            if not isinstance(following, Wait):
                return
            assert following.until > self.now
            self.wait(following.until - self.now)
        raise AssertionError("it never rests")

    def at_last(self) -> None:
        """What the provider, or the customer there, does when nobody else does anything any more."""
        self.there.decide("ACCEPTED")

    def _call(self, call: Call, fault: Fault) -> None:
        began = self.now
        result: Result | None = None
        if fault == "refused" and isinstance(call, Send):
            self.there.refuse_next = True
        if fault not in {"lost before", "away", "crashed before"}:
            result = self.there.call(call, self.now)
        self.there.refuse_next = False
        self.wait(0.25)
        if fault.startswith("crashed"):
            self.wait(30.0)
            self._change(mark_uncertain(self.order, began, self.now))
            return
        if fault == "away" or (result is None and isinstance(call, Read)):
            result = Retryable("connection refused")
        elif fault.startswith("lost") or result is None:
            result = Unknown("connection lost")
        before = self.order.operations[0] if self.order.operations else None
        self._settle(call, result)
        if before is not None and before.unknown and isinstance(result, Rejected) and isinstance(call, Send):
            assert not self._refused_by(call, result), "I3: a refusal ended what was unknown"

    def _settle(self, call: Call | Elapsed, result: Result | None) -> None:
        """What the running service watches for stays quiet."""
        decision = saga.settle(self.order, call, result, self.now, self.rules)
        assert list(violations(self.order, call, result, decision, self.rules)) == []
        if isinstance(call, Send) and isinstance(result, Succeeded):
            row = OPERATIONS[call.operation.type]
            told = {one.what for one in decision.outcomes if one.operation and one.operation.id == call.operation.id}
            assert told <= {*row.outcomes, "rejected", "attention_required"}, "its row doesn't have this outcome"
        self._take(decision)

    def _refused_by(self, call: Send, result: Rejected) -> bool:
        last = self.outcomes[-1] if self.outcomes else None
        if last is None or last.refusal is None or last.at != self.now or last.what != "rejected":
            return False
        of_it = last.operation is not None and last.operation.id == call.operation.id
        return of_it and last.refusal.code == result.code

    def _take(self, decision: Decision) -> None:
        self.outcomes += decision.outcomes
        for one in decision.outcomes:
            if one.final and one.cause is not None:
                assert one.cause.id not in self.finals, f"I6: {one.cause.id} ended twice"
                self.finals.add(one.cause.id)
        self._change(decision.order)

    def _change(self, order: Order) -> None:
        self.order = order
        check(order)
        assert lively(order, self.now, self.rules), "I8"
        assert [one.sequence for one in self.outcomes] == list(range(1, order.sequence + 1)), "I5"
        for name, request in order.details.requests.items():
            assert self.requests.setdefault(name, request) == request, "I4"
        effects = self.there.effects
        assert all(count == 1 for what, count in effects.items() if not what.startswith("authorization")), "I1"

    def at_the_end(self) -> None:
        """I6, and our books are the provider's, unless a person has the order."""
        order = self.order
        if order.operations:
            assert order.attentions
            assert order.operations[0].stage == "stuck"
            return
        assert self.finals == set(self.told), "I6"
        if order.key.kind == "subscription":
            self._token_is_the_providers()
            return
        if self.rules.restored_at:
            return  # events may be decided otherwise the second time: that they move no money twice is all
        accounts = [one for name, one in self.klarna.orders.items() if name == order.provider_order_id]
        if not order.accepted:
            assert sum(account.captured for account in self.klarna.orders.values()) == 0
            return
        (account,) = accounts
        assert order.captured_amount == account.captured
        assert order.refunded_amount == account.refunded
        assert order.remaining == account.remaining
        assert not order.has_attention("books_differ")
        if not account.auto and order.placed_at == START:
            self._outcomes_tell_the_books()

    def _token_is_the_providers(self) -> None:
        """A restore may have lost what a person has to look up; else we know each token that was made."""
        order, made = self.order, self.klarna.customer_tokens
        if order.status in {"active", "cancelled"} and not self.rules.restored_at:
            assert made[order.details.customer_token] == order.status
        told = [one.result["customer_token"] for one in self.outcomes if one.what == "customer_token_created"]
        if not self.rules.restored_at:
            assert sorted(told) == sorted(made)

    def _outcomes_tell_the_books(self) -> None:
        moved = {"capture": 0, "refund": 0}
        for one in self.outcomes:
            if one.operation and one.operation.type in moved and one.refusal is None:
                moved[one.operation.type] += one.operation.amount or 0
        assert moved == {"capture": self.order.captured_amount, "refund": self.order.refunded_amount}


def _described(data: dict[str, Any], name: str) -> dict[str, Any]:
    """A customer token that is asked for bears the event's name."""
    if "description" in data and "intended_use" in data:
        return {**data, "description": name}
    if "tokenize" in data.get("payment", {}):
        tokenize = {**data["payment"]["tokenize"], "description": name}
        return {**data, "payment": {**data["payment"], "tokenize": tokenize}}
    return data
