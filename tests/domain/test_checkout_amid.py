"""Events amid a Checkout order's completion: nothing that the shop says is lost, and none waits for the customer in vain."""

from typing import Any

import msgspec
import pytest
from msgspec.structs import replace

from ordersaga.domain.model.fields import OrderLine
from ordersaga.domain.model.outcomes import Outcome, Read, Send
from ordersaga.domain.model.results import CaptureSeen, Rejected, ShippingSeen, Succeeded
from ordersaga.domain.uncertainty import manual

from .checkouts import (
    CHANGED,
    MADE,
    READ_ONLY,
    A,
    B,
    by_checkout,
    checkout,
    completed,
    in_checkout,
    read_checkout,
    read_order,
    sent,
    settled,
    started,
)
from .shop import Json, Story, line, order_of, what
from .uncertain import lose, told

DENIED = Rejected("NOT_ALLOWED", ("no",), "corr", 403)
SHIPPING = line("S", 1, 30, type="shipping_fee")


def seen_lines(*lines: Any) -> tuple[OrderLine, ...]:
    return msgspec.convert(lines, tuple[OrderLine, ...])


# what the shop said


def test_a_refused_acknowledgement_leaves_the_references_to_be_set() -> None:
    story = in_checkout()
    story.wait()
    read_checkout(story)
    read_order(story)
    assert sent(story, "acknowledge", DENIED) == []
    assert what(sent(story, "set_references")) == ["checkout_completed"]


def test_references_of_a_placed_that_comes_after_the_completion_are_set() -> None:
    story = completed()
    assert by_checkout(story, merchant_reference1="ORDER-77") == []
    assert told(sent(story, "set_references")) == ("authorized", True, None)
    assert story.order.details.references["merchant_reference1"] == "ORDER-77"
    assert told(by_checkout(story, name="again")) == ("rejected", True, "order_exists")


def test_its_references_are_set_in_a_review_too_and_a_refusal_does_not_matter() -> None:
    story = in_checkout()
    story.wait()
    read_checkout(story)
    read_order(story, fraud_status="PENDING")
    sent(story, "acknowledge")
    sent(story, "set_references")
    by_checkout(story, merchant_reference2="77")
    assert told(sent(story, "set_references", DENIED)) == ("review_pending", False, None)


def test_its_lines_are_those_of_the_order_while_none_was_drawn_from() -> None:
    story = completed()
    other = line("C", 1, 100)
    assert what(by_checkout(story, order_amount=100, order_lines=[other])) == ["authorized"]
    assert [one.reference for one in story.order.lines] == ["C"]


def test_lines_that_were_drawn_from_stay() -> None:
    story = in_checkout()
    story.shipped("A:1")
    completed(story)
    sent(story, "capture", Succeeded("capture-1"))
    assert what(by_checkout(story, order_amount=100, order_lines=[line("C", 1, 100)])) == ["authorized"]
    assert [one.reference for one in story.order.lines] == ["A"]


def test_a_placed_with_the_amount_alone_takes_the_lines_of_checkout() -> None:
    story = in_checkout()
    by_checkout(story, order_amount=130)
    read_checkout(story, order_amount=130, lines=seen_lines(A, SHIPPING))
    read_order(story, order_amount=130, remaining_amount=130)
    sent(story, "acknowledge")
    sent(story, "set_references")
    assert [(one.reference, one.total) for one in story.order.lines] == [("A", 100), ("S", 30)]


def test_lines_alone_name_the_amount_of_a_placed() -> None:
    story = in_checkout()
    by_checkout(story, order_lines=[A, B])
    read_checkout(story)
    assert told(read_order(story)) == ("attention_required", False, "books_differ")
    story = completed()
    assert told(by_checkout(story, order_lines=[A, B])) == ("rejected", True, "amounts_do_not_add_up")


def differing() -> Story:
    """A `placed` gave another amount than the customer completed."""
    story = in_checkout()
    by_checkout(story, name="wrong", order_amount=50, order_lines=[line("A", 1, 50)])
    read_checkout(story)
    assert told(read_order(story)) == ("attention_required", False, "books_differ")
    assert story.waits_for_a_person()
    return story


def test_a_placed_that_corrects_another_one_needs_no_person() -> None:
    story = differing()
    assert told(by_checkout(story, name="right", order_amount=100, order_lines=[A])) == (
        "rejected",
        True,
        "amounts_do_not_add_up",
    )
    assert [one.what for one in story.finals("wrong")] == ["rejected"]
    read_checkout(story)
    read_order(story)
    sent(story, "acknowledge")
    assert what(sent(story, "set_references")) == ["authorized"]
    assert not story.order.attentions


def test_another_way_of_payment_or_event_corrects_nothing() -> None:
    story = differing()
    assert by_checkout(story, "checkout-9", name="other") == []
    assert story.placed(A) == []
    assert story.tell("checkout_abandoned", {}) == []
    assert story.waits_for_a_person()


def test_what_our_own_code_has_stopped_is_not_corrected() -> None:
    story = in_checkout()
    by_checkout(story, name="wrong")
    story.stall()
    assert by_checkout(story, name="right") == []
    assert story.operation.stage == "stuck"


OFFERED: list[Json] = [{"id": "home", "name": "Home", "price": 30}, {"id": "box", "name": "Box", "price": 0}, {"id": 7}]
HOME = ShippingSeen("home", 30)


def bought_with(story: Story, shipping: ShippingSeen, amount: int = 130) -> list[Outcome]:
    read_checkout(story, order_amount=amount, lines=seen_lines(A, SHIPPING), shipping=shipping)
    return read_order(story, order_amount=amount, remaining_amount=amount)


def test_the_shipping_option_that_the_customer_chose_is_part_of_what_the_shop_sent() -> None:
    story = in_checkout(shipping_options=OFFERED)
    story.wait()
    assert bought_with(story, HOME) == []
    sent(story, "acknowledge")
    assert what(sent(story, "set_references")) == ["checkout_completed"]
    assert [(one.reference, one.total) for one in story.order.lines] == [("A", 100), ("S", 30)]
    assert story.order.order_amount == 130


def test_a_placed_without_an_amount_takes_it_as_well() -> None:
    story = in_checkout(shipping_options=OFFERED)
    by_checkout(story)
    assert bought_with(story, HOME) == []
    sent(story, "acknowledge")
    assert what(sent(story, "set_references")) == ["authorized"]


@pytest.mark.parametrize(
    ("shipping", "amount"), [(ShippingSeen("home", 29), 129), (ShippingSeen("drone", 30), 130), (HOME, 131)]
)
def test_another_price_option_or_sum_than_the_shop_offered_differs(shipping: ShippingSeen, amount: int) -> None:
    story = in_checkout(shipping_options=OFFERED)
    story.wait()
    assert told(bought_with(story, shipping, amount)) == ("attention_required", False, "books_differ")


def test_the_amount_of_a_placed_says_all_of_it() -> None:
    story = in_checkout(shipping_options=OFFERED)
    by_checkout(story, order_amount=100, order_lines=[A])
    assert told(bought_with(story, HOME)) == ("attention_required", False, "books_differ")


def test_an_update_may_take_the_options_away() -> None:
    story = in_checkout(shipping_options=OFFERED)
    story.tell("checkout_updated", {"shipping_options": []})
    sent(story, "update_checkout", CHANGED)
    story.wait()
    assert told(bought_with(story, HOME)) == ("attention_required", False, "books_differ")


def test_a_chosen_option_does_not_hide_an_update_whose_answer_was_lost() -> None:
    story = in_checkout(shipping_options=OFFERED)
    story.tell("checkout_updated", {"order_amount": 130, "order_lines": [A, B]}, "updated")
    lose(story)
    story.wait()
    settled(story, READ_ONLY)
    shown = seen_lines(A, B, SHIPPING)
    assert what(read_checkout(story, order_amount=160, lines=shown, shipping=HOME)) == ["checkout_updated"]


def test_a_claim_in_another_currency_says_so() -> None:
    story = completed()
    (outcome,) = by_checkout(story, purchase_currency="NOK")
    assert outcome.refusal is not None
    assert outcome.refusal.messages == ("$.purchase_currency: NOK, but the order is in SEK",)


# money that is taken when the review ends


def reviewed(story: Story, **more: Any) -> list[Outcome]:
    story.wait()
    taken = (CaptureSeen("capture-9", 100),)
    return story.seen(
        fraud_status="ACCEPTED", status="captured", captured_amount=100, remaining_amount=0, captures=taken, **more
    )


@pytest.mark.parametrize("claimed", [False, True])
def test_money_that_is_taken_when_the_review_accepts_it_is_ours(claimed: bool) -> None:
    story = in_checkout(options={"auto_capture": True})
    story.wait()
    read_checkout(story)
    read_order(story, fraud_status="PENDING")
    sent(story, "acknowledge")
    sent(story, "set_references")
    if claimed:
        by_checkout(story, name="placed")
    (outcome,) = reviewed(story)
    assert (outcome.what, outcome.final, outcome.result) == ("captured", True, {"capture_id": "capture-9"})
    assert (outcome.cause is not None) == claimed
    assert (story.order.status, story.order.captured_amount) == ("captured", 100)
    assert what(story.shipped()) == ["shipment_recorded"]


def test_the_same_of_an_order_that_was_taken_over() -> None:
    story = Story(eager=False)
    story.tell("placed", order_of(A) | {"payment": {"provider": "klarna", "order_id": "order-1"}})
    assert what(story.seen(fraud_status="PENDING")) == ["review_pending"]
    assert what(reviewed(story)) == ["captured"]
    assert story.order.captured_amount == 100
    assert what(story.shipped()) == ["shipment_recorded"]


def test_a_part_that_another_hand_took_during_the_review_is_told_as_such() -> None:
    story = Story(eager=False)
    story.tell("placed", order_of(A) | {"payment": {"provider": "klarna", "order_id": "order-1"}})
    story.seen(fraud_status="PENDING")
    story.wait()
    taken = (CaptureSeen("capture-9", 50),)
    outcomes = story.seen(
        fraud_status="ACCEPTED", status="part_captured", captured_amount=50, remaining_amount=50, captures=taken
    )
    assert what(outcomes) == ["reconciled", "authorized"]
    assert (story.order.status, story.order.captured_amount) == ("part_captured", 50)


# events amid the wait for the customer


def waiting() -> Story:
    """A `placed` came before the customer has completed it."""
    story = in_checkout()
    by_checkout(story, name="placed")
    read_checkout(story, complete=False)
    return story


def test_an_update_does_not_wait_for_the_customer() -> None:
    story = waiting()
    story.tell("checkout_updated", {"order_amount": 130, "order_lines": [A, B]}, "updated")
    assert told(sent(story, "update_checkout", CHANGED)) == ("checkout_updated", True, None)
    read_checkout(story, order_amount=130)
    read_order(story, order_amount=130, remaining_amount=130)
    sent(story, "acknowledge")
    assert told(sent(story, "set_references")) == ("authorized", True, None)
    assert len(story.finals("placed")) == 1


def test_abandoning_does_not_wait_for_the_customer_and_ends_the_placed() -> None:
    story = waiting()
    story.tell("checkout_abandoned", {}, "left")
    assert what(sent(story, "abandon_checkout")) == ["checkout_abandoned"]
    assert told(read_checkout(story, complete=False)) == ("rejected", True, "checkout_not_completed")
    assert [one.what for one in story.finals("placed")] == ["rejected"]
    assert not story.order.operations
    assert not story.order.pending


def test_an_update_that_waited_beside_the_placed_goes_first() -> None:
    story = Story(eager=False)
    story.tell("checkout_started", started(), "started")
    by_checkout(story, name="placed")
    story.tell("checkout_abandoned", {}, "left")
    settled(story, MADE)
    assert what(sent(story, "abandon_checkout")) == ["checkout_abandoned"]


def test_the_customer_who_was_faster_is_found_all_the_same() -> None:
    story = waiting()
    story.tell("checkout_abandoned", {}, "left")
    assert told(sent(story, "abandon_checkout", READ_ONLY)) == ("rejected", True, "READ_ONLY_ORDER")
    read_checkout(story)
    read_order(story)
    sent(story, "acknowledge")
    assert told(sent(story, "set_references")) == ("authorized", True, None)


def test_a_read_under_way_that_finds_it_bought_is_made_again() -> None:
    story = waiting()
    story.wait()
    call = story.next()
    assert isinstance(call, Read)
    story.tell("checkout_updated", {"order_amount": 130, "order_lines": [A, B]}, "updated")
    assert story.answer(checkout(story, complete=True), call) == []
    assert told(sent(story, "update_checkout", READ_ONLY)) == ("rejected", True, "READ_ONLY_ORDER")
    read_checkout(story)
    read_order(story)
    sent(story, "acknowledge")
    assert what(sent(story, "set_references")) == ["authorized"]


def test_what_differs_is_not_put_aside_by_an_update() -> None:
    story = in_checkout()
    by_checkout(story)
    read_checkout(story)
    read_order(story, order_amount=90, remaining_amount=90)
    assert story.waits_for_a_person()
    story.tell("checkout_updated", {"order_amount": 130, "order_lines": [A, B]}, "updated")
    assert story.operation.type == "confirm_checkout"
    story.say(manual.HadNoEffect("cancelled there"))


def test_a_placed_that_makes_room_for_an_update_is_never_one_too_many() -> None:
    story = in_checkout()
    story.rules = replace(story.rules, waits_most=2)
    by_checkout(story)
    read_checkout(story, complete=False)
    for name in ("s1", "s2"):
        story.tell("shipped", {"shipment_id": name, "order_lines": [{"reference": "A", "quantity": 1}]}, name)
    assert story.tell("checkout_updated", {"order_amount": 100, "order_lines": [A]}, "updated") == []
    assert what(sent(story, "update_checkout", CHANGED)) == ["checkout_updated"]
    read_checkout(story)
    read_order(story)
    sent(story, "acknowledge")
    assert what(sent(story, "set_references")) == ["authorized"]


def test_an_update_is_one_too_many_like_any_other_event() -> None:
    story = completed()
    story.rules = replace(story.rules, waits_most=1)
    story.shipped("A:1")
    assert isinstance(story.next(), Send)
    assert story.tell("returned", {}, "r1") == []
    (outcome,) = story.tell("returned", {}, "r2")
    assert told([outcome]) == ("rejected", True, "too_many_waiting")
    assert outcome.cause is not None
    assert outcome.cause.id == "r2"
