"""Rules 1 to 4 of "Working out lines and amounts", by examples worked out by hand."""

import pytest

from ordersaga.domain.model.money import divide, tax_of
from ordersaga.domain.model.order import Allocation
from ordersaga.domain.model.results import Succeeded

from .shop import Story, code, fee, line, moved, voucher, what


@pytest.mark.parametrize(
    ("numerator", "denominator", "quotient"),
    [(1, 2, 1), (-1, 2, -1), (3, 2, 2), (-3, 2, -2), (1, 3, 0), (2, 3, 1), (-2, 3, -1), (5, -2, -3), (0, 7, 0)],
)
def test_halves_are_rounded_away_from_zero(numerator: int, denominator: int, quotient: int) -> None:
    assert divide(numerator, denominator) == quotient


@pytest.mark.parametrize(
    ("amount", "rate", "tax"),
    [
        (1530, 2000, 255),
        (4994, 2650, 1046),
        (3120, 2100, 541),
        (-3650, 2000, -608),
        (-395, 1600, -54),
        (3, 10_000, 2),
        (-3, 10_000, -2),
        (100, 0, 0),
    ],
)
def test_tax_is_worked_out_from_the_amount_and_the_rate(amount: int, rate: int, tax: int) -> None:
    assert tax_of(amount, rate) == tax


def test_parts_of_a_line_add_up_to_it_in_single_pieces() -> None:
    story = Story(line("A", 3, 33, total_discount_amount=-1))  # 100 in thirds
    assert [moved(story.shipped("A:1")) for _ in range(3)] == [33, 34, 33]
    assert story.order.status == "captured"


def test_parts_of_a_line_add_up_to_it_in_uneven_pieces() -> None:
    story = Story(line("A", 7, 14, total_discount_amount=-2))  # 100 in sevenths
    # after 2: 28.57 -> 29; after 5: 71.43 -> 71; after 6: 85.71 -> 86
    assert [moved(story.shipped(f"A:{n}")) for n in (2, 3, 1, 1)] == [29, 42, 15, 14]


def test_many_thirds_of_a_penny() -> None:
    story = Story(line("A", 300, 1, total_discount_amount=200))  # 100 for 300
    # after 1: 0.33 -> 0; after 2: 0.67 -> 1; after 3: 1; after 4: 1.33 -> 1; after 5: 1.67 -> 2
    assert [moved(story.shipped("A:1")) for _ in range(5)] == [0, 1, 0, 0, 1]
    assert moved(story.shipped()) == 98


def test_captures_and_cancellations_draw_from_one_counter() -> None:
    story = Story(line("A", 3, 33, total_discount_amount=-1), line("B", 1, 50))
    assert moved(story.shipped("A:1")) == 33
    assert moved(story.cancelled("A:1")) == 34
    assert moved(story.shipped("A:1")) == 33
    assert (story.order.captured_amount, story.order.released_amount, story.order.remaining) == (66, 34, 50)


def test_a_negative_line_is_rounded_the_same_way() -> None:
    story = Story(line("A", 2, 250), line("gift", 3, -33, type="gift_card", total_discount_amount=1))  # -100
    assert moved(story.shipped("A:1", "gift:1")) == 250 - 33
    assert moved(story.shipped()) == 250 - 67
    story = Story(line("A", 2, 250), line("gift", 2, -25, type="gift_card", total_discount_amount=1))  # -51
    assert moved(story.shipped("A:1", "gift:1")) == 250 - 26  # 25.5 away from zero
    assert moved(story.shipped("A:1", "gift:1")) == 250 - 25


def test_a_line_given_less_first_leaves_the_rest_to_its_last_part() -> None:
    story = Story(line("A", 4, 25))
    assert moved(story.shipped("A:2=10")) == 10
    assert moved(story.shipped("A:1")) == 65  # 75 are due by then
    assert moved(story.shipped("A:1")) == 25


def test_a_line_given_more_first_leaves_nothing_below_zero() -> None:
    story = Story(line("A", 4, 25))
    assert moved(story.shipped("A:1=90")) == 90
    assert [moved(story.shipped("A:1")) for _ in range(3)] == [0, 0, 10]


def test_the_same_reference_twice_is_drawn_in_the_order_of_position() -> None:
    story = Story(line("A", 2, 100), line("A", 3, 10))
    assert moved(story.shipped("A:1")) == 100
    assert moved(story.shipped("A:2")) == 100 + 10
    assert moved(story.shipped("A")) == 20


def test_a_reference_named_twice_in_one_event_is_drawn_twice() -> None:
    story = Story(line("A", 3, 33, total_discount_amount=-1), line("B", 1, 7))
    assert moved(story.shipped("A:1", "A:1")) == 67
    assert code(story.shipped("A:1", "A:1")) == "over_capture"


def test_no_quantity_is_all_that_is_left_of_the_reference() -> None:
    story = Story(line("A", 5, 10), line("B", 1, 7))
    story.shipped("A:2")
    assert moved(story.shipped("A")) == 30


def test_a_named_line_of_which_nothing_is_left_is_not_drawn() -> None:
    story = Story(line("A", 1, 30), line("A", 1, 20), line("B", 1, 50), line("C", 1, 40), line("ghost", 0, 10))
    story.cancelled("B")
    story.shipped("A:1")
    story.eager = False
    story.shipped("A", "B", "ghost")
    assert story.operation.allocations == (Allocation(1, 1, 20),)
    story.answer(Succeeded("capture-2"))
    story.returned("A", "B", "C:0")
    assert [operation.allocations for operation in story.order.operations] == [
        (Allocation(0, 1, 30),),
        (Allocation(1, 1, 20),),
    ]


def test_returning_all_of_a_line_returns_what_was_captured_of_it() -> None:
    story = Story(line("A", 3, 33, total_discount_amount=-1), line("B", 1, 10))
    story.shipped("A:2=50")
    assert moved(story.returned("A:1")) == 25
    assert moved(story.returned("A:1")) == 25
    assert story.order.refunded_amount == 50


def test_a_refund_draws_from_what_was_captured_so_far() -> None:
    story = Story(line("A", 3, 33, total_discount_amount=-1), line("B", 1, 10))
    story.shipped("A:2")  # 67
    assert moved(story.returned("A:1")) == 34  # 33.5
    story.shipped("A:1")  # 33 more: 100 for 3
    assert moved(story.returned("A:1")) == 33  # 66.67 -> 67, less 34
    assert moved(story.returned("A:1")) == 33


def test_following_lines_follow_in_proportion() -> None:
    """The contract's own example."""
    story = Story(line("A", 2, 50), line("B", 1, 100), fee("shipping", 20), voucher("voucher", 40))
    assert moved(story.shipped("A:1")) == 45
    assert moved(story.shipped()) == 135
    assert moved(story.returned("A:1")) == 40
    assert moved(story.returned()) == 140


def test_following_lines_follow_a_cancellation_too() -> None:
    story = Story(line("A", 2, 50), line("B", 1, 100), fee("shipping", 20), voucher("voucher", 40))
    assert moved(story.cancelled("A:1")) == 45
    assert moved(story.shipped("B")) == 90  # 150 gone: -15, less -5
    assert moved(story.shipped("A")) == 45
    assert story.order.status == "captured"


def test_following_lines_of_mixed_signs_that_sum_to_zero_move_with_the_last_goods() -> None:
    story = Story(line("A", 2, 50), fee("shipping", 30), voucher("voucher", 30))
    assert moved(story.shipped("A:1")) == 50
    assert [one.captured for one in story.order.lines] == [50, 0, 0]
    assert moved(story.shipped("A:1")) == 50
    assert [one.captured for one in story.order.lines] == [100, 30, -30]


def test_each_following_line_has_its_share_and_the_last_takes_the_rest() -> None:
    story = Story(line("A", 3, 100), fee("f", 10), fee("g", 10), voucher("v", 5))  # F 15
    story.shipped("A:1")  # 5 of 15: 3.33 -> 3, 3, rest -1
    assert [one.captured for one in story.order.lines] == [100, 3, 3, -1]
    story.shipped("A:1")  # 10 of 15: 6.67 -> 7, 7, rest -4
    assert [one.captured for one in story.order.lines] == [200, 7, 7, -4]
    story.shipped("A:1")
    assert [one.captured for one in story.order.lines] == [300, 10, 10, -5]


def test_the_rest_never_turns_a_lines_sign() -> None:
    story = Story(line("A", 2, 100), fee("a", 1), fee("b", 1), fee("c", 1), fee("d", 1))
    assert moved(story.shipped("A:1")) == 102  # halves would round to 1 each and leave -1 for the last
    assert [one.captured for one in story.order.lines] == [100, 1, 1, 0, 0]
    assert moved(story.shipped()) == 102
    assert [one.captured for one in story.order.lines] == [200, 1, 1, 1, 1]


def test_a_named_fee_is_drawn_as_named_and_follows_no_more() -> None:
    story = Story(line("A", 2, 50), fee("shipping", 20))
    assert moved(story.shipped("A:1", "shipping")) == 70
    assert moved(story.shipped("A:1")) == 50


def test_a_fee_named_in_a_return_alone_follows_no_more_either() -> None:
    story = Story(line("A", 4, 50), fee("shipping", 20))
    assert moved(story.shipped("A:2")) == 110
    assert moved(story.returned("shipping")) == 10
    assert moved(story.shipped("A:1")) == 50
    assert moved(story.shipped()) == 60


def test_a_fee_alone_can_be_cancelled_and_then_follows_no_more() -> None:
    story = Story(line("A", 2, 50), fee("shipping", 20))
    assert moved(story.cancelled("shipping")) == 20
    assert moved(story.shipped("A:1")) == 50
    assert moved(story.shipped("A:1")) == 50


def test_fees_come_back_when_named_or_with_the_last_goods_that_were_captured() -> None:
    story = Story(line("A", 2, 50), line("B", 1, 100), fee("shipping", 20))
    story.shipped("A")  # with 10 of the shipping
    assert moved(story.returned("A:1")) == 50
    assert moved(story.returned("A:1")) == 60
    story.shipped()
    assert moved(story.returned("shipping")) == 10
    assert moved(story.returned("B")) == 100


def test_discounts_come_back_in_proportion() -> None:
    story = Story(line("A", 4, 50), voucher("voucher", 30))
    story.shipped()
    # 7.5 -> -8, -15, 22.5 -> -23, -30
    assert [moved(story.returned("A:1")) for _ in range(4)] == [42, 43, 42, 43]


def test_an_order_without_goods_takes_its_positive_lines_for_goods() -> None:
    story = Story(fee("shipping", 100), fee("wrapping", 100), voucher("voucher", 50))
    assert moved(story.shipped("shipping")) == 75
    assert moved(story.shipped("wrapping")) == 75


def test_a_line_of_quantity_zero_takes_no_part() -> None:
    story = Story(line("ghost", 0, 100), fee("shipping", 100), voucher("voucher", 50))
    assert moved(story.shipped("shipping")) == 50
    assert code(story.shipped("ghost")) == "nothing_left_to_capture"


def test_free_goods_are_goods() -> None:
    story = Story(line("gift", 1, 0), line("A", 1, 100), fee("shipping", 20))
    assert moved(story.shipped("A")) == 120
    assert story.order.status == "captured"
    assert moved(story.shipped("gift")) == 0


def test_fees_over_free_goods_alone_come_with_the_last_of_them() -> None:
    story = Story(line("gift", 2, 0), fee("shipping", 20))
    assert moved(story.shipped("gift:1")) == 0
    assert moved(story.shipped("gift:1")) == 20


def test_following_lines_are_drawn_less_so_that_no_sum_is_below_zero() -> None:
    story = Story(line("A", 1, 10), line("B", 1, 90), voucher("voucher", 90))
    assert moved(story.shipped("A")) == 1  # 10 - 9
    story = Story(line("A", 2, 50), voucher("voucher", 90))
    assert moved(story.shipped("A:1=1")) == 0  # 1 of 100 gone: -1
    assert moved(story.shipped("A:1")) == 10


def test_following_lines_are_drawn_more_so_that_no_sum_is_above_what_is_left() -> None:
    story = Story(line("A", 2, 50), voucher("voucher", 40))
    assert moved(story.shipped(captured_amount=40)) == 40
    assert moved(story.shipped("A:1")) == 20  # 50 - 20 would be above the 20 that are left
    assert story.order.remaining == 0


def test_what_can_be_drawn_less_no_more_is_over_the_authorization() -> None:
    story = Story(line("A", 2, 50), voucher("voucher", 40))
    story.shipped(captured_amount=55)
    assert code(story.shipped("A:1")) == "over_capture"


def test_an_amendment_carries_over_what_was_captured_and_refunded_by_reference() -> None:
    story = Story(line("A", 4, 25), line("B", 1, 50))
    story.shipped("A:2")  # 50
    story.returned("A:1")  # 25
    assert moved(story.amended(line("A", 6, 25), line("C", 1, 10))) == 160
    assert story.order.remaining == 110
    assert moved(story.shipped("A:1")) == 25
    assert moved(story.returned("A:1")) == 25
    assert code(story.shipped("B")) == "unknown_line"
    assert moved(story.shipped()) == 85


def test_an_amendment_does_not_carry_over_what_was_cancelled() -> None:
    story = Story(line("A", 4, 25), line("B", 1, 50))
    story.cancelled("A:2")
    assert story.order.released_amount == 50
    story.amended(line("A", 4, 25), line("B", 1, 50))
    assert (story.order.released_amount, story.order.remaining) == (0, 150)
    assert moved(story.shipped("A")) == 100


def test_an_amendment_to_two_lines_of_one_reference_shares_out_what_was_captured() -> None:
    story = Story(line("A", 3, 30))
    story.shipped("A:2")
    story.amended(line("A", 1, 30), line("A", 2, 30))
    assert [(one.captured_quantity, one.captured) for one in story.order.lines] == [(1, 30), (1, 30)]
    assert moved(story.shipped("A")) == 30


def test_a_fee_that_was_named_follows_no_more_after_an_amendment() -> None:
    story = Story(line("A", 2, 50), line("fee", 2, 10, type="surcharge"))
    story.shipped("A:1", "fee:1")
    story.amended(line("A", 3, 50), line("fee", 2, 10, type="surcharge"))
    assert moved(story.shipped("A:1")) == 50
    assert moved(story.shipped()) == 60


def test_the_journal_of_a_shipment_names_event_decision_and_outcome() -> None:
    story = Story(line("A", 1, 50))
    before = len(story.entries)
    assert what(story.shipped()) == ["captured"]
    assert [entry.what for entry in story.entries[before:]] == ["event", "decision", "outcome"]
    assert [entry.amount for entry in story.entries[before:]] == [None, 50, 50]
