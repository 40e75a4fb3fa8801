"""An order by customer token is repeated as long as its key is trusted; after that a person has to look."""

import pytest
from msgspec.structs import replace

from ordersaga.domain.model.order import Details
from ordersaga.domain.model.outcomes import Elapsed, Read, Send
from ordersaga.domain.model.results import Rejected, Retryable, Succeeded
from ordersaga.domain.uncertainty.evidence import mark_uncertain
from ordersaga.domain.uncertainty.manual import HadNoEffect, NotSettledError, TookEffect, TryAgain

from .shop import DAY, HOUR, START, Story, by_token, what
from .uncertain import GONE, LOST, NO, A, lose, request, told

CREATED = Succeeded("order-1", fraud_status="ACCEPTED", result={"payment_method": "invoice"})


def placing() -> Story:
    story = Story(eager=False)
    story.tell("placed", by_token(A), "placed")
    return story


def test_it_is_sent_with_a_key_and_told_like_any_other_order() -> None:
    story = placing()
    sent = request(story)
    assert (sent.path, sent.key) == ("/tokens/customer/order", story.operation.id)
    (outcome,) = story.answer(CREATED)
    assert (outcome.what, outcome.final, outcome.result) == ("authorized", True, {"payment_method": "invoice"})
    assert outcome.operation is not None
    assert (outcome.operation.type, outcome.operation.provider_id) == ("create_token_order", "order-1")
    story.eager = True
    assert what(story.shipped()) == ["captured"]


def test_money_that_is_taken_at_once_is_read() -> None:
    story = Story(eager=False)
    story.tell("placed", by_token(A, auto_capture=True))
    assert story.answer(CREATED) == []
    assert isinstance(story.next(), Read)


def test_it_may_be_reviewed() -> None:
    story = placing()
    assert told(story.answer(Succeeded("order-1", fraud_status="PENDING"))) == ("review_pending", False, None)


def test_a_refusal_passes_the_providers_advice_on_and_the_order_may_be_placed_again() -> None:
    story = placing()
    (outcome,) = story.answer(Rejected("PAYMENT_METHOD_FAILED", ("failed",), "corr", 403, advice="place it again"))
    assert outcome.refusal is not None
    assert (outcome.what, outcome.refusal.code, outcome.refusal.advice) == (
        "rejected",
        "PAYMENT_METHOD_FAILED",
        "place it again",
    )
    first = next(iter(story.requests.values()))
    story.tell("placed", by_token(A), "again")
    assert request(story).key != first.key
    assert what(story.answer(CREATED)) == ["authorized"]


def test_a_lost_answer_is_repeated_with_the_same_key() -> None:
    story = placing()
    first = request(story)
    while story.now < START + 22 * HOUR:
        assert request(story) == first
        lose(story)
        story.wait()
    assert what(story.answer(CREATED)) == ["authorized"]


def test_past_its_key_it_is_never_sent_again() -> None:
    story = placing()
    lose(story)
    story.now = START + 23 * HOUR - story.rules.call_deadline + 0.1
    assert story.next() == Elapsed()
    (outcome,) = story.pass_time(0)
    assert told([outcome]) == ("attention_required", False, "answer_lost")
    assert outcome.refusal is not None
    assert "merchant reference" in (outcome.refusal.advice or "")
    assert story.waits_for_a_person()


def test_just_within_its_key_it_is_sent_again() -> None:
    story = placing()
    lose(story)
    story.now = START + 23 * HOUR - 2 * story.rules.call_deadline - 1
    assert isinstance(story.next(), Send)


def test_what_was_never_sent_waits_for_as_long_as_it_takes() -> None:
    story = placing()
    story.answer(Retryable("down"))
    story.wait(3 * DAY)
    assert isinstance(story.next(), Send)


@pytest.mark.parametrize("refusal", [NO, GONE])
def test_a_refusal_after_a_lost_answer_goes_to_a_person(refusal: Rejected) -> None:
    story = placing()
    lose(story)
    story.wait()
    assert told(story.answer(refusal)) == ("attention_required", False, "answer_lost")
    assert story.waits_for_a_person()


def test_a_call_under_an_expired_lease_counts_from_the_lease_on() -> None:
    story = placing()
    story.order = mark_uncertain(story.order, story.now, story.now + 30)
    story.wait(60)
    assert isinstance(story.next(), Send)
    story.wait(23 * HOUR)
    assert story.next() == Elapsed()


@pytest.mark.parametrize(("later", "step"), [(22 * HOUR, Send), (23 * HOUR, Elapsed)])
def test_after_a_restore_the_key_counts_from_the_event_on(later: float, step: type) -> None:
    story = placing()
    story.rules = replace(story.rules, restored_at=story.now + 1)
    story.wait(later)
    assert isinstance(story.next(), step)


def test_a_person_names_the_order_which_is_then_read() -> None:
    story = placing()
    lose(story)
    story.pass_time(DAY)
    story.say(TookEffect("order-7"))
    call = story.next()
    assert isinstance(call, Read)
    assert call.provider_order_id == "order-7"
    assert told(story.seen()) == ("authorized", True, None)


def test_a_person_finds_no_order() -> None:
    story = placing()
    lose(story)
    story.pass_time(DAY)
    assert told(story.say(HadNoEffect("there is none"))) == ("rejected", True, "settled_by_hand")


def test_looking_again_past_the_key_sends_nothing() -> None:
    story = placing()
    lose(story)
    story.pass_time(DAY)
    with pytest.raises(NotSettledError, match="might do it a second time: look up the order at the provider"):
        story.say(TryAgain())
    assert story.waits_for_a_person()


def test_looking_again_within_the_key_repeats_it() -> None:
    story = placing()
    sent = request(story)
    lose(story)
    story.wait()
    story.answer(NO)
    story.say(TryAgain())
    assert request(story) == sent


def test_an_order_that_was_cancelled_first_is_never_made() -> None:
    story = Story(eager=False)
    story.cancelled()
    outcomes = story.tell("placed", by_token(A), "placed")
    assert what(outcomes) == ["cancelled", "rejected"]
    assert outcomes[1].refusal is not None
    assert outcomes[1].refusal.code == "cancelled_before_authorized"
    assert all(one.final for one in outcomes)
    assert (story.order.status, story.order.operations) == ("rejected", ())
    story.eager = True
    assert what(story.placed(A)) == ["authorized"]


def test_what_the_provider_lacks_is_rejected() -> None:
    story = Story(eager=False)
    story.terms.unsupported.add("create_token_order")
    assert told(story.tell("placed", by_token(A))) == ("rejected", True, "unsupported_by_provider")


def test_a_lost_answer_for_long_raises_one_attention() -> None:
    story = placing()
    lose(story)
    story.wait(HOUR)
    assert told(story.answer(LOST)) == ("attention_required", False, "answer_unknown")
    story.wait()
    assert story.answer(LOST) == []


def test_a_token_is_no_part_of_the_outcomes_or_the_journal() -> None:
    story = Story(eager=False)
    story.tell("placed", by_token(A, token="chargeable"))
    story.answer(CREATED)
    state = replace(story.order, details=Details())
    assert "chargeable" not in f"{story.outcomes} {story.entries} {state}"
