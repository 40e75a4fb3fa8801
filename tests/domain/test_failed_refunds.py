"""Refunds that the provider took and that came to nothing: our books, the shop and what it may do then."""

import time

from msgspec.structs import replace

from ordersaga.domain.model.order import Refund
from ordersaga.domain.model.outcomes import Read, Send, Wait
from ordersaga.domain.model.results import CaptureSeen, RefundSeen, Rejected, Succeeded, Unknown
from ordersaga.domain.uncertainty.manual import TookEffect

from .paid_there import PAID, A, B, PaidThere, paid_later
from .shop import HOUR, Json, what

FEE: Json = {"amount": 20, "name": "Return"}


def shipped() -> PaidThere:
    story = paid_later()
    story.shipped()
    story.answer(Succeeded("shp-1"))
    return story


def test_the_fee_that_a_failed_refund_kept_back_isnt_kept() -> None:
    story = shipped()
    for again in ("re-1", "re-2"):
        told = story.tell("returned", {"return_id": "R1", "order_lines": [{"reference": "B"}], "return_fee": FEE})
        assert told == [], again
        assert story.operation.amount == 80
        assert what(story.answer(Succeeded(again, moving=True))) == ["refunded"]
        assert (story.order.refunded_amount, story.order.kept_amount, story.order.refundable) == (80, 20, 100)
        story.hinted()
        assert what(story.read(refunds=(RefundSeen(again, 80, failed=True),), refunded_amount=0)) == ["refund_failed"]
        assert (story.order.refunded_amount, story.order.kept_amount, story.order.refundable) == (0, 0, 200)


def test_a_refund_whose_answer_was_lost_and_that_is_found_failed_is_told_to_have_failed() -> None:
    story = shipped()
    back = {"return_id": "R1", "order_lines": [{"reference": "B"}]}
    story.tell("returned", back)
    story.answer(Unknown("disconnected"))
    story.wait(23 * HOUR)
    failed = RefundSeen("re-1", 100, story.operation.id, failed=True)
    assert what(story.answer(Succeeded(snapshot=story.books(refunds=(failed,), refunded_amount=0)))) == ["refunded"]
    assert isinstance(story.next(), Read)
    assert what(story.read(refunds=(failed,), refunded_amount=0)) == ["refund_failed"]
    assert (story.order.refunded_amount, story.order.lines[1].refunded_quantity) == (0, 0)
    assert story.tell("returned", back) == []
    assert story.operation.amount == 100


def test_a_failed_refund_explains_no_money_that_went_back() -> None:
    """The provider's sum has 100 more than its list shows: ours may be among them."""
    story = shipped()
    story.returned("B")
    story.answer(Unknown("disconnected"))
    story.wait(23 * HOUR)
    failed = RefundSeen("re-9", 100, "another's", failed=True)
    story.answer(Succeeded(snapshot=story.books(refunds=(failed,), refunded_amount=100)))
    assert story.operation.stage == "stuck"


def test_a_refund_of_another_hand_that_failed_isnt_taken_for_ours() -> None:
    story = shipped()
    story.returned("B")
    story.answer(Unknown("disconnected"))
    story.wait(23 * HOUR)
    failed = RefundSeen("re-9", 100, failed=True)
    story.answer(Succeeded(snapshot=story.books(refunds=(failed,))))
    assert story.operation.stage != "stuck"


def test_refunds_that_were_moving_when_the_order_was_taken_over_are_watched() -> None:
    story = PaidThere()
    story.placed(A, B, payment={"provider": "mollie", "order_id": "ord-1"})
    taken = CaptureSeen("tr-1", 200, lines=(("A", 2, 100), ("B", 1, 100)))
    moving = RefundSeen("re-1", 100, lines=(("B", 1, 100),), moving=True)
    books: Json = {
        "status": "captured",
        "captured_amount": 200,
        "remaining_amount": 0,
        "captures": (taken,),
        "payment": PAID,
    }
    told = story.read(**books, refunds=(moving,), refunded_amount=100)
    assert what(told) == ["captured"]
    assert isinstance(story.next(), Wait)
    failed = RefundSeen("re-1", 100, lines=(("B", 1, 100),), failed=True)
    assert what(story.read(**books, refunds=(failed,), refunded_amount=0)) == ["refund_failed"]
    assert story.order.refunded_amount == 0


def test_a_refund_that_fails_after_an_amendment_gives_its_own_lines_back() -> None:
    story = paid_later()
    story.shipped("B")
    story.answer(Succeeded("shp-1"))
    story.returned("B")
    story.answer(Succeeded("re-1", moving=True))
    story.amended(B, A)
    story.answer(Succeeded())
    story.read(refunds=(RefundSeen("re-1", 100, failed=True),), refunded_amount=0)
    assert [(one.reference, one.refunded_quantity, one.refunded) for one in story.order.lines] == [
        ("B", 0, 0),
        ("A", 0, 0),
    ]


def test_a_failed_refund_of_a_payment_that_came_after_the_cancel_is_told_and_the_shop_may_return() -> None:
    story = PaidThere(A, B)
    story.made()
    story.cancelled()
    taken = CaptureSeen("tr-1", 200, lines=(("A", 2, 100), ("B", 1, 100)))
    books: Json = {
        "status": "captured",
        "captured_amount": 200,
        "remaining_amount": 0,
        "captures": (taken,),
        "payment": PAID,
    }
    story.read(**books)
    assert what(story.answer(Succeeded("re-1", moving=True))) == ["cancelled"]
    assert what(story.read(**books, refunds=(RefundSeen("re-1", 200, failed=True),), refunded_amount=0)) == [
        "refund_failed"
    ]
    story.returned()
    call = story.next()
    assert isinstance(call, Send)
    assert (call.operation.type, call.operation.amount) == ("refund", 200)


def test_a_refund_that_a_person_found_may_still_fail() -> None:
    story = shipped()
    story.returned("B")
    story.answer(Unknown("disconnected"))
    story.wait(23 * HOUR)
    story.answer(Rejected("403", ("no",), None, 403))
    story.say(TookEffect("re-1"))
    story.read(refunds=(RefundSeen("re-1", 100, moving=True),), refunded_amount=100)
    assert isinstance(story.next(), Wait), "it is watched"
    assert what(story.read(refunds=(RefundSeen("re-1", 100, failed=True),), refunded_amount=0)) == ["refund_failed"]
    assert (story.order.lines[1].refunded_quantity, story.order.returns) == (0, ())


def test_thousands_of_refunds_that_move_are_gone_through_at_once() -> None:
    """One after the other in a tuple they would take minutes, in which no other order goes on."""
    story = shipped()
    many = tuple(Refund(f"re-{i}", 0, moving=True) for i in range(10_000))
    story.order = replace(story.order, refunds=many)
    story.hinted()
    began = time.process_time()
    story.read(refunds=tuple(RefundSeen(one.id, 0) for one in many))
    assert time.process_time() - began < 5
    assert not any(one.moving for one in story.order.refunds)
