"""The tables of operations: nothing is missing in one that another has, and nobody goes past them."""

import ast
import json
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest
from msgspec.structs import replace

from ordersaga.domain.deciding import findings
from ordersaga.domain.model.events import TYPES, Cause, decode_data
from ordersaga.domain.model.order import Allocation, Capture, Operation
from ordersaga.domain.model.results import CaptureSeen
from ordersaga.domain.operations import DECIDED_BY, OPERATIONS, ByCheckoutRead, ByReading, ByTokenRead, NoEvidence
from ordersaga.domain.uncertainty import evidence
from ordersaga.providers.klarna.operations.table import LIMITS
from ordersaga.providers.klarna.operations.table import OPERATIONS as KLARNA
from ordersaga.providers.mollie.operations.table import LIMITS as LIMITS_OF_MOLLIE
from ordersaga.providers.mollie.operations.table import OPERATIONS as MOLLIE

from .shop import Story, line, snapshot
from .uncertain import lose, open_operation

CONTRACTS: Final = Path(__file__).parents[2] / "contracts"
SERVICE: Final = Path(__file__).parents[2] / "service" / "ordersaga"
OUTCOME: Final = json.loads((Path(__file__).parents[2] / "contracts/schemas/outcome.json").read_text())["$defs"]
PROVIDERS: Final = {"klarna": KLARNA, "mollie": MOLLIE}
"""The table of each provider."""
TO_PAY_THERE: Final = frozenset({"create_order_to_pay", "retry_payment", "refund_payment", "cancel_lines"})
"""Operations of orders that the customer pays at the provider, which Klarna's don't have."""


def modules() -> Iterator[tuple[str, ast.Module]]:
    for path in sorted(SERVICE.rglob("*.py")):
        yield str(path.relative_to(SERVICE)), ast.parse(path.read_text())


def test_each_event_is_decided_by_one_row() -> None:
    deciding = Counter(event.__name__ for row in OPERATIONS.values() for event in row.decides)
    missing = {event.__name__ for event in TYPES.values()} - deciding.keys()
    assert not missing, f"no row of domain/operations/ decides {missing}"
    assert [name for name, rows in deciding.items() if rows > 1] == []
    assert set(DECIDED_BY) == set(TYPES.values())


def test_each_operation_has_a_row_at_one_provider_at_least() -> None:
    rows = set().union(*PROVIDERS.values())
    missing = set(OPERATIONS) - rows
    assert not missing, f"no row of a provider's operations/table.py: {missing}"
    assert rows <= set(OPERATIONS)


def test_klarna_has_a_row_for_each_operation_of_an_order_that_isnt_paid_there() -> None:
    missing = set(OPERATIONS) - TO_PAY_THERE - set(KLARNA)
    assert not missing, f"no row of providers/klarna/operations/table.py: {missing}"
    assert (set(LIMITS) | set(LIMITS_OF_MOLLIE)) <= set(TYPES.values())


CHANGES: Final = sorted(name for name, row in KLARNA.items() if row.shows and not OPERATIONS[name].moves_money)


FROZEN_FROM: Final = {"record_shipment": ["shop.order.shipped.v1"]}


@pytest.mark.parametrize("name", CHANGES)
def test_a_read_shows_each_change_without_money_or_says_that_it_cannot(name: str) -> None:
    """With every valid example of its events, before and after the change."""
    row, klarna = OPERATIONS[name], KLARNA[name]
    assert klarna.freeze is not None
    assert klarna.shows is not None
    types = FROZEN_FROM.get(name) or [event_type for event_type, data in TYPES.items() if data in row.decides]
    examples = [path for event_type in types for path in (CONTRACTS / "examples" / event_type).glob("valid-*.json")]
    seen = 0
    order = replace(Story(line("A", 1, 10)).order, provider_order_id="o-1")
    for path, event_type in ((path, path.parent.name) for path in examples):
        data = decode_data(event_type, path.read_bytes())
        request = klarna.freeze(order, Operation("op", name, Cause("/shop", "e", event_type), 0, 0.0, 0.0), data)
        sent = json.loads(request.body or "{}")
        if not sent:
            continue
        seen += 1
        before = snapshot(order, facts=dict.fromkeys(sent, "another"))
        after = snapshot(order, facts=sent)
        assert klarna.shows(request, before) in {False, None}
        assert klarna.shows(request, after) in {True, None}
        assert klarna.shows(request, snapshot(order)) is None
    assert seen


@pytest.mark.parametrize("name", KLARNA)
def test_a_row_of_klarna_keeps_what_the_domain_says_of_the_operation(name: str) -> None:
    ours, theirs = OPERATIONS[name], KLARNA[name]
    assert theirs.name == name
    assert theirs.reads is ours.only_reads
    keyless = isinstance(ours.evidence, NoEvidence | ByTokenRead | ByCheckoutRead)
    assert (theirs.key_seconds == 0) is keyless
    shown = isinstance(ours.evidence, ByReading) and ours.evidence.find in {findings.find_change, findings.find_record}
    assert (theirs.shows is not None) is (shown or (ours.adopts and not ours.only_reads))


@pytest.mark.parametrize("name", MOLLIE)
def test_a_row_of_mollie_keeps_what_the_domain_says_of_the_operation(name: str) -> None:
    """A lost answer to a call without a key is looked up by a read."""
    ours, theirs = OPERATIONS[name], MOLLIE[name]
    assert theirs.name == name
    assert (theirs.freeze is None) is ours.only_reads
    assert ours.only_reads or isinstance(ours.evidence, ByReading)
    shown = isinstance(ours.evidence, ByReading) and ours.evidence.find in {findings.find_change, findings.find_amend}
    assert (theirs.shows is not None) is (shown or (ours.adopts and not ours.only_reads))
    if isinstance(ours.evidence, ByReading) and ours.evidence.find in {findings.find_refund, findings.find_created}:
        assert theirs.key_seconds, "a repeat is recognised"


@pytest.mark.parametrize("name", OPERATIONS)
def test_the_contract_knows_the_operation_and_its_outcomes(name: str) -> None:
    assert name in OUTCOME["operation_type"]["enum"] or not OPERATIONS[name].outcomes, "it shows in no outcome"
    for outcome in OPERATIONS[name].outcomes:
        assert f"payments.order.{outcome}.v1" in OUTCOME["outcome_type"]["enum"]


def test_whatever_is_planned_has_a_row() -> None:
    planned = {
        node.args[0].value
        for _, tree in modules()
        for node in ast.walk(tree)
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and node.func.attr == "plan"
        and isinstance(node.args[0], ast.Constant)
    }
    assert {"capture", "refund"} <= planned <= set(OPERATIONS)


def asked_by_name(tree: ast.Module) -> Iterator[str]:
    """Names of operations that something's `.type` is compared with, or matched against."""
    for node in ast.walk(tree):
        subject = node.left if isinstance(node, ast.Compare) else node.subject if isinstance(node, ast.Match) else None
        if isinstance(subject, ast.Attribute) and subject.attr == "type":
            constants = (one.value for one in ast.walk(node) if isinstance(one, ast.Constant))
            yield from (one for one in constants if isinstance(one, str) and one in OPERATIONS)


def test_nobody_asks_an_operation_for_its_name() -> None:
    found = {place: names for place, tree in modules() if (names := list(asked_by_name(tree)))}
    assert found == {}


@pytest.mark.parametrize(
    "code", ['x = operation.type == "capture"', 'y = o.type in {"refund"}', 'match o.type:\n  case "amend":\n    pass']
)
def test_who_asks_would_be_found(code: str) -> None:
    assert list(asked_by_name(ast.parse(code)))


def without_reference() -> tuple[Story, Operation]:
    """A capture of two A whose answer was lost, at a provider that keeps no reference of ours."""
    story = open_operation("capture")
    story.terms.without_reference.add("capture")
    lose(story)
    return story, story.operation


def found(story: Story, operation: Operation, *captures: CaptureSeen) -> object:
    return evidence.find(story.order, operation, snapshot(story.order, captures=captures), story.rules)


def test_without_a_reference_an_unknown_id_with_the_same_lines_shows_it() -> None:
    story, operation = without_reference()
    lines = tuple((story.order.lines[a.position].reference, a.quantity, a.amount) for a in operation.allocations)
    same = CaptureSeen("c-1", operation.amount, None, 0, lines)
    assert found(story, operation, same) == findings.Present("c-1")
    assert found(story, operation) == "absent"
    assert found(story, operation, CaptureSeen("c-1", operation.amount + 1, None, 0, (("other", 1, 1),))) == "absent"


def test_without_a_reference_what_could_be_ours_is_ambiguous() -> None:
    story, operation = without_reference()
    lines = tuple((story.order.lines[a.position].reference, a.quantity, a.amount) for a in operation.allocations)
    same = CaptureSeen("c-1", operation.amount, None, 0, lines)
    assert found(story, operation, same, CaptureSeen("c-2", operation.amount, None, 0, lines)) == "ambiguous"
    assert found(story, operation, CaptureSeen("c-1", operation.amount - 1, None, 0, lines)) == "ambiguous"
    assert found(story, operation, CaptureSeen("c-1", operation.amount)) == "ambiguous"


def test_without_a_reference_a_known_id_shows_nothing() -> None:
    story = Story(line("A", 4, 25))
    story.shipped("A:2")
    story.terms.without_reference.add("capture")
    known = story.order.captures[0]
    story.eager = False
    story.shipped("A:2")
    seen = CaptureSeen(known.id, known.amount, None, 0, (("A", 2, 50),))
    assert known == Capture(known.id, 50, known.reference, (Allocation(0, 2, 50),), shipment=known.shipment)
    assert found(story, story.operation, seen) == "absent"


def test_reading_is_evidence_for_all_that_an_order_shows() -> None:
    readable = {name for name, row in OPERATIONS.items() if isinstance(row.evidence, ByReading)}
    assert readable >= {"capture", "refund", "cancel", "release", "amend"}
    assert {"create_order", "cancel_authorization", "take_over"} & readable == set()
