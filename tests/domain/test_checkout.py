"""Checkout: started, updated and abandoned by the shop."""

import msgspec
import pytest

from ordersaga.domain import saga
from ordersaga.domain.model.fields import OrderLine
from ordersaga.domain.model.outcomes import Send
from ordersaga.domain.model.results import Rejected, Succeeded

from .checkouts import (
    CHANGED,
    MADE,
    NOT_FOUND,
    READ_ONLY,
    A,
    B,
    completed,
    in_checkout,
    read_checkout,
    read_order,
    sent,
    settled,
    started,
    starting,
    wrote,
)
from .shop import Story, what
from .uncertain import NO, lose, told

# started


def test_it_ends_with_the_snippet_and_no_order_yet() -> None:
    story = starting()
    call = story.next()
    assert isinstance(call, Send)
    assert (call.request.path, call.request.key) == ("/checkout", None)
    (outcome,) = settled(story, MADE)
    assert (outcome.what, outcome.final, outcome.books) == ("checkout_created", True, None)
    assert (outcome.provider_order_id, outcome.result) == ("checkout-1", {"html_snippet": "<div/>"})
    assert outcome.operation is not None
    assert (outcome.operation.type, outcome.operation.amount) == ("create_checkout", None)
    assert story.order.status == "checkout"


def test_a_lost_answer_is_sent_again_as_nobody_can_complete_what_it_made() -> None:
    story = starting()
    lose(story)
    story.wait()
    assert told(settled(story, MADE)) == ("checkout_created", True, None)
    assert story.order.provider_order_id == "checkout-1"


def test_a_refusal_of_the_repeat_ends_it() -> None:
    story = starting()
    lose(story)
    story.wait()
    assert told(settled(story, NO)) == ("rejected", True, NO.code)
    assert story.order.status == "rejected"


def test_a_second_one_is_refused_while_the_customer_may_complete_the_first() -> None:
    story = in_checkout()
    outcomes = story.tell("checkout_started", started())
    assert told(outcomes) == ("rejected", True, "order_exists")
    assert outcomes[0].refusal is not None
    assert "checkout_abandoned" in (outcomes[0].refusal.advice or "")


def test_amounts_that_do_not_add_up_are_refused_without_a_call() -> None:
    story = starting(order_amount=99)
    assert told(story.outcomes) == ("rejected", True, "amounts_do_not_add_up")


def test_it_may_be_started_again_after_it_was_abandoned() -> None:
    story = in_checkout()
    story.tell("checkout_abandoned", {})
    sent(story, "abandon_checkout")
    story.tell("checkout_started", started(B))
    settled(story, Succeeded("checkout-2"))
    assert (story.order.status, story.order.order_amount) == ("checkout", 30)


# updated and abandoned


def test_an_update_is_what_the_order_is_compared_with() -> None:
    story = in_checkout()
    story.tell("checkout_updated", {"order_amount": 130, "order_lines": [A, B]}, "updated")
    assert told(sent(story, "update_checkout", CHANGED)) == ("checkout_updated", True, None)
    story.wait()
    read_checkout(story, order_amount=130)
    read_order(story, order_amount=130, remaining_amount=130)
    sent(story, "acknowledge")
    assert what(sent(story, "set_references")) == ["checkout_completed"]
    assert [line.reference for line in story.order.lines] == ["A", "B"]


def test_an_update_waits_for_the_start() -> None:
    story = Story(eager=False)
    assert story.tell("checkout_updated", {"options": {"auto_capture": True}}, "updated") == []
    story.tell("checkout_started", started(), "started")
    settled(story, MADE)
    assert told(sent(story, "update_checkout", CHANGED)) == ("checkout_updated", True, None)


@pytest.mark.parametrize("event", ["checkout_updated", "checkout_abandoned"])
def test_once_completed_it_is_refused_and_the_order_is_read(event: str) -> None:
    story = in_checkout()
    story.tell(event, {}, "late")
    operation = story.operation.type
    outcomes = sent(story, operation, READ_ONLY)
    assert told(outcomes) == ("rejected", True, "READ_ONLY_ORDER")
    read_checkout(story)
    read_order(story)
    assert wrote(story) == ["acknowledge", "set_references"]


@pytest.mark.parametrize("event", ["checkout_updated", "checkout_abandoned"])
def test_an_order_known_to_be_completed_refuses_it_without_a_call(event: str) -> None:
    story = completed()
    assert told(story.tell(event, {})) == ("rejected", True, "READ_ONLY_ORDER")


def test_abandoning_ends_it() -> None:
    story = in_checkout()
    story.tell("checkout_abandoned", {})
    (outcome,) = sent(story, "abandon_checkout")
    assert (outcome.what, outcome.final, outcome.books) == ("checkout_abandoned", True, None)
    assert story.order.status == "abandoned"
    assert saga.due_call(story.order, story.now, story.rules) == (None, None)


def abandoning_twice() -> Story:
    """The first answer was lost, the repeat is refused."""
    story = in_checkout()
    story.tell("checkout_abandoned", {})
    lose(story)
    story.wait()
    assert settled(story, READ_ONLY) == []
    return story


def test_a_refused_repeat_of_abandoning_was_ours_unless_the_customer_has_completed_it() -> None:
    story = abandoning_twice()
    assert what(read_checkout(story, complete=False)) == ["checkout_abandoned"]
    story = abandoning_twice()
    assert told(read_checkout(story, complete=True)) == ("rejected", True, "READ_ONLY_ORDER")
    read_checkout(story)
    read_order(story)
    assert wrote(story)


def test_a_repeat_of_abandoning_that_is_refused_for_another_reason_is_sent_again_until_it_is_known() -> None:
    story = in_checkout()
    story.tell("checkout_abandoned", {})
    lose(story)
    for _ in range(3):
        story.wait()
        assert settled(story, Rejected("NOT_ALLOWED", ("no",), "corr", 403)) == []
        assert read_checkout(story, complete=False) == []
    story.wait()
    assert what(sent(story, "abandon_checkout")) == ["checkout_abandoned"]


def test_abandoning_a_checkout_order_that_is_gone_is_done_if_no_order_came_of_it() -> None:
    story = abandoning_twice()
    assert settled(story, NOT_FOUND) == []
    assert what(settled(story, NOT_FOUND)) == ["checkout_abandoned"]


@pytest.mark.parametrize(("amount", "expected"), [(130, "checkout_updated"), (100, "rejected")])
def test_a_refused_repeat_of_an_update_ends_by_what_is_read(amount: int, expected: str) -> None:
    story = in_checkout()
    story.tell("checkout_updated", {"order_amount": 130, "order_lines": [A, B]})
    lose(story)
    story.wait()
    settled(story, READ_ONLY)
    shown = [A, B] if expected == "checkout_updated" else [A]
    lines = msgspec.convert(shown, tuple[OrderLine, ...])
    assert what(read_checkout(story, order_amount=amount, lines=lines)) == [expected]
