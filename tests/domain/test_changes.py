"""Changes without money go one way: decided, sent, settled and told alike."""

import pytest

from ordersaga.domain.model.outcomes import Read, Send
from ordersaga.domain.model.results import Rejected, Succeeded

from .shop import Story
from .uncertain import GONE, LOST, NO, A, told

NEW = {"merchant_reference1": "new"}


def changing(story: Story | None = None) -> Story:
    """An order with a change of its reference to be sent."""
    changed = story or Story(A)
    changed.eager = False
    changed.tell("reference_changed", NEW, "change")
    return changed


def test_a_change_is_sent_and_told_without_an_amount() -> None:
    story = changing()
    assert isinstance(story.next(), Send)
    before = story.order
    (outcome,) = story.answer(Succeeded())
    assert (outcome.what, outcome.final) == ("reference_changed", True)
    assert outcome.operation is not None
    assert (outcome.operation.type, outcome.operation.amount, outcome.operation.attempts) == (
        "change_reference",
        None,
        1,
    )
    assert story.order.remaining == before.remaining == 100
    assert story.order.status == "authorized"
    assert story.order.operations == ()


def test_a_refused_change_is_told_and_asks_for_no_read() -> None:
    story = changing()
    assert told(story.answer(NO)) == ("rejected", True, NO.code)
    assert story.order.refresh is None


def test_a_change_goes_on_beside_a_review() -> None:
    story = Story(eager=False)
    story.placed(A)
    story.answer(Succeeded("order-1", fraud_status="PENDING"))
    changing(story)
    assert told(story.answer(Succeeded())) == ("reference_changed", True, None)
    assert story.order.status == "pending_review"


def test_a_change_waits_for_its_order() -> None:
    story = Story()
    story.tell("reference_changed", NEW, "change")
    assert [one.waits_for for one in story.order.pending] == ["order"]
    assert [one.what for one in story.placed(A)] == ["authorized", "reference_changed"]


def test_what_the_provider_lacks_is_rejected() -> None:
    story = Story(A)
    story.terms.unsupported.add("change_reference")
    (refused,) = story.tell("reference_changed", NEW)
    assert told([refused]) == ("rejected", True, "unsupported_by_provider")
    assert refused.refusal is not None
    assert refused.refusal.messages == ("klarna doesn't support shop.order.reference_changed.v1",)


def lost() -> Story:
    story = changing()
    assert story.answer(LOST) == []
    story.wait()
    return story


def test_a_lost_answer_is_repeated_while_the_key_is_trusted() -> None:
    story = changing()
    first = story.next()
    story.answer(LOST)
    story.wait()
    again = story.next()
    assert isinstance(first, Send)
    assert isinstance(again, Send)
    assert again.request == first.request
    assert told(story.answer(Succeeded())) == ("reference_changed", True, None)


@pytest.mark.parametrize("refusal", [NO, GONE])
def test_after_a_lost_answer_a_refusal_is_read_and_what_shows_is_done(refusal: Rejected) -> None:
    story = lost()
    assert story.answer(refusal) == []
    assert isinstance(story.next(), Read)
    story.terms.shown = True
    assert told(story.seen()) == ("reference_changed", True, None)


def test_a_change_that_never_shows_was_refused() -> None:
    story = lost()
    story.answer(NO)
    story.terms.shown = False
    assert story.seen() == []
    story.wait()
    assert story.seen() == []
    story.wait()
    assert told(story.seen()) == ("rejected", True, NO.code)


def test_a_change_that_cannot_be_read_goes_to_a_person() -> None:
    story = lost()
    story.answer(NO)
    story.terms.shown = None
    assert told(story.seen()) == ("attention_required", False, "answer_lost")
    assert story.operation.stage == "stuck"


def test_a_change_waits_for_a_call_under_way_and_then_goes_by_what_is_true() -> None:
    story = Story(A)
    story.eager = False
    story.shipped("A:1")
    story.tell("reference_changed", NEW, "change")
    assert story.operation.type == "capture"
    story.answer(Succeeded("capture-1"))
    assert story.operation.type == "change_reference"
