"""The guard against breaking changes, and that it turns red."""

import copy
from collections.abc import Callable
from typing import Any

import pytest

from .compatibility import breaks
from .schemas import CONTRACTS, current, load

Change = Callable[[dict[str, Any]], object]


def test_nothing_released_is_broken() -> None:
    problems = breaks(load(CONTRACTS / "published"), current())
    assert not problems, (
        "these changes break a sender or a reader of the released contract; take them back, or bring them as a new "
        "version of the event type beside the old one:\n" + "\n".join(problems)
    )


def _placed(schemas: dict[str, Any]) -> Any:
    return schemas["shop.order.placed.v1.json"]


def _common(schemas: dict[str, Any], name: str) -> Any:
    return schemas["common.json"]["$defs"][name]


def _outcome(schemas: dict[str, Any]) -> Any:
    return schemas["outcome.json"]


def _books(schemas: dict[str, Any]) -> Any:
    return _outcome(schemas)["properties"]["order"]


def _enum(schemas: dict[str, Any], name: str) -> Any:
    return _outcome(schemas)["$defs"][name]


BREAKING: dict[str, tuple[Change, str]] = {
    "an event type is removed": (lambda s: s.pop("shop.order.closed.v1.json"), "shop.order.closed.v1.json: removed"),
    "an input field becomes required": (lambda s: _placed(s)["required"].append("locale"), ".locale: now required"),
    "a conditional input field becomes required": (
        lambda s: _placed(s)["allOf"][0]["else"]["required"].append("order_tax_amount"),
        "allOf[0].else.order_tax_amount: now required",
    ),
    "an input field is removed": (lambda s: _placed(s)["properties"].pop("attachment"), ".attachment: removed"),
    "an input type is narrowed": (
        lambda s: _common(s, "method").update(type=["string", "null"]),
        "no longer takes ['array']",
    ),
    "an input type is replaced": (lambda s: _common(s, "count").update(type="string"), "no longer takes ['integer']"),
    "an input value is removed": (
        lambda s: _common(s, "order_line")["properties"]["type"]["enum"].remove("surcharge"),
        "value removed: [\"'surcharge'\"]",
    ),
    "an input gets a list of values": (
        lambda s: _common(s, "payment")["properties"].update(sequence_type={"type": "string", "enum": ["recurring"]}),
        "list of values added",
    ),
    "an input minimum is raised": (lambda s: _common(s, "count").update(minimum=1), "minimum narrowed"),
    "an input maximum is new": (lambda s: _common(s, "text").update(maxLength=35), "maxLength narrowed"),
    "an input pattern is new": (lambda s: _common(s, "address").update(pattern="^x"), "pattern changed"),
    "an input array must hold more": (lambda s: _common(s, "shipping_info").update(minItems=1), "minItems narrowed"),
    "a default changes": (lambda s: _common(s, "tax_rate").update(default=2000), "default changed"),
    "unknown fields are refused": (
        lambda s: _placed(s).update(additionalProperties=False),
        "additionalProperties changed",
    ),
    "a way of payment is removed": (
        lambda s: _common(s, "payment")["allOf"][0]["then"]["oneOf"].pop(),
        "oneOf[3] removed",
    ),
    "an unknown keyword appears": (lambda s: _placed(s).update(dependentSchemas={}), "dependentSchemas changed"),
    "an envelope attribute becomes required": (
        lambda s: s["envelope.json"]["$defs"]["shop_event"]["required"].append("subject"),
        ".subject: now required",
    ),
    "an event type can't be named any more": (
        lambda s: s["envelope.json"]["$defs"]["shop_event"]["properties"]["type"]["enum"].pop(),
        "value removed",
    ),
    "an outcome property is removed": (lambda s: _outcome(s)["properties"].pop("result"), "result: removed"),
    "an outcome property isn't always there": (
        lambda s: _outcome(s)["required"].remove("cause"),
        "no longer always there",
    ),
    "an outcome property is retyped": (
        lambda s: _books(s)["properties"].update(captured_amount={"type": "string"}),
        "may now be ['string']",
    ),
    "an outcome property may be null": (
        lambda s: _outcome(s)["properties"]["final"].update(type=["boolean", "null"]),
        "['null']",
    ),
    "an amount may be negative": (
        lambda s: _books(s)["properties"].update(refunded_amount={"$ref": "common.json#/$defs/integer"}),
        "minimum widened",
    ),
    "an order gets a new status": (lambda s: _enum(s, "order_status")["enum"].append("disputed"), "value added"),
    "statuses are no longer listed": (
        lambda s: _books(s)["properties"].update(status={"type": "string"}),
        "list of values removed",
    ),
    "a closed list is opened": (lambda s: _enum(s, "order_status").update({"x-open": True}), "list of values opened"),
    "an outcome has a new type": (
        lambda s: _enum(s, "outcome_type")["enum"].append("payments.order.lost.v1"),
        "value added",
    ),
    "the epoch is left out": (
        lambda s: s["envelope.json"]["$defs"]["outcome"]["required"].remove("epoch"),
        "epoch: no longer always there",
    ),
    "the sequence is left out": (
        lambda s: s["envelope.json"]["$defs"]["outcome"]["required"].remove("sequence"),
        "sequence: no longer always there",
    ),
}

HARMLESS: dict[str, Change] = {
    "an optional input field": lambda s: _placed(s)["properties"].update(gift={"type": "boolean"}),
    "an input field that needn't be there any more": lambda s: _placed(s)["required"].remove("purchase_country"),
    "a wider input type": lambda s: _common(s, "tokenize").update(type=["object", "null"]),
    "a new input value": lambda s: _common(s, "order_line")["properties"]["type"]["enum"].append("tip"),
    "an input of any type": lambda s: _common(s, "attachment").pop("type"),
    "no pattern": lambda s: _common(s, "country").pop("pattern"),
    "a new event type": lambda s: (
        s.update({"shop.order.split.v1.json": {"type": "object"}}),
        s["envelope.json"]["$defs"]["shop_event"]["properties"]["type"]["enum"].append("shop.order.split.v1"),
    ),
    "a new outcome property": lambda s: _books(s)["properties"].update(disputed_amount={"type": "integer"}),
    "an outcome property that is always there": lambda s: _outcome(s)["properties"]["result"].update(
        required=["capture_id"]
    ),
    "an outcome value that comes no more": lambda s: _enum(s, "order_status")["enum"].remove("abandoned"),
    "an outcome that is never null": lambda s: _outcome(s)["properties"]["cause"].update(type="object"),
    "a new code of ours": lambda s: _enum(s, "error_code")["enum"].append("over_the_moon"),
    "a new kind of operation": lambda s: _enum(s, "operation_type")["enum"].append("settle_dispute"),
    "other words": lambda s: _placed(s).update(description="An order was placed in the shop."),
    "a definition under another name": lambda s: (
        s["common.json"]["$defs"].update(flag={"type": "boolean", "default": False}),
        _placed(s)["properties"].update(auto_capture={"$ref": "common.json#/$defs/flag"}),
    ),
}


def _changed(change: Change) -> dict[str, Any]:
    schemas = copy.deepcopy(current())
    change(schemas)
    assert schemas != current(), "the change changes nothing"
    return schemas


@pytest.mark.parametrize("what", BREAKING)
def test_a_breaking_change_is_found(what: str) -> None:
    change, told = BREAKING[what]
    problems = breaks(current(), _changed(change))
    assert any(told in problem for problem in problems), problems


@pytest.mark.parametrize("what", HARMLESS)
def test_a_harmless_change_passes(what: str) -> None:
    assert breaks(current(), _changed(HARMLESS[what])) == []
