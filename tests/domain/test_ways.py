"""The ways of payment: one table, as the contract's schemas and the adapters have them."""

import ast
import json
from pathlib import Path
from typing import Any, Final

import pytest

from ordersaga.domain.model.ways import WAYS
from ordersaga.providers.klarna.operations.table import OPERATIONS as KLARNA
from ordersaga.providers.mollie.operations.table import OPERATIONS as MOLLIE

ROOT: Final = Path(__file__).parents[2]
SCHEMAS: Final = ROOT / "contracts" / "schemas"
DOMAIN: Final = ROOT / "service" / "ordersaga" / "domain"
BESIDE: Final = frozenset({"tokenize"})
"""Of `payment`, beside the field that names the way."""


def alternatives() -> dict[str, dict[str, set[str]]]:
    """As the schema of `placed` lists them."""
    common = json.loads((SCHEMAS / "common.json").read_text())["$defs"]
    found: dict[str, dict[str, set[str]]] = {}
    for one in json.loads((SCHEMAS / "shop.order.placed.v1.json").read_text())["oneOf"]:
        payment: dict[str, Any] = common[one["properties"]["payment"]["$ref"].rpartition("/")[2]]
        provider = common[payment["properties"]["provider"]["$ref"].rpartition("/")[2]]["const"]
        (way,) = set(payment["required"]) - {"provider"}
        found.setdefault(provider, {})[way] = set(one["required"]) - {"payment"}
    return found


def test_the_ways_are_those_of_the_contract() -> None:
    assert {provider: {way: set(needs) for way, needs in ways.items()} for provider, ways in WAYS.items()} == (
        alternatives()
    )


@pytest.mark.parametrize(
    ("provider", "ways"),
    [
        ("klarna", {way for row in KLARNA.values() for way in row.ways}),
        ("mollie", {way for row in MOLLIE.values() for way in row.ways}),
    ],
    ids=["klarna", "mollie"],
)
def test_an_adapter_has_an_operation_for_each_way(provider: Any, ways: set[frozenset[str]]) -> None:
    assert {way - BESIDE for way in ways} == {frozenset({way}) for way in WAYS[provider]}


def named_in(module: str) -> set[str]:
    """Providers that are named in its code: in constants, and as parts of names."""
    words: set[str] = set()
    for node in ast.walk(ast.parse(module)):
        match node:
            case ast.Constant(value=str() as text):
                words.add(text.lower())
            case ast.Name(id=name) | ast.Attribute(attr=name) | ast.FunctionDef(name=name) | ast.arg(arg=name):
                words.add(name.lower())
            case _:
                pass
    return {provider for provider in WAYS for word in words if provider in word}


@pytest.mark.parametrize("module", sorted(DOMAIN.rglob("*.py")), ids=lambda path: str(path.relative_to(DOMAIN)))
def test_the_domain_names_no_provider_but_in_the_table(module: Path) -> None:
    assert named_in(module.read_text()) == (set(WAYS) if module.name == "ways.py" else set())


@pytest.mark.parametrize("code", ['x == "klarna"', "mollie_only(x)", "x.klarna", "def f(of_mollie): pass"])
def test_a_name_is_seen(code: str) -> None:
    assert named_in(code)
