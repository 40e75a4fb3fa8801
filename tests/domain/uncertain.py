"""Orders with one operation to be sent, and ways to lose its answer."""

from typing import Any

import pytest

from ordersaga.domain.model.outcomes import Outcome, Send
from ordersaga.domain.model.results import CaptureSeen, RefundSeen, Rejected, Succeeded, Unknown

from .shop import Story, line

A = line("A", 2, 50)
LOST = Unknown("connection lost")
NO = Rejected("CAPTURE_NOT_ALLOWED", ("no",), "corr-1", 403)
GONE = Rejected("NOT_FOUND", ("gone",), "corr-2", 404)


def open_operation(name: str) -> Story:
    """An order with one operation of this type to be sent."""
    story = Story(A)
    if name == "refund":
        story.shipped()
    if name == "release":
        story.shipped("A:1")
    story.eager = False
    match name:
        case "capture":
            story.shipped("A:1")
        case "refund":
            story.returned("A:1")
        case "cancel" | "release":
            story.cancelled()
        case _:
            story.amended(line("A", 3, 50))
    assert story.operation.type == name
    return story


def placing() -> Story:
    story = Story(eager=False)
    story.placed(A)
    return story


def stuck(name: str) -> Story:
    """An order whose operation of this type was sent, and whose evidence is used up."""
    if name == "create_order":
        return stuck_create()
    if name == "cancel_authorization":
        story = Story(eager=False)
        story.cancelled()
        story.placed(A)
        lose(story)
        story.wait()
        story.answer(NO)
        return is_stuck(story)
    story = open_operation(name)
    lose(story)
    story.wait()
    story.answer(NO)
    story.answer(GONE)
    return is_stuck(story)


def stuck_create(**more: object) -> Story:
    story = Story(eager=False)
    story.placed(A, **more)
    lose(story)
    story.wait()
    story.answer(GONE)
    story.answer(GONE)
    return is_stuck(story)


def two_refunds() -> Story:
    story = Story(A)
    story.shipped("A:1")
    story.shipped("A:1")
    story.eager = False
    story.returned()
    assert len(story.order.operations) == 2
    lose(story)
    story.wait()
    story.answer(NO)
    story.answer(GONE)
    return is_stuck(story)


def refused_take_over() -> Story:
    """The money was to be taken with the placing; the order that was made is cancelled before it was read."""
    story = Story(eager=False)
    story.placed(A, auto_capture=True)
    story.answer(Succeeded("order-1", fraud_status="ACCEPTED"))
    story.seen(status="cancelled", remaining_amount=0)
    assert story.operation.type == "take_over"
    return is_stuck(story)


def is_stuck(story: Story) -> Story:
    assert story.operation.stage == "stuck"
    assert story.waits_for_a_person()
    assert story.order.attentions
    return story


def shows(story: Story) -> dict[str, Any]:
    """How the provider's books show the current operation."""
    operation = story.operation
    match operation.type:
        case "capture":
            seen = CaptureSeen("capture-9", operation.amount, operation.id)
            return {"captures": (seen,), "captured_amount": 50, "remaining_amount": 50}
        case "refund":
            return {"refunds": (RefundSeen("refund-9", operation.amount, operation.id),), "refunded_amount": 50}
        case "cancel":
            return {"status": "cancelled", "remaining_amount": 0}
        case "release":
            return {"status": "captured", "remaining_amount": 0}
        case _:
            return {"order_amount": operation.target}


def lose(story: Story) -> None:
    call = story.next()
    assert isinstance(call, Send)
    assert not any(one.final for one in story.answer(LOST))


def request(story: Story) -> Any:
    call = story.next()
    assert isinstance(call, Send), call
    return call.request


def told(outcomes: list[Outcome]) -> tuple[str, bool, str | None]:
    (outcome,) = outcomes
    return outcome.what, outcome.final, outcome.refusal.code if outcome.refusal else None


WRITES = pytest.mark.parametrize("name", ["capture", "refund", "cancel", "release", "amend"])
