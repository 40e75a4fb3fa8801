"""The AsyncAPI document beside the schemas (its own syntax is checked by hand with @asyncapi/parser)."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
import yaml

from ordersaga.domain.model.ids import outcome_id
from ordersaga.domain.model.order import Key

from .compatibility import resolved
from .schemas import CONTRACTS, current, outcome_types, shop_types, validator

FILE = "asyncapi.yaml"
DOCUMENT: dict[str, Any] = yaml.safe_load((CONTRACTS / FILE).read_text())
KNOWN = {FILE: DOCUMENT} | {f"./schemas/{name}": schema for name, schema in current().items()}
MESSAGES = DOCUMENT["components"]["messages"]


def _references(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        if "$ref" in value:
            yield value["$ref"]
        for inner in value.values():
            yield from _references(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _references(inner)


def test_every_reference_leads_somewhere() -> None:
    for reference in _references(DOCUMENT):
        assert resolved(KNOWN, {"$ref": reference}, FILE), reference


def test_every_schema_file_is_referenced() -> None:
    named = {reference.partition("#")[0] for reference in _references(DOCUMENT)} - {""}
    assert named == {f"./schemas/{name}" for name in current()}


def test_the_channels_are_the_topics_of_the_contract() -> None:
    channels = DOCUMENT["channels"]
    assert {channel["address"] for channel in channels.values()} == {"shop.orders", "payments.orders"}
    told = {_target(message) for channel in channels.values() for message in channel["messages"].values()}
    assert told == {f"#/components/messages/{name}" for name in MESSAGES}
    assert {(o["action"], _target(o["channel"])) for o in DOCUMENT["operations"].values()} == {
        ("receive", "#/channels/shopOrders"),
        ("send", "#/channels/paymentsOrders"),
    }


def test_each_shop_event_is_a_message_with_its_type_and_data() -> None:
    of_type = {name: message for name, message in MESSAGES.items() if name not in {"structured", "outcome"}}
    assert sorted(message["name"] for message in of_type.values()) == shop_types()
    for message in of_type.values():
        assert message["headers"]["properties"]["ce_type"] == {"const": message["name"]}
        assert _target(message["payload"]) == f"./schemas/{message['name']}.json"
        assert message["title"] == current()[f"{message['name']}.json"]["description"]
        assert [_target(trait) for trait in message["traits"]] == ["#/components/messageTraits/shopEvent"]


def test_both_content_modes_are_described_and_keyed() -> None:
    structured, outcome = MESSAGES["structured"], MESSAGES["outcome"]
    assert structured["contentType"] == "application/cloudevents+json"
    assert _target(structured["payload"]) == "./schemas/envelope.json#/$defs/structured_event"
    assert (
        outcome["contentType"]
        == DOCUMENT["components"]["messageTraits"]["shopEvent"]["contentType"]
        == "application/json"
    )
    for described in (structured, outcome, DOCUMENT["components"]["messageTraits"]["shopEvent"]):
        bindings, _ = resolved(KNOWN, described["bindings"], FILE)
        assert "key" in bindings["kafka"]


def test_the_headers_are_the_attributes_of_the_envelope() -> None:
    definitions = current()["envelope.json"]["$defs"]
    pairs = [
        (DOCUMENT["components"]["messageTraits"]["shopEvent"]["headers"], definitions["shop_event"], {"ce_type"}),
        (MESSAGES["outcome"]["headers"], definitions["outcome"], set()),
    ]
    for headers, envelope, per_message in pairs:
        attributes = {f"ce_{name}" for name in envelope["properties"]} - {"ce_datacontenttype", "ce_data"}
        assert headers["properties"].keys() - {"content-type"} == attributes - per_message
        assert set(headers["required"]) - {"content-type"} == {f"ce_{name}" for name in envelope["required"]}
    kinds, _ = resolved(KNOWN, MESSAGES["outcome"]["headers"]["properties"]["ce_type"], FILE)
    assert kinds["enum"] == outcome_types()


def test_every_security_scheme_is_offered() -> None:
    offered = {_target(scheme) for scheme in DOCUMENT["servers"]["secure"]["security"]}
    assert offered == {f"#/components/securitySchemes/{name}" for name in DOCUMENT["components"]["securitySchemes"]}


@pytest.mark.parametrize("name", MESSAGES)
def test_a_message_has_examples_that_are_those_of_the_contract(name: str) -> None:
    message = MESSAGES[name]
    assert message["examples"]
    for example in message["examples"]:
        attributes = {key.removeprefix("ce_"): value for key, value in example["headers"].items()}
        event_type = "envelope" if name == "structured" else attributes["type"]
        file = CONTRACTS / "examples" / event_type / f"valid-{example['name']}.json"
        assert example["payload"] == json.loads(file.read_text())
        assert name in {"structured", "outcome"} or event_type == message["name"]
        described = {**_headers(message), "additionalProperties": False}
        assert list(validator(described, KNOWN).iter_errors(example["headers"])) == []


def test_the_example_outcomes_have_the_ids_of_their_positions() -> None:
    for example in MESSAGES["outcome"]["examples"]:
        headers = example["headers"]
        key = Key(headers["ce_merchant"], headers["ce_kind"], headers["ce_subject"])
        assert headers["ce_id"] == outcome_id(key, int(headers["ce_epoch"]), int(headers["ce_sequence"]))


def _headers(message: dict[str, Any]) -> dict[str, Any]:
    """With those of its traits."""
    traits = [resolved(KNOWN, trait, FILE)[0]["headers"] for trait in message.get("traits", ())]
    parts = [*traits, message["headers"]]
    return {
        "required": [name for part in parts for name in part.get("required", ())],
        "properties": {name: one for part in parts for name, one in part["properties"].items()},
    }


def _target(reference: dict[str, str]) -> str:
    return reference["$ref"]
