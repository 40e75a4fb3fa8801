"""A customer token that is cancelled: accepted, and done once a read shows it."""

import pytest
from msgspec.structs import replace

from ordersaga.domain.model.outcomes import Outcome, Rest, Send, Wait
from ordersaga.domain.model.results import Rejected, Retryable, Succeeded, TokenStatus
from ordersaga.domain.uncertainty.evidence import mark_uncertain
from ordersaga.domain.uncertainty.manual import TookEffect

from .shop import HOUR, Story, what
from .subscriptions import CREATED, REQUESTED, cancelling, requesting, seen, settled, story_of
from .uncertain import GONE, LOST, NO, told


def test_a_cancellation_is_accepted_and_then_read_until_it_is_done() -> None:
    story = cancelling()
    call = story.next()
    assert isinstance(call, Send)
    assert (call.request.method, call.request.path, call.request.key) == ("PATCH", "/tokens/chargeable/status", None)
    assert settled(story, Succeeded()) == []
    assert seen(story, "active") == []
    following = story.next()
    assert isinstance(following, Wait)
    assert following.until - story.now < 10
    story.wait()
    assert told(seen(story, "suspended")) == ("attention_required", False, "token_suspended")
    story.wait()
    assert seen(story, "suspended") == [], "it is told once"
    story.wait()
    (outcome,) = seen(story, "cancelled")
    assert story.order.attentions == ()
    assert (outcome.what, outcome.final, outcome.books) == ("customer_token_cancelled", True, None)
    assert outcome.operation is not None
    assert outcome.operation.type == "cancel_customer_token"
    assert (story.order.status, story.next()) == ("cancelled", Rest())


def test_it_waits_for_the_token_and_not_for_ever() -> None:
    story = cancelling(story_of())
    assert [one.waits_for for one in story.order.pending] == ["order"]
    requesting(story)
    assert what(story.answer(CREATED)) == ["customer_token_created"]
    assert story.operation.type == "cancel_customer_token"
    alone = cancelling(story_of())
    assert told(alone.pass_time(24 * HOUR)) == ("rejected", True, "order_unknown")


def test_it_waits_for_a_creation_under_way() -> None:
    story = cancelling(requesting())
    assert story.operation.type == "create_customer_token"
    assert what(story.answer(NO)) == ["rejected", "rejected"]
    assert story.outcomes[-1].refusal is not None
    assert story.outcomes[-1].refusal.code == "order_rejected"


def test_a_token_that_is_named_needs_no_creation_of_ours() -> None:
    story = cancelling(story_of(), customer_token="chargeable")
    story.answer(Succeeded())
    assert told(seen(story, "cancelled")) == ("customer_token_cancelled", True, None)
    assert story.order.status == "new"


def test_another_token_that_is_named_leaves_ours_active() -> None:
    story = cancelling(customer_token="another")
    story.answer(Succeeded())
    assert told(story.answer(Succeeded(token_status="cancelled"))) == ("customer_token_cancelled", True, None)
    assert story.order.status == "active"


@pytest.mark.parametrize("data", [{}, {"customer_token": "chargeable"}])
def test_a_cancelled_token_is_cancelled(data: dict[str, str]) -> None:
    story = cancelling()
    story.answer(Succeeded())
    seen(story, "cancelled")
    assert told(story.tell("customer_token_cancelled", data)) == ("rejected", True, "already_cancelled")


def test_a_refusal_is_read_and_a_token_that_another_hand_cancelled_is_done() -> None:
    story = cancelling()
    assert settled(story, NO) == []
    assert told(seen(story, "cancelled")) == ("customer_token_cancelled", True, None)
    assert story.order.status == "cancelled"


@pytest.mark.parametrize("status", ["active", "suspended"])
def test_a_refusal_is_told_with_what_the_token_is(status: TokenStatus) -> None:
    story = cancelling()
    story.answer(NO)
    (outcome,) = seen(story, status)
    assert told([outcome]) == ("rejected", True, NO.code)
    assert outcome.refusal is not None
    assert outcome.refusal.messages == ("no", f"the provider shows the token as {status}")
    assert story.order.status == "active"


def test_a_token_that_is_not_known_is_told() -> None:
    story = cancelling()
    story.answer(Rejected("TOKEN_NOT_FOUND", ("who?",), "corr", 404, advice="check it"))
    (outcome,) = settled(story, GONE)
    assert told([outcome]) == ("rejected", True, "TOKEN_NOT_FOUND")
    assert outcome.refusal is not None
    assert outcome.refusal.advice == "check it"


def test_a_lost_answer_is_read_and_what_is_done_is_not_sent_again() -> None:
    story = cancelling()
    assert settled(story, LOST) == []
    story.wait()
    assert told(seen(story, "cancelled")) == ("customer_token_cancelled", True, None)


def test_a_call_under_an_expired_lease_is_read() -> None:
    story = cancelling()
    story.order = mark_uncertain(story.order, story.now, story.now + 30)
    story.wait(60)
    assert told(seen(story, "cancelled")) == ("customer_token_cancelled", True, None)


def test_what_was_accepted_is_read_until_it_takes_effect_however_long_that_takes() -> None:
    story = cancelling()
    story.answer(Succeeded())
    told_: list[Outcome] = []
    while story.now < 1_700_000_000 + 2 * 3600:
        if isinstance(story.next(), Wait):
            story.wait()
            continue
        told_ += seen(story, "active")
    assert [one.what for one in told_] == ["attention_required"], "it takes too long, and goes on"
    while isinstance(story.next(), Wait):
        story.wait()
    assert told(seen(story, "cancelled")) == ("customer_token_cancelled", True, None)


def test_what_never_took_effect_is_sent_again() -> None:
    story = cancelling()
    sent = story.next()
    story.answer(LOST)
    begun, reads = story.now, 0
    while not isinstance(story.next(), Send):
        if isinstance(story.next(), Wait):
            story.wait()
            continue
        reads += 1
        assert seen(story, "active") == []
    again = story.next()
    assert isinstance(sent, Send)
    assert isinstance(again, Send)
    assert again.request == sent.request
    assert story.now - begun >= story.rules.absent_after + story.rules.absent_again
    assert reads >= 3


def test_a_refusal_after_a_lost_answer_is_believed_when_the_token_stays_active() -> None:
    story = cancelling()
    lost_and_refused(story)
    outcomes: list[Outcome] = []
    while not outcomes:
        if isinstance(story.next(), Wait):
            story.wait()
            continue
        outcomes = seen(story, "active")
    assert told(outcomes) == ("rejected", True, NO.code)
    assert outcomes[0].refusal is not None
    assert outcomes[0].refusal.messages == ("no", "the provider shows the token as active")


def lost_and_refused(story: Story) -> None:
    """The token was still active when it was read, so that the request was repeated."""
    story.answer(LOST)
    while not isinstance(story.next(), Send):
        if isinstance(story.next(), Wait):
            story.wait()
        else:
            seen(story, "active")
    call = story.next()
    story.answer(LOST)
    assert isinstance(call, Send)
    story.answer(NO, call)


def test_a_read_that_is_refused_goes_to_a_person() -> None:
    story = cancelling()
    story.answer(Succeeded())
    (outcome,) = settled(story, GONE)
    assert told([outcome]) == ("attention_required", False, "answer_lost")
    assert outcome.refusal is not None
    assert "the customer token at the provider" in (outcome.refusal.advice or "")
    assert told(story.say(TookEffect())) == ("customer_token_cancelled", True, None)
    assert story.order.status == "cancelled"


def test_a_read_that_fails_is_made_again() -> None:
    story = cancelling()
    story.answer(Succeeded())
    assert settled(story, Retryable("down")) == []
    story.wait()
    assert told(seen(story, "cancelled")) == ("customer_token_cancelled", True, None)


def test_after_a_restore_the_token_is_read_first() -> None:
    story = cancelling()
    story.rules = replace(story.rules, restored_at=story.now + 1)
    story.wait(2)
    assert told(seen(story, "cancelled")) == ("customer_token_cancelled", True, None)


def test_one_that_takes_long_raises_one_attention() -> None:
    story = cancelling()
    story.answer(Succeeded())
    story.wait(HOUR)
    assert told(seen(story, "active")) == ("attention_required", False, "provider_unavailable")


@pytest.mark.parametrize("name", ["create_customer_token", "cancel_customer_token"])
def test_a_provider_without_customer_tokens_rejects_it(name: str) -> None:
    story = story_of()
    story.terms.unsupported.add(name)
    kind, data = ("customer_token_requested", REQUESTED)
    if name == "cancel_customer_token":
        kind, data = ("customer_token_cancelled", {"customer_token": "chargeable"})
    assert told(story.tell(kind, data)) == ("rejected", True, "unsupported_by_provider")
