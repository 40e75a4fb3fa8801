"""Orders that the customer completes in Checkout."""

from typing import Any

from ordersaga.domain.model.outcomes import Decision, Outcome, Read, Send
from ordersaga.domain.model.results import CheckoutSeen, Rejected, Result, Succeeded
from ordersaga.domain.uncertainty.hints import Hint, with_hint
from ordersaga.worker.violations import violations

from .shop import Json, Story, line, snapshot

A = line("A", 2, 50)
B = line("B", 1, 30)
MADE = Succeeded("checkout-1", result={"html_snippet": "<div/>"})
CHANGED = Succeeded(result={"html_snippet": "<div/>"})
NOT_FOUND = Rejected("NOT_FOUND", ("gone",), "corr-3", 404)
READ_ONLY = Rejected("READ_ONLY_ORDER", ("Resource is read-only",), "corr-4", 403)
URLS = {"terms": "https://s/t", "checkout": "https://s/c", "confirmation": "https://s/d", "push": "https://s/p"}


def started(*lines: Json, **more: Any) -> Json:
    given = {"purchase_country": "SE", "purchase_currency": "SEK", "locale": "sv-SE", "merchant_urls": URLS}
    lines = lines or (A,)
    return {**given, "order_amount": sum(one["total_amount"] for one in lines), "order_lines": [*lines], **more}


def starting(**more: Any) -> Story:
    story = Story(eager=False)
    story.tell("checkout_started", started(**more), "started")
    return story


def in_checkout(**more: Any) -> Story:
    story = starting(**more)
    settled(story, MADE)
    assert story.order.status == "checkout"
    return story


def by_checkout(story: Story, ident: str = "checkout-1", name: str = "placed", **more: Any) -> list[Outcome]:
    """The `placed` that names the Checkout order."""
    given = {"purchase_country": "SE", "purchase_currency": "SEK", **more}
    return story.tell("placed", {"payment": {"provider": "klarna", "checkout_order_id": ident}, **given}, name)


def checkout(story: Story, *, complete: bool, **more: Any) -> Succeeded:
    """A read of the Checkout order, which is as the shop sent it but for what is told."""
    given = {"provider_id": story.order.provider_order_id, "currency": "SEK", "order_amount": 100, **more}
    return Succeeded(checkout=CheckoutSeen(complete=complete, **given))


def read_checkout(story: Story, *, complete: bool = True, **more: Any) -> list[Outcome]:
    call = story.next()
    assert isinstance(call, Read), call
    assert call.of == "checkout" or (call.operation is not None and call.operation.type == "complete_checkout")
    return settled(story, checkout(story, complete=complete, **more))


def read_order(story: Story, **more: Any) -> list[Outcome]:
    """Of Order Management."""
    call = story.next()
    assert isinstance(call, Read), call
    assert call.operation is not None
    assert call.operation.type == "confirm_checkout"
    facts = {"merchant_reference1": "", "merchant_reference2": ""}
    given: Json = {"provider_id": story.order.provider_order_id, "order_amount": 100, "remaining_amount": 100}
    given |= {"currency": "SEK", "facts": facts, "status": "authorized", "fraud_status": "ACCEPTED"}
    return settled(story, Succeeded(snapshot=snapshot(story.order, **{**given, **more})))


def sent(story: Story, operation: str, result: Result | None = None) -> list[Outcome]:
    call = story.next()
    assert isinstance(call, Send), call
    assert call.operation.type == operation
    return settled(story, result or Succeeded())


def settled(story: Story, result: Result) -> list[Outcome]:
    """The running service's watch for violations stays quiet."""
    before, call = story.order, story.next()
    assert isinstance(call, Send | Read), call
    outcomes = story.answer(result)
    decision = Decision(story.order, tuple(outcomes))
    assert list(violations(before, call, result, decision, story.rules)) == []
    return outcomes


def completed(story: Story | None = None, **more: Any) -> Story:
    """Found by the scheduled read."""
    story = story or in_checkout()
    story.wait()
    read_checkout(story, **more)
    read_order(story)
    sent(story, "acknowledge")
    sent(story, "set_references")
    return story


def hinted(story: Story) -> None:
    """As the worker takes a push in."""
    story.order = with_hint(story.order, Hint(story.now))


def wrote(story: Story) -> list[str]:
    """What was decided to be written to the order, in order."""
    return [
        one.name for one in story.entries if one.what == "decision" and one.name in {"acknowledge", "set_references"}
    ]
