"""The schemas and their examples."""

import json
import re
from collections.abc import Iterator
from itertools import groupby
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from .cases import EXAMPLES, Case, invalid_cases, near_misses, valid_cases
from .compatibility import resolved
from .schemas import current, error_paths, fits_an_alternative, outcome_types, shop_types

NOTES = {"description", "$ref"}
WITH_ALTERNATIVES = [name.removesuffix(".json") for name, schema in current().items() if "oneOf" in schema]


def _nodes(value: Any) -> Iterator[dict[str, Any]]:
    if isinstance(value, dict):
        yield value
    if isinstance(value, dict | list):
        for inner in value.values() if isinstance(value, dict) else value:
            yield from _nodes(inner)


@pytest.mark.parametrize("name", sorted(current()))
def test_a_schema_is_valid_2020_12(name: str) -> None:
    schema = current()[name]
    assert schema["$schema"] == Draft202012Validator.META_SCHEMA["$id"]
    Draft202012Validator.check_schema(schema)


@pytest.mark.parametrize("name", sorted(current()))
def test_every_reference_leads_somewhere_within_the_contract(name: str) -> None:
    for node in _nodes(current()[name]):
        if "$ref" in node:
            assert resolved(current(), node, name)
            assert node.keys() <= NOTES, "tools before 2019-09 ignore what stands beside a $ref"


@pytest.mark.parametrize("name", sorted(current()))
def test_unknown_fields_are_allowed(name: str) -> None:
    for node in _nodes(current()[name]):
        assert node.get("additionalProperties", True) is True
        assert "unevaluatedProperties" not in node


def test_every_definition_is_used() -> None:
    used = {resolved_name for name in current() for resolved_name in _definitions_used(name)}
    defined = {f"{name}#/$defs/{key}" for name, schema in current().items() for key in schema.get("$defs", {})}
    assert defined == used


def _definitions_used(name: str) -> Iterator[str]:
    for node in _nodes(current()[name]):
        if "#" in node.get("$ref", ""):
            file, _, pointer = node["$ref"].partition("#")
            yield f"{file or name}#{pointer}"


def test_the_envelope_gives_each_event_type_its_data() -> None:
    event = current()["envelope.json"]["$defs"]
    assert sorted(event["shop_event"]["properties"]["type"]["enum"]) == shop_types()
    for rule in event["structured_event"]["allOf"][1:]:
        named = rule["if"]["properties"]["type"]["const"]
        assert rule["then"]["properties"]["data"] == {"$ref": f"{named}.json"}
    assert len(event["structured_event"]["allOf"]) == 1 + len(shop_types())


@pytest.mark.parametrize("case", valid_cases(), ids=lambda case: f"{case.type}-{case.name}")
def test_a_valid_example_validates(case: Case) -> None:
    assert error_paths(case.type, json.loads(case.data)) == frozenset()


@pytest.mark.parametrize("case", invalid_cases(), ids=lambda case: f"{case.type}-{case.name}")
def test_an_invalid_example_fails_at_its_path_alone(case: Case) -> None:
    assert error_paths(case.type, json.loads(case.data)) == {case.path}


def test_no_example_is_left_out() -> None:
    listed = {(case.type, f"{case.name}.json") for case in [*valid_cases(), *invalid_cases()]}
    assert listed == {(path.parent.name, path.name) for path in EXAMPLES.glob("*/*")}


@pytest.mark.parametrize("event_type", shop_types())
def test_a_shop_event_has_several_examples_of_both(event_type: str) -> None:
    assert len(valid_cases(event_type)) >= 2
    assert len(invalid_cases(event_type)) >= 2


def test_every_type_of_outcome_has_an_example() -> None:
    assert {case.type for case in valid_cases("payments.")} == set(outcome_types())


@pytest.mark.parametrize("event_type", WITH_ALTERNATIVES)
def test_what_is_valid_is_exactly_one_of_the_alternatives(event_type: str) -> None:
    valid = [case.data for case in valid_cases(event_type)] + [
        miss.data for miss in near_misses(event_type) if not miss.paths
    ]
    assert [data for data in valid if not fits_an_alternative(event_type, json.loads(data))] == []


def test_a_placed_order_without_what_its_way_of_payment_needs_is_none_of_the_alternatives() -> None:
    missing = [case for case in invalid_cases("shop.order.placed.v1") if case.path in {"$", "$.payment"}]
    accepted = [case.name for case in missing if fits_an_alternative(case.type, json.loads(case.data))]
    assert len(missing) > 5
    assert accepted == ["invalid-tokenize-without-authorization"]  # required by another field


@pytest.mark.parametrize("name", sorted(current()))
def test_what_becomes_a_type_has_a_title(name: str) -> None:
    schema = current()[name]
    for node in [schema, *schema.get("$defs", {}).values(), *schema.get("oneOf", [])]:
        assert node.keys() & {"title", "$ref"}, node
    conditions = [id(inner) for node in _nodes(schema) for inner in _conditions(node)]
    for node in _nodes(schema):
        if (node.get("type") == "object" or "enum" in node) and id(node) not in conditions:
            assert "title" in node, node


def _conditions(node: dict[str, Any]) -> Iterator[dict[str, Any]]:
    for keyword in ("if", "then", "else", "not"):
        yield from _nodes(node.get(keyword))


@pytest.mark.parametrize("case", valid_cases("payments."), ids=lambda case: f"{case.type}-{case.name}")
def test_an_example_outcome_keeps_the_rules_beyond_the_schema(case: Case) -> None:
    outcome = json.loads(case.data)
    books = outcome["order"]
    if books:
        parts = ("captured_amount", "released_amount", "remaining_authorized_amount")
        assert books["order_amount"] == sum(books[part] for part in parts)
        assert books["refunded_amount"] <= books["captured_amount"]
    assert ("error" in outcome) == bool(re.search(r"\.(rejected|attention_required)\.v1$", case.type))


def test_an_integer_is_written_without_a_fraction() -> None:
    placed = json.loads((EXAMPLES / "shop.order.placed.v1" / "valid-smallest.json").read_text())
    placed["order_amount"] = float(placed["order_amount"])
    assert error_paths("shop.order.placed.v1", placed) == {"$.order_amount"}


def test_near_misses_come_on_both_sides_of_every_kind() -> None:
    misses = list(near_misses())
    for event_type, group in groupby(misses, key=lambda miss: miss.type):
        found = list(group)
        assert event_type in shop_types()
        assert any(miss.paths for miss in found)
    of_mini = {
        miss.name: miss.paths for miss in misses if miss.name.startswith("valid-smallest: ") and "placed" in miss.type
    }
    line = "$.order_lines[0]"
    assert of_mini[f"valid-smallest: dropped at {line}.quantity"] == {line}
    assert of_mini[f"valid-smallest: NUL at {line}.name"] == {f"{line}.name"}
    assert of_mini[f"valid-smallest: 20 digits at {line}.unit_price"] == {f"{line}.unit_price"}
    assert of_mini[f"valid-smallest: float for integer at {line}.unit_price"] == {f"{line}.unit_price"}
    assert of_mini[f"valid-smallest: boolean for integer at {line}.unit_price"] == {f"{line}.unit_price"}
    assert of_mini[f"valid-smallest: negative at {line}.unit_price"] == frozenset()
    assert of_mini[f"valid-smallest: dropped at {line}.reference"] == frozenset()
