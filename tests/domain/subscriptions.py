"""Subscriptions whose customer token is to be made or cancelled."""

from typing import Any

from ordersaga.domain.model.outcomes import Decision, Outcome, Read, Send
from ordersaga.domain.model.results import Result, Succeeded, TokenStatus
from ordersaga.worker.violations import violations

from .shop import SUBSCRIPTION, Story

REQUESTED = {
    "authorization_token": "token",
    "purchase_country": "GB",
    "purchase_currency": "GBP",
    "locale": "en-GB",
    "description": "Tea club",
    "intended_use": "SUBSCRIPTION",
}
CREATED = Succeeded(result={"customer_token": "chargeable", "redirect_url": "https://pay"})


def story_of() -> Story:
    return Story(eager=False, key=SUBSCRIPTION)


def requesting(story: Story | None = None) -> Story:
    story = story or story_of()
    story.tell("customer_token_requested", REQUESTED, f"requested-{story.count}")
    return story


def active() -> Story:
    story = requesting()
    story.answer(CREATED)
    return story


def cancelling(story: Story | None = None, **data: Any) -> Story:
    story = story or active()
    story.tell("customer_token_cancelled", data, f"cancelled-{story.count}")
    return story


def seen(story: Story, status: TokenStatus) -> list[Outcome]:
    call = story.next()
    assert isinstance(call, Read), call
    assert call.request is not None
    assert (call.request.method, call.request.path) == ("GET", "/tokens/chargeable")
    return settled(story, Succeeded(token_status=status))


def settled(story: Story, result: Result) -> list[Outcome]:
    """The running service's watch for violations stays quiet."""
    before, call = story.order, story.next()
    assert isinstance(call, Send | Read)
    outcomes = story.answer(result)
    decision = Decision(story.order, tuple(outcomes))
    assert list(violations(before, call, result, decision, story.rules)) == []
    return outcomes
