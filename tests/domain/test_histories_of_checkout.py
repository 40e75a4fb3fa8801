"""Random histories of Checkout: whatever is lost, doubled or late, each event ends once, and an order is acknowledged once."""

import random
from collections import Counter

import msgspec
import pytest

from ordersaga.domain.model.fields import OrderLine
from ordersaga.domain.model.outcomes import Decision, Elapsed, Read, Rest, Send, Wait
from ordersaga.domain.model.results import Rejected, Result, Retryable, Snapshot, Succeeded, Unknown
from ordersaga.worker.violations import violations

from .checkouts import NOT_FOUND, READ_ONLY, A, B, by_checkout, checkout, hinted, started
from .shop import DAY, HOUR, Story, lively

_SEEDS = range(150)


class Provider:
    """Has Checkout orders; a call may take effect without its answer arriving."""

    def __init__(self, chance: random.Random) -> None:
        self.chance = chance
        self.amounts: dict[str, int] = {}
        self.complete: set[str] = set()
        self.aborted: set[str] = set()
        self.gone: set[str] = set()
        self.effects: Counter[tuple[str, str]] = Counter()
        self.keys: set[str] = set()

    def answer(self, story: Story, call: Send | Read) -> Result:
        fate = self.chance.random()
        if fate < 0.15:
            return Retryable("down")
        result = self._shown(story, call) if isinstance(call, Read) else self._done(story, call)
        return result if fate > 0.35 else Unknown("lost") if isinstance(call, Send) else Retryable("lost")

    def _shown(self, story: Story, call: Read) -> Result:
        ident = call.provider_order_id
        of_checkout = call.of == "checkout" or (
            call.operation is not None and call.operation.type == "complete_checkout"
        )
        if of_checkout:
            if ident in self.gone or ident not in self.amounts:
                return NOT_FOUND
            amount = self.amounts[ident]
            lines = msgspec.convert([A] if amount == 100 else [A, B], tuple[OrderLine, ...])
            return checkout(story, complete=ident in self.complete, order_amount=amount, lines=lines, provider_id=ident)
        if ident not in self.complete:
            return NOT_FOUND
        amount = self.amounts[ident]
        return Succeeded(snapshot=Snapshot(ident, "authorized", "ACCEPTED", "SEK", amount, 0, 0, amount))

    def _done(self, story: Story, call: Send) -> Result:
        ident = story.order.provider_order_id or ""
        match call.operation.type:
            case "create_checkout":
                made = f"checkout-{len(self.amounts) + 1}"
                self.amounts[made] = 100
                return Succeeded(made, result={"html_snippet": "<div/>"})
            case "update_checkout" | "abandon_checkout" if ident in self.gone:
                return NOT_FOUND
            case "update_checkout" | "abandon_checkout" if ident in self.complete | self.aborted:
                return READ_ONLY
            case "update_checkout":
                self.amounts[ident] = 130
                return Succeeded()
            case "abandon_checkout":
                self.aborted.add(ident)
                return Succeeded()
            case name:
                if call.operation.id not in self.keys:
                    self.effects[name, ident] += 1
                self.keys.add(call.operation.id)
                return Succeeded() if self.chance.random() < 0.9 else Rejected("NOT_ALLOWED", (), None, 403)


def act(story: Story, provider: Provider, number: int) -> None:
    """Something that the shop, the customer or time does."""
    chance, ident = provider.chance, story.order.provider_order_id
    match chance.randrange(8):
        case 0:
            story.tell("checkout_started", started(), f"e{number}")
        case 1:
            story.tell("checkout_updated", {"order_amount": 130, "order_lines": [A, B]}, f"e{number}")
        case 2:
            story.tell("checkout_abandoned", {}, f"e{number}")
        case 3 if ident is not None:
            amount = {"order_amount": provider.amounts.get(ident, 100)} if chance.random() < 0.5 else {}
            by_checkout(story, ident, f"e{number}", **amount)
        case 4 | 5 if ident in provider.amounts and ident not in provider.aborted | provider.gone:
            provider.complete.add(ident or "")
            provider.amounts[ident or ""] += chance.choice([0, 0, 0, 0, 7])  # a callback of the shop's changed it
            if chance.random() < 0.7:  # else the push is lost
                hinted(story)
        case 6 if ident is not None:
            hinted(story)
        case 7 if ident in provider.amounts and chance.random() < 0.2:
            provider.gone.add(ident or "")
        case _:
            story.wait(chance.choice([1.0, 60.0, HOUR]))


def step(story: Story, provider: Provider) -> None:
    match call := story.next():
        case Send() | Read():
            before, result = story.order, provider.answer(story, call)
            decision = Decision(story.order, tuple(story.answer(result, call)))
            assert list(violations(before, call, result, decision, story.rules)) == []
        case Elapsed():
            story.answer(None, call)
        case Wait(until=until):
            story.wait(max(until - story.now, 0.0))
        case _:
            story.wait(60.0)
    assert lively(story.order, story.now, story.rules)


@pytest.mark.parametrize("seed", _SEEDS)
def test_each_event_ends_once_and_an_order_is_acknowledged_once(seed: int) -> None:
    provider, story = Provider(random.Random(seed)), Story(eager=False)
    for number in range(14):
        act(story, provider, number)
        for _ in range(provider.chance.randrange(4)):
            step(story, provider)
    until = story.now + 4 * DAY
    while story.now < until and not isinstance(story.next(), Rest) and story.order.status != "authorized":
        provider.gone |= provider.amounts.keys() - provider.complete  # at last all that is open lapses
        step(story, provider)
    told = len([one for one in story.outcomes if one.what == "checkout_completed"])
    assert told <= len(provider.complete)
    assert all(count == 1 for (name, _), count in provider.effects.items() if name == "acknowledge"), provider.effects
    assert sum(1 for name, _ in provider.effects if name == "acknowledge") <= len(provider.complete)
    owing = {one.cause.id for one in story.order.pending} | {one.cause.id for one in story.order.operations}
    for cause in {entry.event_id for entry in story.entries if entry.what == "event" and entry.event_id}:
        assert len(story.finals(cause)) == (0 if cause in owing else 1), cause
    bought = story.order.provider_order_id in provider.complete
    assert not bought or story.order.status == "authorized" or story.order.attentions, (
        "a customer paid, and nobody knows"
    )
    if not story.order.attentions:
        assert story.order.status != "checkout"
        assert story.order.status == "authorized" or not owing
