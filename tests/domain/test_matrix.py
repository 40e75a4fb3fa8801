"""Each cell of the matrix, with the saga, Klarna's own terms and the model of Klarna."""

from collections.abc import Callable, Iterator
from itertools import groupby
from typing import Any

import pytest

from ordersaga.domain.model.events import TYPES, kind_of

from .cell import Cell
from .cells import WAYS, WAYS_OF_SUBSCRIPTIONS, ended, ways_of
from .matrix import ORDERS, TABLES
from .matrix_of_changes import SUBSCRIPTIONS
from .matrix_rows import STATES, SUBSCRIPTION_STATES, WAITS, Row, Table, items


def cells() -> Iterator[Any]:
    for table in TABLES:
        for row in table.rows:
            for state in items(row.states):
                for number, way in enumerate(ways_of(table, state)):
                    for answer, outcome in enumerate(row.outcomes):
                        name = f"{table.event} ({table.about})-{state}-{number}-{outcome}"
                        yield pytest.param(table, row, state, way, answer, id=name)


@pytest.mark.parametrize(("table", "row", "state", "way", "answer"), list(cells()))
def test_an_event_ends_as_the_matrix_says(
    table: Table, row: Row, state: str, way: Callable[[Cell], None], answer: int
) -> None:
    cell = ended(table, state, way, allows=answer == 0)
    calls = [call for call, _ in groupby(cell.klarna.calls.get(cell.ident, []))]
    got = (cell.outcome_of(cell.ident), calls, cell.waited)
    expected_calls = items(row.calls)
    if answer:  # refused at the first call
        expected_calls = expected_calls[:1]
    assert got == (row.outcomes[answer], expected_calls, items(row.waits))
    assert bool(cell.klarna.asked) is (len(row.outcomes) > 1), "whether it's documented"
    cell.act_until_rest()
    cell.klarna.customer_tokens.pop("another")
    cell.at_the_end()
    assert not cell.order.operations, "a person has it"
    if row.besides:
        other = "e1" if state == "early" else "e0"
        assert cell.outcome_of(other) == row.besides


@pytest.mark.parametrize("event_type", TYPES)
def test_each_event_has_each_state(event_type: str) -> None:
    what = event_type.removeprefix("shop.order.").removesuffix(".v1")
    subscription = kind_of(event_type) == "subscription"
    tables = SUBSCRIPTIONS if subscription else ORDERS
    whole = [table for table in tables if table.event == what and table.whole]
    assert whole, f"no table of {what} in tests/domain/matrix.py"
    for table in whole:
        states = [state for row in table.rows for state in items(row.states)]
        assert sorted(states) == sorted(SUBSCRIPTION_STATES if subscription else STATES)


def test_each_state_can_be_led_to() -> None:
    assert WAYS.keys() == STATES.keys()
    assert WAYS_OF_SUBSCRIPTIONS.keys() == SUBSCRIPTION_STATES.keys()
    assert {wait for table in TABLES for row in table.rows for wait in items(row.waits)} == WAITS.keys() - {""}


@pytest.mark.parametrize(
    ("state", "status"),
    [
        ("part captured", "part_captured"),
        ("captured", "captured"),
        ("captured at once", "captured"),
        ("lapsed", "captured"),
        ("cancelled", "cancelled"),
        ("expired", "expired"),
        ("rejected", "rejected"),
        ("abandoned", "abandoned"),
        ("checkout, starting", "new"),
        ("checkout", "checkout"),
        ("checkout, left", "checkout"),
        ("checkout, bought", "checkout"),
        ("checkout completed", "authorized"),
        ("checkout, updating", "checkout"),
        ("checkout, abandoning", "checkout"),
        ("checkout, completing", "checkout"),
        ("checkout, in review", "pending_review"),
        ("checkout, captured at once", "captured"),
        ("stuck", "authorized"),
        ("in review", "pending_review"),
    ],
)
def test_the_ways_lead_to_their_states(state: str, status: str) -> None:
    for way in WAYS[state]:
        cell = Cell(ORDERS[0])
        way(cell)
        assert cell.order.status == status
