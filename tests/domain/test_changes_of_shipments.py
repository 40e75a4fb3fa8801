"""Tracking, invoices and due dates name a shipment: they wait for it, and go to its capture."""

from typing import Any, Final

import pytest

from ordersaga.domain.model.outcomes import Outcome, Read, Send
from ordersaga.domain.model.results import CaptureSeen, Rejected, Retryable, Succeeded, Unknown

from .paid_there import PaidThere
from .shop import Story, line
from .subscriptions import settled
from .uncertain import A, told

INFO = [{"shipping_company": "Post", "tracking_number": "TR1"}]
OF_SHIPMENT: Final[dict[str, tuple[dict[str, Any], str]]] = {
    "tracking_added": ({"shipping_info": INFO}, "tracking_added"),
    "invoice_resend_requested": ({}, "invoice_resent"),
    "due_date_extension_requested": ({"number_of_days": 14}, "due_date_extended"),
}
OPTIONS = [{"number_of_days": 14, "amount": 0}, {"number_of_days": 30, "amount": 495}]


def ask(story: Story, what: str, shipment: str | None = "s1") -> list[Outcome]:
    data, _ = OF_SHIPMENT[what]
    story.eager = False
    return story.tell(what, data if shipment is None else {**data, "shipment_id": shipment}, what)


def shipped(story: Story, part: str = "A:1", shipment: str = "s1") -> Story:
    story.eager = True
    reference, quantity = part.split(":")
    story.tell(
        "shipped", {"shipment_id": shipment, "order_lines": [{"reference": reference, "quantity": int(quantity)}]}
    )
    return story


def answered(story: Story) -> list[Outcome]:
    """Says yes to what is asked."""
    step = story.next()
    if isinstance(step, Read):
        story.answer(Succeeded(result={"options": OPTIONS}))
    return story.answer(Succeeded())


@pytest.mark.parametrize("what", OF_SHIPMENT)
def test_it_goes_to_the_capture_of_the_shipment(what: str) -> None:
    story = shipped(shipped(Story(A)), shipment="s2")
    first, second = story.order.captures
    assert (first.shipment, second.shipment) == ("s1", "s2")
    ask(story, what, "s2")
    assert story.operation.capture_id == second.id
    assert told(answered(story)) == (OF_SHIPMENT[what][1], True, None)
    assert story.order.operations == ()


@pytest.mark.parametrize("what", OF_SHIPMENT)
def test_it_waits_for_its_shipment(what: str) -> None:
    story = Story(A)
    assert ask(story, what) == []
    assert [one.waits_for for one in story.order.pending] == ["shipment"]
    shipped(story, shipment="other")
    assert [one.waits_for for one in story.order.pending] == ["shipment"]
    story.eager = False
    story.tell("shipped", {"shipment_id": "s1"})
    story.answer(Succeeded("capture-2"))
    assert story.operation.capture_id == "capture-2"


@pytest.mark.parametrize("what", OF_SHIPMENT)
def test_without_its_shipment_it_is_rejected_in_the_end(what: str) -> None:
    story = Story(A)
    ask(story, what)
    assert told(story.pass_time(story.rules.waits_shipment)) == ("rejected", True, "shipment_unknown")


@pytest.mark.parametrize("what", OF_SHIPMENT)
def test_its_time_does_not_run_while_the_shipment_itself_waits_for_the_review(what: str) -> None:
    story = Story(eager=False)
    story.placed(A)
    story.answer(Succeeded("order-1", fraud_status="PENDING"))
    assert ask(story, what) == []
    story.tell("shipped", {"shipment_id": "s1"})
    assert story.pass_time(2 * story.rules.waits_shipment) == []
    assert [one.waits_for for one in story.order.pending] == ["review", "review"]
    story.seen(fraud_status="ACCEPTED")
    assert story.operation.type == "capture"
    story.answer(Succeeded("capture-1"))
    assert story.operation.capture_id == "capture-1"


def test_its_time_does_not_run_while_the_customer_has_yet_to_pay() -> None:
    story = PaidThere(A)
    story.made()
    assert ask(story, "tracking_added") == []
    story.tell("shipped", {"shipment_id": "s1"})
    story.wait(2 * story.rules.waits_shipment)
    story.authorized()
    assert story.operation.type == "capture"
    story.answer(Succeeded("shp-1"))
    assert (story.operation.type, story.operation.capture_id) == ("add_tracking", "shp-1")


@pytest.mark.parametrize("what", OF_SHIPMENT)
def test_it_is_rejected_at_once_when_nothing_more_can_ship(what: str) -> None:
    story = shipped(Story(A), "A:2", "other")
    assert told(ask(story, what)) == ("rejected", True, "shipment_unknown")


def test_tracking_of_an_order_worth_nothing_waits_for_its_shipment() -> None:
    story = Story(line("free", 1, 0))
    assert ask(story, "tracking_added") == []
    assert [one.waits_for for one in story.order.pending] == ["shipment"]
    shipped(story, "free:1")
    assert (story.outcomes[-1].what, story.outcomes[-1].final) == ("tracking_added", True)


def test_tracking_without_a_shipment_is_of_the_order() -> None:
    story = Story(A)
    ask(story, "tracking_added", None)
    assert story.operation.capture_id is None
    assert told(answered(story)) == ("tracking_added", True, None)


@pytest.mark.parametrize("what", ["invoice_resend_requested", "due_date_extension_requested"])
def test_a_shipment_that_captured_nothing_has_no_invoice(what: str) -> None:
    story = shipped(Story(line("free", 1, 0), A), "free:1")
    assert told(ask(story, what)) == ("rejected", True, "shipment_unknown")


def test_tracking_of_a_shipment_that_captured_nothing_is_of_the_order() -> None:
    story = shipped(Story(line("free", 1, 0), A), "free:1")
    ask(story, "tracking_added")
    assert story.operation.capture_id is None


@pytest.mark.parametrize("what", OF_SHIPMENT)
def test_what_the_provider_lacks_is_rejected(what: str) -> None:
    story = shipped(Story(A))
    story.terms.unsupported |= {"add_tracking", "resend_invoice", "extend_due_date"}
    assert told(ask(story, what)) == ("rejected", True, "unsupported_by_provider")


# invoices


def resending() -> Story:
    """The first answer was lost."""
    story = shipped(Story(A))
    ask(story, "invoice_resend_requested")
    assert settled(story, Unknown("lost")) == []
    return story


def test_a_lost_answer_to_a_resent_invoice_is_repeated_with_its_key() -> None:
    story = resending()
    story.wait()
    again = story.next()
    assert isinstance(again, Send)
    assert again.request == story.requests[story.operation.id]
    assert told(settled(story, Succeeded())) == ("invoice_resent", True, None)


def test_a_resent_invoice_nobody_knows_of_needs_no_person_when_its_key_has_ended() -> None:
    story = resending()
    (outcome,) = story.pass_time(23 * 3_600)
    assert told([outcome]) == ("rejected", True, "no_answer")
    assert outcome.refusal is not None
    assert outcome.refusal.messages == ("the provider's answers were lost: it may have been done",)
    assert (story.order.operations, story.order.attentions) == ((), ())


def test_a_refusal_of_the_repeat_ends_it() -> None:
    story = resending()
    story.wait()
    assert told(settled(story, Rejected("NOT_ALLOWED", ("no",), "corr", 403))) == ("rejected", True, "NOT_ALLOWED")


def test_a_shipment_waits_for_it_for_a_minute_at_most() -> None:
    story = resending()
    assert story.shipped("A:1") == []
    assert story.operation.type == "resend_invoice"
    while story.operation.type == "resend_invoice":
        story.wait()
        if story.operation.type == "resend_invoice":
            settled(story, Unknown("lost"))
    assert story.now - (story.order.placed_at or 0) < 3 * 60
    assert (story.operation.type, told(story.outcomes[-1:])) == ("capture", ("rejected", True, "no_answer"))
    assert [one.what for one in settled(story, Succeeded("capture-9"))] == ["captured"]


def test_a_shipment_that_comes_later_does_not_wait_for_it_at_all() -> None:
    story = resending()
    story.wait()
    call = story.next()
    story.now += 120
    assert [one.what for one in story.shipped("A:1")] == ["rejected"]
    assert story.operation.type == "capture"
    assert isinstance(call, Send)
    assert story.answer(Succeeded(), call) == [], "its answer comes too late"
    assert story.operation.type == "capture"


def test_an_extended_due_date_is_worth_waiting_for() -> None:
    story = due_date()
    story.answer(Succeeded(result={"options": OPTIONS}))
    settled(story, Unknown("lost"))
    story.wait()
    story.now += 120
    assert story.shipped("A:1") == []
    assert story.operation.type == "extend_due_date"


# due dates


def due_date() -> Story:
    story = shipped(Story(A))
    ask(story, "due_date_extension_requested")
    return story


def test_a_due_date_is_extended_after_a_look_at_what_is_offered() -> None:
    story = due_date()
    step = story.next()
    assert isinstance(step, Read)
    assert step.operation is not None
    assert step.operation.type == "read_due_dates"
    assert story.answer(Succeeded(result={"options": OPTIONS})) == []
    assert isinstance(story.next(), Send)
    (outcome,) = story.answer(Succeeded())
    assert outcome.result == {"options": OPTIONS}
    assert outcome.operation is not None
    assert (outcome.operation.type, outcome.operation.amount) == ("extend_due_date", None)


def test_a_due_date_that_is_not_offered_is_rejected_with_those_that_are() -> None:
    story = due_date()
    (outcome,) = story.answer(Succeeded(result={"options": OPTIONS[1:]}))
    assert told([outcome]) == ("rejected", True, "not_acceptable_to_provider")
    assert outcome.refusal is not None
    assert outcome.refusal.messages == ("$.number_of_days: 14; offered: 30",)
    assert outcome.operation is None


@pytest.mark.parametrize("answer", [Retryable("busy", 5.0), Unknown("lost")])
def test_the_offer_is_read_until_it_is_answered(answer: Retryable | Unknown) -> None:
    story = due_date()
    assert story.answer(answer) == []
    story.wait()
    assert isinstance(story.next(), Read)


def test_a_refused_read_of_the_offer_is_told() -> None:
    story = due_date()
    refusal = Rejected("NO_SUCH_CAPTURE", ("gone",), "corr", 404)
    assert told(story.answer(refusal)) == ("rejected", True, "NO_SUCH_CAPTURE")


# money that was taken at once


def at_once() -> Story:
    story = Story(eager=False)
    story.placed(A, auto_capture=True)
    story.answer(Succeeded("order-1", fraud_status="ACCEPTED"))
    seen = story.seen(captured_amount=100, remaining_amount=0, status="captured", captures=(CaptureSeen("auto", 100),))
    assert [one.what for one in seen] == ["captured"]
    return story


def test_the_shipping_info_of_money_taken_at_once_is_passed_on() -> None:
    story = at_once()
    assert story.tell("shipped", {"shipment_id": "s1", "shipping_info": INFO}) == []
    assert (story.operation.type, story.operation.capture_id) == ("record_shipment", "auto")
    (outcome,) = story.answer(Succeeded())
    assert told([outcome]) == ("shipment_recorded", True, None)
    assert story.order.captured_amount == 100


def test_a_shipment_without_anything_to_pass_on_is_recorded_at_once() -> None:
    story = at_once()
    assert told(story.tell("shipped", {"shipment_id": "s1"})) == ("shipment_recorded", True, None)


def test_a_refused_shipment_of_money_taken_at_once_may_come_again() -> None:
    story = at_once()
    story.tell("shipped", {"shipment_id": "s1", "shipping_info": INFO})
    assert told(story.answer(Rejected("X", ("no",), None, 403))) == ("rejected", True, "X")
    assert story.tell("shipped", {"shipment_id": "s1", "shipping_info": INFO}, "again") == []


def test_tracking_of_money_taken_at_once_goes_to_its_capture() -> None:
    story = at_once()
    story.tell("shipped", {"shipment_id": "s1"})
    ask(story, "tracking_added")
    assert story.operation.capture_id == "auto"
