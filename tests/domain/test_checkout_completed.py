"""Checkout: what the customer completes is found in three ways, compared, acknowledged once, and told."""

from collections.abc import Callable
from typing import Any

import pytest

from ordersaga.domain.model.outcomes import Outcome, Read, Send, Wait
from ordersaga.domain.model.results import CaptureSeen, Rejected, Retryable
from ordersaga.domain.uncertainty import manual

from .checkouts import (
    MADE,
    NOT_FOUND,
    A,
    B,
    by_checkout,
    completed,
    hinted,
    in_checkout,
    read_checkout,
    read_order,
    sent,
    settled,
    started,
    starting,
    wrote,
)
from .shop import HOUR, Story, what
from .uncertain import LOST, lose, told


def test_a_lost_push_is_made_up_for_by_reads_that_become_rarer() -> None:
    story = in_checkout()
    pauses = []
    for _ in range(30):
        following = story.next()
        assert isinstance(following, Wait)
        pauses.append(following.until - story.now)
        story.wait()
        assert read_checkout(story, complete=False) == []
    assert 150 <= pauses[0] <= 300
    assert max(pauses) <= 4 * HOUR
    assert pauses[-1] >= 2 * HOUR
    assert sum(pauses) >= 40 * HOUR, "the provider is spared"


def test_what_the_customer_completed_is_acknowledged_referenced_and_told() -> None:
    story = in_checkout()
    story.wait()
    assert read_checkout(story, customer_token="chargeable") == []
    assert read_order(story) == []
    assert sent(story, "acknowledge") == []
    (outcome,) = sent(story, "set_references")
    assert (outcome.what, outcome.final, outcome.cause, outcome.operation) == ("checkout_completed", True, None, None)
    assert outcome.result == {"customer_token": "chargeable"}
    assert outcome.books is not None
    assert (outcome.books.status, outcome.books.remaining_authorized_amount) == ("authorized", 100)
    story.eager = True
    assert what(story.shipped()) == ["captured"]


def test_references_that_the_order_bears_are_not_set_again() -> None:
    story = in_checkout()
    story.wait()
    read_checkout(story)
    read_order(story, facts={"merchant_reference1": "536365"})
    assert what(sent(story, "acknowledge")) == ["checkout_completed"]


def test_a_push_has_it_read_at_once_and_a_second_one_acknowledges_nothing_again() -> None:
    story = in_checkout()
    hinted(story)
    read_checkout(story)
    hinted(story)
    read_order(story)
    sent(story, "acknowledge")
    sent(story, "set_references")
    hinted(story)
    assert story.next() == Read("checkout-1")
    assert story.seen() == []
    assert wrote(story) == ["acknowledge", "set_references"]


def test_a_placed_that_names_it_is_answered_with_its_order() -> None:
    story = Story(eager=False)
    by_checkout(story)
    assert read_checkout(story, lines=(), customer_token="t") == []
    read_order(story)
    sent(story, "acknowledge")
    (outcome,) = sent(story, "set_references")
    assert told([outcome]) == ("authorized", True, None)
    assert outcome.cause is not None
    assert outcome.operation is not None
    assert (outcome.operation.amount, outcome.result) == (100, {"customer_token": "t"})


def test_a_placed_while_it_is_in_checkout_completes_what_was_started() -> None:
    story = in_checkout()
    by_checkout(story)
    read_checkout(story)
    read_order(story)
    sent(story, "acknowledge")
    assert told(sent(story, "set_references")) == ("authorized", True, None)
    assert [line.reference for line in story.order.lines] == ["A"]


@pytest.mark.parametrize("amount", [None, 100])
def test_a_placed_after_the_completion_was_found_is_answered_once(amount: int | None) -> None:
    story = completed()
    more: dict[str, Any] = {} if amount is None else {"order_amount": 100, "order_lines": [A]}
    assert told(by_checkout(story, **more)) == ("authorized", True, None)
    assert told(by_checkout(story, name="again")) == ("rejected", True, "order_exists")
    assert wrote(story) == ["acknowledge", "set_references"]


def test_a_placed_after_it_with_another_amount_is_refused() -> None:
    story = completed()
    outcomes = by_checkout(story, order_amount=50, order_lines=[A | {"quantity": 1, "total_amount": 50}])
    assert told(outcomes) == ("rejected", True, "amounts_do_not_add_up")


def test_another_way_of_payment_waits_until_the_checkout_order_is_abandoned() -> None:
    story = in_checkout()
    assert told(story.placed(A)) == ("rejected", True, "order_exists")
    assert told(by_checkout(story, "checkout-9")) == ("rejected", True, "order_exists")
    assert story.order.status == "checkout"


def test_a_placed_before_the_customer_has_completed_it_waits() -> None:
    story = in_checkout()
    by_checkout(story)
    assert read_checkout(story, complete=False) == []
    assert isinstance(story.next(), Wait)
    hinted(story)
    read_checkout(story)
    read_order(story)
    sent(story, "acknowledge")
    assert what(sent(story, "set_references")) == ["authorized"]


def test_a_customer_who_takes_hours_worries_nobody_and_costs_few_reads() -> None:
    story = in_checkout()
    story.shipped()
    by_checkout(story)
    begun, reads = story.now, 0
    while story.now < begun + 20 * HOUR:
        assert read_checkout(story, complete=False) == []
        reads += 1
        story.wait()
    assert reads < 70
    assert not story.order.attentions
    (waiting,) = story.order.pending
    assert waiting.deadline is None or waiting.deadline <= story.now + 24 * HOUR


def test_a_review_is_told_and_then_its_decision() -> None:
    story = in_checkout()
    story.wait()
    read_checkout(story)
    read_order(story, fraud_status="PENDING")
    sent(story, "acknowledge")
    assert what(sent(story, "set_references")) == ["checkout_completed"]
    assert story.order.status == "pending_review"
    assert told(by_checkout(story)) == ("review_pending", False, None)
    story.wait()
    assert told(story.seen(fraud_status="ACCEPTED")) == ("authorized", True, None)


def test_a_review_that_no_placed_waits_for_is_decided_too() -> None:
    story = in_checkout()
    story.wait()
    read_checkout(story)
    read_order(story, fraud_status="PENDING")
    sent(story, "acknowledge")
    sent(story, "set_references")
    story.wait()
    assert what(story.seen(fraud_status="ACCEPTED")) == ["authorized"]
    assert story.order.status == "authorized"


def test_money_that_was_taken_with_the_purchase_is_ours_too() -> None:
    story = in_checkout(options={"auto_capture": True})
    story.wait()
    read_checkout(story)
    taken = (CaptureSeen("capture-9", 100),)
    read_order(story, status="captured", captured_amount=100, remaining_amount=0, captures=taken)
    sent(story, "acknowledge")
    (outcome,) = sent(story, "set_references")
    assert (outcome.what, outcome.result) == ("checkout_completed", {"capture_id": "capture-9"})
    assert outcome.books is not None
    assert (outcome.books.status, outcome.books.captured_amount) == ("captured", 100)
    assert told(by_checkout(story)) == ("captured", True, None)
    assert what(story.shipped()) == ["shipment_recorded"]


@pytest.mark.parametrize("differing", [{"order_amount": 90, "remaining_amount": 90}, {"currency": "NOK"}])
def test_another_amount_or_currency_is_not_acknowledged_and_a_person_is_told(differing: dict[str, Any]) -> None:
    story = in_checkout()
    story.wait()
    read_checkout(story)
    outcomes = read_order(story, **differing)
    assert told(outcomes) == ("attention_required", False, "books_differ")
    assert wrote(story) == []
    assert story.order.status == "checkout"
    story.wait()
    read_checkout(story)
    assert read_order(story, **differing) == [], "told once"
    story.wait()
    read_checkout(story)
    read_order(story)
    sent(story, "acknowledge")
    assert what(sent(story, "set_references")) == ["checkout_completed"]
    assert not story.order.attentions


def test_a_placed_with_the_amount_that_was_completed_makes_it_an_order() -> None:
    story = in_checkout()
    story.wait()
    read_checkout(story, order_amount=130)
    assert told(read_order(story, order_amount=130, remaining_amount=130)) == (
        "attention_required",
        False,
        "books_differ",
    )
    by_checkout(story, order_amount=130, order_lines=[A, B])
    read_checkout(story, order_amount=130)
    read_order(story, order_amount=130, remaining_amount=130)
    sent(story, "acknowledge")
    assert told(sent(story, "set_references")) == ("authorized", True, None)
    assert not story.order.attentions


def test_what_was_cancelled_there_before_it_was_found_has_ended() -> None:
    story = in_checkout()
    story.wait()
    read_checkout(story)
    assert what(read_order(story, status="cancelled", remaining_amount=0)) == ["checkout_abandoned"]
    assert story.order.status == "abandoned"
    assert wrote(story) == []


def test_a_placed_of_another_amount_waits_for_a_person_who_may_have_it_compared_again() -> None:
    story = in_checkout()
    by_checkout(story)
    read_checkout(story)
    assert told(read_order(story, order_amount=90, remaining_amount=90)) == (
        "attention_required",
        False,
        "books_differ",
    )
    assert story.waits_for_a_person()
    story.say(manual.TryAgain())
    read_order(story)
    sent(story, "acknowledge")
    assert told(sent(story, "set_references")) == ("authorized", True, None)
    assert not story.order.attentions


def test_a_person_may_end_what_differs() -> None:
    story = Story(eager=False)
    by_checkout(story, order_amount=100, order_lines=[A])
    read_checkout(story)
    read_order(story, order_amount=90, remaining_amount=90)
    assert told(story.say(manual.HadNoEffect("cancelled there"))) == ("rejected", True, "settled_by_hand")
    assert story.order.status == "rejected"


def test_a_checkout_order_that_lapsed_is_told_once_and_may_be_started_again() -> None:
    story = in_checkout()
    story.wait()
    assert settled(story, NOT_FOUND) == []
    (outcome,) = settled(story, NOT_FOUND)
    assert (outcome.what, outcome.final, outcome.cause) == ("checkout_abandoned", True, None)
    assert story.order.status == "abandoned"
    story.tell("checkout_started", started())
    assert what(settled(story, MADE)) == ["checkout_created"]


def test_a_checkout_order_that_is_gone_may_have_become_an_order_long_ago() -> None:
    story = in_checkout()
    story.wait()
    settled(story, NOT_FOUND)
    read_order(story)
    sent(story, "acknowledge")
    assert what(sent(story, "set_references")) == ["checkout_completed"]


def test_an_order_that_appears_a_moment_after_its_completion_is_waited_for() -> None:
    story = in_checkout()
    story.wait()
    read_checkout(story, customer_token="t")
    assert settled(story, NOT_FOUND) == []
    story.wait()
    read_order(story)
    sent(story, "acknowledge")
    assert sent(story, "set_references")[0].result == {"customer_token": "t"}


def test_a_placed_for_a_checkout_order_that_nobody_knows_is_rejected() -> None:
    story = Story(eager=False)
    by_checkout(story)
    settled(story, NOT_FOUND)
    assert told(settled(story, NOT_FOUND)) == ("rejected", True, "checkout_not_completed")


@pytest.mark.parametrize("operation", ["acknowledge", "set_references"])
def test_lost_and_refused_answers_of_the_last_steps_leave_the_order_ours(operation: str) -> None:
    story = in_checkout()
    story.wait()
    read_checkout(story)
    read_order(story)
    if operation == "set_references":
        sent(story, "acknowledge")
    lose(story)
    story.wait()
    outcomes = settled(story, Rejected("NOT_ALLOWED", ("Update not allowed.",), "corr", 403))
    if operation == "acknowledge":
        outcomes += sent(story, "set_references")
    assert what(outcomes) == ["checkout_completed"]
    assert story.order.status == "authorized"
    assert story.next() == Read("checkout-1"), "a read shows what became of it"


def test_what_waits_for_the_order_goes_on_after_the_completion() -> None:
    story = in_checkout()
    assert story.shipped() == []
    completed(story)
    call = story.next()
    assert isinstance(call, Send)
    assert call.operation.type == "capture"


def test_a_refused_read_is_made_again_and_somebody_is_told() -> None:
    story = in_checkout()
    story.wait()
    inactive = Rejected("MERCHANT_INACTIVE", ("no",), None, 403)
    assert told(settled(story, inactive)) == ("attention_required", False, "order_unreadable")
    story.wait()
    assert settled(story, Retryable("down")) == []
    story.wait()
    read_checkout(story)
    read_order(story)
    assert wrote(story)
    assert not story.order.attentions


def test_a_lost_answer_to_the_start_does_not_stop_a_later_one() -> None:
    story = starting()
    lose(story)
    story.wait()
    assert settled(story, LOST) == []
    story.wait()
    settled(story, MADE)
    completed(story)
    assert story.order.status == "authorized"


@pytest.mark.parametrize("step", range(3))
def test_an_event_amid_the_completion_skips_none_of_its_steps(step: int) -> None:
    story = in_checkout()
    story.wait()
    read_checkout(story, customer_token="chargeable")
    steps: list[Callable[[], list[Outcome]]] = [
        lambda: read_order(story),
        lambda: sent(story, "acknowledge"),
        lambda: sent(story, "set_references"),
    ]
    for one in steps[:step]:
        assert one() == []
    assert story.shipped() == []
    for one in steps[step:-1]:
        assert one() == []
    assert [one.what for one in steps[-1]()] == ["checkout_completed"]
    assert story.operation.type == "capture"


def test_an_acknowledgement_that_fails_again_and_again_is_not_left_out() -> None:
    story = in_checkout()
    story.wait()
    read_checkout(story, customer_token="chargeable")
    read_order(story)
    for _ in range(8):
        if isinstance(story.next(), Wait):
            story.wait()
        assert {one.what for one in story.answer(Retryable("busy"))} <= {"attention_required"}
    story.wait()
    assert sent(story, "acknowledge") == []
