"""Shipments, cancellations and refunds of orders that are paid at the provider, and what another hand does there."""

from ordersaga.domain.model.outcomes import Elapsed, Read, Rest, Send, Wait
from ordersaga.domain.model.results import (
    CaptureSeen,
    LineSeen,
    RefundSeen,
    Retryable,
    ShipmentSeen,
    Succeeded,
    Unknown,
)

from .paid_there import PAID, PAYING, A, B, PaidThere, paid_first, paid_later
from .shop import DAY, HOUR, code, fee, line, voucher, what

# shipments


def test_lines_that_follow_are_captured_whole_with_the_first_shipment_that_bears_them() -> None:
    story = paid_later(A, B, fee("S", 20), voucher("V", 40))
    story.shipped("A:1")
    call = story.next()
    assert isinstance(call, Send)
    assert call.operation.amount == 50 + 20 - 40
    assert [one.position for one in call.operation.allocations] == [0, 2, 3]
    story.answer(Succeeded("shp-1"))
    story.shipped()
    following = story.next()
    assert isinstance(following, Send)
    assert following.operation.amount == 150


def test_lines_that_follow_wait_for_a_shipment_that_bears_them() -> None:
    story = paid_later(A, line("C", 1, 500), voucher("V", 90))
    story.shipped("A:1")
    call = story.next()
    assert isinstance(call, Send)
    assert (call.operation.amount, [one.position for one in call.operation.allocations]) == (50, [0])
    story.answer(Succeeded("shp-1"))
    story.shipped("C")
    following = story.next()
    assert isinstance(following, Send)
    assert following.operation.amount == 410


def test_a_shipment_that_cant_be_captured_alone_waits_and_then_a_person_is_told() -> None:
    story = paid_later(A, voucher("V", 90))
    assert story.shipped("A:1") == []
    assert [one.waits_for for one in story.order.pending] == ["shipment"]
    told = story.pass_time(2 * DAY)
    assert what(told) == ["attention_required"]
    assert story.order.has_attention("shipment_waits")
    assert not isinstance(story.next(), Elapsed), "it doesn't spin"
    story.amended(A)
    call = story.next()
    assert isinstance(call, Send)
    assert call.operation.type == "amend"
    told = story.answer(Succeeded())
    assert what(told) == ["amended"]
    call = story.next()
    assert isinstance(call, Send)
    assert (call.operation.type, call.operation.amount) == ("capture", 50)
    story.answer(Succeeded("shp-1"))
    assert not story.order.has_attention("shipment_waits")


def test_money_is_taken_by_lines_alone() -> None:
    story = paid_later()
    assert code(story.tell("shipped", {"captured_amount": 30})) == "not_acceptable_to_provider"
    story.tell("shipped", {"captured_amount": 200})
    call = story.next()
    assert isinstance(call, Send)
    assert call.operation.amount == 200


def test_a_free_line_is_shipped_at_the_provider_too() -> None:
    story = paid_later(A, line("F", 1, 0))
    story.shipped("F")
    call = story.next()
    assert isinstance(call, Send)
    assert (call.operation.type, call.operation.amount) == ("capture", 0)
    (done,) = story.answer(Succeeded("shp-1"))
    assert done.what == "captured"


def test_some_lines_are_cancelled_as_such_and_the_rest_follows_the_last_goods() -> None:
    story = paid_later(A, B, voucher("V", 30))
    story.terms.reduction = lambda order, *, to_nothing: "cancel" if to_nothing else "cancel_lines"  # type: ignore[method-assign]  # as a provider that cancels lines has it
    story.cancelled("B")
    call = story.next()
    assert isinstance(call, Send)
    assert (call.operation.type, call.operation.amount) == ("cancel_lines", 100)
    (done,) = story.answer(Succeeded())
    assert (done.what, story.order.remaining) == ("lines_cancelled", 70)
    story.cancelled("A")
    call = story.next()
    assert isinstance(call, Send)
    assert (call.operation.type, call.operation.amount) == ("cancel", 70)


def test_cancelled_lines_whose_answer_was_lost_are_found_by_their_ids() -> None:
    story = paid_later()
    story.terms.reduction = lambda order, *, to_nothing: "cancel" if to_nothing else "cancel_lines"  # type: ignore[method-assign]  # as above
    story.cancelled("A:1")
    story.answer(Unknown("disconnected"))
    story.wait(23 * HOUR)
    there = (LineSeen("odl-0", "A", 2, 100, 1, 50), LineSeen("odl-1", "B", 1, 100))
    told = story.answer(Succeeded(snapshot=story.books(lines=there, remaining_amount=150)))
    assert what(told) == ["lines_cancelled"]


def test_a_lost_shipment_is_one_that_our_list_lacks_with_the_same_lines() -> None:
    story = paid_later()
    for ident in ("shp-1", "shp-2"):
        story.shipped("A:1")
        if ident == "shp-1":
            story.answer(Succeeded(ident))
    story.answer(Unknown("disconnected"))
    story.wait(23 * HOUR)
    seen = tuple(CaptureSeen(ident, 50, lines=(("A", 1, 50),)) for ident in ("shp-1", "shp-2"))
    (done,) = story.answer(Succeeded(snapshot=story.books(captures=seen, captured_amount=100)))
    assert (done.what, done.result) == ("captured", {"capture_id": "shp-2"})


def test_a_shipment_of_money_that_was_taken_is_told_by_its_lines() -> None:
    story = paid_first()
    story.tell("shipped", {"shipment_id": "S1", "order_lines": [{"reference": "A", "quantity": 1}]})
    call = story.next()
    assert isinstance(call, Send)
    assert (call.operation.type, call.operation.amount) == ("record_shipment", 0)
    assert [(one.position, one.quantity) for one in call.operation.allocations] == [(0, 1)]
    (done,) = story.answer(Succeeded("shp-1"))
    assert (done.what, done.result) == ("shipment_recorded", {"shipment_id": "shp-1"})
    assert code(story.shipped("A:2")) == "over_capture"
    story.tell("tracking_added", {"shipment_id": "S1", "shipping_info": []})
    call = story.next()
    assert isinstance(call, Send)
    assert call.operation.capture_id == "shp-1"
    story.answer(Succeeded())
    story.shipped()
    call = story.next()
    assert isinstance(call, Send)
    assert [(one.position, one.quantity) for one in call.operation.allocations] == [(0, 1), (1, 1)]
    story.answer(Unknown("disconnected"))
    story.wait(23 * HOUR)
    seen = (ShipmentSeen("shp-1", (("A", 1),)), ShipmentSeen("shp-2", (("A", 1), ("B", 1))))
    (done,) = story.answer(Succeeded(snapshot=story.books(shipments=seen)))
    assert done.result == {"shipment_id": "shp-2"}
    assert code(story.shipped()) == "nothing_left_to_capture"


# refunds


def test_one_refund_is_of_all_captures() -> None:
    story = paid_later()
    for ident in ("shp-1", "shp-2"):
        story.shipped("A:1")
        story.answer(Succeeded(ident))
    story.returned("A:2")
    assert [one.amount for one in story.order.operations] == [100]


def test_a_refund_that_fails_lowers_what_was_refunded_and_may_come_again() -> None:
    story = paid_later()
    story.shipped()
    story.answer(Succeeded("shp-1"))
    story.tell("returned", {"return_id": "R1", "order_lines": [{"reference": "B"}]})
    (done,) = story.answer(Succeeded("re-1", moving=True))
    assert (done.what, story.order.refunded_amount) == ("refunded", 100)
    moving = RefundSeen("re-1", 100, moving=True)
    assert story.read(refunds=(moving,)) == []
    (failed,) = story.read(refunds=(RefundSeen("re-1", 100, failed=True),), refunded_amount=0)
    assert (failed.what, failed.cause, failed.result) == ("refund_failed", None, {"refund_id": "re-1"})
    assert (story.order.refunded_amount, story.order.lines[1].refunded_quantity) == (0, 0)
    assert isinstance(story.next(), Rest)
    story.tell("returned", {"return_id": "R1", "order_lines": [{"reference": "B"}]})
    assert story.operation.amount == 100


def test_a_refund_that_isnt_listed_any_more_has_failed_when_that_is_seen_twice() -> None:
    story = paid_later()
    story.shipped()
    story.answer(Succeeded("shp-1"))
    story.returned("B")
    story.answer(Succeeded("re-1", moving=True))
    assert story.read(refunded_amount=0) == []
    story.hinted()
    assert story.read(refunded_amount=0) == [], "too soon"
    assert what(story.read(refunded_amount=0)) == ["refund_failed"]
    assert story.order.refunded_amount == 0


def test_a_refund_that_arrived_is_watched_no_more() -> None:
    story = paid_later()
    story.shipped()
    story.answer(Succeeded("shp-1"))
    story.returned("B")
    story.answer(Succeeded("re-1", moving=True))
    assert isinstance(story.next(), Wait)
    story.read(refunds=(RefundSeen("re-1", 100),))
    assert isinstance(story.next(), Rest)


def test_a_duplicate_is_looked_for_if_an_earlier_answer_was_lost_and_else_waited_out() -> None:
    story = paid_later()
    story.shipped()
    story.answer(Succeeded("shp-1"))
    story.returned("B")
    duplicate = Retryable("duplicate_refund", 3_600, look=True)
    story.answer(duplicate)
    following = story.next()
    assert isinstance(following, Wait)
    assert following.until - story.now >= 3_600
    story.wait()
    story.answer(Unknown("disconnected"))
    story.wait()
    story.answer(duplicate)
    assert isinstance(story.next(), Read)
    found = RefundSeen("re-1", 100, story.operation.id)
    assert what(story.answer(Succeeded(snapshot=story.books(refunds=(found,), refunded_amount=100)))) == ["refunded"]


# another hand


def test_the_rest_of_a_part_captured_order_that_was_cancelled_at_its_end_has_expired() -> None:
    """Mollie shows it as completed, with its lines cancelled."""
    story = paid_later()
    story.hinted()
    captured = CaptureSeen("shp-9", 100, lines=(("B", 1, 100),))
    seen = {"status": "captured", "captures": (captured,), "captured_amount": 100, "remaining_amount": 100}
    assert what(story.read(**seen | {"status": "part_captured"})) == ["captured"]
    assert story.order.expires_at is not None
    story.now = story.order.expires_at + 1
    lines = (LineSeen("odl-0", "A", 2, 100, 2, 100), LineSeen("odl-1", "B", 1, 100))
    assert what(story.read(**seen | {"remaining_amount": 0, "lines": lines})) == ["expired"]
    assert (story.order.status, story.order.released_amount) == ("captured", 100)
    assert not story.order.attentions


def test_what_another_hand_did_is_taken_over_and_told() -> None:
    story = paid_later()
    story.hinted()
    lines = (LineSeen("odl-0", "A", 2, 100, 1, 50), LineSeen("odl-1", "B", 1, 100))
    seen = {
        "status": "part_captured",
        "captures": (CaptureSeen("shp-9", 100, lines=(("B", 1, 100),)),),
        "captured_amount": 100,
        "refunds": (RefundSeen("re-9", 100, lines=(("B", 1, 100),), moving=True),),
        "refunded_amount": 100,
        "remaining_amount": 50,
        "lines": lines,
    }
    told = story.read(**seen)
    assert [(one.what, one.cause) for one in told] == [("captured", None), ("reconciled", None), ("refunded", None)]
    order = story.order
    assert (order.captured_amount, order.released_amount, order.remaining, order.refunded_amount) == (100, 50, 50, 100)
    story.hinted()
    assert story.read(**seen) == [], "it is told once"
    assert not order.attentions


def test_what_our_books_cant_hold_is_left_to_a_person() -> None:
    story = paid_later()
    story.hinted()
    story.read(captures=(CaptureSeen("shp-9", 900),), captured_amount=900, status="part_captured")
    assert [one.reason for one in story.order.attentions] == ["books_differ"]
    assert story.order.captured_amount == 0


def test_an_amount_that_was_changed_there_before_the_payment_is_told() -> None:
    story = PaidThere(A)
    story.made()
    told = story.read(status="authorized", order_amount=80, remaining_amount=80, payment=PAID)
    assert what(told) == ["attention_required", "authorized"]
    assert story.order.order_amount == 80


def test_the_payment_belongs_to_the_order() -> None:
    story = PaidThere(A)
    story.made()
    assert PAYING.id in story.order.provider_ids
