"""A create_order can't be looked up: it is repeated, then its authorization is withdrawn."""

import pytest

from ordersaga.domain.model.outcomes import Rest, Revoke, Send, Wait
from ordersaga.domain.model.results import Rejected, Retryable, Succeeded

from .shop import HOUR, Story, code, lively, what
from .uncertain import GONE, LOST, NO, A, lose, placing, told

# create order by authorization token


def test_a_create_is_repeated_and_then_withdrawn() -> None:
    story = placing()
    for _ in range(7):
        lose(story)
        story.wait()
    call = story.next()
    assert isinstance(call, Revoke)
    assert call.request.method == "DELETE"


def test_a_create_that_waited_long_before_it_was_lost_is_still_repeated() -> None:
    story = placing()
    for _ in range(20):
        story.answer(Retryable("down"))
        story.wait()
    lose(story)
    story.wait()
    assert isinstance(story.next(), Send)


@pytest.mark.parametrize("status", [400, 403, 404, 409])
def test_a_refusal_of_a_repeated_create_is_none(status: int) -> None:
    story = placing()
    lose(story)
    story.wait()
    assert story.answer(Rejected("BAD_VALUE", status=status)) == []
    assert isinstance(story.next(), Revoke)


def test_an_authorization_withdrawn_proves_that_no_order_was_made() -> None:
    story = placing()
    lose(story)
    story.wait()
    story.answer(GONE)
    assert code(story.answer(Succeeded())) == "NOT_FOUND"
    assert (story.order.status, story.order.operations) == ("rejected", ())


def test_an_authorization_withdrawn_after_silence_rejects_with_a_reason_of_ours() -> None:
    story = placing()
    for _ in range(7):
        lose(story)
        story.wait()
    assert code(story.answer(Succeeded())) == "no_answer"


def test_anything_else_on_the_withdrawal_goes_to_a_person() -> None:
    story = placing()
    story.shipped()
    lose(story)
    story.wait()
    story.answer(GONE)
    outcomes = story.answer(GONE)
    assert told(outcomes) == ("attention_required", False, "answer_lost")
    assert outcomes[0].refusal is not None
    assert outcomes[0].refusal.advice is not None
    assert "merchant reference" in outcomes[0].refusal.advice
    assert story.next() == Rest()
    assert lively(story.order, story.now, story.rules)


def test_a_lost_answer_to_the_withdrawal_is_repeated_some_times() -> None:
    story = placing()
    lose(story)
    story.wait()
    story.answer(GONE)
    tries = 0
    while isinstance(story.next(), Revoke):
        assert tries < 20
        tries += 1
        outcomes = story.answer(LOST)
        if isinstance(story.next(), Wait):
            story.wait()
    assert tries > 5
    assert told(outcomes) == ("attention_required", False, "answer_lost")


def test_a_withdrawal_that_was_turned_away_is_tried_again() -> None:
    story = placing()
    lose(story)
    story.wait()
    story.answer(GONE)
    for _ in range(30):
        story.answer(Retryable("busy"))
        story.wait()
    assert isinstance(story.next(), Revoke)


def test_a_create_past_the_life_of_its_token_is_withdrawn_and_not_repeated() -> None:
    story = placing()
    lose(story)
    story.now += HOUR
    assert isinstance(story.next(), Revoke)
    assert code(story.answer(Succeeded())) == "no_answer"


def test_a_repeated_create_that_succeeds_is_the_same_order() -> None:
    story = placing()
    lose(story)
    story.wait()
    outcomes = story.answer(Succeeded("order-1", fraud_status="ACCEPTED"))
    assert what(outcomes) == ["authorized"]
    assert story.order.provider_order_id == "order-1"


def test_a_first_refusal_of_a_create_is_one() -> None:
    story = placing()
    assert code(story.answer(GONE)) == "NOT_FOUND"


# cancel of an authorization


def withdrawing() -> Story:
    story = Story(eager=False)
    story.cancelled()
    story.placed(A)
    return story


def test_an_authorization_that_is_gone_after_a_lost_answer_was_cancelled() -> None:
    story = withdrawing()
    lose(story)
    story.wait()
    assert what(story.answer(GONE)) == ["cancelled", "rejected"]


def test_another_refusal_after_a_lost_answer_goes_to_a_person() -> None:
    story = withdrawing()
    lose(story)
    story.wait()
    assert told(story.answer(NO)) == ("attention_required", False, "answer_lost")
