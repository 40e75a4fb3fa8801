"""Each row of the contract's "What bad input gets" that the saga decides: a `rejected` outcome, and no call."""

from typing import Any

import pytest

from ordersaga.domain import saga
from ordersaga.domain.model.order import Refusal
from ordersaga.domain.model.outcomes import Rest

from .shop import KEY, START, Story, code, event, fee, line, order_of, part, voucher, what

A = line("A", 2, 50)


def no_call(story: Story) -> bool:
    return not story.order.operations


@pytest.mark.parametrize(
    ("lines", "more", "message"),
    [
        ([{**A, "total_amount": 99}], {}, "$.order_lines[0].total_amount: 99, but 2 x 50 - 0 = 100"),
        ([{**A, "total_discount_amount": 1}], {}, "$.order_lines[0].total_amount: 100, but 2 x 50 - 1 = 99"),
        ([A], {"order_amount": 101}, "$.order_amount: 101, but the lines sum to 100"),
        ([A], {"order_tax_amount": 2}, "$.order_tax_amount: 2, but the lines' taxes sum to 0"),
        (
            [{**A, "tax_rate": 2000, "total_tax_amount": 19}],
            {},
            "$.order_lines[0].total_tax_amount: 19, but 100 at rate 2000 has 17",
        ),
    ],
)
def test_amounts_that_do_not_add_up_are_rejected_with_the_figures(lines: Any, more: Any, message: str) -> None:
    story = Story()
    outcomes = story.placed(*lines, **more)
    assert code(outcomes) == "amounts_do_not_add_up"
    assert outcomes[0].refusal is not None
    assert outcomes[0].refusal.messages == (message,)
    assert no_call(story)


def test_all_messages_of_the_step_that_fails_are_given() -> None:
    (outcome,) = Story().placed({**A, "total_amount": 99}, {**A, "total_amount": 98}, order_amount=5, locale="bad")
    assert outcome.refusal is not None
    assert outcome.refusal.code == "amounts_do_not_add_up"
    assert len(outcome.refusal.messages) == 3


@pytest.mark.parametrize(("tax", "fits"), [(15, False), (16, True), (17, True), (18, False)])
def test_a_lines_tax_may_be_one_off_the_exact_one(tax: int, fits: bool) -> None:
    given = {**A, "tax_rate": 2000, "total_tax_amount": tax}  # 16.67
    assert what(Story().placed(given, order_tax_amount=tax)) == ["authorized" if fits else "rejected"]


def test_a_discounts_tax_may_be_one_off_too() -> None:
    given = {**voucher("V", 30), "tax_rate": 2000, "total_tax_amount": -6}  # -5
    assert what(Story().placed(A, given)) == ["authorized"]
    assert code(Story().placed(A, given | {"total_tax_amount": -7})) == "amounts_do_not_add_up"


def test_an_amendment_must_add_up_too() -> None:
    story = Story(A)
    assert code(story.amended(A, order_amount=99)) == "amounts_do_not_add_up"
    assert what(story.shipped()) == ["captured"]


@pytest.mark.parametrize("name", ["shipped", "returned"])
def test_more_than_the_provider_takes_is_rejected_before_the_call(name: str) -> None:
    story = Story(A)
    assert code(story.tell(name, {"description": "bad"})) == "not_acceptable_to_provider"
    assert code(story.amended(A, description="bad")) == "not_acceptable_to_provider"
    assert code(Story().placed(A, locale="bad")) == "not_acceptable_to_provider"


def test_amounts_and_limits_come_before_the_state() -> None:
    story = Story(A)
    assert code(story.placed(A, order_amount=99)) == "amounts_do_not_add_up"
    assert code(story.placed(A, locale="bad")) == "not_acceptable_to_provider"
    assert story.order.status == "authorized"
    story.cancelled()
    assert code(story.amended(A, order_amount=99)) == "amounts_do_not_add_up"
    assert code(story.shipped("X", description="bad")) == "not_acceptable_to_provider"


def test_a_provider_that_the_merchant_lacks_is_unsupported() -> None:
    story = Story()
    payment = {"provider": "mollie", "order_id": "ord_1"}
    assert code(story.tell("placed", order_of(A, payment=payment))) == "unsupported_by_provider"
    assert code(story.shipped()) == "order_rejected"
    assert story.next() == Rest()


def test_a_way_of_paying_that_the_provider_lacks_is_unsupported() -> None:
    story = Story()
    story.terms.unsupported = {"create_order"}
    assert code(story.placed(A)) == "unsupported_by_provider"


def test_a_second_placed_for_an_accepted_order_is_rejected() -> None:
    story = Story(A)
    assert code(story.placed(A)) == "order_exists"
    assert story.order.order_amount == 100


@pytest.mark.parametrize(("name", "field"), [("shipped", "shipment_id"), ("returned", "return_id")])
def test_the_same_handle_under_another_event_id_is_rejected(name: str, field: str) -> None:
    story = Story(A)
    if name == "returned":
        story.shipped()
    lines = {"order_lines": [part("A:1")]}
    story.tell(name, {field: "S1", **lines})
    assert code(story.tell(name, {field: "S1", **lines})) == field.replace("_id", "_exists")
    assert what(story.tell(name, {field: "S2", **lines}))[-1] != "rejected"


@pytest.mark.parametrize(("name", "field"), [("shipped", "shipment_id"), ("returned", "return_id")])
def test_an_event_without_a_handle_is_known_by_its_own_id(name: str, field: str) -> None:
    story = Story(A)
    if name == "returned":
        story.shipped()
    story.tell(name, {"order_lines": [part("A:1")]}, "x1")
    again = story.tell(name, {field: "x1", "order_lines": [part("A:1")]})
    assert code(again) == field.replace("_id", "_exists")


def test_a_handle_may_come_again_after_a_rejected_one() -> None:
    story = Story(A)
    assert code(story.shipped("A:3", shipment_id="S1")) == "over_capture"
    assert what(story.shipped("A:2", shipment_id="S1")) == ["captured"]
    assert code(story.returned("A:3", return_id="R1")) == "over_refund"
    assert what(story.returned("A:2", return_id="R1")) == ["refunded"]


@pytest.mark.parametrize("name", ["shipped", "returned", "cancelled"])
def test_a_reference_which_the_order_lacks_is_rejected(name: str) -> None:
    story = Story(A)
    outcomes = story.tell(name, {"order_lines": [part("A:1"), part("X:1"), part("Y")]})
    assert code(outcomes) == "unknown_line"
    assert outcomes[0].refusal is not None
    assert outcomes[0].refusal.messages == ("the order has no line 'X'", "the order has no line 'Y'")
    assert no_call(story)


@pytest.mark.parametrize(
    ("name", "parts", "expected"),
    [
        ("shipped", ["A:2"], "nothing_left_to_capture"),
        ("shipped", [], "nothing_left_to_capture"),
        ("cancelled", ["A:2"], "nothing_left_to_cancel"),
        ("cancelled", [], "already_captured"),
        ("returned", ["A:3"], "over_refund"),
    ],
)
def test_of_an_order_that_was_captured_whole_nothing_is_left(name: str, parts: list[str], expected: str) -> None:
    story = Story(A, fee("shipping", 5))
    story.shipped()
    data = {"order_lines": [part(one) for one in parts]} if parts else {}
    assert code(story.tell(name, data)) == expected


@pytest.mark.parametrize(
    ("name", "parts", "expected"),
    [
        ("shipped", ["A:2"], "nothing_left_to_capture"),
        ("shipped", [], "nothing_left_to_capture"),
        ("cancelled", ["A:2"], "nothing_left_to_cancel"),
        ("cancelled", [], "already_cancelled"),
        ("returned", ["A:1"], "over_refund"),
        ("returned", [], "over_refund"),
    ],
)
def test_of_an_order_that_was_cancelled_nothing_is_left(name: str, parts: list[str], expected: str) -> None:
    story = Story(A)
    story.cancelled()
    data = {"order_lines": [part(one) for one in parts]} if parts else {}
    assert code(story.tell(name, data)) == expected


def test_what_is_left_after_a_release_is_nothing() -> None:
    story = Story(A, line("B", 1, 30))
    story.shipped("A:1")
    story.cancelled()
    assert code(story.shipped()) == "nothing_left_to_capture"
    assert code(story.shipped("B")) == "nothing_left_to_capture"
    assert code(story.cancelled("B")) == "nothing_left_to_cancel"
    assert code(story.cancelled()) == "already_captured"
    assert code(story.returned("B")) == "over_refund"


def test_more_than_is_left_is_too_much() -> None:
    story = Story(A)
    assert code(story.shipped("A:3")) == "over_capture"
    assert code(story.shipped(captured_amount=101)) == "over_capture"
    assert code(story.cancelled("A:3")) == "over_cancel"


def test_above_the_authorization_is_too_much_even_where_the_line_has_it() -> None:
    story = Story(A)
    story.shipped(captured_amount=80)
    assert code(story.shipped("A:1")) == "over_capture"
    assert code(story.cancelled("A:1")) == "over_cancel"


def test_amending_below_what_was_captured_is_rejected_with_the_advice_to_return() -> None:
    story = Story(A)
    story.shipped("A:1")
    (outcome,) = story.amended(line("A", 1, 49))
    assert outcome.refusal is not None
    assert outcome.refusal.code == "already_captured"
    assert outcome.refusal.advice is not None
    assert "shop.order.returned.v1" in outcome.refusal.advice
    assert what(story.amended(line("A", 1, 50))) == ["amended"]
    assert story.order.status == "captured"


def test_cancelling_what_was_captured_is_rejected_with_the_advice_to_return() -> None:
    story = Story(A)
    story.shipped()
    (outcome,) = story.cancelled()
    assert outcome.refusal is not None
    assert outcome.refusal.advice is not None


def test_amending_a_cancelled_order_is_rejected() -> None:
    story = Story(A)
    story.cancelled()
    assert code(story.amended(A)) == "already_cancelled"


@pytest.mark.parametrize("final", [True, False])
def test_an_input_that_broke_the_schema_is_rejected_and_decides_nothing(final: bool) -> None:
    cause = event("shipped", {}, "bad").cause
    told = Refusal("invalid_event", ("$.captured_amount: expected int",), advice="dead letter 7")
    decision = saga.refuse_input(None, KEY, cause, told, START, Story().rules, final=final)
    (outcome,) = decision.outcomes
    assert (outcome.what, outcome.final, outcome.refusal, outcome.cause) == ("rejected", final, told, cause)
    assert (outcome.sequence, outcome.books) == (1, None)
    assert decision.order.pending == ()
