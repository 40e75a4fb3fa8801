"""Money that others moved, refused or taxed: taken over, told of, and always returnable."""

from typing import Any

import pytest
from msgspec.structs import replace

from ordersaga.domain.model.outcomes import Outcome, Read, Send
from ordersaga.domain.model.results import CaptureSeen, RefundSeen, Rejected, Succeeded

from .shop import DAY, Story, code, fee, line, moved, snapshot, what
from .uncertain import LOST, A, lose, open_operation, placing

REJECTED = Rejected("REJECTED", ("Rejected",), "c", 403, conclusive=True)
CAPTURED = {"captures": (CaptureSeen("theirs", 50, None, 0, (("A", 1, 50),)),), "captured_amount": 50}


def taxed(*taxes: int, goods: int = 499, **more: Any) -> Story:
    lines = [line(f"T{n}", 1, tax, type="sales_tax") for n, tax in enumerate(taxes)]
    return Story(line("S", 1, goods), *lines, **more)


@pytest.mark.parametrize("given", [None, 41, 40, 42, 37, 45])
def test_a_sales_tax_line_is_tax_as_a_whole_and_the_sum_may_be_off_by_one_a_line(given: int | None) -> None:
    story = taxed(32, 2, 7, **({} if given is None else {"order_tax_amount": given}))
    assert what(story.outcomes) == ["authorized"]


@pytest.mark.parametrize("given", [0, 36, 46])
def test_a_tax_that_is_further_off_is_refused_with_the_figures(given: int) -> None:
    (outcome,) = taxed(32, 2, 7, order_tax_amount=given).outcomes
    assert outcome.refusal is not None
    assert outcome.refusal.code == "amounts_do_not_add_up"
    assert outcome.refusal.messages == (f"$.order_tax_amount: {given}, but the lines' taxes sum to 41",)


def test_the_tax_follows_the_goods_in_parts_and_returns() -> None:
    story = Story(line("W", 1, 14999), line("V", 1, 78261), line("TAX", 1, 6178, type="sales_tax"))
    assert moved(story.shipped("W")) == 15993
    assert moved(story.shipped("V")) == 83445
    assert moved(story.returned("W")) == 15993


# refusals that prove that nothing was made before


def test_a_refusal_of_the_authorization_itself_is_told_as_rejected_even_after_a_lost_answer() -> None:
    story = placing()
    lose(story)
    story.wait()
    assert code(story.answer(REJECTED)) == "REJECTED"
    assert (story.order.status, story.order.operations, story.order.attentions) == ("rejected", (), ())


@pytest.mark.parametrize("refusal", [Rejected("NOT_FOUND", (), "c", 404), Rejected("INVALID_OPERATION", (), "c", 403)])
def test_another_refusal_after_a_lost_answer_proves_nothing(refusal: Rejected) -> None:
    story = placing()
    lose(story)
    story.wait()
    assert story.answer(refusal) == []
    assert story.operation.stage == "revoke"


# what another hand captured


def at_its_end(**seen: Any) -> tuple[Story, list[Outcome]]:
    """An authorization that has ended at the provider, as a read shows."""
    story = Story(A, fee("F", 6))
    story.eager = False
    assert story.order.expires_at is not None
    story.wait(story.order.expires_at - story.now + 1)
    assert isinstance(story.next(), Read)
    outcomes = story.seen(status="expired", remaining_amount=0, **seen)
    return story, outcomes


def test_an_expiry_takes_over_what_another_hand_captured_and_tells_of_it() -> None:
    story, outcomes = at_its_end(**CAPTURED)
    assert what(outcomes) == ["reconciled", "expired"]
    assert outcomes[0].cause is None
    order = story.order
    assert (order.status, order.captured_amount, order.released_amount, order.remaining) == ("captured", 50, 56, 0)
    story.eager = True
    assert moved(story.returned("A:1")) == 50


def test_an_expiry_takes_over_what_another_hand_refunded_too() -> None:
    refunds = (RefundSeen("back", 20, None, (("A", 0, 20),)),)
    story, outcomes = at_its_end(**CAPTURED, refunds=refunds, refunded_amount=20)
    assert what(outcomes) == ["reconciled", "expired"]
    assert (story.order.captured_amount, story.order.refunded_amount, story.order.refundable) == (50, 20, 30)


def test_an_expiry_of_which_nothing_was_captured_is_told_alone() -> None:
    story, outcomes = at_its_end()
    assert what(outcomes) == ["expired"]
    assert story.order.released_amount == 106


def refused_review(**seen: Any) -> tuple[Story, list[Outcome]]:
    story = Story(eager=False)
    story.placed(A)
    story.answer(Succeeded("order-1", fraud_status="PENDING"))
    story.wait()
    return story, story.seen(fraud_status="REJECTED", **seen)


def test_captured_money_can_be_returned_after_a_review_that_refused() -> None:
    story, outcomes = refused_review(**CAPTURED, remaining_amount=0)
    assert what(outcomes) == ["reconciled", "rejected"]
    assert (story.order.status, story.order.captured_amount, story.order.released_amount) == ("rejected", 50, 50)
    story.eager = True
    assert moved(story.returned("A:1")) == 50
    assert code(story.shipped("A:1")) == "order_rejected"
    assert code(story.returned("A:1")) == "order_rejected"


def test_captured_money_keeps_its_order_from_being_placed_afresh() -> None:
    story, _ = refused_review(**CAPTURED, remaining_amount=0)
    assert code(story.placed(A, token="new")) == "order_exists"
    without, _ = refused_review()
    assert without.placed(A, token="new") == []
    assert isinstance(without.next(), Send)


# a read is checked against what was asked for


@pytest.mark.parametrize("wrong", [{"provider_id": "another"}, {"currency": "SEK"}])
def test_a_read_of_another_order_is_not_believed_and_somebody_is_told(wrong: dict[str, str]) -> None:
    story = open_operation("capture")
    lose(story)
    story.wait()
    story.answer(Rejected("NO", (), "c", 403))
    seen = replace(snapshot(story.order, captures=(CaptureSeen("x", 50, story.operation.id),)), **wrong)
    (told,) = story.answer(Succeeded(snapshot=seen))
    assert told.refusal is not None
    assert (told.what, told.refusal.code) == ("attention_required", "another_order_read")
    assert story.operation.stage == "read"
    assert story.order.captured_amount == 0
    story.wait()
    assert story.answer(Succeeded(snapshot=seen)) == []  # told once
    story.wait()
    right = snapshot(story.order, captures=(CaptureSeen("x", 50, story.operation.id),))
    assert moved(story.answer(Succeeded(snapshot=right))) == 50


def test_an_expiry_is_watched_while_the_provider_is_away() -> None:
    story = open_operation("capture")
    assert story.order.expires_at is not None
    story.now = story.order.expires_at - 2 * DAY - 10
    told: list[Outcome] = []
    for _ in range(20):
        told += story.answer(LOST) if isinstance(story.next(), Send) else story.pass_time(5)
    reasons = {one.refusal.code for one in told if one.refusal}
    assert "authorization_expires" in reasons
