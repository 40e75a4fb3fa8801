"""What waits, for how long, and what doesn't count as waiting."""

import pytest
from msgspec.structs import replace

from ordersaga.domain import saga
from ordersaga.domain.deciding.builder import DecisionBuilder
from ordersaga.domain.model.outcomes import Elapsed, Wait
from ordersaga.domain.model.results import Rejected, Succeeded, Unknown

from .shop import DAY, HOUR, START, Story, code, event, fee, line, moved, part, voucher, what

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


def test_an_event_costs_no_changes_of_those_that_wait_already(monkeypatch: pytest.MonkeyPatch) -> None:
    story = hesitant()
    for _ in range(50):
        story.shipped("A:1")
    changes = []
    change = DecisionBuilder.change

    def counted(work: DecisionBuilder, **fields: object) -> None:
        changes.append(fields)
        change(work, **fields)

    monkeypatch.setattr(DecisionBuilder, "change", counted)
    story.shipped("A:1")
    assert len(changes) < 10
    assert [one.waits_for for one in story.order.pending] == ["order"] * 51


def test_names_that_run_into_each_other_are_two_events() -> None:
    story = hesitant()
    for source, ident, amount in (("/shop", "x\ny", 10), ("/shop\nx", "y", 20)):
        given = event("shipped", {"captured_amount": amount}, ident)
        story.order = saga.accept(
            story.order, replace(given, cause=replace(given.cause, source=source)), story.now, story.rules
        ).order
    story.eager = True
    placed, *captured = story.placed(A)
    assert placed.what == "authorized"
    assert [moved([one]) for one in captured] == [10, 20]
    assert [one.cause.id for one in captured if one.cause] == ["x\ny", "y"]


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


def test_the_amount_of_a_return_is_held_to_what_was_captured_by_then() -> None:
    story = Story(A, line("B", 1, 100), fee("shipping", 20), voucher("voucher", 40))
    assert story.returned("A", refunded_amount=90) == []  # 80, if all were captured first
    captured, refunded = story.shipped("A")
    assert (moved([captured]), moved([refunded])) == (90, 90)  # all that was captured comes back, shipping included


def test_a_return_waits_for_a_shipment_at_a_lower_price() -> None:
    story = Story(A)
    assert story.returned("A", refunded_amount=80) == []
    assert what(story.shipped("A:2=80")) == ["captured", "refunded"]


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
