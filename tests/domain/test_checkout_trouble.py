"""Checkout in trouble: what fails for long is told for as long, and what ended is told as ended, however late it is found."""

from typing import Any

import pytest

from ordersaga.domain import saga
from ordersaga.domain.model.outcomes import Outcome, Read, Wait
from ordersaga.domain.model.results import CaptureSeen, Rejected, Result, Retryable, Succeeded

from .checkouts import (
    NOT_FOUND,
    READ_ONLY,
    A,
    by_checkout,
    hinted,
    in_checkout,
    read_checkout,
    read_order,
    sent,
    settled,
    started,
    wrote,
)
from .shop import HOUR, Story, order_of, snapshot, what
from .uncertain import lose, told

DENIED = Rejected("NOT_ALLOWED", ("no",), "corr", 403)
DOWN = Retryable("down")


def failing(story: Story, result: Result, seconds: float) -> list[Outcome]:
    """Each call is answered like this for so long."""
    until, outcomes = story.now + seconds, []
    while story.now < until:
        if isinstance(story.next(), Wait):
            story.wait()
        outcomes += settled(story, result)
    if isinstance(story.next(), Wait):
        story.wait()
    return outcomes


def reasons(story: Story) -> list[str]:
    return [one.reason for one in story.order.attentions]


# somebody is told for as long as it lasts


@pytest.mark.parametrize("result", [NOT_FOUND, DENIED, DOWN])
def test_a_bought_order_that_can_not_be_read_worries_somebody_until_it_can(result: Result) -> None:
    story = in_checkout()
    story.wait()
    read_checkout(story)
    outcomes = failing(story, result, 12 * HOUR)
    assert what(outcomes) == ["attention_required"], "told once"
    assert reasons(story) == ["provider_unavailable"]
    read_order(story)
    sent(story, "acknowledge")
    sent(story, "set_references")
    assert reasons(story) == []


@pytest.mark.parametrize("result", [DENIED, DOWN])
def test_a_checkout_order_that_can_not_be_read_for_a_placed_worries_somebody_until_it_can(result: Result) -> None:
    story = in_checkout()
    by_checkout(story)
    assert what(failing(story, result, 12 * HOUR)) == ["attention_required"]
    assert reasons(story) == ["provider_unavailable"]
    read_checkout(story, complete=False)
    assert reasons(story) == []


def test_a_second_outage_while_a_placed_waits_for_the_customer_is_told_too() -> None:
    story = in_checkout()
    by_checkout(story)
    assert what(failing(story, DOWN, 2 * HOUR)) == ["attention_required"]
    read_checkout(story, complete=False)
    story.wait()
    assert what(failing(story, DOWN, 2 * HOUR)) == ["attention_required"]
    assert reasons(story) == ["provider_unavailable"]


# attentions close


def test_what_differed_and_was_cancelled_there_leaves_no_attention() -> None:
    story = in_checkout()
    story.wait()
    read_checkout(story)
    read_order(story, order_amount=90, remaining_amount=90)
    assert reasons(story) == ["books_differ"]
    story.wait()
    read_checkout(story)
    assert what(read_order(story, status="cancelled", remaining_amount=0)) == ["checkout_abandoned"]
    assert reasons(story) == []


def test_abandoning_what_could_not_be_read_leaves_no_attention() -> None:
    story = in_checkout()
    story.wait()
    settled(story, DENIED)
    assert reasons(story) == ["order_unreadable"]
    story.tell("checkout_abandoned", {})
    sent(story, "abandon_checkout")
    assert reasons(story) == []


def test_a_read_of_the_right_order_ends_the_worry_about_another_one() -> None:
    story = in_checkout()
    story.wait()
    read_checkout(story)
    read_order(story, provider_id="checkout-9")
    assert reasons(story) == ["another_order_read"]
    story.wait()
    read_order(story)
    assert reasons(story) == []


def test_the_same_of_an_order_that_is_taken_over() -> None:
    story = Story(eager=False)
    story.tell("placed", order_of(A) | {"payment": {"provider": "klarna", "order_id": "order-1"}})
    story.seen(provider_id="order-9")
    assert reasons(story) == ["another_order_read"]
    story.wait()
    assert what(story.seen()) == ["authorized"]
    assert reasons(story) == []


# what ended there


@pytest.mark.parametrize("status", ["cancelled", "expired", "closed"])
def test_a_placed_for_what_has_ended_there_is_rejected_as_in_a_take_over(status: str) -> None:
    story = in_checkout()
    by_checkout(story)
    read_checkout(story)
    outcomes = read_order(story, status=status, remaining_amount=0)
    assert told(outcomes) == ("rejected", True, f"order_{status}")
    assert story.order.status == "rejected"


@pytest.mark.parametrize("asked", [False, True])
def test_what_ended_there_after_money_was_taken_is_looked_at_by_a_person(asked: bool) -> None:
    story = in_checkout()
    if asked:
        by_checkout(story)
    else:
        story.wait()
    read_checkout(story)
    taken = (CaptureSeen("capture-9", 50),)
    outcomes = read_order(story, status="expired", captured_amount=50, remaining_amount=0, captures=taken)
    assert told(outcomes) == ("attention_required", False, "books_differ")


# bought after it was abandoned


def abandoned() -> Story:
    """The abort's answer was lost, and a read showed the order as not completed, while the customer was completing it."""
    story = in_checkout()
    story.tell("checkout_abandoned", {}, "left")
    lose(story)
    story.wait()
    settled(story, READ_ONLY)
    assert what(read_checkout(story, complete=False)) == ["checkout_abandoned"]
    return story


def shown(story: Story, **more: Any) -> list[Outcome]:
    """A read that a push asked for."""
    hinted(story)
    call = story.next()
    assert call == Read("checkout-1")
    books = {"provider_id": "checkout-1", "currency": "SEK", "order_amount": 100, "remaining_amount": 100, **more}
    return settled(story, Succeeded(snapshot=snapshot(story.order, **books)))


def test_an_order_that_was_bought_after_it_was_told_as_abandoned_is_shown_to_a_person() -> None:
    story = abandoned()
    assert told(shown(story)) == ("attention_required", False, "books_differ")
    assert shown(story) == [], "told once"
    assert story.order.status == "abandoned"
    by_checkout(story)
    read_checkout(story)
    read_order(story)
    sent(story, "acknowledge")
    assert told(sent(story, "set_references")) == ("authorized", True, None)
    assert reasons(story) == []


def test_it_is_read_until_it_has_ended_there() -> None:
    story = abandoned()
    shown(story)
    story.wait()
    assert story.next() == Read("checkout-1")
    assert shown(story, status="cancelled", remaining_amount=0) == []
    assert reasons(story) == []
    assert saga.due_call(story.order, story.now, story.rules) == (None, None)


def test_a_push_for_an_abandoned_order_that_is_none_worries_nobody() -> None:
    story = abandoned()
    hinted(story)
    assert settled(story, NOT_FOUND) == []
    assert reasons(story) == []
    assert saga.due_call(story.order, story.now, story.rules) == (None, None)


def abandoning_what_is_gone(*, lost: bool) -> Story:
    story = in_checkout()
    story.tell("checkout_abandoned", {}, "left")
    if lost:
        lose(story)
        story.wait()
        settled(story, NOT_FOUND)
    assert settled(story, NOT_FOUND) == [], "it may have become an order long ago"
    return story


@pytest.mark.parametrize("lost", [False, True])
def test_abandoning_what_is_gone_is_done_only_if_no_order_came_of_it(lost: bool) -> None:
    story = abandoning_what_is_gone(lost=lost)
    assert told(settled(story, NOT_FOUND)) == ("checkout_abandoned", True, None)
    assert [one.what for one in story.finals("left")] == ["checkout_abandoned"]
    assert story.order.status == "abandoned"


@pytest.mark.parametrize("lost", [False, True])
def test_abandoning_what_is_gone_and_was_bought_is_refused_and_the_order_is_ours(lost: bool) -> None:
    story = abandoning_what_is_gone(lost=lost)
    assert told(read_order(story)) == ("rejected", True, "READ_ONLY_ORDER")
    sent(story, "acknowledge")
    (outcome,) = sent(story, "set_references")
    assert (outcome.what, outcome.cause) == ("checkout_completed", None)
    assert len(story.finals("left")) == 1


def test_abandoning_what_is_gone_and_was_bought_for_another_amount_worries_somebody() -> None:
    story = abandoning_what_is_gone(lost=True)
    outcomes = read_order(story, order_amount=90, remaining_amount=90)
    assert what(outcomes) == ["rejected", "attention_required"]
    assert story.order.status == "checkout"
    assert wrote(story) == []


def test_an_answer_about_the_order_before_a_new_beginning_worries_nobody() -> None:
    story = in_checkout()
    story.tell("checkout_abandoned", {})
    sent(story, "abandon_checkout")
    hinted(story)
    reading = story.next()
    assert isinstance(reading, Read)
    seen = snapshot(story.order, provider_id="checkout-1", status="cancelled", remaining_amount=0)
    story.tell("placed", order_of(A), "placed")
    before = story.order
    assert story.answer(Succeeded(snapshot=seen), reading) == []
    assert story.order == before


@pytest.mark.parametrize("event", ["placed", "checkout_started"])
def test_an_order_that_came_late_is_a_second_one_once_the_shop_begins_anew(event: str) -> None:
    story = in_checkout()
    story.tell("checkout_abandoned", {})
    sent(story, "abandon_checkout")
    hinted(story)
    late = Succeeded(snapshot=snapshot(story.order, provider_id="checkout-1", order_amount=100, remaining_amount=100))
    story.answer(late)
    assert reasons(story) == ["books_differ"]
    story.tell(event, order_of(A) if event == "placed" else started())
    settled(story, Succeeded("order-2", fraud_status="ACCEPTED"))
    assert story.next() == Read("checkout-1", of="named")
    settled(story, late)
    assert reasons(story) == ["second_order"]


def test_a_placed_that_names_an_order_that_came_late_makes_it_no_second_one() -> None:
    story = in_checkout()
    story.tell("checkout_abandoned", {})
    sent(story, "abandon_checkout")
    hinted(story)
    late = Succeeded(snapshot=snapshot(story.order, provider_id="checkout-1", order_amount=100, remaining_amount=100))
    story.answer(late)
    by_checkout(story)
    assert (reasons(story), story.order.named) == ([], None)
