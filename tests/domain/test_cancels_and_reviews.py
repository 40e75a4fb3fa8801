"""Cancellations before and during the placing, and reviews."""

import pytest

from ordersaga.domain.model.outcomes import Read, Rest, Send
from ordersaga.domain.model.results import Rejected, Succeeded

from .shop import DAY, Story, code, line, moved, snapshot, what

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


# a cancellation before or during the placing


def test_a_whole_cancel_before_placed_cancels_the_authorization_without_an_order() -> None:
    story = hesitant()
    story.cancelled()
    story.placed(A)
    assert isinstance(story.next(), Send)
    assert story.operation.type == "cancel_authorization"
    outcomes = story.answer(Succeeded())
    assert [(one.what, one.cause.id if one.cause else "") for one in outcomes] == [
        ("cancelled", "e1"),
        ("rejected", "e2"),
    ]
    assert outcomes[1].refusal is not None
    assert outcomes[1].refusal.code == "cancelled_before_authorized"
    assert moved(outcomes[:1]) == 100
    assert all(one.books is None for one in outcomes)
    assert story.next() == Rest()
    assert code(story.shipped()) == "order_rejected"


def test_a_new_authorization_after_a_cancel_before_placed_starts_afresh() -> None:
    story = hesitant()
    story.cancelled()
    story.placed(A)
    story.answer(Succeeded())
    story.eager = True
    assert what(story.placed(A, token="new")) == ["authorized"]


def test_a_cancel_of_lines_before_placed_waits_for_the_order() -> None:
    story = hesitant()
    story.cancelled("A:1")
    story.eager = True
    assert what(story.placed(A)) == ["authorized", "lines_cancelled"]


def test_a_cancel_that_came_after_placed_cancels_the_order() -> None:
    story = hesitant()
    story.placed(A)
    story.cancelled()
    story.eager = True
    story.answer(Succeeded("order-1", fraud_status="ACCEPTED"))
    while story.yes():
        pass
    assert what(story.outcomes) == ["authorized", "cancelled"]


def test_a_cancel_behind_a_second_placed_cancels_the_order_that_it_makes() -> None:
    story = hesitant()
    story.placed(A)
    story.placed(line("B", 1, 70))
    story.cancelled()
    story.answer(NO)
    assert story.operation.type == "create_order"


def test_a_refused_withdrawal_of_the_authorization_rejects_both() -> None:
    story = hesitant()
    story.cancelled()
    story.placed(A)
    outcomes = story.answer(Rejected("NOT_FOUND", status=404))
    assert [one.refusal.code for one in outcomes if one.refusal] == ["NOT_FOUND", "cancelled_before_authorized"]
    assert [one.final for one in outcomes] == [True, True]


@pytest.mark.parametrize("name", ["cancelled", "closed"])
def test_a_whole_cancel_or_closed_during_the_review_ends_the_order_at_once(name: str) -> None:
    story = in_review()
    story.shipped()
    story.tell(name, {})
    assert story.operation.type == "cancel"
    outcomes = story.answer(Succeeded())
    assert what(outcomes) == ["cancelled", "rejected", "rejected"]
    assert [one.refusal.code for one in outcomes if one.refusal] == [
        "cancelled_before_authorized",
        "nothing_left_to_capture",
    ]
    assert [len(story.finals(name)) for name in ("e1", "e2", "e3")] == [1, 1, 1]
    assert story.order.status == "cancelled"


def test_a_review_read_that_a_cancel_has_overtaken_decides_nothing() -> None:
    story = in_review()
    story.wait()
    reading = story.next()
    assert isinstance(reading, Read)
    story.cancelled()
    seen = story.order
    assert story.answer(Succeeded(snapshot=snapshot(seen, fraud_status="ACCEPTED")), reading) == []
    assert what(story.answer(Succeeded())) == ["cancelled", "rejected"]
    assert len(story.finals("e1")) == 1


def test_a_refused_cancel_during_the_review_leaves_the_review_open() -> None:
    story = in_review()
    story.cancelled()
    assert code(story.answer(NO)) == "NOT_ALLOWED"
    assert what(story.seen(fraud_status="ACCEPTED")) == ["authorized"]
    assert len(story.finals("e1")) == 1


# reviews


def test_a_shipment_waits_for_the_decision_of_the_review() -> None:
    story = in_review()
    assert story.shipped() == []
    story.pass_time(0)
    story.now += 3 * DAY
    story.hear(story.now)
    outcomes = story.seen(fraud_status="ACCEPTED")
    assert what(outcomes) == ["authorized"]
    assert moved(story.answer(Succeeded("capture-1"))) == 100


@pytest.mark.parametrize("told", [{"fraud_status": "REJECTED"}, {"status": "cancelled"}, {"status": "expired"}])
def test_a_review_that_refuses_rejects_placed_and_those_that_wait(told: dict[str, str]) -> None:
    story = in_review()
    story.shipped()
    story.wait()
    outcomes = story.seen(**{"fraud_status": "PENDING", **told})
    assert [one.refusal.code for one in outcomes if one.refusal] == ["review_rejected", "order_rejected"]
    assert outcomes[0].books is not None
    assert (outcomes[0].books.status, outcomes[0].books.released_amount) == ("rejected", 100)
    assert story.next() == Rest()


def test_a_review_is_looked_at_more_rarely_the_longer_it_takes() -> None:
    story = in_review()
    pauses = []
    for _ in range(60):
        before = story.now
        story.wait()
        pauses.append(story.now - before)
        story.seen(fraud_status="PENDING")
    assert pauses[0] == 30
    assert pauses == sorted(pauses)
    assert pauses[-1] == 900


def test_lines_are_cancelled_and_amended_after_the_review() -> None:
    story = in_review()
    story.cancelled("A:1")
    story.amended(A)
    assert story.order.operations == ()
    story.wait()
    story.eager = True
    story.seen(fraud_status="ACCEPTED")
    while story.yes():
        pass
    assert what(story.outcomes) == ["review_pending", "authorized", "lines_cancelled", "amended"]


@pytest.mark.parametrize("end", ["cancelled", "closed"])
def test_an_id_whose_order_was_ended_during_its_review_is_used(end: str) -> None:
    story = in_review()
    story.tell(end, {}, "end")
    story.answer(Succeeded())
    (refused,) = story.finals("e1")
    assert refused.refusal is not None
    assert refused.refusal.code == "cancelled_before_authorized"
    assert code(story.placed(A, token="new")) == "order_exists"


@pytest.mark.parametrize("status", ["cancelled", "expired"])
def test_an_amendment_of_what_has_ended_says_how_it_did(status: str) -> None:
    story = Story(A)
    story.eager = False
    story.now += 28 * DAY
    assert what(story.seen(status=status, remaining_amount=0)) == [status]
    (outcome,) = story.amended(A)
    assert outcome.refusal is not None
    assert (outcome.refusal.code, outcome.refusal.messages) == ("already_cancelled", (f"order is {status}",))
