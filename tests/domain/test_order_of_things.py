"""Each sentence of the contract's "Order of things", as far as Klarna's orders go."""

import pytest

from ordersaga.domain import saga
from ordersaga.domain.model.order import Refusal
from ordersaga.domain.model.outcomes import Rest, Send, Wait
from ordersaga.domain.model.results import Rejected, Retryable, Succeeded

from .shop import DAY, Story, code, fee, line, moved, order_of, what

NO = Rejected("NOT_ALLOWED", ("no",), "corr-1", 403)
A = line("A", 2, 50)


def hesitant(**more: object) -> Story:
    """A story whose test answers each call itself."""
    return Story(eager=False, **more)  # type: ignore[arg-type]  # rules alone


def in_review() -> Story:
    story = hesitant()
    story.placed(A)
    assert what(story.answer(Succeeded("order-1", fraud_status="PENDING"))) == ["review_pending"]
    return story


# an event for an order that hasn't been placed


def test_an_event_for_an_order_that_has_not_been_placed_waits() -> None:
    story = hesitant()
    assert story.shipped() == []
    assert story.next() == Wait(story.now + DAY)
    story.eager = True
    assert what(story.placed(A)) == ["authorized", "captured"]


@pytest.mark.parametrize("name", ["shipped", "returned", "cancelled", "closed"])
def test_after_a_day_the_order_is_unknown(name: str) -> None:
    story = hesitant()
    story.tell(name, {})
    assert story.pass_time(DAY - 1) == []
    assert code(story.pass_time(1)) == "order_unknown"
    assert story.next() == Rest()


def test_an_amendment_waits_for_its_order_too() -> None:
    story = hesitant()
    story.amended(A)
    assert code(story.pass_time(DAY)) == "order_unknown"


def test_an_order_that_is_unknown_to_the_end_can_still_be_placed() -> None:
    story = hesitant()
    story.shipped()
    story.pass_time(DAY)
    story.eager = True
    assert what(story.placed(A)) == ["authorized"]


def test_when_the_provider_rejects_the_order_those_that_wait_are_rejected() -> None:
    story = hesitant()
    story.shipped()
    story.placed(A)
    outcomes = story.answer(NO)
    assert [(one.cause.id if one.cause else "", one.refusal.code if one.refusal else "") for one in outcomes] == [
        ("e2", "NOT_ALLOWED"),
        ("e1", "order_rejected"),
    ]
    assert code(story.returned()) == "order_rejected"


def test_when_the_rules_reject_the_order_those_that_wait_are_rejected() -> None:
    story = hesitant()
    story.shipped()
    outcomes = story.placed(A, order_amount=99)
    assert [one.refusal.code for one in outcomes if one.refusal] == ["amounts_do_not_add_up", "order_rejected"]


def test_a_new_placed_after_a_rejected_one_starts_afresh() -> None:
    story = hesitant()
    story.placed(A)
    story.answer(NO)
    story.eager = True
    assert what(story.placed(line("B", 1, 70), token="other")) == ["authorized"]
    assert (story.order.order_amount, story.order.sequence) == (70, 2)
    assert moved(story.shipped()) == 70


def test_a_placed_that_comes_while_the_first_is_undecided_waits_for_its_result() -> None:
    story = hesitant()
    story.placed(A)
    assert story.placed(line("B", 1, 70)) == []
    outcomes = story.answer(Succeeded("order-1", fraud_status="ACCEPTED"))
    assert what(outcomes) == ["authorized", "rejected"]
    assert outcomes[1].refusal is not None
    assert outcomes[1].refusal.code == "order_exists"


def test_a_placed_that_waited_starts_afresh_when_the_first_is_rejected() -> None:
    story = hesitant()
    story.placed(A)
    story.placed(line("B", 1, 70))
    story.shipped()
    story.answer(NO)
    assert what(story.answer(Succeeded("order-2", fraud_status="ACCEPTED"))) == ["authorized"]
    assert moved(story.answer(Succeeded("capture-1"))) == 70


def test_a_placed_during_a_review_waits_for_its_decision() -> None:
    story = in_review()
    assert story.placed(line("B", 1, 70)) == []
    story.wait()
    outcomes = story.seen(fraud_status="ACCEPTED")
    assert what(outcomes) == ["authorized", "rejected"]


def test_a_placed_that_is_a_dead_letter_rejects_nobody() -> None:
    story = hesitant()
    story.shipped()
    cause = story.order.pending[0].cause
    told = Refusal("invalid_event", advice="dead letter 1")
    decision = saga.refuse_input(story.order, story.order.key, cause, told, story.now, story.rules, final=False)
    assert [(one.what, one.final) for one in decision.outcomes] == [("rejected", False)]
    assert decision.order.pending == story.order.pending


# calls in flight


@pytest.mark.parametrize("name", ["cancelled", "closed"])
def test_cancelled_and_closed_wait_for_a_call_in_flight_and_then_go_by_what_is_true(name: str) -> None:
    story = Story(A)
    story.eager = False
    story.shipped("A:1")
    assert story.tell(name, {}) == []
    assert what(story.answer(Succeeded("capture-1"))) == ["captured"]
    assert story.operation.type == "release"
    assert what(story.answer(Succeeded())) == ["released"]


def test_a_cancel_behind_a_refused_capture_cancels() -> None:
    story = Story(A)
    story.eager = False
    story.shipped("A:1")
    story.cancelled()
    assert code(story.answer(NO)) == "NOT_ALLOWED"
    assert story.operation.type == "cancel"


def test_an_event_that_comes_during_a_call_is_kept_by_its_settle() -> None:
    story = Story(A)
    story.eager = False
    story.shipped("A:1")
    call = story.next()
    assert isinstance(call, Send)
    story.returned("A:1")
    story.answer(Succeeded("capture-1"), call)
    assert story.operation.type == "refund"


def test_events_are_decided_in_the_order_in_which_they_arrive() -> None:
    story = Story(A)
    story.eager = False
    for _ in range(3):
        story.shipped("A:1")
    story.eager = True
    while story.yes():
        pass
    assert [one.cause.id for one in story.outcomes if one.cause] == ["e1", "e3", "e4", "e5"]
    assert story.outcomes[-1].refusal is not None
    assert story.outcomes[-1].refusal.code == "nothing_left_to_capture"


def test_only_one_operation_is_under_way_at_a_time() -> None:
    story = Story(A)
    story.eager = False
    story.shipped("A:1")
    story.shipped("A:1")
    assert len(story.order.operations) == 1


def test_an_answer_to_an_operation_that_has_ended_changes_nothing() -> None:
    story = Story(A)
    story.eager = False
    story.shipped("A:1")
    call = story.next()
    assert isinstance(call, Send)
    story.answer(Succeeded("capture-1"), call)
    before = story.order
    assert story.answer(Succeeded("capture-2"), call) == []
    assert story.order == before
    story.shipped("A:1")
    assert story.answer(Succeeded("capture-2"), call) == []
    assert len(story.order.operations) == 1


# ended orders


def test_closed_for_an_order_that_has_ended_is_released_with_nothing() -> None:
    for end in ("shipped", "cancelled", "closed"):
        story = Story(A, fee("shipping", 5))
        story.tell(end, {})
        story.eager = False
        outcomes = story.closed()
        assert (what(outcomes), moved(outcomes)) == (["released"], 0)


def test_after_closed_what_is_free_ships_no_more_either() -> None:
    story = Story(A, line("gift", 2, 0))
    story.shipped("A")
    assert story.returned("gift") == []  # it waits for them
    released, refused = story.closed()
    assert moved([released]) == 0
    assert code([refused]) == "over_refund"
    assert code(story.shipped("gift")) == "nothing_left_to_capture"


@pytest.mark.parametrize("end", ["cancelled", "shipped", "closed"])
def test_ids_live_for_ever(end: str) -> None:
    story = Story(A)
    story.tell(end, {})
    assert code(story.placed(A)) == "order_exists"
    assert code(story.tell("placed", order_of(line("B", 1, 5), token="new"))) == "order_exists"


def test_the_sequence_goes_on_after_a_rejected_placed() -> None:
    story = hesitant()
    story.placed(A)
    story.answer(NO)
    story.placed(A)
    story.answer(Retryable("busy"))
    story.wait()
    story.answer(Succeeded("order-2", fraud_status="ACCEPTED"))
    assert [one.sequence for one in story.outcomes] == [1, 2]
