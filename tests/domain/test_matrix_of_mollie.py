"""Each cell of Mollie's matrix, with the saga, Mollie's documented rules and the model of Mollie."""

from collections.abc import Callable, Iterator
from itertools import groupby
from typing import Any

import pytest

from ordersaga.domain.model.events import TYPES, kind_of

from .matrix_of_mollie import SUBSCRIPTIONS, TABLES
from .matrix_rows import Row, Table, items
from .mollie_cells import WAYS, Cell, ended
from .mollie_rows import STATES, WAITS


def cells() -> Iterator[Any]:
    for table in (*TABLES, *SUBSCRIPTIONS):
        for row in table.rows:
            for state in items(row.states):
                for number, way in enumerate(WAYS[state]):
                    for answer, outcome in enumerate(row.outcomes):
                        name = f"{table.event} ({table.about})-{state}-{number}-{outcome}"
                        yield pytest.param(table, row, state, way, answer, id=name)


@pytest.mark.parametrize(("table", "row", "state", "way", "answer"), list(cells()))
def test_an_event_ends_as_the_matrix_says(
    table: Table, row: Row, state: str, way: Callable[[Cell], None], answer: int
) -> None:
    cell = ended(table, state, way, allows=answer == 0)
    calls = [call for call, _ in groupby(cell.mollie.calls.get(cell.ident, []))]
    assert (cell.outcome_of(cell.ident), calls, cell.waited) == (
        row.outcomes[answer],
        items(row.calls),
        items(row.waits),
    )
    assert bool(cell.mollie.asked) is (len(row.outcomes) > 1), "whether it's documented"
    cell.act_until_rest()
    cell.at_the_end()
    assert not cell.order.has_attention("books_differ")
    assert not cell.order.operations, "a person has it"
    if row.besides:
        assert cell.outcome_of("e1" if state == "early" else "e0") == row.besides


@pytest.mark.parametrize("event_type", TYPES)
def test_each_event_has_each_state(event_type: str) -> None:
    what = event_type.removeprefix("shop.order.").removesuffix(".v1")
    subscription = kind_of(event_type) == "subscription"
    whole = [table for table in (SUBSCRIPTIONS if subscription else TABLES) if table.event == what and table.whole]
    assert whole, f"no table of {what} in tests/domain/matrix_of_mollie.py"
    for table in whole:
        states = [state for row in table.rows for state in items(row.states)]
        assert sorted(states) == (["new"] if subscription else sorted(STATES))


def test_each_state_can_be_led_to() -> None:
    assert WAYS.keys() == STATES.keys()
    used = {wait for table in TABLES for row in table.rows for wait in items(row.waits)}
    assert used == WAITS.keys() - {"", "review"}


@pytest.mark.parametrize(
    ("state", "status", "there"),
    [
        ("to pay", "pending_payment", "created"),
        ("to pay first", "pending_payment", "created"),
        ("payment failed", "pending_payment", "created"),
        ("authorized", "authorized", "authorized"),
        ("part captured", "part_captured", "shipping"),
        ("captured", "captured", "completed"),
        ("paid", "captured", "paid"),
        ("paid, part shipped", "captured", "shipping"),
        ("paid, shipped", "captured", "completed"),
        ("paid, refunded", "captured", "paid"),
        ("released", "captured", "completed"),
        ("lapsed", "captured", "expired"),
        ("cancelled", "cancelled", "canceled"),
        ("expired", "expired", "expired"),
        ("blocked", "authorized", "authorized"),
    ],
)
def test_the_ways_lead_to_their_states(state: str, status: str, there: str) -> None:
    for way in WAYS[state]:
        cell = Cell(TABLES[0])
        way(cell)
        assert (cell.order.status, cell.account.state) == (status, there)
