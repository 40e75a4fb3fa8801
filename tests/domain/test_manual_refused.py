"""What a person can't settle so: nothing changes, and they are told why."""

from collections.abc import Callable

import pytest

from ordersaga.domain.uncertainty.manual import HadNoEffect, NotSettledError, TookEffect, TryAgain, Verdict

from .shop import Story
from .uncertain import (
    GONE,
    NO,
    A,
    is_stuck,
    lose,
    open_operation,
    refused_take_over,
    stuck,
    stuck_create,
    two_refunds,
)


def captured_before() -> Story:
    """A capture that is stuck behind one that isn't."""
    story = Story(A)
    story.shipped("A:1")
    assert story.order.captures[0].id == "capture-4"
    story.eager = False
    story.shipped("A:1")
    lose(story)
    story.wait()
    story.answer(NO)
    story.answer(GONE)
    return is_stuck(story)


REFUSED: dict[str, tuple[Callable[[], Story], Verdict, str]] = {
    "that isn't stuck": (lambda: open_operation("capture"), TookEffect("capture-9"), "isn't stuck: it goes on"),
    "that isn't stuck once more": (lambda: open_operation("capture"), TryAgain(), "isn't stuck: it goes on"),
    "a capture without its id": (lambda: stuck("capture"), TookEffect(), "needs the id"),
    "a refund without its id": (lambda: stuck("refund"), TookEffect(), "needs the id"),
    "an order without its id": (stuck_create, TookEffect(), "needs the id"),
    "an empty id": (lambda: stuck("capture"), TookEffect(""), "can't be an id"),
    "an id with a space": (lambda: stuck("capture"), TookEffect(" capture-9"), "can't be an id"),
    "another capture's id": (captured_before, TookEffect("capture-4"), "another operation's"),
    "the order's id": (captured_before, TookEffect("create_order-2"), "another operation's"),
    "an id of what has none": (lambda: stuck("cancel"), TookEffect("cancel-9"), "has no id at the provider"),
    "a withdrawal's id": (lambda: stuck("cancel_authorization"), TookEffect("x"), "has no id at the provider"),
    "a take-over": (refused_take_over, TookEffect("order-1"), "only reads the order"),
    "without a reason": (lambda: stuck("capture"), HadNoEffect(" "), "give the reason"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_cannot_be_so_is_refused(case: str) -> None:
    made, verdict, reason = REFUSED[case]
    story = made()
    before = story.order
    with pytest.raises(NotSettledError, match=reason) as raised:
        story.say(verdict)
    assert str(raised.value).startswith("order '536365' of merchant 'default': ")
    assert story.order == before


def test_the_id_of_a_refund_that_was_booked_is_refused() -> None:
    story = two_refunds()
    story.say(TookEffect("refund-9"))
    story.stall()
    with pytest.raises(NotSettledError, match="another operation's"):
        story.say(TookEffect("refund-9"))


def test_an_operation_that_is_not_there_is_refused_and_those_that_are_named() -> None:
    story = stuck("capture")
    name = story.operation.id
    with pytest.raises(NotSettledError, match=f"no operation nonsense under way; there is: capture {name}"):
        story.say(TookEffect("capture-9"), "nonsense")
    story.say(TookEffect("capture-9"))
    with pytest.raises(NotSettledError, match=f"no operation {name} under way; there is: none"):
        story.say(TookEffect("capture-9"), name)


def test_one_that_comes_later_waits_for_the_first() -> None:
    story = two_refunds()
    first, second = story.order.operations
    with pytest.raises(NotSettledError, match=f"{second.id} comes after {first.id}: settle that one first"):
        story.say(TookEffect("refund-9"), second.id)


def test_nobody_settles_nothing() -> None:
    with pytest.raises(NotSettledError, match="name who settles it"):
        stuck("capture").say(TookEffect("capture-9"), by=" ")
