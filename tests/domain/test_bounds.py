"""Work has a bound: it grows with the lines of an order and of an event, and with nothing else."""

import sys
from collections.abc import Callable
from types import FrameType
from typing import Any

import pytest

from ordersaga.domain.deciding.builder import DecisionBuilder
from ordersaga.domain.model.events import Data
from ordersaga.domain.model.order import Pending
from ordersaga.domain.model.outcomes import Outcome

from .shop import Story, line, what


def lines_run(work: Callable[[], object]) -> int:
    """How many lines of Python the domain runs for it: a count that is the same on every machine."""
    count = 0

    def trace(frame: FrameType, event: str, _argument: Any) -> Any:
        nonlocal count
        if "ordersaga/domain" not in frame.f_code.co_filename:
            return None
        count += event == "line"
        return trace

    before = sys.gettrace()
    sys.settrace(trace)
    try:
        work()
    finally:
        sys.settrace(before)
    return count


def unnamed(lines: int) -> list[dict[str, Any]]:
    return [line("", 1, 100) for _ in range(lines)]


def part_by_part(lines: int) -> int:
    """A return that names each of so many lines which share a reference."""
    story = Story(*unnamed(lines))
    story.shipped()
    return lines_run(lambda: story.tell("returned", {"order_lines": [{"reference": "", "quantity": 1}] * lines}))


def test_a_return_of_lines_that_share_a_reference_is_linear() -> None:
    small, large = part_by_part(50), part_by_part(500)
    assert large < 12 * small


@pytest.mark.parametrize("what_", ["shipped", "cancelled"])
@pytest.mark.parametrize("parts", [{"quantity": 1}, {}, {"quantity": 0}, {"quantity": 1, "total_amount": 99}])
def test_an_event_of_lines_that_share_a_reference_is_linear(what_: str, parts: dict[str, int]) -> None:
    def runs(lines: int) -> int:
        story = Story(*unnamed(lines), line("other", 1, 5))
        return lines_run(lambda: story.tell(what_, {"order_lines": [{"reference": "", **parts}] * lines}))

    assert runs(400) < 12 * runs(40)


def test_a_return_over_many_captures_is_linear() -> None:
    def runs(captures: int) -> int:
        story = Story(line("A", captures, 10))
        for _ in range(captures):
            story.shipped("A:1")
        story.eager = False
        return lines_run(lambda: story.returned("A"))

    assert runs(100) < 12 * runs(10)


def test_the_hundredth_and_the_five_hundredth_shipment_cost_hardly_more_than_the_first() -> None:
    story = Story(line("A", 600, 10))
    costs = [lines_run(lambda: story.shipped("A:1")) for _ in range(501)]
    assert costs[100] < 1.2 * costs[1]
    assert costs[500] < 1.2 * costs[1]


def waiting(count: int) -> Story:
    story = Story()
    for number in range(count):
        story.tell("shipped", {"order_lines": [{"reference": "A", "quantity": 1}]}, f"w{number}")
    return story


def test_an_event_that_waits_is_not_decided_anew_by_each_event(monkeypatch: pytest.MonkeyPatch) -> None:
    looked_at: list[str] = []
    data_of = DecisionBuilder.data_of

    def counted(builder: DecisionBuilder, pending: Pending) -> Data:
        looked_at.append(pending.cause.id)
        return data_of(builder, pending)

    monkeypatch.setattr(DecisionBuilder, "data_of", counted)
    waiting(50)
    assert len(looked_at) == 50


def test_a_return_that_waits_is_decided_again_when_something_was_captured() -> None:
    story = Story(line("A", 3, 10))
    story.returned("A:2")
    assert [one.waits_for for one in story.order.pending] == ["shipment"]
    story.tell("reference_changed", {"merchant_reference1": "x"})
    story.shipped("A:1")
    assert [one.waits_for for one in story.order.pending] == ["shipment"]
    assert [one.what for one in story.shipped("A:1")] == ["captured", "refunded", "refunded"]


def test_one_event_too_many_is_refused_and_the_others_go_on() -> None:
    story = waiting(100)
    refused: list[Outcome] = story.tell("cancelled", {"order_lines": [{"reference": "A", "quantity": 1}]}, "late")
    assert [(one.what, one.final, one.refusal.code if one.refusal else "") for one in refused] == [
        ("rejected", True, "too_many_waiting")
    ]
    assert len(story.order.pending) == 100
    assert what(story.placed(line("A", 100, 10))) == ["authorized"] + ["captured"] * 100


def test_what_waits_is_bounded_by_its_size_too() -> None:
    story = Story()
    for number in range(5):
        story.tell("shipped", {"description": "x" * 900_000}, f"w{number}")
    assert len(story.order.pending) == 4
    assert story.outcomes[-1].refusal is not None
    assert story.outcomes[-1].refusal.code == "too_many_waiting"
