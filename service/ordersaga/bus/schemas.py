"""The contract's JSON Schemas, to list all that is wrong with an event. It is slow: use it for invalid events only."""

import json
import math
from collections.abc import Iterator, Mapping
from functools import cache
from itertools import islice
from pathlib import Path
from time import monotonic
from typing import TYPE_CHECKING, Any, Final, cast

import ordersaga

if TYPE_CHECKING:
    from jsonschema import TypeChecker
    from jsonschema.exceptions import ValidationError
    from jsonschema.protocols import Validator

_MAX_MESSAGES: Final = 100
_PREFIX: Final = "shop.order."
_MAX_DIGITS: Final = 20
_MAX_SECONDS: Final = 0.02


class NotJsonError(ValueError):
    """The data isn't JSON."""


class TooLargeError(ValueError):
    """The data can't be checked within the time that a record may take. `messages`: those that were found by then."""

    def __init__(self, messages: tuple[str, ...]) -> None:
        super().__init__("too large to be checked in full")
        self.messages = messages


class _OutOfTimeError(Exception):
    pass


class _Limit:
    """When the check that is under way has to end (the monotonic clock)."""

    until = 0.0


@cache
def types() -> frozenset[str]:
    """The types of the contract's shop events."""
    return frozenset(path.stem for path in _folder().glob(f"{_PREFIX}*.json"))


def problems(event_type: str, data: bytes) -> tuple[str, ...]:
    """A message with a JSON path for each violation of the schema, at most 100; empty: the data is valid.

    Messages quote the schema, never the data. Raises NotJsonError, and TooLargeError after 20 ms: the caller's event
    loop stands still meanwhile. The first call for a type takes longer: it loads the schemas.
    """
    try:
        value = json.loads(data, parse_int=_integer, parse_constant=_no_number)
    except RecursionError:
        return ("$: is nested too deeply",)
    except ValueError as error:
        raise NotJsonError from error
    messages: dict[str, None] = {}  # in order, and each once: two rules may say the same
    number = 0
    validator = _validator(event_type)
    _Limit.until = monotonic() + _MAX_SECONDS
    try:
        for found in islice(validator.iter_errors(value), _MAX_MESSAGES + 1):
            number += 1
            if number <= _MAX_MESSAGES:
                messages[f"{found.json_path}: {_message(found)}"] = None
    except _OutOfTimeError:
        raise TooLargeError(tuple(messages)) from None
    if number > _MAX_MESSAGES:
        messages[f"$: there are more errors than the first {_MAX_MESSAGES}"] = None
    return tuple(messages)


def _integer(digits: str) -> int:
    # Python refuses to convert thousands of digits; any number beyond 20 digits is too large for the contract.
    return int(digits[:_MAX_DIGITS])


def _no_number(name: str) -> None:
    raise ValueError(name)


def _folder() -> Path:
    """In an installed wheel inside the package, in a checkout next to it."""
    package = Path(ordersaga.__file__).parent
    within = package / "_contracts"
    return (within if within.is_dir() else package.parents[1] / "contracts") / "schemas"


@cache
def _validator(event_type: str) -> "Validator":
    from jsonschema import Draft202012Validator
    from jsonschema.validators import extend
    from referencing import Registry
    from referencing.jsonschema import DRAFT202012

    checker = Draft202012Validator.TYPE_CHECKER.redefine("integer", _is_integer)
    strict = extend(Draft202012Validator, type_checker=checker)  # type: ignore[no-untyped-call]  # as the stubs have it
    found = [(path.name, DRAFT202012.create_resource(_plain(path))) for path in sorted(_folder().glob("*.json"))]
    empty: Registry[Any] = Registry()
    validator: Validator = strict({"$ref": f"{event_type}.json"}, registry=empty.with_resources(found).crawl())
    _Limit.until = math.inf
    for _ in validator.iter_errors({"": 0}):  # what it refers to is looked up now, and not within a check's time
        pass
    return validator


def _plain(path: Path) -> dict[str, Any]:
    # At a $schema jsonschema switches to its own class for that draft, for which 1.0 is an integer. The alternatives
    # of a whole file are for code generators: its other rules imply them, and say more precisely what is wrong.
    schema: dict[str, Any] = json.loads(path.read_bytes())
    return {name: value for name, value in schema.items() if name not in {"$schema", "oneOf"}}


def _is_integer(_: "TypeChecker", value: object) -> bool:
    if monotonic() > _Limit.until:  # asked for each number, so that it stops the check of any large data
        raise _OutOfTimeError
    return isinstance(value, int) and not isinstance(value, bool)


_MESSAGES: Final[Mapping[str, str]] = {
    "type": "must be of type {}",
    "minLength": "must have at least {} characters",
    "maxLength": "must have at most {} characters",
    "minItems": "must have at least {} entries",
    "minimum": "must be at least {}",
    "maximum": "must be at most {}",
    "enum": "must be one of {}",
    "const": "must be {}",
}


_OF_ONE: Final[Mapping[str, str]] = {
    "minLength": "must have at least 1 character",
    "maxLength": "must have at most 1 character",
    "minItems": "must have at least 1 entry",
}


def _message(error: "ValidationError") -> str:
    name, rule = str(error.validator), cast("Any", error.validator_value)
    if name == "pattern":
        return "must not contain NUL" if rule == r"^[^\u0000]*$" else f"must match {rule}"
    if name in {"required", "dependentRequired"}:
        return f"{error.message.split(chr(39))[1]} is missing"
    if name == "oneOf":
        return f"must have exactly one of {', '.join(_names(rule))}"
    if rule == 1 and name in _OF_ONE:
        return _OF_ONE[name]
    shown = ", ".join(map(str, rule)) if isinstance(rule, list) else rule
    return _MESSAGES.get(name, f"violates the rule {name}").format(shown)


def _names(branches: list[Mapping[str, Any]]) -> Iterator[str]:
    for branch in branches:
        yield from branch.get("required", [])
