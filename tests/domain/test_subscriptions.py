"""A subscription's customer token is made once, and never twice by us."""

import pytest
from msgspec.structs import replace

from ordersaga.domain.model.order import Details
from ordersaga.domain.model.outcomes import Elapsed, Rest, Send
from ordersaga.domain.model.results import Rejected, Retryable, Succeeded
from ordersaga.domain.uncertainty.evidence import mark_uncertain
from ordersaga.domain.uncertainty.hints import Hint, with_hint
from ordersaga.domain.uncertainty.manual import HadNoEffect, NotSettledError, TookEffect, TryAgain

from .shop import Story, event, lively, with_token
from .subscriptions import CREATED, REQUESTED, active, cancelling, requesting, seen, settled
from .uncertain import GONE, LOST, A, told


def test_the_events_are_of_a_subscription() -> None:
    assert event("customer_token_requested", REQUESTED, "e").kind == "subscription"
    assert event("customer_token_cancelled", {}, "e").kind == "subscription"
    assert event("closed", {}, "e").kind == "order"


def test_a_token_is_made_and_told() -> None:
    story = requesting()
    call = story.next()
    assert isinstance(call, Send)
    assert (call.request.method, call.request.path, call.request.key) == (
        "POST",
        "/authorizations/token/customer-token",
        None,
    )
    (outcome,) = settled(story, CREATED)
    assert (outcome.what, outcome.final, outcome.books, outcome.provider) == (
        "customer_token_created",
        True,
        None,
        "klarna",
    )
    assert outcome.result == {"customer_token": "chargeable", "redirect_url": "https://pay"}
    assert outcome.operation is not None
    assert (outcome.operation.type, outcome.operation.provider_id, outcome.operation.amount) == (
        "create_customer_token",
        None,
        None,
    )
    assert (story.order.status, story.next()) == ("active", Rest())


def test_the_token_is_kept_in_the_details_alone() -> None:
    story = active()
    assert story.order.details.customer_token == "chargeable"
    assert "chargeable" not in f"{story.entries} {replace(story.order, details=Details())}"
    cancelling(story)
    assert "chargeable" not in f"{story.entries} {replace(story.order, details=Details())}"


def test_a_refused_token_may_be_requested_again() -> None:
    story = requesting()
    (outcome,) = story.answer(Rejected("INVALID_OPERATION", ("intent buy",), "corr", 403, advice="authorize again"))
    assert outcome.refusal is not None
    assert (outcome.what, outcome.final, outcome.refusal.code, outcome.refusal.advice) == (
        "rejected",
        True,
        "INVALID_OPERATION",
        "authorize again",
    )
    assert story.order.status == "rejected"
    requesting(story)
    assert told(story.answer(CREATED)) == ("customer_token_created", True, None)


def test_a_subscription_has_one_token_at_a_time() -> None:
    story = active()
    (outcome,) = story.tell("customer_token_requested", REQUESTED)
    assert told([outcome]) == ("rejected", True, "order_exists")
    assert outcome.refusal is not None
    assert "another subscription" in (outcome.refusal.advice or "")


def test_after_its_token_was_cancelled_it_may_get_another() -> None:
    story = cancelling()
    story.answer(Succeeded())
    seen(story, "cancelled")
    requesting(story)
    story.answer(Succeeded(result={"customer_token": "second"}))
    assert (story.order.status, story.order.details.customer_token) == ("active", "second")


def test_a_lost_creation_is_never_sent_again() -> None:
    story = requesting()
    (outcome,) = settled(story, LOST)
    assert told([outcome]) == ("attention_required", False, "answer_lost")
    assert outcome.refusal is not None
    assert "whether the provider made a customer token" in (outcome.refusal.advice or "")
    assert story.waits_for_a_person()
    assert lively(story.order, story.now, story.rules)


def test_a_creation_under_an_expired_lease_is_never_sent_again() -> None:
    story = requesting()
    story.order = mark_uncertain(story.order, story.now, story.now + 30)
    story.wait(60)
    assert story.next() == Elapsed()
    assert [told([one]) for one in story.pass_time(0)] == [("attention_required", False, "answer_lost")]
    assert story.waits_for_a_person()


def test_a_late_answer_still_ends_it() -> None:
    story = requesting()
    call = story.next()
    assert isinstance(call, Send)
    story.answer(LOST)
    assert told(story.answer(CREATED, call)) == ("customer_token_created", True, None)
    assert story.order.attentions == ()


def test_after_a_restore_a_creation_goes_to_a_person() -> None:
    story = requesting()
    story.rules = replace(story.rules, restored_at=story.now + 1)
    story.wait(2)
    assert story.next() == Elapsed()
    assert [one.what for one in story.pass_time(0)] == ["attention_required"]


def test_what_was_turned_away_is_sent_again() -> None:
    story = requesting()
    assert story.answer(Retryable("down")) == []
    story.wait()
    assert told(story.answer(CREATED)) == ("customer_token_created", True, None)


def test_a_person_enters_the_token_which_the_journal_does_not_show() -> None:
    story = requesting()
    story.answer(LOST)
    with pytest.raises(NotSettledError, match="needs the id"):
        story.say(TookEffect())
    (outcome,) = story.say(TookEffect("chargeable"))
    assert (outcome.what, outcome.result) == ("customer_token_created", {"customer_token": "chargeable"})
    assert story.order.details.customer_token == "chargeable"
    assert "chargeable" not in f"{story.entries}"


def test_a_person_finds_no_token() -> None:
    story = requesting()
    story.answer(LOST)
    assert told(story.say(HadNoEffect("none was made"))) == ("rejected", True, "settled_by_hand")


def test_nobody_has_a_second_token_made_by_trying_again() -> None:
    story = requesting()
    story.answer(LOST)
    with pytest.raises(NotSettledError, match=r"might do it a second time: look up whether the provider made"):
        story.say(TryAgain())
    assert story.waits_for_a_person()


def test_a_creation_that_our_own_failure_stopped_is_not_tried_again_either() -> None:
    story = requesting()
    story.stall()
    with pytest.raises(NotSettledError, match="might do it a second time"):
        story.say(TryAgain())
    assert told(story.say(HadNoEffect("none was made"))) == ("rejected", True, "settled_by_hand")


def test_nor_is_one_beside_an_order() -> None:
    story = Story(eager=False)
    story.tell("placed", with_token(A), "placed")
    story.answer(LOST)
    assert story.operation.type == "create_customer_token"
    with pytest.raises(NotSettledError, match="might do it a second time"):
        story.say(TryAgain())


# a token that was refused as payment


def suspected() -> Story:
    story = active()
    story.order = with_hint(story.order, Hint(story.now))
    return story


def test_a_token_at_rest_is_not_read() -> None:
    assert active().next() == Rest()


def test_one_that_is_active_is_as_it_was() -> None:
    story = suspected()
    assert seen(story, "active") == []
    assert (story.order.status, story.order.attentions, story.next()) == ("active", (), Rest())


def test_one_that_another_hand_has_cancelled_is_told_without_a_cause() -> None:
    story = suspected()
    (outcome,) = seen(story, "cancelled")
    assert (outcome.what, outcome.cause, outcome.final, outcome.operation) == (
        "customer_token_cancelled",
        None,
        True,
        None,
    )
    assert (story.order.status, story.next()) == ("cancelled", Rest())
    requesting(story)
    assert told(story.answer(CREATED)) == ("customer_token_created", True, None)


def test_one_that_is_suspended_is_told_once_and_until_a_read_shows_it_active() -> None:
    story = suspected()
    (outcome,) = seen(story, "suspended")
    assert told([outcome]) == ("attention_required", False, "token_suspended")
    assert outcome.cause is None
    story.order = with_hint(story.order, Hint(story.now))
    assert seen(story, "suspended") == []
    assert (story.order.status, story.next()) == ("active", Rest())
    story.order = with_hint(story.order, Hint(story.now))
    assert seen(story, "active") == []
    assert story.order.attentions == ()


def test_one_that_is_suspended_and_then_cancelled_needs_nobody() -> None:
    story = suspected()
    seen(story, "suspended")
    cancelling(story)
    story.answer(Succeeded())
    seen(story, "cancelled")
    assert story.order.attentions == ()


def test_one_that_the_provider_does_not_know_is_told_to_a_person() -> None:
    story = suspected()
    assert told(settled(story, GONE)) == ("attention_required", False, "order_unreadable")
    assert story.next() == Rest()


def test_a_read_of_it_that_fails_is_made_again() -> None:
    story = suspected()
    assert settled(story, Retryable("down")) == []
    story.wait()
    assert seen(story, "active") == []


def test_its_cancellation_under_way_comes_first() -> None:
    story = cancelling()
    story.order = with_hint(story.order, Hint(story.now))
    story.answer(Succeeded())
    assert told(seen(story, "cancelled")) == ("customer_token_cancelled", True, None)
    assert story.next() == Rest()
