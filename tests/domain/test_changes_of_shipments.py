"""Tracking, invoices and due dates name a shipment: they wait for it, and go to its capture."""

from typing import Any, Final

import pytest

from ordersaga.domain.model.outcomes import Outcome, Read, Send, Wait
from ordersaga.domain.model.results import CaptureSeen, Rejected, Retryable, Succeeded, Unknown

from .shop import DAY, Story, line
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


# the authorization


def extending() -> Story:
    story = Story(A, eager=True)
    story.eager = False
    story.now += 10 * DAY
    story.tell("authorization_extension_requested", {}, "extend")
    return story


def test_an_extension_lengthens_the_authorization() -> None:
    story = extending()
    before = story.order.expires_at
    (outcome,) = story.answer(Succeeded())
    assert told([outcome]) == ("extended", True, None)
    assert before is not None
    assert outcome.books is not None
    assert outcome.books.expires_at == before + 10 * DAY


def test_after_an_extension_the_order_is_read_once_for_the_provider_s_own_expiry() -> None:
    story = extending()
    story.answer(Succeeded())
    estimate = story.order.expires_at
    assert estimate is not None
    assert isinstance(story.next(), Read)
    assert story.seen(expires_at=estimate - 3 * DAY) == []
    assert story.order.expires_at == estimate - 3 * DAY
    assert story.next() == Wait(estimate - 3 * DAY - story.rules.expiry_warning), "once"


def test_a_lost_extension_shows_by_the_new_expiry() -> None:
    story = extending()
    before = story.order.expires_at
    assert before is not None
    story.answer(Unknown("lost"))
    story.now += 23.5 * 3600  # the key isn't trusted any more
    assert isinstance(story.next(), Read)
    assert [one.what for one in story.seen(expires_at=before + 10 * DAY)] == ["extended"]


def test_an_extension_that_did_not_happen_is_asked_for_again() -> None:
    story = extending()
    before = story.order.expires_at
    story.answer(Unknown("lost"))
    story.now += 23.5 * 3600
    while isinstance(story.next(), Read):
        assert {one.what for one in story.seen(expires_at=before)} <= {"attention_required"}
        if isinstance(story.next(), Wait):
            story.wait()
    assert isinstance(story.next(), Send)


# an extension that nobody asks for


def about_to_expire() -> Story:
    """The merchant's setting says that it is extended."""
    story = Story(A)
    story.terms.extends = True
    story.eager = False
    assert story.order.expires_at is not None
    story.now = story.order.expires_at - story.rules.expiry_warning
    assert story.seen() == []
    return story


def test_an_authorization_is_extended_before_it_expires() -> None:
    story = about_to_expire()
    step = story.next()
    assert isinstance(step, Send)
    assert step.operation.type == "extend_authorization"
    (outcome,) = story.answer(Succeeded())
    assert (outcome.what, outcome.cause, outcome.final) == ("extended", None, True)
    assert story.order.expires_at == story.now + 28 * DAY
    assert not story.order.attentions
    assert story.order.operations == ()


def test_without_the_setting_a_person_is_asked() -> None:
    story = about_to_expire()
    other = Story(A)
    other.eager = False
    other.now = story.now
    assert [one.what for one in other.seen()] == ["attention_required"]


def test_a_refused_extension_that_nobody_asked_for_is_told_to_a_person() -> None:
    story = about_to_expire()
    (outcome,) = story.answer(Rejected("NOT_ALLOWED", ("no",), "corr", 403))
    assert (outcome.what, outcome.cause, outcome.final) == ("attention_required", None, False)
    assert story.order.has_attention("authorization_expires")
    assert story.order.operations == ()


def test_an_extension_that_nobody_asked_for_gives_way_to_an_event() -> None:
    story = about_to_expire()
    extension = story.next()
    assert isinstance(extension, Send)
    story.answer(Unknown("lost"))
    assert story.shipped("A:1") == []
    assert story.operation.type == "capture"
    assert story.answer(Succeeded(), extension) == [], "its answer comes too late: a read shows what came of it"
    assert [one.what for one in story.answer(Succeeded("capture-9"))] == ["captured"]
    assert isinstance(story.next(), Read)
    assert story.order.expires_at is not None
    assert story.seen(expires_at=story.order.expires_at + 20 * DAY) == []
    assert story.order.operations == ()


@pytest.mark.parametrize("answer", [Retryable("busy", 1.0), Unknown("lost")])
def test_an_extension_that_does_not_get_through_is_told_to_a_person_in_the_end(answer: Retryable | Unknown) -> None:
    story = about_to_expire()
    told_: list[str] = []
    for _ in range(5):
        if isinstance(story.next(), Wait):
            story.wait()
        told_ += [one.what for one in story.answer(answer)]
    assert told_ == ["attention_required"]
    assert story.order.has_attention("authorization_expires")
    assert story.order.operations == ()
    assert isinstance(story.next(), Wait), "it isn't extended again by itself"


@pytest.mark.parametrize("days", [1, 2])
def test_a_short_period_is_extended_once_and_then_told_to_a_person(days: int) -> None:
    story = about_to_expire()
    short = story.now + days * DAY
    assert [one.what for one in story.answer(Succeeded())] == ["extended"]
    assert [one.what for one in story.seen(expires_at=short)] == ["attention_required"], "I9: it ends soon nevertheless"
    assert story.order.has_attention("authorization_expires")
    assert story.order.operations == ()
    assert story.next() == Wait(short)


def test_an_extension_that_the_provider_does_not_show_is_not_repeated_in_a_loop() -> None:
    story = about_to_expire()
    end = story.order.expires_at
    story.answer(Succeeded())
    assert [one.what for one in story.seen(expires_at=end)] == ["attention_required"]
    assert story.next() == Wait(end or 0)


def test_it_is_extended_again_and_again() -> None:
    story = about_to_expire()
    first = story.operation.id
    story.answer(Succeeded())
    assert story.seen() == []
    assert story.order.expires_at is not None
    story.now = story.order.expires_at - story.rules.expiry_warning
    story.seen()
    assert story.operation.type == "extend_authorization"
    assert story.operation.id != first
