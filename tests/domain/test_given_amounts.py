"""Rules 5 to 8 of "Working out lines and amounts", by examples worked out by hand."""

from ordersaga.domain.deciding.returning import Share, split
from ordersaga.domain.model.order import Allocation, Capture
from ordersaga.domain.model.outcomes import Outcome

from .shop import DAY, Story, code, fee, line, moved, voucher, what


def captured(story: Story) -> list[int]:
    return [one.captured for one in story.order.lines]


def shares(outcomes: list[Outcome]) -> list[int | None]:
    """What each refund moved."""
    return [one.operation.amount for one in outcomes if one.operation]


# rule 5


def test_a_lines_own_total_wins_over_what_is_worked_out() -> None:
    story = Story(line("A", 2, 50), fee("shipping", 20))
    assert moved(story.shipped("A:1=80")) == 96  # 80 of 100 gone: 16 of 20
    assert moved(story.shipped("A:1")) == 24


def test_a_lines_own_total_is_at_most_what_is_left_of_it() -> None:
    story = Story(line("A", 2, 50), line("B", 1, 50))
    assert code(story.shipped("A:1=101")) == "over_capture"
    assert code(story.cancelled("A:1=101")) == "over_cancel"
    story.shipped()
    assert code(story.returned("A:1=101")) == "over_refund"
    assert moved(story.returned("A:1=49")) == 49


def test_a_total_over_several_lines_of_a_reference_is_spread_over_them() -> None:
    story = Story(line("A", 1, 50), line("A", 1, 30), line("B", 1, 20))
    assert moved(story.shipped("A:2=60")) == 60
    assert captured(story) == [50, 10, 0]


def test_a_total_of_the_other_sign_is_not_left_of_the_line() -> None:
    story = Story(line("A", 1, 50), voucher("voucher", 20))
    assert code(story.shipped("A=-5")) == "over_capture"
    assert code(story.shipped("voucher=5", "A")) == "over_capture"


def test_what_a_line_shipped_for_less_was_worth_more_is_captured_only_when_the_shop_says_so() -> None:
    story = Story(line("A", 1, 50), line("B", 1, 50))
    assert moved(story.shipped("A=30")) == 30
    assert code(story.shipped("A")) == "nothing_left_to_capture", "its piece has gone"
    assert moved(story.shipped("A:0=5")) == 5
    assert moved(story.shipped()) == 65


def test_of_a_line_that_has_all_gone_for_less_no_piece_is_left() -> None:
    story = Story(line("A", 2, 50), line("B", 1, 50))
    assert moved(story.shipped("A:2=30")) == 30
    assert code(story.shipped("A:1")) == "nothing_left_to_capture"
    assert code(story.cancelled("A:1")) == "nothing_left_to_cancel"
    assert code(story.shipped("A:1", "B")) == "over_capture"


def test_a_captured_amount_beside_lines_must_be_their_sum_with_what_follows() -> None:
    story = Story(line("A", 2, 50), fee("shipping", 20))
    assert code(story.shipped("A:1", captured_amount=50)) == "amounts_do_not_add_up"
    assert moved(story.shipped("A:1", captured_amount=60)) == 60


def test_a_refunded_amount_beside_lines_must_be_their_sum_after_the_fee() -> None:
    story = Story(line("A", 2, 50))
    story.shipped()
    held = {"amount": 10}
    assert code(story.returned("A:1", refunded_amount=50, return_fee=held)) == "amounts_do_not_add_up"
    assert moved(story.returned("A:1", refunded_amount=40, return_fee=held)) == 40


def test_named_lines_must_not_sum_to_less_than_zero() -> None:
    story = Story(line("A", 2, 50), voucher("voucher", 40))
    assert code(story.shipped("voucher")) == "amounts_do_not_add_up"
    assert code(story.cancelled("voucher")) == "amounts_do_not_add_up"
    story.shipped()
    assert code(story.returned("voucher")) == "amounts_do_not_add_up"


def test_an_amount_without_lines_draws_from_no_line() -> None:
    story = Story(line("A", 2, 50))
    assert moved(story.shipped(captured_amount=30)) == 30
    assert captured(story) == [0]
    assert moved(story.shipped("A:1")) == 50
    assert code(story.shipped(captured_amount=21)) == "over_capture"
    assert moved(story.shipped(captured_amount=20)) == 20
    assert code(story.shipped(captured_amount=1)) == "nothing_left_to_capture"


def test_an_amount_is_refunded_without_lines() -> None:
    story = Story(line("A", 2, 50))
    story.shipped()
    assert moved(story.returned(refunded_amount=30)) == 30
    assert [one.refunded for one in story.order.lines] == [0]
    assert code(story.returned(refunded_amount=71)) == "over_refund"
    assert code(story.returned("A:2")) == "over_refund"
    assert moved(story.returned("A:1")) == 50
    assert moved(story.returned()) == 20
    assert code(story.returned()) == "over_refund"


def test_all_that_is_left_goes_as_an_amount_where_the_lines_say_otherwise() -> None:
    story = Story(line("A", 2, 50))
    story.shipped(captured_amount=30)
    assert moved(story.shipped()) == 70
    assert (story.order.status, captured(story)) == ("captured", [0])
    assert code(story.returned("A:1")) == "over_refund"
    assert moved(story.returned()) == 100


def test_an_amount_of_nothing_moves_nothing() -> None:
    story = Story(line("A", 1, 50))
    assert moved(story.shipped(captured_amount=0)) == 0
    assert story.order.captures == ()


# rule 6


def test_a_part_worth_nothing_draws_its_quantity_without_a_call() -> None:
    story = Story(line("A", 1, 50), line("gift", 2, 0))
    story.eager = False
    (outcome,) = story.shipped("gift:1")
    assert outcome.what == "captured"
    assert outcome.operation is not None
    assert (outcome.operation.amount, outcome.operation.provider_id, outcome.operation.attempts) == (0, None, 0)
    assert outcome.result == {}
    assert story.order.status == "authorized"
    assert code(story.shipped("gift:2")) == "over_capture"


def test_a_free_line_comes_back_without_a_call() -> None:
    story = Story(line("A", 1, 50), line("gift", 2, 0))
    story.shipped()
    story.eager = False
    assert moved(story.returned("gift:1")) == 0
    assert code(story.returned("gift:2")) == "over_refund"


def test_an_order_worth_nothing_is_placed_shipped_and_returned_like_any_other() -> None:
    story = Story(line("gift", 2, 0))
    (outcome,) = story.shipped("gift:1")
    assert moved([outcome]) == 0
    assert outcome.books is not None
    assert outcome.books.status == "captured"
    assert moved(story.shipped()) == 0
    assert code(story.shipped()) == "nothing_left_to_capture"
    assert moved(story.returned()) == 0
    assert code(story.returned()) == "over_refund"


def test_an_order_whose_lines_cancel_out_is_shipped_for_nothing() -> None:
    story = Story(line("A", 2, 20), voucher("voucher", 40))
    assert moved(story.shipped("A:1")) == 0
    assert captured(story) == [20, -20]
    assert moved(story.shipped()) == 0


def test_a_free_line_is_cancelled_without_a_call() -> None:
    story = Story(line("A", 1, 50), line("gift", 2, 0))
    story.eager = False
    outcomes = story.cancelled("gift:1")
    assert (what(outcomes), moved(outcomes)) == (["lines_cancelled"], 0)
    assert code(story.shipped("gift:2")) == "over_capture"


def test_a_free_line_can_be_cancelled_after_all_was_captured() -> None:
    story = Story(line("A", 1, 50), line("gift", 2, 0))
    story.shipped("A")
    story.eager = False
    outcomes = story.cancelled("gift")  # nothing uncaptured is left but what is free
    assert (what(outcomes), moved(outcomes)) == (["released"], 0)
    assert story.order.status == "captured"


# rule 8


def test_a_return_fee_is_kept_back_and_counts_as_returned() -> None:
    story = Story(line("A", 2, 50))
    story.shipped()
    assert moved(story.returned("A:1", return_fee={"amount": 10})) == 40
    assert (story.order.refunded_amount, story.order.kept_amount, story.order.refundable) == (40, 10, 50)
    assert code(story.returned(refunded_amount=51)) == "over_refund"
    assert moved(story.returned()) == 50
    assert code(story.returned(refunded_amount=1)) == "over_refund"


def test_a_return_fee_of_nothing_is_no_fee() -> None:
    story = Story(line("A", 2, 50))
    story.terms.fee_refusals = ["$.return_fee: not here"]
    story.shipped()
    assert moved(story.returned("A:1", return_fee={"amount": 0})) == 50


def test_a_return_fee_over_an_amount_is_on_top_of_it() -> None:
    story = Story(line("A", 2, 50))
    story.shipped()
    assert code(story.returned(refunded_amount=95, return_fee={"amount": 10})) == "over_refund"
    assert moved(story.returned(refunded_amount=90, return_fee={"amount": 10})) == 90
    assert story.order.refundable == 0


def test_a_return_fee_is_at_most_what_comes_back() -> None:
    story = Story(line("A", 2, 50))
    story.shipped()
    assert code(story.returned("A:1", return_fee={"amount": 51})) == "amounts_do_not_add_up"
    story.eager = False
    assert moved(story.returned("A:1", return_fee={"amount": 50})) == 0
    assert story.order.refundable == 50


def test_the_providers_conditions_for_a_fee_are_checked_before_the_call() -> None:
    story = Story(line("A", 2, 50))
    story.terms.fee_refusals = ["$.return_fee: not in this market"]
    story.shipped()
    assert code(story.returned("A:1", return_fee={"amount": 10})) == "not_acceptable_to_provider"


def test_a_return_over_several_captures_is_one_refund_per_capture() -> None:
    story = Story(line("A", 2, 50), line("B", 1, 30))
    story.shipped("A:1")
    story.shipped("A:1", "B")
    outcomes = story.returned("A:2", "B")
    assert what(outcomes) == ["refunded", "refunded"]
    assert [one.final for one in outcomes] == [False, True]
    assert [one.operation.amount for one in outcomes if one.operation] == [50, 80]
    assert [one.refunded for one in story.order.captures] == [50, 80]


def test_a_return_within_one_capture_is_one_refund_of_that_capture() -> None:
    story = Story(line("A", 1, 50), line("B", 1, 30))
    story.shipped("A")
    story.shipped("B")
    assert moved(story.returned("B")) == 30
    assert [one.refunded for one in story.order.captures] == [0, 30]


def test_an_amount_comes_from_a_capture_that_bears_it_all() -> None:
    story = Story(line("A", 1, 50), line("B", 1, 80))
    story.shipped("A")
    story.shipped("B")
    assert shares(story.returned(refunded_amount=60)) == [60]
    assert [one.refunded for one in story.order.captures] == [0, 60]
    assert shares(story.returned(refunded_amount=60)) == [50, 10]
    assert [one.refunded for one in story.order.captures] == [50, 70]


def test_free_lines_over_several_captures_end_in_one_outcome() -> None:
    story = Story(line("A", 2, 50), line("gift", 2, 0))
    story.shipped("A:1", "gift:1")
    story.shipped("A:1", "gift:1")
    story.eager = False
    assert moved(story.returned("gift:2")) == 0
    assert code(story.returned("gift:1")) == "over_refund"


def test_free_lines_of_one_capture_go_with_the_money_of_another() -> None:
    story = Story(line("A", 1, 50), line("B", 1, 30), line("gift", 1, 0))
    story.shipped("A", "gift")
    story.shipped("B")
    assert [one.operation.amount for one in story.returned("B", "gift") if one.operation] == [30]
    assert [one.refunded_quantity for one in story.order.lines] == [0, 1, 1]


def test_a_fee_over_several_captures_is_kept_back_once() -> None:
    captures = [
        Capture("c1", 50, allocations=(Allocation(0, 1, 50),)),
        Capture("c2", 30, allocations=(Allocation(1, 1, 30),)),
    ]
    shares = split(captures, 80, (Allocation(0, 1, 50), Allocation(1, 1, 30)), 10)
    assert shares == (Share("c1", 40, (Allocation(0, 1, 50),), 10), Share("c2", 30, (Allocation(1, 1, 30),)))
    assert sum(share.amount for share in split(captures, 80, (), 60)) == 20
    assert sum(share.kept for share in split(captures, 80, (), 60)) == 60


def test_a_following_line_refunded_in_part_can_be_named_later() -> None:
    story = Story(line("A", 2, 50), fee("shipping", 20))
    story.shipped("A:1")  # with 10 of the shipping
    assert moved(story.returned("A:1")) == 60
    story.shipped("A:1")
    assert moved(story.returned("shipping:1")) == 10
    assert code(story.returned("shipping:1")) == "over_refund"


def test_nothing_is_left_of_a_line_that_followed_and_came_back() -> None:
    story = Story(line("A", 2, 50), fee("shipping", 20))
    story.shipped("A:1")
    assert moved(story.returned()) == 60
    assert story.returned() == []  # it waits for the rest
    assert story.pass_time(DAY)[0].what == "rejected"


def test_a_return_that_does_not_add_up_says_so_when_its_lines_were_captured() -> None:
    story = Story(line("A", 2, 50), voucher("voucher", 20))
    assert story.returned("voucher") == []
    assert code(story.shipped()[1:]) == "amounts_do_not_add_up"
