"""The decoder accepts exactly what the contract's schemas accept."""

import importlib
from functools import cache
from typing import Any

import pytest

from ordersaga.bus.data import InvalidData, decode
from ordersaga.bus.schemas import types
from ordersaga.domain.model.events import TYPES

cases: Any = importlib.import_module("contracts.cases")
EXAMPLES = [case for case in (*cases.valid_cases("shop."), *cases.invalid_cases("shop.")) if case.type in TYPES]


@cache
def near_misses() -> list[Any]:
    return list(cases.near_misses())


@pytest.mark.parametrize("case", EXAMPLES, ids=lambda case: f"{case.type}-{case.name}")
def test_an_example_is_read_as_the_contract_says(case: Any) -> None:
    found = decode(case.type, case.data)
    if case.path is not None:
        assert isinstance(found, InvalidData)
        assert any(message.startswith(f"{case.path}:") for message in found.messages), found
    else:
        assert isinstance(found, TYPES[case.type]), found


@pytest.mark.parametrize("event_type", sorted(TYPES))
def test_a_near_miss_is_judged_as_by_the_schema(event_type: str) -> None:
    differing = []
    misses = [miss for miss in near_misses() if miss.type == event_type]
    for miss in misses:
        found = decode(event_type, miss.data)
        if isinstance(found, InvalidData) != bool(miss.paths):
            differing.append((miss.name, found))
    assert misses
    assert differing == []


def test_what_is_read_is_of_the_contract() -> None:
    assert set(TYPES) <= types()
    assert len(types()) == 19
