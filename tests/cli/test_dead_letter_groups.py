"""Many dead letters at once, on a real Postgres."""

import io
import json
import time
from typing import Any
from uuid import UUID

import pytest

from ordersaga.operating.dead_letters import each_in_turn
from ordersaga.store.appended import AppendedRows
from ordersaga.store.dead_letters import ANY, Content, DeadLetter
from ordersaga.store.store import Store

from .conftest import Run
from .database import within

NOW = time.time()


def letter(offset: int, code: str, fingerprint: str, subject: str) -> DeadLetter:
    content = Content(subject.encode(), b"{}")
    return DeadLetter("shop.orders", 0, offset, content, code, "a reason", fingerprint, "default", subject)


@pytest.fixture(autouse=True)
def letters(stored: str) -> None:
    """Each an hour younger than the one before."""
    made = [
        letter(0, "invalid_envelope", "no id", "1"),
        letter(1, "invalid_envelope", "no id", "2"),
        letter(2, "unknown_merchant", "gifts", "2"),
    ]

    async def bury(store: Store) -> None:
        async with store.intake_transaction() as tx:
            await tx.write(appended=AppendedRows(dead_letters=made))
        async with store.engine.session("inspect") as session:
            await session.fetch('UPDATE dead_letters SET at = now() - make_interval(hours => 3 - "offset"::int)')

    within(stored, bury)


def offsets(run: Run, *words: str) -> list[int]:
    result = run("dead-letters", "list", "--json", *words)
    assert (result.code, result.err) == (0, "")
    return [one["offset"] for one in json.loads(result.out)]


def ago(hours: float) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(NOW - hours * 3600))


@pytest.mark.parametrize(
    ("words", "wanted"),
    [
        (("--code", "invalid_envelope"), [1, 0]),
        (("--group", "gifts"), [2]),
        (("--order", "2"), [2, 1]),
        (("--merchant", "gifts"), []),
        (("--since", ago(2.5)), [2, 1]),
        (("--until", ago(2.5)), [0]),
        (("--since", ago(2.5), "--until", ago(1.5)), [1]),
    ],
)
def test_they_are_filtered_by_code_problem_order_and_time(run: Run, words: tuple[str, ...], wanted: list[int]) -> None:
    assert offsets(run, *words) == wanted


def test_those_with_the_same_problem_are_one_line(run: Run) -> None:
    result = run("dead-letters", "list", "--groups", "--json")
    groups: list[dict[str, Any]] = json.loads(result.out)
    assert [(one["fingerprint"], one["code"], one["number"]) for one in groups] == [
        ("no id", "invalid_envelope", 2),
        ("gifts", "unknown_merchant", 1),
    ]
    assert "no id" in run("dead-letters", "list", "--groups").out
    none = run("dead-letters", "list", "--groups", "--state", "replayed").out
    assert none == "There are no replayed dead letters.\n"


def test_a_group_is_discarded_and_no_other(run: Run) -> None:
    result = run("dead-letters", "discard", "--group", "no id", "--yes")
    assert (result.code, result.out, result.err) == (0, "2 discarded.\n", "")
    assert offsets(run) == [2]


def test_the_limit_takes_the_oldest(run: Run) -> None:
    assert run("dead-letters", "discard", "--code", "invalid_envelope", "--limit", "1", "--yes").out == "1 discarded.\n"
    assert offsets(run) == [2, 1]


def test_those_that_cannot_be_replayed_stay_open_and_are_named(run: Run) -> None:
    result = run("dead-letters", "replay", "--code", "invalid_envelope", "--yes")
    assert (result.code, result.out) == (1, "0 replayed, 2 stay open.\n")
    assert len(result.err.splitlines()) == 2
    assert "invalid_envelope" in result.err
    assert offsets(run) == [2, 1, 0]


def test_the_one_that_cannot_be_replayed_stays_open(run: Run) -> None:
    assert run("dead-letters", "replay", "--code", "invalid_envelope", "--limit", "1", "--yes").out == (
        "0 replayed, 1 stays open.\n"
    )


def test_many_are_not_touched_without_a_filter_or_a_yes(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    assert run("dead-letters", "discard", "--yes").code == 2
    assert run("dead-letters", "replay", "--yes").code == 2
    assert run("dead-letters", "discard", str(UUID(int=0)), "--code", "too_old", "--yes").code == 2
    monkeypatch.setattr("sys.stdin", io.StringIO())
    refused = run("dead-letters", "discard", "--order", "2")
    assert refused.err == "nothing was discarded\n"
    assert "Discard 2 dead letters? (yes/no)" in refused.out
    assert "Discard 1 dead letter? (yes/no)" in run("dead-letters", "discard", "--group", "gifts").out
    assert offsets(run) == [2, 1, 0]


def test_the_rate_is_kept_and_the_oldest_is_first(stored: str) -> None:
    acted: list[float] = []

    async def act(_: UUID) -> None:
        acted.append(time.monotonic())

    async def work(store: Store) -> int:
        return (await each_in_turn(store, ANY, act, rate=20)).done

    assert within(stored, work) == 3
    assert acted[-1] - acted[0] >= 2 / 20 - 0.01
