"""The decoder accepts exactly what the contract's schemas accept."""

import importlib
import json
from functools import cache
from typing import Any

import pytest

from ordersaga.bus import schemas
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


def many_lines(**last: object) -> bytes:
    """About 0.9 MB: as many small lines as a record holds."""
    line: dict[str, object] = {"reference": "", "name": "x", "quantity": 1, "unit_price": 1, "total_amount": 1}
    data = {
        "payment": {"provider": "klarna", "authorization_token": "t"},
        "purchase_country": "GB",
        "purchase_currency": "GBP",
        "order_amount": 11_000,
        "order_lines": [line] * 10_999 + [line | last],
    }
    return json.dumps(data).encode()


def test_large_data_that_is_wrong_is_refused_with_the_place_and_without_a_full_check() -> None:
    refused = decode("shop.order.placed.v1", many_lines(quantity=-1))
    assert isinstance(refused, InvalidData)
    assert refused.messages == (
        "$.order_lines[10999].quantity: can't be decoded",
        "$: not checked in full: there may be more errors",
    )


def test_large_data_that_is_right_is_taken_and_a_nul_in_it_is_not() -> None:
    assert not isinstance(decode("shop.order.placed.v1", many_lines()), InvalidData)
    assert not isinstance(decode("shop.order.placed.v1", many_lines(name="\\u0000 as text")), InvalidData)
    refused = decode("shop.order.placed.v1", many_lines(name="\0"))
    assert isinstance(refused, InvalidData)
    assert refused.messages[0] == "$: contains NUL"


def test_the_first_check_of_a_type_is_as_thorough_as_later_ones() -> None:
    data = json.dumps({"payment": {"provider": "mollie"}}).encode()
    decode("shop.order.placed.v1", data)
    later = decode("shop.order.placed.v1", data)
    schemas._validator.cache_clear()
    assert decode("shop.order.placed.v1", data) == later
    assert isinstance(later, InvalidData)
    assert "$: not checked in full: there may be more errors" not in later.messages
