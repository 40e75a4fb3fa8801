"""Money taken with the placing, and orders of the shop's that are taken over."""

import pytest
from msgspec.structs import replace

from ordersaga.domain.model.outcomes import Books, Read, Wait
from ordersaga.domain.model.results import CaptureSeen, RefundSeen, Rejected, Snapshot, Succeeded

from .shop import DAY, START, Story, code, line, moved, order_of, what

A = line("A", 2, 50)
NO = Rejected("NOT_ALLOWED", ("Capture not allowed",), "corr-1", 403)
TAKEN = {"provider": "klarna", "order_id": "order-9"}
SEEN = Snapshot("order-9", "authorized", "ACCEPTED", "GBP", 100, 0, 0, 100, START + 9 * DAY)


def taken_over(seen: Snapshot) -> Story:
    story = Story(eager=False)
    story.tell("placed", order_of(A, payment=TAKEN))
    assert isinstance(story.next(), Read)
    story.answer(Succeeded(snapshot=seen))
    return story


def test_an_authorization_whose_end_is_not_told_is_estimated() -> None:
    story = taken_over(replace(SEEN, expires_at=None))
    assert story.next() == Wait(START + 26 * DAY)


def test_money_taken_with_the_placing_is_captured_and_its_shipment_recorded() -> None:
    story = Story(eager=False)
    story.placed(A, auto_capture=True)
    assert story.answer(Succeeded("order-9", fraud_status="ACCEPTED", result={"redirect_url": "u"})) == []
    seen = replace(SEEN, status="captured", captured_amount=100, remaining_amount=0, captures=(CaptureSeen("c1", 100),))
    (outcome,) = story.answer(Succeeded(snapshot=seen))
    assert (outcome.what, moved([outcome]), outcome.result) == (
        "captured",
        100,
        {"redirect_url": "u", "capture_id": "c1"},
    )
    assert outcome.operation is not None
    assert (outcome.operation.type, outcome.operation.provider_id) == ("create_order", "order-9")
    assert story.order.status == "captured"
    assert what(story.shipped("A:1", shipment_id="S1")) == ["shipment_recorded"]
    assert code(story.shipped(shipment_id="S1")) == "shipment_exists"
    story.eager = True
    assert moved(story.returned("A:1")) == 50


def test_money_to_be_taken_with_the_placing_that_was_not_is_captured_by_shipments() -> None:
    story = Story(eager=False)
    story.placed(A, auto_capture=True)
    story.answer(Succeeded("order-9", fraud_status="ACCEPTED"))
    assert what(story.answer(Succeeded(snapshot=SEEN))) == ["authorized"]
    story.eager = True
    assert moved(story.shipped()) == 100


def test_money_taken_with_a_placing_under_review_is_read_after_it() -> None:
    story = Story(eager=False)
    story.placed(A, auto_capture=True)
    story.answer(Succeeded("order-9", fraud_status="PENDING"))
    story.wait()
    assert story.seen(fraud_status="ACCEPTED") == []
    taken = replace(SEEN, status="captured", captured_amount=100, remaining_amount=0)
    (outcome,) = story.answer(Succeeded(snapshot=taken))
    assert (outcome.what, outcome.operation and outcome.operation.type) == ("captured", "create_order")
    assert [one.final for one in story.finals("e1")] == [True]


@pytest.mark.parametrize("name", ["cancelled", "closed"])
def test_an_order_that_ended_before_its_money_was_taken_has_nothing_to_ship(name: str) -> None:
    story = Story(eager=False)
    story.placed(A, auto_capture=True)
    story.answer(Succeeded("order-9", fraud_status="PENDING"))
    story.tell(name, {})
    story.answer(Succeeded())
    assert story.order.status == "cancelled"
    assert code(story.shipped()) == "nothing_left_to_capture"


def test_an_order_that_we_made_and_that_reads_otherwise_goes_to_a_person() -> None:
    story = Story(eager=False)
    story.placed(A, auto_capture=True)
    story.answer(Succeeded("order-1", fraud_status="ACCEPTED"))
    (outcome,) = story.answer(Succeeded(snapshot=replace(SEEN, order_amount=99)))
    assert (outcome.what, outcome.final) == ("attention_required", False)
    assert story.order.status == "authorized"


def test_an_order_of_the_shops_is_taken_over_without_a_call_that_moves_money() -> None:
    story = taken_over(SEEN)
    (outcome,) = story.outcomes
    assert (outcome.what, moved([outcome]), outcome.provider_order_id) == ("authorized", 100, "order-9")
    assert outcome.books == Books("authorized", "ACCEPTED", "GBP", 100, 0, 0, 0, 100, START + 9 * DAY)


def test_an_order_is_taken_over_with_its_captures_and_refunds() -> None:
    captures = (CaptureSeen("c1", 50, None, 20, (("A", 1, 50),)),)
    refunds = (RefundSeen("r1", 20, None, (("A", 1, 20),)),)
    seen = replace(
        SEEN, status="part_captured", captured_amount=50, refunded_amount=20, remaining_amount=50, captures=captures,
        refunds=refunds,
    )  # fmt: skip
    story = taken_over(seen)
    assert what(story.outcomes) == ["authorized"]
    assert story.order.status == "part_captured"
    story.eager = True
    assert moved(story.returned("A:0=30")) == 30
    assert moved(story.shipped()) == 50


def test_an_order_captured_whole_is_taken_over_as_captured() -> None:
    story = taken_over(
        replace(
            SEEN, status="captured", captured_amount=100, remaining_amount=0,
            captures=(CaptureSeen("c1", 100, None, 0, (("A", 2, 100),)),),
        )
    )  # fmt: skip
    assert what(story.outcomes) == ["captured"]
    assert code(story.shipped("Z")) == "unknown_line"
    assert what(story.shipped()) == ["shipment_recorded"]
    assert moved(story.returned("A:1") + story.answer(Succeeded("r"))) == 50


def test_of_an_order_whose_rest_the_shop_released_nothing_is_left_to_ship() -> None:
    story = taken_over(
        replace(
            SEEN, status="captured", captured_amount=50, remaining_amount=0,
            captures=(CaptureSeen("c1", 50, None, 0, (("A", 1, 50),)),),
        )
    )  # fmt: skip
    assert story.order.released_amount == 50
    assert code(story.shipped()) == "nothing_left_to_capture"


@pytest.mark.parametrize(
    ("seen", "expected"),
    [
        ({"order_amount": 99}, "amounts_do_not_add_up"),
        ({"currency": "EUR"}, "amounts_do_not_add_up"),
        ({"status": "cancelled"}, "order_cancelled"),
        ({"status": "expired"}, "order_expired"),
    ],
)
def test_an_order_that_is_not_what_the_shop_says_is_not_taken_over(seen: dict[str, object], expected: str) -> None:
    story = taken_over(replace(SEEN, **seen))
    assert code(story.outcomes) == expected
    assert code(story.shipped()) == "order_rejected"


def test_an_order_that_the_provider_does_not_know_is_not_taken_over() -> None:
    story = Story(eager=False)
    story.tell("placed", order_of(A, payment=TAKEN))
    assert code(story.answer(Rejected("NO_SUCH_ORDER", status=404))) == "NO_SUCH_ORDER"


def test_a_cancel_that_waited_cancels_the_order_taken_over() -> None:
    story = Story(eager=False)
    story.cancelled()
    story.tell("placed", order_of(A, payment=TAKEN))
    assert what(story.answer(Succeeded(snapshot=SEEN))) == ["authorized"]
    assert story.operation.type == "cancel"
