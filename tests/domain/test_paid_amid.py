"""Amid the payment at the provider: reads that are refused, a person's verdict, what waits, and attentions that end."""

import pytest
from msgspec.structs import replace

from ordersaga.domain.model.outcomes import Read, Wait
from ordersaga.domain.model.results import CaptureSeen, PaymentSeen, Rejected, Succeeded, Unknown
from ordersaga.domain.uncertainty.manual import TookEffect

from .paid_there import FAILED, URL, A, B, PaidThere, paid_later
from .shop import DAY, code, voucher, what

NO = Rejected("422", ("no",), None, 422)


def test_a_placed_that_was_amended_before_the_payment_is_told_with_its_new_amount() -> None:
    story = PaidThere(A, B)
    story.made()
    story.read(payment=FAILED)
    story.amended(A)
    assert what(story.answer(Succeeded())) == ["amended"]
    (done,) = story.authorized()
    assert done.operation is not None
    assert done.operation.amount == 100


def test_refused_reads_of_an_order_that_isnt_paid_are_made_now_and_then() -> None:
    story = PaidThere(A)
    story.made()
    for _ in range(3):
        story.wait()
        assert isinstance(story.next(), Read)
        story.answer(Rejected("403", ("no",), None, 403))
        assert story.order.has_attention("order_unreadable")
        assert isinstance(story.next(), Wait)
    assert what(story.authorized()) == ["authorized"]
    assert not story.order.has_attention("order_unreadable")


def test_refused_reads_of_a_refund_that_moves_are_made_now_and_then() -> None:
    story = paid_later()
    story.shipped()
    story.answer(Succeeded("shp-1"))
    story.returned("B")
    story.answer(Succeeded("re-1", moving=True))
    for _ in range(3):
        story.wait()
        assert isinstance(story.next(), Read)
        story.answer(Rejected("403", ("no",), None, 403))
        assert isinstance(story.next(), Wait)


def test_the_attention_to_a_shipment_that_waits_ends_with_its_wait() -> None:
    story = paid_later(A, voucher("V", 90))
    story.shipped("A:1")
    story.pass_time(2 * DAY)
    assert story.order.has_attention("shipment_waits")
    story.cancelled()
    story.answer(Succeeded())
    assert code(story.outcomes[-1:]) == "nothing_left_to_capture"
    assert not story.order.has_attention("shipment_waits")


def test_a_person_may_say_that_a_payment_was_opened() -> None:
    """The read that follows shows where the customer pays it."""
    story = PaidThere(A)
    story.made()
    story.read(payment=FAILED)
    story.tell("payment_retried", {})
    story.answer(Unknown("disconnected"))
    story.wait(DAY)
    story.answer(Rejected("403", ("no",), None, 403))
    assert story.operation.stage == "stuck"
    story.say(TookEffect("tr-2"))
    again = PaymentSeen("tr-2", open=True, status="open", url=URL)
    told = story.read(payment=again)
    assert [(one.what, one.final, one.result.get("checkout_url")) for one in told] == [("payment_pending", True, URL)]


@pytest.mark.parametrize("paid", [True, False])
def test_a_cancel_that_crosses_another_payment_waits_for_it(paid: bool) -> None:
    """The last payment that we knew has failed, but the customer has begun another one."""
    story = PaidThere(A, B)
    story.made()
    story.read(payment=FAILED)
    story.cancelled()
    assert story.operation.type == "cancel"
    assert story.answer(NO) == []
    second = PaymentSeen("tr-2", open=True, status="open", url=URL)
    assert what(story.read(payment=second)) == ["payment_pending"]
    assert isinstance(story.next(), Wait)
    if not paid:
        story.read(payment=replace(second, open=False, status="failed"))
        assert story.operation.type == "cancel"
        assert what(story.answer(Succeeded())) == ["cancelled", "rejected"]
        return
    taken = CaptureSeen("tr-2", 200, lines=(("A", 2, 100), ("B", 1, 100)))
    done = PaymentSeen("tr-2", open=False, status="paid")
    books = {"status": "captured", "captured_amount": 200, "remaining_amount": 0}
    assert what(story.read(**books, captures=(taken,), payment=done)) == ["captured"]
    assert (story.operation.type, story.operation.amount) == ("refund_payment", 200)
    assert what(story.answer(Succeeded("re-1"))) == ["cancelled"]


@pytest.mark.parametrize("event", ["cancelled", "amended"])
def test_what_is_refused_again_without_another_payment_is_refused(event: str) -> None:
    story = PaidThere(A, B)
    story.made()
    story.read(payment=FAILED)
    story.cancelled() if event == "cancelled" else story.amended(A)
    assert story.answer(NO) == []
    assert story.read(payment=FAILED) == []
    (refused,) = story.answer(NO)
    assert (refused.what, refused.final, code([refused])) == ("rejected", True, "422")
    assert story.order.status == "pending_payment"
    assert not story.order.pending
