"""The contract's schemas as validators: the oracle that decoders and examples are checked against."""

import json
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

from jsonschema import Draft202012Validator, TypeChecker
from jsonschema.exceptions import ValidationError
from jsonschema.validators import extend
from referencing import Registry
from referencing.jsonschema import DRAFT202012

CONTRACTS = Path(__file__).parents[2] / "contracts"


def _is_integer(_: TypeChecker, value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


# JSON Schema takes 1.0 for an integer; the contract doesn't.
_Strict = extend(  # type: ignore[no-untyped-call]  # its stub has no types
    Draft202012Validator, type_checker=Draft202012Validator.TYPE_CHECKER.redefine("integer", _is_integer)
)


def load(folder: Path) -> dict[str, Any]:
    """The schemas of a folder by file name."""
    return {path.name: json.loads(path.read_text()) for path in sorted(folder.glob("*.json"))}


def registry(schemas: Mapping[str, Any]) -> "Registry[Any]":
    """Lets the schemas refer to each other by file name, and to nothing else."""
    known: Registry[Any] = Registry()
    return known.with_resources((name, DRAFT202012.create_resource(_plain(schema))) for name, schema in schemas.items())


def _plain(schema: Mapping[str, Any]) -> dict[str, Any]:
    # At a $schema jsonschema changes over to its own class for that draft, which takes 1.0 for an integer.
    # The alternatives of a whole file are for generators of code, and are implied by its other rules.
    return {key: value for key, value in schema.items() if key not in {"$schema", "oneOf"}}


@cache
def current() -> dict[str, Any]:
    return load(CONTRACTS / "schemas")


def shop_types() -> list[str]:
    return [name.removesuffix(".json") for name in current() if name.startswith("shop.")]


def outcome_types() -> list[str]:
    types: list[str] = current()["outcome.json"]["$defs"]["outcome_type"]["enum"]
    return types


def schema_of(event_type: str) -> str:
    """The file that describes the data of an event type ("envelope": a structured event as a whole)."""
    return "outcome.json" if event_type.startswith("payments.") else f"{event_type}.json"


def validator(schema: Mapping[str, Any], schemas: Mapping[str, Any]) -> Any:
    """Of a schema that refers to others by their names."""
    return _Strict(schema, registry=registry(schemas))


@cache
def _validator(reference: str) -> Any:
    return validator({"$ref": reference}, current())


@cache
def _alternatives(name: str) -> Any:
    schema = current()[name]
    nested = {"$defs": {**schema.get("$defs", {}), "alternatives": {"oneOf": schema["oneOf"]}}}
    return validator({"$ref": "nested.json#/$defs/alternatives"}, current() | {"nested.json": nested})


def fits_an_alternative(event_type: str, value: object) -> bool:
    """Whether it is exactly one of the alternatives of its file."""
    return bool(_alternatives(schema_of(event_type)).is_valid(value))


def errors(event_type: str, value: object) -> list[ValidationError]:
    return list(_validator(schema_of(event_type)).iter_errors(value))


def error_paths(event_type: str, value: object) -> frozenset[str]:
    """JSON paths of everything that breaks the schema; empty: valid. A missing field is told at its parent."""
    return frozenset(error.json_path for error in errors(event_type, value))
