"""The tables about the providers, and those that are made of the code's, are as the code is."""

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from string import ascii_uppercase

import pytest
from msgspec.structs import replace

from domain import cells, mollie_cells
from domain.matrix import TABLES
from domain.matrix_of_mollie import SUBSCRIPTIONS as MOLLIE_SUBSCRIPTIONS
from domain.matrix_of_mollie import TABLES as MOLLIE_TABLES
from domain.matrix_rows import Table, items
from domain.shop import Story, line
from ordersaga.domain.model.events import TYPES
from ordersaga.domain.model.order import OperationType
from ordersaga.domain.operations import OPERATIONS, ByReading
from ordersaga.providers.klarna.operations.table import OPERATIONS as KLARNA_OPERATIONS
from ordersaga.providers.klarna.terms import KlarnaTerms
from ordersaga.providers.mollie.operations.table import OPERATIONS as MOLLIE_OPERATIONS

from .documents import CONTRACT, EVIDENCE, KLARNA, MOLLIE, ROOT, first_column, name_of, rows
from .printed import PRINTED, ends_of

CALLS = "Calls"
LACKS = {KLARNA: "What Klarna can't do", MOLLIE: "What Mollie can't do"}
MATRICES: dict[Path, Sequence[Table]] = {KLARNA: TABLES, MOLLIE: (*MOLLIE_TABLES, *MOLLIE_SUBSCRIPTIONS)}
NOT_FINAL = {KLARNA: {"review_pending", "customer_token_created"}, MOLLIE: {"payment_pending"}}
BY_PROVIDER = {"checkout_completed", "expired"}  # without an event
KNOWN = {outcome for row in OPERATIONS.values() for outcome in row.outcomes}
CHANGES = "Capture, refund, cancel, release, amend, and changes without money"
each_provider = pytest.mark.parametrize("document", MATRICES, ids=name_of)


def spans(cell: str) -> set[str]:
    return set(cell.split("`")[1::2])


@pytest.mark.parametrize(
    ("document", "name", "made"), PRINTED, ids=[f"{name_of(document)}: {name}" for document, name, _ in PRINTED]
)
def test_the_document_holds_the_table_that_the_code_makes(document: Path, name: str, made: Callable[[], str]) -> None:
    start, end = ends_of(name)
    shown = document.read_text().partition(start)[2].partition(end)[0]
    assert shown == made(), "run: PYTHONPATH=service:tests .venv/bin/python -m docs.printed"


def told(document: Path, column: int) -> dict[str, set[str]]:
    """By event, what the table of calls has in code."""
    found: dict[str, set[str]] = {}
    for columns in list(rows(document, CALLS))[1:]:
        event = columns[0].split("`")[1]
        found.setdefault(event, set()).update(spans(columns[column]))
    return found


def calls_of(tables: Sequence[Table]) -> dict[str, set[str]]:
    calls: dict[str, set[str]] = {}
    for table in tables:
        calls.setdefault(table.event, set()).update(call for row in table.rows for call in items(row.calls))
    return calls


@each_provider
def test_the_calls_of_each_event_are_those_of_the_matrix(document: Path) -> None:
    of_matrix = calls_of(MATRICES[document])
    assert {f"shop.order.{event}.v1" for event in of_matrix} == set(TYPES)
    assert told(document, 2) == {event: calls for event, calls in of_matrix.items() if calls}


@each_provider
def test_an_event_that_the_provider_lacks_is_among_what_it_cannot_do(document: Path) -> None:
    lacking = {event for event, calls in calls_of(MATRICES[document]).items() if not calls}
    assert lacking <= first_column(document, LACKS[document])
    assert lacking


@each_provider
def test_the_outcomes_of_each_event_are_those_of_the_matrix(document: Path) -> None:
    of_matrix: dict[str, set[str]] = {}
    for table in MATRICES[document]:
        outcomes = {outcome for row in table.rows for outcome in row.outcomes if outcome in KNOWN}
        if outcomes:
            of_matrix.setdefault(table.event, set()).update(outcomes)
    of_matrix["placed"] |= NOT_FINAL[document]
    assert told(document, 3) == of_matrix


def test_each_outcome_is_one_of_some_event_or_the_providers_own() -> None:
    of_events = [outcomes for document in MATRICES for outcomes in told(document, 3).values()]
    assert set().union(*of_events) == KNOWN - BY_PROVIDER
    assert set().union(*map(caused_by_provider, MATRICES)) >= BY_PROVIDER


def caused_by_provider(document: Path) -> set[str]:
    said = document.read_text().partition("The provider alone causes ")[2].partition(".")[0]
    assert said
    return spans(said)


def called_at_klarna() -> set[OperationType]:
    called: set[OperationType] = set()
    for table in TABLES:
        for row in table.rows:
            if row.calls and not row.waits:
                state = items(row.states)[0]
                called |= cells.ended(table, state, cells.ways_of(table, state)[0]).klarna.called.keys()
    cancel = next(table for table in TABLES if table.event == "cancelled")
    return called | cells.ended(cancel, "early", cells.ways_of(cancel, "early")[0]).klarna.called.keys()


def called_at_mollie() -> set[OperationType]:
    called: set[OperationType] = set()
    for table in MOLLIE_TABLES:
        for row in table.rows:
            for state in items(row.states) if row.calls else ():
                called |= mollie_cells.ended(table, state, mollie_cells.WAYS[state][0]).mollie.called.keys()
    return called


def test_the_matrix_calls_each_operation_of_klarna() -> None:
    assert called_at_klarna() == set(KLARNA_OPERATIONS)


def test_the_matrix_calls_each_operation_of_mollie() -> None:
    assert called_at_mollie() == set(MOLLIE_OPERATIONS)


def test_each_code_of_the_contract_is_explained_there() -> None:
    contract = json.loads((ROOT / "contracts/schemas/outcome.json").read_text())["$defs"]["error_code"]["enum"]
    assert first_column(CONTRACT, "Error codes") == set(contract)


@each_provider
def test_each_code_of_the_provider_is_explained(document: Path) -> None:
    """Klarna's are in upper case, Mollie's are figures."""
    outcomes = {outcome for table in MATRICES[document] for row in table.rows for outcome in row.outcomes}
    theirs = {outcome for outcome in outcomes if outcome == outcome.upper()}
    explained = first_column(document, "Error codes") - {"code"}
    assert theirs
    assert theirs <= explained
    assert {code for code in explained if code != code.upper()} == set()


def test_each_code_of_klarnas_that_we_know_is_explained() -> None:
    advised = {code for row in KLARNA_OPERATIONS.values() for code in row.advice}
    conclusive = {code for row in KLARNA_OPERATIONS.values() for _, code in row.conclusive}
    assert advised | conclusive <= first_column(KLARNA, "Error codes")


def test_the_markets_of_return_fees_are_klarnas() -> None:
    row = next(columns for columns in rows(KLARNA, LACKS[KLARNA]) if "return fee" in columns[0])
    named = set(row[1].rpartition("; ")[2].split(", "))
    story = Story(line("A", 1, 10))
    story.shipped()
    countries = {f"{one}{other}" for one in ascii_uppercase for other in ascii_uppercase}
    terms = KlarnaTerms()
    assert named == {code for code in countries if not terms.return_fee_refusals(replace(story.order, country=code))}


def test_what_a_read_shows_is_explained_for_each_operation() -> None:
    readable = {name for name, row in OPERATIONS.items() if isinstance(row.evidence, ByReading)}
    assert first_column(EVIDENCE, CHANGES) == readable
