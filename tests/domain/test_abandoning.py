"""An authorization that the shop abandons is withdrawn; no order is needed for it, and none that was placed is touched."""

import pytest
from msgspec.structs import replace

from ordersaga.domain.model.outcomes import Rest, Send
from ordersaga.domain.model.results import Rejected, Retryable, Succeeded
from ordersaga.domain.uncertainty.evidence import mark_uncertain

from .shop import HOUR, Story, what
from .uncertain import GONE, LOST, NO, A, lose, told

TOKEN = {"authorization_token": "token"}


def abandoning(story: Story | None = None) -> Story:
    story = story or Story()
    story.eager = False
    story.tell("authorization_abandoned", TOKEN, "abandoned")
    return story


def test_it_needs_no_order_and_ends_in_abandoned() -> None:
    story = abandoning()
    call = story.next()
    assert isinstance(call, Send)
    assert (call.request.method, call.request.path, call.request.key) == ("DELETE", "/authorizations/token", None)
    (outcome,) = story.answer(Succeeded())
    assert (outcome.what, outcome.final, outcome.books, outcome.provider) == ("abandoned", True, None, "klarna")
    assert outcome.operation is not None
    assert (outcome.operation.type, outcome.operation.amount) == ("cancel_authorization", None)
    assert story.order.status == "abandoned"
    assert story.next() == Rest()


def test_a_later_placed_starts_afresh() -> None:
    story = abandoning()
    story.answer(Succeeded())
    story.eager = True
    assert what(story.placed(A, token="another")) == ["authorized"]
    assert what(story.shipped()) == ["captured"]


def test_what_waits_for_the_order_ends_with_the_authorization() -> None:
    story = Story()
    story.shipped()
    abandoning(story)
    outcomes = story.answer(Succeeded())
    assert what(outcomes) == ["abandoned", "rejected"]
    assert outcomes[1].refusal is not None
    assert outcomes[1].refusal.code == "order_rejected"
    assert outcomes[1].refusal.messages == ("the order's authorization was abandoned",)


def test_a_placed_that_comes_meanwhile_waits_for_the_withdrawal() -> None:
    story = abandoning()
    assert story.placed(A, token="another") == []
    assert what(story.answer(Succeeded())) == ["abandoned"]
    assert story.operation.type == "create_order"


@pytest.mark.parametrize("fraud", ["ACCEPTED", "PENDING"])
def test_an_order_that_was_placed_meanwhile_is_left_alone(fraud: str) -> None:
    story = Story(eager=False)
    story.placed(A)
    abandoning(story)
    outcomes = {one.what: one for one in story.answer(Succeeded("order-1", fraud_status=fraud))}
    rejected = outcomes["rejected"]
    assert rejected.cause is not None
    assert rejected.cause.id == "abandoned"
    assert rejected.refusal is not None
    assert rejected.refusal.code == "order_exists"
    assert "shop.order.cancelled.v1" in (rejected.refusal.advice or "")
    assert story.order.operations == ()
    assert story.order.remaining == 100


def test_after_a_rejected_placed_the_authorization_can_be_withdrawn() -> None:
    story = Story(eager=False)
    story.placed(A)
    story.answer(NO)
    abandoning(story)
    assert told(story.answer(Succeeded())) == ("abandoned", True, None)
    assert story.order.status == "abandoned"


def test_an_authorization_that_is_not_there_is_told_and_the_order_can_still_be_placed() -> None:
    story = Story()
    story.shipped()
    abandoning(story)
    (outcome,) = story.answer(GONE)
    assert outcome.refusal is not None
    assert (outcome.what, outcome.final, outcome.refusal.code) == ("rejected", True, "NOT_FOUND")
    assert "it was used, withdrawn before, or has ended" in (outcome.refusal.advice or "")
    assert story.order.status == "new"
    story.eager = True
    assert what(story.placed(A)) == ["authorized", "captured"]


@pytest.mark.parametrize("refusal", [NO, Rejected("PERMISSION_DENIED", ("no",), None, 403)])
def test_a_refusal_of_the_first_attempt_is_one(refusal: Rejected) -> None:
    assert told(abandoning().answer(refusal)) == ("rejected", True, refusal.code)


def test_a_lost_answer_is_repeated_and_an_authorization_that_is_gone_by_then_may_have_been_used_by_others() -> None:
    story = abandoning()
    for _ in range(3):
        lose(story)
        story.wait()
    assert told(story.answer(GONE)) == ("attention_required", False, "answer_lost")


def test_another_refusal_after_a_lost_answer_goes_to_a_person() -> None:
    story = abandoning()
    lose(story)
    story.wait()
    assert told(story.answer(NO)) == ("attention_required", False, "answer_lost")
    assert story.operation.stage == "stuck"


def test_a_call_under_an_expired_lease_may_have_withdrawn_it() -> None:
    story = abandoning()
    story.order = mark_uncertain(story.order, story.now, story.now + 30)
    story.wait(60)
    assert isinstance(story.next(), Send)
    assert told(story.answer(GONE)) == ("attention_required", False, "answer_lost")


def test_after_a_restore_an_authorization_that_is_gone_may_have_been_used_by_others() -> None:
    story = abandoning()
    story.rules = replace(story.rules, restored_at=story.now + 1)
    story.wait(HOUR)
    assert told(story.answer(GONE)) == ("attention_required", False, "answer_lost")


def test_what_was_turned_away_is_tried_again() -> None:
    story = abandoning()
    assert story.answer(Retryable("down")) == []
    story.wait()
    assert told(story.answer(GONE)) == ("rejected", True, "NOT_FOUND")


def test_the_same_authorization_again_is_asked_of_the_provider_again() -> None:
    story = abandoning()
    story.answer(Succeeded())
    abandoning(story)
    assert told(story.answer(GONE)) == ("rejected", True, "NOT_FOUND")
    assert story.order.status == "abandoned"


def test_a_provider_without_authorizations_rejects_it() -> None:
    story = Story(eager=False)
    story.terms.unsupported.add("cancel_authorization")
    (refused,) = story.tell("authorization_abandoned", TOKEN)
    assert told([refused]) == ("rejected", True, "unsupported_by_provider")
    assert refused.refusal is not None
    assert refused.refusal.messages == ("no provider of this merchant supports shop.order.authorization_abandoned.v1",)
    assert story.order.status == "new"


def test_a_lost_answer_for_long_raises_one_attention() -> None:
    story = abandoning()
    lose(story)
    story.wait(HOUR)
    assert told(story.answer(LOST)) == ("attention_required", False, "answer_unknown")
