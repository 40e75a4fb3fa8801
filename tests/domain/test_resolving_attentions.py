"""A person resolves an attention."""

import pytest
from msgspec.structs import replace

from ordersaga.domain import saga
from ordersaga.domain.model.order import Attention, Order
from ordersaga.domain.model.outcomes import Decision, Read
from ordersaga.domain.uncertainty.manual import NotSettledError

from .shop import Story
from .uncertain import A, lose, open_operation, stuck


def resolved(story: Story, reason: str, by: str = "grace", order: Order | None = None) -> Decision:
    return saga.resolve_attention(order or story.order, reason, by, story.now, story.rules)


def test_an_order_that_was_stopped_goes_on() -> None:
    story = Story(A)
    story.order = replace(story.order, refresh=story.now)
    story.stall()
    assert story.waits_for_a_person()
    story.order = resolved(story, "internal_error").order
    assert isinstance(story.next(), Read)


def test_the_journal_has_who_resolved_it_and_nothing_is_published() -> None:
    story = Story(A)
    order = replace(story.order, attentions=(Attention("books_differ", 1.0), Attention("order_unreadable", 2.0)))
    decision = resolved(story, "books_differ", order=order)
    assert [one.reason for one in decision.order.attentions] == ["order_unreadable"]
    assert [(one.what, one.name, one.note) for one in decision.entries] == [
        ("manual", "resolved", "books_differ, by grace")
    ]
    assert decision.outcomes == ()


def test_one_of_a_stuck_operation_is_left_to_settle() -> None:
    with pytest.raises(NotSettledError, match="use `ordersaga order settle`"):
        resolved(stuck("capture"), "answer_lost")


def test_one_of_an_operation_that_goes_on_closes_by_itself() -> None:
    story = open_operation("capture")
    story.now += 2 * story.rules.attention_after
    lose(story)
    with pytest.raises(NotSettledError, match=r"closes when capture .* ends"):
        resolved(story, "answer_unknown")


def test_one_that_is_not_open_is_refused_and_those_that_are_named() -> None:
    with pytest.raises(NotSettledError, match="no open attention books_differ; there is: answer_lost"):
        resolved(stuck("capture"), "books_differ")
    with pytest.raises(NotSettledError, match="name who resolves it"):
        resolved(stuck("capture"), "answer_lost", by=" ")


def test_the_warning_of_an_expiry_stays() -> None:
    story = Story(A)
    order = replace(story.order, attentions=(Attention("authorization_expires", 1.0, None, "capture it"),))
    with pytest.raises(NotSettledError, match="warns until it is dealt with: capture it"):
        resolved(story, "authorization_expires", order=order)
