"""The tables about the provider, and those that are made of the code's, are as the code is."""

import json
from collections.abc import Callable
from pathlib import Path
from string import ascii_uppercase

import pytest
from msgspec.structs import replace

from domain.cells import ended, ways_of
from domain.matrix import TABLES
from domain.matrix_of_mollie import TABLES as TABLES_OF_MOLLIE
from domain.matrix_rows import items
from domain.mollie_cells import WAYS as WAYS_AT_MOLLIE
from domain.mollie_cells import ended as ended_at_mollie
from domain.shop import Story, line
from ordersaga.domain.model.events import TYPES
from ordersaga.domain.operations import OPERATIONS, ByReading
from ordersaga.providers.klarna.operations.table import OPERATIONS as KLARNA
from ordersaga.providers.klarna.terms import KlarnaTerms
from ordersaga.providers.mollie.operations.table import OPERATIONS as MOLLIE

from .documents import EVIDENCE, PROVIDERS, ROOT, first_column, name_of, rows
from .printed import PRINTED, ends_of

CALLS = "Calls"
NOT_FINAL = {"review_pending", "customer_token_created"}
BY_PROVIDER = {"checkout_completed"}  # without an event
CHANGES = "Capture, refund, cancel, release, amend, and changes without money"


def spans(cell: str) -> set[str]:
    return set(cell.split("`")[1::2])


@pytest.mark.parametrize(
    ("document", "name", "made"), PRINTED, ids=[f"{name_of(document)}: {name}" for document, name, _ in PRINTED]
)
def test_the_document_holds_the_table_that_the_code_makes(document: Path, name: str, made: Callable[[], str]) -> None:
    start, end = ends_of(name)
    shown = document.read_text().partition(start)[2].partition(end)[0]
    assert shown == made(), "run: PYTHONPATH=service:tests .venv/bin/python -m docs.printed"


def told(column: int) -> dict[str, set[str]]:
    """By event, what the table of calls has in code."""
    found: dict[str, set[str]] = {}
    for cells in list(rows(PROVIDERS, CALLS))[1:]:
        event = cells[0].split("`")[1]
        found.setdefault(event, set()).update(spans(cells[column]))
    return found


def test_the_calls_of_each_event_are_those_of_the_matrix() -> None:
    of_matrix: dict[str, set[str]] = {}
    for table in TABLES:
        of_matrix.setdefault(table.event, set()).update(call for row in table.rows for call in items(row.calls))
    assert told(2) == of_matrix
    assert {f"shop.order.{event}.v1" for event in of_matrix} == set(TYPES)


def test_the_outcomes_of_each_event_are_those_of_the_matrix() -> None:
    known = {outcome for name, row in OPERATIONS.items() if name in KLARNA for outcome in row.outcomes}
    of_matrix: dict[str, set[str]] = {}
    for table in TABLES:
        of_matrix.setdefault(table.event, set()).update(
            outcome for row in table.rows for outcome in row.outcomes if outcome in known
        )
    of_matrix["placed"] |= NOT_FINAL
    assert told(3) == of_matrix
    assert set().union(*told(3).values()) == known - BY_PROVIDER
    alone = PROVIDERS.read_text().partition("The provider alone causes ")[2].partition(".")[0]
    assert spans(alone) >= BY_PROVIDER


def test_the_matrix_calls_each_operation_of_klarna() -> None:
    called: set[str] = set()
    for table in TABLES:
        for row in table.rows:
            if row.calls and not row.waits:
                state = items(row.states)[0]
                called |= ended(table, state, ways_of(table, state)[0]).klarna.called.keys()
    cancel = next(table for table in TABLES if table.event == "cancelled")
    called |= ended(cancel, "early", ways_of(cancel, "early")[0]).klarna.called.keys()
    assert called == set(KLARNA)


def test_the_matrix_calls_each_operation_of_mollie() -> None:
    called: set[str] = set()
    for table in TABLES_OF_MOLLIE:
        for row in table.rows:
            if row.calls:
                state = items(row.states)[0]
                called |= ended_at_mollie(table, state, WAYS_AT_MOLLIE[state][0]).mollie.called.keys()
    assert called == set(MOLLIE)


def test_each_code_is_explained() -> None:
    contract = json.loads((ROOT / "contracts/schemas/outcome.json").read_text())["$defs"]["error_code"]["enum"]
    advised = {code for row in KLARNA.values() for code in row.advice}
    conclusive = {code for row in KLARNA.values() for _, code in row.conclusive}
    in_matrix = {
        outcome
        for table in TABLES
        for row in table.rows
        for outcome in row.outcomes
        if outcome == outcome.upper() and not outcome.isdecimal()
    }
    explained = first_column(PROVIDERS, "Error codes")
    assert {*contract, *advised, *conclusive, *in_matrix} - explained == set()
    assert {code for code in explained if code == code.lower()} - {*contract, "code"} == set()


def test_the_markets_of_return_fees_are_klarnas() -> None:
    row = next(cells for cells in rows(PROVIDERS, "What Klarna can't do") if "return fee" in cells[0])
    named = set(row[1].rpartition("; ")[2].split(", "))
    story = Story(line("A", 1, 10))
    story.shipped()
    countries = {f"{one}{other}" for one in ascii_uppercase for other in ascii_uppercase}
    terms = KlarnaTerms()
    assert named == {code for code in countries if not terms.return_fee_refusals(replace(story.order, country=code))}


def test_what_a_read_shows_is_explained_for_each_operation() -> None:
    readable = {name for name, row in OPERATIONS.items() if isinstance(row.evidence, ByReading)}
    assert first_column(EVIDENCE, CHANGES) == readable
