"""Orders that the customer pays at the provider: until the payment, after it, and what another hand does there."""

import pytest
from msgspec.structs import replace

from ordersaga.domain.model.outcomes import Read, Rest, Send, Wait
from ordersaga.domain.model.results import (
    CaptureSeen,
    PaymentSeen,
    Rejected,
    Retryable,
    Succeeded,
    Unknown,
)
from ordersaga.domain.uncertainty.hints import Hint, with_hint

from .matrix_of_mollie import TABLES
from .mollie_cells import Cell, authorized
from .paid_there import FAILED, PAID, URL, A, B, PaidThere, paid_first, paid_later
from .shop import HOUR, code, what

# until the payment


def test_the_shop_is_told_where_the_customer_pays_and_then_what_came_of_it() -> None:
    story = PaidThere(A, B)
    (pending,) = story.made()
    assert (pending.what, pending.final) == ("payment_pending", False)
    assert pending.result["checkout_url"] == URL
    assert pending.operation is not None
    assert (pending.operation.provider_id, pending.operation.amount) == ("ord-1", 200)
    assert story.order.status == "pending_payment"
    (done,) = story.authorized()
    assert (done.what, done.final) == ("authorized", True)
    assert done.cause is not None
    assert done.cause.type == "shop.order.placed.v1"
    assert [one.id for one in story.order.lines] == ["odl-0", "odl-1"]


def test_money_that_is_taken_with_the_payment_is_captured() -> None:
    story = paid_first()
    assert what(story.outcomes) == ["payment_pending", "captured"]
    assert (story.order.captured_amount, story.order.remaining, story.order.at_once) == (200, 0, True)
    assert story.order.captures[0].id == "tr-1"


def test_an_order_may_be_paid_when_it_is_made() -> None:
    story = PaidThere(A)
    taken = CaptureSeen("tr-1", 100, lines=(("A", 2, 100),))
    told = story.made(status="captured", captured_amount=100, remaining_amount=0, captures=(taken,), payment=PAID)
    assert what(told) == ["captured"]


def test_reads_are_the_rarer_the_longer_the_customer_takes() -> None:
    story = PaidThere(A)
    story.made()
    pauses = []
    for _ in range(40):
        following = story.next()
        assert isinstance(following, Wait)
        pauses.append(following.until - story.now)
        story.read()
    assert pauses[0] <= 75
    assert max(pauses) <= 1.25 * story.rules.payment_poll_most
    assert pauses[-1] >= 0.75 * story.rules.payment_poll_most
    assert what(story.outcomes) == ["payment_pending"], "a read that shows nothing new tells nothing"


def test_a_payment_that_came_to_nothing_is_told_and_may_be_retried() -> None:
    story = PaidThere(A)
    story.made()
    (failed,) = story.read(payment=FAILED)
    assert (failed.what, failed.final, failed.result["payment_status"]) == ("payment_pending", False, "failed")
    assert "checkout_url" not in failed.result
    story.tell("payment_retried", {})
    call = story.next()
    assert isinstance(call, Send)
    assert call.operation.type == "retry_payment"
    (again,) = story.answer(Succeeded("tr-2", payment=PaymentSeen("tr-2", open=True, status="open", url=URL)))
    assert (again.what, again.final, again.result["checkout_url"]) == ("payment_pending", True, URL)
    assert "tr-2" in story.order.provider_ids
    assert what(story.authorized()) == ["authorized"]


def test_a_retry_whose_answer_was_lost_is_found_by_the_payment_that_is_open() -> None:
    story = PaidThere(A)
    story.made()
    story.read(payment=FAILED)
    story.tell("payment_retried", {})
    story.answer(Unknown("disconnected"))
    story.wait(23 * HOUR)
    call = story.next()
    assert isinstance(call, Read)
    (again,) = story.answer(
        Succeeded(snapshot=story.books(payment=PaymentSeen("tr-2", open=True, status="open", url=URL)))
    )
    assert (again.what, again.final, again.result["checkout_url"]) == ("payment_pending", True, URL)


@pytest.mark.parametrize("paid", [True, False])
def test_a_retry_whose_answer_was_lost_is_found_whatever_the_customer_did_meanwhile(paid: bool) -> None:
    """A refusal of the repeat, because there is that payment, is none."""
    story = PaidThere(A)
    story.made()
    story.read(payment=FAILED)
    story.tell("payment_retried", {})
    story.answer(Unknown("disconnected"))
    story.wait()
    story.answer(Rejected("422", (), None, 422))
    books = story.books(status="authorized" if paid else "pending_payment")
    there = replace(books, payment=PaymentSeen("tr-2", open=False, status="authorized" if paid else "failed"))
    (again,) = story.answer(Succeeded(snapshot=there))
    assert (again.what, again.final) == ("payment_pending", True)
    assert isinstance(story.next(), Read)
    told = story.answer(Succeeded(snapshot=there))
    assert what(told) == (["authorized"] if paid else [])


def test_there_is_nothing_to_retry_once_it_is_paid() -> None:
    story = paid_later()
    assert code(story.tell("payment_retried", {})) == "nothing_to_pay"


@pytest.mark.parametrize("end", ["expired", "cancelled"])
def test_an_order_that_nobody_pays_ends_placed(end: str) -> None:
    story = PaidThere(A)
    story.made()
    (done,) = story.read(status=end, remaining_amount=0, payment=FAILED)
    assert (done.what, done.final) == (end, True)
    assert done.cause is not None
    assert (story.order.status, story.order.released_amount, story.order.remaining) == (end, 100, 0)
    assert isinstance(story.next(), Rest)
    assert code(story.placed(A)) == "order_exists"


def test_what_needs_the_money_waits_for_the_payment() -> None:
    story = PaidThere(A)
    story.made()
    story.shipped("A:1")
    story.returned("A:1")
    assert isinstance(story.next(), Wait)
    assert [one.waits_for for one in story.order.pending] == ["payment", "payment"]
    story.authorized()
    call = story.next()
    assert isinstance(call, Send)
    assert call.operation.type == "capture"


def test_a_whole_cancel_waits_while_the_customer_may_pay_and_then_ends_the_order() -> None:
    story = PaidThere(A)
    story.made()
    story.cancelled()
    assert [one.waits_for for one in story.order.pending] == ["open_payment"]
    story.read(payment=FAILED)
    call = story.next()
    assert isinstance(call, Send)
    assert call.operation.type == "cancel"
    told = story.answer(Succeeded())
    assert [(one.what, code([one]) if one.refusal else None) for one in told] == [
        ("cancelled", None),
        ("rejected", "cancelled_before_authorized"),
    ]


def test_a_whole_cancel_of_an_order_that_is_paid_nevertheless_refunds_all() -> None:
    story = PaidThere(A, B)
    story.made()
    story.cancelled()
    taken = CaptureSeen("tr-1", 200, lines=(("A", 2, 100), ("B", 1, 100)))
    story.read(status="captured", captured_amount=200, remaining_amount=0, captures=(taken,), payment=PAID)
    call = story.next()
    assert isinstance(call, Send)
    assert (call.operation.type, call.operation.amount) == ("refund_payment", 200)
    (done,) = story.answer(Succeeded("re-1", moving=True))
    assert (done.what, done.final, done.result) == ("cancelled", True, {"refund_id": "re-1"})
    assert (story.order.refunded_amount, story.order.refundable) == (200, 0)


def test_a_cancel_after_the_payment_is_refused() -> None:
    assert code(paid_first().cancelled()) == "already_captured"


# the answer to the create was lost


def test_a_lost_create_is_repeated_by_its_key_and_then_searched_for() -> None:
    story = PaidThere(A)
    story.answer(Unknown("disconnected"))
    story.wait()
    assert isinstance(story.next(), Send), "while the provider remembers the key"
    story.answer(Unknown("disconnected"))
    story.wait(23 * HOUR)
    call = story.next()
    assert isinstance(call, Read)
    assert (call.of, call.provider_order_id) == ("search", "")
    (pending,) = story.answer(
        Succeeded("ord-7", result={"checkout_url": URL}, snapshot=story.books(provider_id="ord-7"), searched=True)
    )
    assert (pending.what, story.order.provider_order_id) == ("payment_pending", "ord-7")


def test_what_two_searches_dont_find_is_created_again_under_the_same_key() -> None:
    story = PaidThere(A)
    first = story.next()
    assert isinstance(first, Send)
    story.answer(Unknown("disconnected"))
    story.wait(23 * HOUR)
    for _ in range(2):
        assert isinstance(story.next(), Read)
        story.answer(Succeeded(searched=True))
        if isinstance(story.next(), Wait):
            story.wait()
    again = story.next()
    assert isinstance(again, Send)
    assert again.request == first.request


def test_a_search_is_outdated_once_a_notification_has_named_the_order() -> None:
    story = PaidThere(A)
    story.answer(Unknown("disconnected"))
    story.wait(23 * HOUR)
    search = story.next()
    assert isinstance(search, Read)
    operation = story.operation
    story.order = with_hint(story.order, Hint(story.now, operation.id, "ord-9"))
    assert story.answer(Succeeded(searched=True), search) == []
    assert story.operation.absent == 0
    following = story.next()
    assert isinstance(following, Read)
    assert (following.of, following.provider_order_id) == ("order", "ord-9")


def test_a_search_that_fails_proves_nothing() -> None:
    story = PaidThere(A)
    story.answer(Unknown("disconnected"))
    story.wait(23 * HOUR)
    for _ in range(5):
        story.answer(Retryable("deadline"))
        assert story.operation.absent == 0
        story.wait()
        assert isinstance(story.next(), Read)


def test_a_refusal_of_a_repeat_is_searched_for_before_it_counts() -> None:
    story = PaidThere(A)
    story.answer(Unknown("disconnected"))
    story.wait()
    assert story.answer(Rejected("422", ("no",), status=422)) == []
    assert isinstance(story.next(), Read)


def test_of_an_authorization_that_cant_be_extended_no_extension_is_advised() -> None:
    cell = Cell(TABLES[0])
    authorized(cell)
    cell.next_step()
    told = cell.outcomes[-1]
    assert told.refusal is not None
    assert (told.refusal.code, told.refusal.advice) == (
        "authorization_expires",
        "capture or cancel the authorization before it expires",
    )
