"""Each sentence of the contract's "Order of things", as far as Klarna's orders go."""

import pytest
from msgspec.structs import replace

from ordersaga.domain import saga
from ordersaga.domain.order import Refusal
from ordersaga.domain.outcomes import Elapsed, Read, Rest, Send, Wait
from ordersaga.domain.results import Rejected, Retryable, Succeeded, Unknown

from .shop import DAY, HOUR, START, Story, code, fee, line, moved, order_of, part, snapshot, what

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


# returns before shipments


def test_a_return_waits_as_long_as_enough_of_its_lines_may_still_be_captured() -> None:
    story = Story(A, line("B", 1, 30))
    assert story.returned("A:1") == []
    story.shipped("B")
    assert what(story.outcomes) == ["authorized", "captured"]
    assert what(story.shipped("A:1")) == ["captured", "refunded"]


def test_a_return_of_more_than_will_ever_be_captured_does_not_wait() -> None:
    story = Story(A, line("B", 1, 30))
    assert code(story.returned("A:3")) == "over_refund"
    story.cancelled("A:1")
    assert code(story.returned("A:2")) == "over_refund"
    assert code(story.returned(refunded_amount=81)) == "over_refund"


@pytest.mark.parametrize("data", [{}, {"refunded_amount": 20}, {"order_lines": [part("A")]}])
def test_a_return_before_anything_was_captured_waits_a_day_at_most(data: dict[str, object]) -> None:
    story = Story(A)
    assert story.tell("returned", data) == []
    assert story.pass_time(DAY - 1) == []
    assert code(story.pass_time(1)) == "over_refund"


def test_a_waiting_return_ends_when_what_it_waits_for_can_no_longer_come() -> None:
    story = Story(A)
    story.returned("A:1")
    outcomes = story.closed()
    assert what(outcomes) == ["cancelled", "rejected"]
    assert outcomes[1].refusal is not None
    assert outcomes[1].refusal.code == "over_refund"


def test_a_return_of_free_lines_waits_for_them_too() -> None:
    story = Story(line("gift", 2, 0), line("A", 1, 10))
    story.shipped("A")
    assert story.returned("gift:1") == []
    assert what(story.shipped("gift")) == ["captured", "refunded"]


def test_a_return_does_not_wait_for_a_line_that_an_amount_has_used_up() -> None:
    story = Story(A)
    story.shipped(captured_amount=100)
    assert code(story.returned("A:1")) == "over_refund"


def test_a_fee_is_counted_in_what_a_return_waits_for() -> None:
    story = Story(A)
    story.shipped("A:1")
    held = {"amount": 10}
    assert story.returned(refunded_amount=45, return_fee=held) == []
    assert code(story.returned(refunded_amount=95, return_fee=held)) == "over_refund"


# deadlines


def test_a_deadline_does_not_run_while_an_operation_is_under_way() -> None:
    story = Story(A)
    story.returned("A:2")
    story.pass_time(DAY - HOUR)
    story.eager = False
    story.shipped("A:1")
    story.answer(Unknown("lost"))
    story.now += 10 * HOUR
    story.hear(story.now)
    story.answer(Succeeded("capture-1"))
    assert story.next() == Wait(story.now + HOUR)
    assert story.pass_time(HOUR - 1) == []
    assert code(story.pass_time(1)) == "over_refund"


def test_a_deadline_gets_back_what_several_operations_took_once() -> None:
    story = Story(A, line("B", 2, 30))
    story.shipped("B:1")
    story.shipped("B:1")
    story.returned("A:2")
    story.eager = False
    story.returned("B:2")
    story.now += 100
    story.answer(Succeeded("refund-1"))
    story.now += 100
    story.answer(Succeeded("refund-2"))
    assert story.next() == Wait(story.now + DAY)


def test_a_deadline_does_not_end_before_the_input_is_heard_so_far() -> None:
    story = hesitant()
    story.shipped()
    story.now += DAY + 5
    assert story.next() == Wait(story.now + 1)
    story.hear(story.now - 6)
    assert story.next() == Wait(story.now + 1)
    story.hear(story.now)
    assert story.next() == Elapsed()
    assert code(story.answer(None)) == "order_unknown"


def test_an_event_that_the_clock_decides_is_not_decided_early_by_another_event() -> None:
    story = hesitant()
    story.shipped()
    story.now += DAY + 5
    assert story.closed() == []
    assert len(story.order.pending) == 2


def test_a_blocked_order_waits_without_a_deadline() -> None:
    story = Story(A)
    story.order = replace(story.order, blocked="dead-letter-1")
    assert story.shipped() == []
    assert story.next() == Wait(START + 26 * DAY)  # two days before the authorization ends
    story.order = replace(story.order, blocked=None)
    decision = saga.tick(story.order, story.now, story.rules)
    assert [one.type for one in decision.order.operations] == ["capture"]


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


# ended orders


def test_closed_for_an_order_that_has_ended_is_released_with_nothing() -> None:
    for end in ("shipped", "cancelled", "closed"):
        story = Story(A, fee("shipping", 5))
        story.tell(end, {})
        story.eager = False
        outcomes = story.closed()
        assert (what(outcomes), moved(outcomes)) == (["released"], 0)


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
