"""Reads that no operation asked for: expiry, what the provider did by itself, books that differ."""

import pytest
from msgspec.structs import replace

from ordersaga.domain.deciding.builder import DecisionBuilder
from ordersaga.domain.model.outcomes import Outcome, Read, Rest, Wait
from ordersaga.domain.model.results import CaptureSeen, Rejected, Retryable, Succeeded, Unknown
from ordersaga.domain.uncertainty import manual

from .shop import DAY, HOUR, START, Story, code, line, what
from .uncertain import GONE, NO, lose, open_operation

A = line("A", 2, 50)
EXPIRES = START + 28 * DAY


def near_expiry() -> Story:
    story = Story(A)
    story.eager = False
    assert story.next() == Wait(EXPIRES - 2 * DAY)
    story.wait()
    assert isinstance(story.next(), Read)
    return story


def reason(outcomes: list[Outcome]) -> str:
    (outcome,) = outcomes
    assert (outcome.what, outcome.final, outcome.cause) == ("attention_required", False, None)
    assert outcome.refusal is not None
    return outcome.refusal.code


def test_an_authorization_is_read_two_days_before_its_end_and_somebody_is_told() -> None:
    story = near_expiry()
    told = story.seen()
    assert reason(told) == "authorization_expires"
    assert told[0].refusal is not None
    assert told[0].refusal.advice == "capture, cancel or extend the authorization before it expires"
    assert story.next() == Wait(EXPIRES)


def test_an_authorization_that_lives_longer_than_estimated_is_read_again_later() -> None:
    story = near_expiry()
    assert story.seen(expires_at=EXPIRES + 10 * DAY) == []
    assert story.next() == Wait(EXPIRES + 8 * DAY)


def test_an_authorization_that_is_captured_in_time_needs_nobody_any_more() -> None:
    story = near_expiry()
    story.seen()
    story.eager = True
    story.shipped()
    assert story.order.attentions == ()


def test_an_order_that_has_expired_says_so() -> None:
    story = near_expiry()
    story.seen()
    story.wait()
    (outcome,) = story.seen(status="expired")
    assert (outcome.what, outcome.cause, outcome.final) == ("expired", None, True)
    assert outcome.books is not None
    assert (outcome.books.status, outcome.books.released_amount) == ("expired", 100)
    story.eager = True
    assert code(story.shipped("A:1")) == "nothing_left_to_capture"
    assert code(story.cancelled("A:1")) == "nothing_left_to_cancel"
    assert code(story.cancelled()) == "already_cancelled"
    assert code(story.placed(A)) == "order_exists"


def test_what_was_captured_before_the_expiry_can_still_be_returned() -> None:
    story = Story(A)
    story.shipped("A:1")
    story.eager = False
    story.wait()
    assert what(story.seen(status="expired")) == ["expired"]
    assert (story.order.status, story.order.released_amount) == ("captured", 50)
    story.eager = True
    assert what(story.returned("A:1")) == ["refunded"]


def test_an_authorization_past_its_end_that_is_still_open_is_looked_at_now_and_then() -> None:
    story = near_expiry()
    story.seen()
    story.wait()
    for _ in range(5):
        assert story.seen() == []
        assert story.order.expires_at == EXPIRES
        assert story.next() == Wait(story.now + 300)
        story.wait()


def test_a_cancel_by_another_hand_is_told() -> None:
    story = near_expiry()
    (outcome,) = story.seen(status="cancelled")
    assert (outcome.what, outcome.cause) == ("cancelled", None)
    assert story.order.status == "cancelled"


def test_a_review_decision_taken_back_is_told() -> None:
    story = near_expiry()
    (outcome,) = story.seen(fraud_status="REJECTED")
    assert (outcome.what, outcome.cause, outcome.refusal) == ("review_rejected", None, None)
    assert story.order.status == "rejected"


@pytest.mark.parametrize("other", [{"captured_amount": 7}, {"refunded_amount": 7}, {"remaining_amount": 7}])
def test_books_that_differ_are_told_once_until_they_agree(other: dict[str, int]) -> None:
    story = Story(A)
    story.eager = False
    story.shipped("A:1")
    story.answer(Rejected("NOT_ALLOWED", status=403))
    assert reason(story.seen(**other)) == "books_differ"
    for _ in range(2):
        story.shipped("A:1")
        story.answer(Rejected("NOT_ALLOWED", status=403))
        assert story.seen(**other) == []
    story.shipped("A:1")
    story.answer(Rejected("NOT_ALLOWED", status=403))
    assert story.seen() == []
    assert story.order.attentions == ()


def test_reads_that_fail_back_off_each_at_a_time_of_its_own() -> None:
    story = near_expiry()
    for step in (1, 2, 4, 8, 16, 32, 64, 128, 256, 300, 300):
        assert story.answer(Retryable("busy")) == []
        following = story.next()
        assert isinstance(following, Wait)
        assert step / 2 <= following.until - story.now <= step
        story.wait()
    assert story.seen(expires_at=story.now + 20 * DAY) == []
    assert story.order.reads_failed == 0
    other = replace(story.order, key=replace(story.order.key, subject="another"))
    pauses = {
        DecisionBuilder(order, story.now, story.rules).pause_after(3, order.key.subject)
        for order in (other, story.order)
    }
    assert len(pauses) == 2


def test_an_expiry_is_told_of_though_an_operation_is_stuck() -> None:
    story = open_operation("capture")
    lose(story)
    story.wait()
    story.answer(NO)
    story.answer(GONE)
    expires_at = story.order.expires_at
    assert expires_at is not None
    story.now = expires_at - 2 * DAY - 1
    assert story.next() == Wait(expires_at - 2 * DAY)
    told = story.pass_time(2)
    assert reason(told) == "authorization_expires"
    assert [one.reason for one in story.order.attentions] == ["answer_lost", "authorization_expires"]
    assert story.next() == Rest()


def test_each_attention_is_cleared_by_its_own_end() -> None:
    story = open_operation("capture")
    lose(story)
    story.wait()
    story.answer(NO)
    story.answer(GONE)
    assert story.order.expires_at is not None
    story.now = story.order.expires_at - 2 * DAY
    story.pass_time(1)
    story.say(manual.TookEffect("capture-9"))
    assert [one.reason for one in story.order.attentions] == ["authorization_expires"]
    story.seen(expires_at=story.now + 20 * DAY, captures=(CaptureSeen("capture-9", 50),))
    assert story.order.attentions == ()


@pytest.mark.parametrize("fraud_status", ["PENDING", "ACCEPTED"])
def test_reads_that_fail_for_an_hour_are_told_once(fraud_status: str) -> None:
    story = Story(eager=False)
    story.placed(A)
    story.answer(Succeeded("order-1", fraud_status=fraud_status))
    story.wait()
    since = story.now
    told: list[Outcome] = []
    while story.now < since + 3 * HOUR:
        told += story.answer(Retryable("http_500", status=500))
        story.wait()
    assert reason(told) == "order_unreadable"
    assert told[0].at >= since + HOUR
    story.seen(fraud_status="REJECTED")
    assert story.order.attentions == ()


def test_an_order_that_cannot_be_read_is_told_once_and_looked_at_without_haste() -> None:
    story = near_expiry()
    assert reason(story.answer(Rejected("NO_SUCH_ORDER", status=404))) == "order_unreadable"
    for _ in range(3):
        assert story.next() == Wait(story.now + 900)
        story.wait()
        assert story.answer(Rejected("NO_SUCH_ORDER", status=404)) == []
    story.wait()
    assert reason(story.seen()) == "authorization_expires"


def in_review() -> Story:
    story = Story(eager=False)
    story.placed(A)
    story.answer(Succeeded("order-1", fraud_status="PENDING"))
    story.wait()
    return story


@pytest.mark.parametrize(("decision", "final"), [("ACCEPTED", "authorized"), ("REJECTED", "rejected")])
def test_a_review_that_outlasts_the_authorization_is_told_two_days_before_its_end(decision: str, final: str) -> None:
    story = in_review()
    told: list[Outcome] = []
    while not told and story.now < EXPIRES:
        told = story.seen()
        story.wait()
    assert reason(told) == "authorization_expires"
    assert EXPIRES - 2 * DAY <= story.now < EXPIRES - 2 * DAY + HOUR
    assert story.seen() == []
    story.wait()
    assert what(story.seen(fraud_status=decision)) == [final]
    assert (story.order.attentions == ()) == (decision == "REJECTED")


def test_a_failing_read_during_a_review_does_not_end_it() -> None:
    story = Story(eager=False)
    story.placed(A)
    story.answer(Succeeded("order-1", fraud_status="PENDING"))
    story.wait()
    story.answer(Unknown("lost"))
    story.wait()
    story.answer(Rejected("NO_SUCH_ORDER", status=404))
    story.wait()
    assert what(story.seen(fraud_status="ACCEPTED")) == ["authorized"]


def part_captured_past_its_end() -> Story:
    story = Story(line("A", 2, 50))
    story.shipped("A:1")
    story.eager = False
    assert story.order.expires_at is not None
    story.wait(story.order.expires_at - story.now + 1)
    return story


def test_an_order_of_which_more_was_captured_than_we_know_is_not_told_as_expired() -> None:
    story = part_captured_past_its_end()
    told = story.seen(status="captured", captured_amount=100, remaining_amount=0)
    assert "expired" not in what(told)
    assert story.order.has_attention("books_differ")
    assert story.order.remaining == 50


def test_a_review_that_is_taken_back_after_a_capture_ends_nothing() -> None:
    story = part_captured_past_its_end()
    told = story.seen(fraud_status="REJECTED", expires_at=story.now + 20 * DAY)
    assert what(told) == []
    assert (story.order.status, story.order.captured_amount) == ("part_captured", 50)
