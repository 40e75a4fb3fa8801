"""The runner fails a case that it can't read, and one whose expectation isn't met."""

from dataclasses import replace
from typing import Any

import pytest

from e2e.play import placed, shipped

from . import checks
from .conftest import Shared
from .files import Case, Json, UnknownFormError
from .runner import Run

_CAPTURES = "/ordermanagement/v1/orders/{id}/captures"
UNREADABLE_EXPECTATIONS: list[Json] = [
    {"says": "every event its final outcome"},
    {"event": "e1", "final": "authorized", "weather": "fine"},
    {"event": "e1", "amount": 1000},
    {"effects": {"R2": {"cashback": [1000]}}},
    {"effects": {}, "message": {"event": "e1", "contains": ""}},
    {"one_of": {"events": ["e1"], "final": "authorized"}},
    {"either": {"event": "e1", "outcomes": [], "else": []}},
    {"count": {"order": "R2", "type": "captured"}},
    {"request": {"route": "POST /", "body": {}}},
]
UNREADABLE_EVENTS: list[Json] = [
    {"do": {"weather": 1}},
    {"do": {"wait_finals": [], "and": "dance"}},
    {"do": {"wait_outcome": {"event": "e1"}}},
    {"do": {"replay": {"event": "e1"}}},
    {"do": {}, "raw": {}},
    {"do": {"mollie": {"declines": "PATCH lines"}}},
    {"raw": {"key": "k", "value": ""}},
    {"raw": {"key": "{nobody}", "headers": {}, "value": ""}},
    {"specversion": "1.0", "id": "e1", "subject": "R0", "type": "t", "data": {"text": "{nobody}"}},
    {"specversion": "1.0", "id": "e1", "subject": "R0", "type": "t", "data": {}, "source": "/", "stamp": "weeks"},
]
WRONG_EXPECTATIONS: list[Json] = [
    {"event": "e2", "final": "authorized"},
    {"event": "e2", "final": "captured", "code": "over_capture"},
    {"event": "e2", "final": "captured", "amount": 999},
    {"event": "e2", "final": "captured", "operations": 2000},
    {"event": "e2", "final": "captured", "order": {"status": "part_captured"}},
    {"event": "e3", "final": "captured"},
    {"event": "e3", "final": "rejected"},
    {"event": "e9", "final": "captured"},
    {"not_final": {"event": "e2", "type": "captured", "code": None}},
    {"message": {"event": "e3", "contains": "no such words"}},
    {"one_of": {"events": ["e2", "e3"], "final": "captured", "others": ["rejected", "over_capture"]}},
    {"either": {"event": "e2", "outcomes": [["rejected", None], ["dead_letter", "too_old"]]}},
    {"dead_letters_at_least": {"too_old": 1}},
    {"effects": {"R2": {"capture": [1000, 1000]}}},
    {"effects": {"R2": {"capture": []}}},
    {"effects": {"R2": {"capture_sum": 999}}},
    {"effects": {"R2": {"capture_count": 2}}},
    {"effects": {"R2": {"refund": [1]}}},
    {"effects": {"R2": {"release_sum": 1}}},
    {"effects": {"nobody": {"cancel_count": 1}}},
    {"effects": {"R2": {"acknowledge": 1}}},
    {"count": {"order": "R2", "type": "captured", "is": 2}},
    {"count": {"order": "R2", "type": "refunded", "is": 1}},
    {"request": {"route": f"POST {_CAPTURES}", "line": {"quantity": 2}}},
    {"request": {"route": f"POST {_CAPTURES}/{{id}}", "line": {"quantity": 1}}},
    {"cause_null": {"type": "checkout_completed", "result_has": "customer_token"}},
]
RIGHT_EXPECTATIONS: list[Json] = [
    {"event": "e2", "final": "captured", "amount": 1000, "operations": 1000, "order": {"status": "captured"}},
    {"one_of": {"events": ["e2", "e3"], "final": "captured", "others": ["rejected", "nothing_left_to_capture"]}},
    {"either": {"event": "e2", "outcomes": [["rejected", None], ["captured", None]]}},
    {"count": {"order": "R2", "type": "captured", "is": 1}},
    {"request": {"route": f"POST {_CAPTURES}", "line": {"quantity": 1, "reference": "A"}}},
    {"effects": {"R2": {"capture": [1000], "capture_sum": 1000, "capture_count": 1, "refund": []}}},
]


def _case(no: int, events: list[Json], expected: list[Json]) -> Case:
    return Case("made here", no, "", "", "", "built", events, expected)


def _run(shared: Shared, case: Case) -> Run:
    return Run(shared.play, shared.producer, case)


@pytest.mark.parametrize("event", UNREADABLE_EVENTS, ids=str)
async def test_an_unknown_entry_among_the_events_fails(shared: Shared, event: Json) -> None:
    with pytest.raises(UnknownFormError):
        await _run(shared, _case(901, [event], [])).complete()


async def test_an_expectation_that_is_not_met_or_unknown_fails(shared: Shared) -> None:
    events: list[Json] = [placed("R2"), shipped("R2"), shipped("R2")]
    for number, event in enumerate(events, 1):
        event["id"] = f"e{number}"
    run = _run(shared, _case(902, events, RIGHT_EXPECTATIONS))
    await run.complete()
    assert await checks.problems_of(run) == []
    case = run.case
    for wrong in WRONG_EXPECTATIONS:
        run.case = replace(case, expected=[wrong])
        assert await checks.problems_of(run), wrong
    for unreadable in UNREADABLE_EXPECTATIONS:
        run.case = replace(case, expected=[unreadable])
        with pytest.raises(UnknownFormError):
            await checks.problems_of(run)


@pytest.mark.parametrize(
    ("name", "value"),
    [("remaining_authorized_amount", 1), ("captured_amount", 999), ("refunded_amount", 1001), ("released_amount", 1)],
)
async def test_books_that_do_not_balance_or_differ_from_the_ledger_fail(shared: Shared, name: str, value: Any) -> None:
    subject = f"R-{name}"
    events: list[Json] = [placed(subject), shipped(subject)]
    for number, event in enumerate(events, 1):
        event["id"] = f"{name}{number}"
    run = _run(shared, _case(903, events, []))
    await run.complete()
    assert await checks.problems_of(run) == []
    order = run.finals(f"{name}2")[0].data["order"]
    right, order[name] = order[name], value
    try:
        assert await checks.problems_of(run)
    finally:
        order[name] = right
