"""A person settles an operation that is stuck."""

import pytest
from msgspec.structs import replace

from ordersaga.domain.model.order import Order
from ordersaga.domain.model.outcomes import Outcome, Read, Revoke, Send, Wait
from ordersaga.domain.model.results import CaptureSeen, Succeeded
from ordersaga.domain.uncertainty.manual import HadNoEffect, TookEffect, TryAgain

from .shop import HOUR, Json, code, what
from .uncertain import (
    GONE,
    LOST,
    NO,
    WRITES,
    is_stuck,
    lose,
    open_operation,
    placing,
    refused_take_over,
    shows,
    stuck,
    stuck_create,
    told,
    two_refunds,
)

NOT_THERE = HadNoEffect("it isn't there")
IDS = {"capture": "capture-9", "refund": "refund-9"}
EVERY = pytest.mark.parametrize(
    "name", ["capture", "refund", "cancel", "release", "amend", "create_order", "cancel_authorization"]
)


def took_effect(name: str) -> TookEffect:
    return TookEffect(IDS.get(name))


def alike(order: Order, outcomes: list[Outcome]) -> tuple[Order, list[Outcome]]:
    """Without what a call or a read later may count."""
    uncounted = [
        one if not one.operation else replace(one, operation=replace(one.operation, attempts=0)) for one in outcomes
    ]
    return replace(order, refresh=None), uncounted


# it took effect


@WRITES
def test_what_took_effect_goes_the_way_of_a_success(name: str) -> None:
    manual, answered = stuck(name), open_operation(name)
    call = answered.next()
    lose(answered)
    answered.wait()
    answered.answer(NO)
    answered.answer(GONE)
    assert isinstance(call, Send)
    answered.now = manual.now
    expected = answered.answer(Succeeded(IDS.get(name)), call)
    outcomes = manual.say(took_effect(name))
    assert [one.final for one in outcomes] == [True]
    assert alike(manual.order, outcomes) == alike(answered.order, expected)
    assert (manual.order.operations, manual.order.attentions) == ((), ())


def test_an_authorization_that_was_withdrawn_ends_both_events() -> None:
    story = stuck("cancel_authorization")
    assert what(story.say(TookEffect())) == ["cancelled", "rejected"]
    assert story.order.status == "rejected"


@WRITES
def test_after_a_persons_word_the_order_is_read(name: str) -> None:
    for verdict in (took_effect(name), NOT_THERE):
        story = stuck(name)
        story.say(verdict)
        call = story.next()
        assert isinstance(call, Read)
        assert call.operation is None


def test_a_person_who_was_wrong_is_told() -> None:
    story = stuck("capture")
    before = story.order
    story.say(TookEffect("capture-9"))
    books = story.seen(captured_amount=before.captured_amount, remaining_amount=before.remaining)
    assert told(books) == ("attention_required", False, "books_differ")


def test_the_refunds_that_follow_go_on() -> None:
    story = two_refunds()
    (outcome,) = story.say(TookEffect("refund-9"))
    assert (outcome.what, outcome.final) == ("refunded", False)
    assert story.order.attentions == ()
    assert isinstance(story.next(), Send)
    (last,) = story.answer(Succeeded("refund-10"))
    assert (last.what, last.final) == ("refunded", True)
    assert story.order.refunded_amount == 100


# a create order, which is read


def test_an_order_that_was_made_is_read_and_taken_over() -> None:
    story = stuck_create()
    story.shipped("A:1")
    ours = story.operation.id
    assert story.say(TookEffect("order-9")) == []
    assert story.order.attentions == ()
    assert story.next() == Read("order-9", story.operation)
    (outcome,) = story.seen(captured_amount=0, remaining_amount=100)
    assert (outcome.what, outcome.final, outcome.provider_order_id) == ("authorized", True, "order-9")
    assert outcome.operation is not None
    assert (outcome.operation.id, outcome.operation.type, outcome.operation.amount) == (ours, "create_order", 100)
    assert story.order.expires_at is not None
    assert story.operation.type == "capture"


def test_an_order_that_is_reviewed_waits_for_its_review() -> None:
    story = stuck_create()
    story.say(TookEffect("order-9"))
    outcomes = story.seen(fraud_status="PENDING")
    assert told(outcomes) == ("review_pending", False, None)
    assert (story.order.status, story.order.fraud_status) == ("pending_review", "PENDING")
    story.wait()
    assert what(story.seen(fraud_status="ACCEPTED")) == ["authorized"]


def test_what_was_captured_meanwhile_is_taken_over() -> None:
    story = stuck_create()
    story.say(TookEffect("order-9"))
    seen = CaptureSeen("capture-9", 50, lines=(("A", 1, 50),))
    story.seen(status="part_captured", captures=(seen,), captured_amount=50, remaining_amount=50)
    assert (story.order.status, story.order.captured_amount, story.order.remaining) == ("part_captured", 50, 50)


def test_money_that_was_to_be_taken_with_the_placing_is_looked_for_after_the_review() -> None:
    story = stuck_create(auto_capture=True)
    story.say(TookEffect("order-9"))
    story.seen(fraud_status="PENDING")
    story.wait()
    assert story.seen(fraud_status="ACCEPTED") == []
    assert story.operation.type == "take_over"
    captured = {"status": "captured", "captures": (CaptureSeen("auto", 100),), "captured_amount": 100}
    (outcome,) = story.seen(**captured, remaining_amount=0)
    assert (outcome.what, outcome.final, outcome.result) == ("captured", True, {"capture_id": "auto"})


@pytest.mark.parametrize("other", [{"order_amount": 99}, {"currency": "EUR"}, {"status": "cancelled"}])
def test_another_order_isnt_taken_over(other: Json) -> None:
    story = stuck_create()
    story.say(TookEffect("order-8"))
    outcomes = story.seen(**other)
    assert told(outcomes) == ("attention_required", False, "answer_lost")
    assert outcomes[0].refusal is not None
    assert outcomes[0].refusal.messages != ()
    assert is_stuck(story).order.provider_order_id is None
    story.say(TookEffect("order-9"))
    assert what(story.seen()) == ["authorized"]


def test_an_order_that_the_provider_doesnt_know_is_stuck_again() -> None:
    story = stuck_create()
    story.say(TookEffect("order-8"))
    assert told(story.answer(GONE)) == ("attention_required", False, "answer_lost")
    assert code(is_stuck(story).say(NOT_THERE)) == "settled_by_hand"


def test_a_read_of_a_named_order_that_fails_is_made_again() -> None:
    story = stuck_create()
    story.say(TookEffect("order-9"))
    story.answer(LOST)
    story.wait()
    assert story.next() == Read("order-9", story.operation)


# it had no effect


@EVERY
def test_what_had_no_effect_goes_the_way_of_a_refusal(name: str) -> None:
    story = stuck(name)
    before = story.order
    first, *more = story.say(NOT_THERE)
    assert (first.what, first.final, first.refusal and first.refusal.code) == ("rejected", True, "settled_by_hand")
    assert first.refusal is not None
    assert first.refusal.messages == ("it isn't there",)
    assert [one.refusal.code for one in more if one.refusal] == ["cancelled_before_authorized"] * len(more)
    after = story.order
    assert (after.operations, after.attentions) == ((), ())
    assert after.captured_amount == before.captured_amount
    assert after.refunded_amount == before.refunded_amount
    assert after.remaining == before.remaining
    assert (after.status == "rejected") is (name in {"create_order", "cancel_authorization"})


def test_what_had_no_effect_may_be_asked_for_again() -> None:
    story = stuck("capture")
    story.say(NOT_THERE)
    story.seen()
    story.eager = True
    assert what(story.shipped("A:1")) == ["captured"]


def test_the_refunds_that_were_to_follow_come_to_nothing_too() -> None:
    story = two_refunds()
    assert code(story.say(NOT_THERE)) == "settled_by_hand"
    assert (story.order.operations, story.order.returns, story.order.refunded_amount) == ((), (), 0)


# once more


@WRITES
def test_evidence_that_can_be_had_by_now_ends_it(name: str) -> None:
    story = stuck(name)
    assert story.say(TryAgain()) == []
    assert story.order.attentions == ()
    assert story.next() == Read("create_order-2", story.operation)
    assert [one.final for one in story.seen(**shows(story))] == [True]


@WRITES
def test_absence_counts_from_when_it_got_stuck(name: str) -> None:
    story = stuck(name)
    since = story.now
    story.say(TryAgain())
    story.seen()
    assert story.next() == Wait(since + 300)
    story.wait()
    story.seen()
    story.wait()
    assert code(story.seen()) == "CAPTURE_NOT_ALLOWED"


def test_absence_that_was_seen_before_it_got_stuck_counts_no_more() -> None:
    story = open_operation("capture")
    lose(story)
    story.wait()
    story.answer(NO)
    story.wait(300.0)
    story.seen()
    story.wait()
    assert story.operation.absent == 1
    story.answer(GONE)
    is_stuck(story).say(TryAgain())
    story.now += HOUR
    assert "rejected" not in what(story.seen())


def test_lost_answers_are_counted_anew() -> None:
    story = placing()
    while not story.waits_for_a_person():
        story.answer(LOST)
        if isinstance(story.next(), Wait):
            story.wait()
    is_stuck(story).say(TryAgain())
    for _ in range(5):
        assert story.answer(LOST) == []
        story.wait()


def test_somebody_is_told_again_when_it_gets_stuck_again() -> None:
    story = stuck("capture")
    story.say(TryAgain())
    assert told(story.answer(GONE)) == ("attention_required", False, "answer_lost")
    assert is_stuck(story).operation.attention


def test_somebody_is_told_again_when_it_takes_long() -> None:
    story = stuck("capture")
    story.now += 2 * HOUR
    story.say(TryAgain())
    assert told(story.answer(LOST)) == ("attention_required", False, "answer_unknown")


def test_a_create_is_sent_again_while_its_token_is_trusted_and_then_withdrawn() -> None:
    story = stuck_create()
    story.say(TryAgain())
    assert isinstance(story.next(), Send)
    assert story.answer(GONE) == []
    assert isinstance(story.next(), Revoke)
    late = stuck_create()
    late.now += HOUR
    late.say(TryAgain())
    assert isinstance(late.next(), Revoke)
    assert code(late.answer(Succeeded())) == "NOT_FOUND"


def test_a_withdrawal_is_sent_again() -> None:
    story = stuck("cancel_authorization")
    story.say(TryAgain())
    assert isinstance(story.next(), Send)
    assert what(story.answer(GONE)) == ["cancelled", "rejected"]


# our own faults


def test_what_our_own_code_failed_on_is_looked_up_and_not_just_sent_again() -> None:
    story = open_operation("capture")
    story.now += 2 * HOUR
    story.stall()
    stalled = story.now
    story.now += 60
    story.say(TryAgain())
    assert isinstance(story.next(), Read)
    story.seen()
    assert story.next() == Wait(stalled + 300)
    story.wait()
    story.seen()
    story.wait()
    story.seen()
    assert isinstance(story.next(), Send)


def test_a_create_that_our_own_code_failed_on_may_have_been_sent() -> None:
    story = placing()
    story.stall()
    story.say(TryAgain())
    assert isinstance(story.next(), Send)
    assert story.answer(GONE) == []
    late = placing()
    late.stall()
    late.now += HOUR
    late.say(TryAgain())
    assert isinstance(late.next(), Revoke)


def test_a_stalled_operation_that_took_effect_is_booked() -> None:
    story = open_operation("capture")
    story.stall()
    assert what(story.say(TookEffect("capture-9"))) == ["captured"]
    assert story.order.attentions == ()


# a take-over


def test_an_order_of_which_nothing_is_left_ends_released() -> None:
    story = refused_take_over()
    assert code(story.say(NOT_THERE)) == "settled_by_hand"
    order = story.order
    assert (order.status, order.released_amount, order.remaining, order.creation) == ("rejected", 100, 0, None)


def test_a_take_over_is_read_again() -> None:
    story = refused_take_over()
    story.say(TryAgain())
    assert story.next() == Read("order-1", story.operation)
    assert not story.operation.unknown
    assert what(story.seen()) == ["authorized"]


# what is said of it


def test_the_journal_says_who_said_what() -> None:
    for verdict, said, note in (
        (TookEffect("capture-9"), "took_effect", "capture capture-9, by grace"),
        (NOT_THERE, "had_no_effect", "capture, by grace"),
        (TryAgain(), "try_again", "capture, by grace"),
    ):
        story = stuck("capture")
        name, before = story.operation.id, len(story.entries)
        story.say(verdict)
        entry = story.entries[before]
        assert (entry.what, entry.name, entry.operation_id, entry.amount) == ("manual", said, name, 50)
        assert entry.note == note


def test_what_is_looked_for_again_may_have_been_sent_until_it_got_stuck() -> None:
    story = open_operation("capture")
    lose(story)
    sent = story.operation.last_sent
    story.wait(HOUR)
    story.stall()
    stuck_at = story.order.attentions[-1].since
    assert sent is not None
    assert sent < stuck_at
    story.say(TryAgain())
    assert story.operation.last_sent == stuck_at
