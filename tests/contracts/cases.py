"""Cases of the contract for whoever decodes events: the examples, and near misses of them judged by the schemas."""

import copy
import json
from collections.abc import Iterator
from typing import Any, NamedTuple

from .schemas import CONTRACTS, error_paths

EXAMPLES = CONTRACTS / "examples"


class Case(NamedTuple):
    """Data of an event type. `path`: where its one error is; None: valid."""

    type: str
    name: str
    data: bytes
    path: str | None


class NearMiss(NamedTuple):
    """A valid example with one thing changed. `paths`: where the schema finds errors; empty: still valid."""

    type: str
    name: str
    data: bytes
    paths: frozenset[str]


def valid_cases(prefix: str = "") -> list[Case]:
    """Every valid example whose type begins with `prefix`: "shop.", "payments." or "envelope"."""
    found = sorted(EXAMPLES.glob(f"{prefix}*/valid-*.json"))
    return [Case(path.parent.name, path.stem, path.read_bytes(), None) for path in found]


def invalid_cases(prefix: str = "") -> list[Case]:
    """Every invalid example whose type begins with `prefix`, with the JSON path of its error."""
    expected: dict[str, dict[str, str]] = json.loads((EXAMPLES / "invalid.json").read_text())
    return [
        Case(event_type, name, (EXAMPLES / event_type / f"{name}.json").read_bytes(), path)
        for event_type, names in expected.items()
        if event_type.startswith(prefix)
        for name, path in names.items()
    ]


def near_misses(prefix: str = "shop.") -> Iterator[NearMiss]:
    """Each valid example with one field dropped, null, of a wrong type, with a NUL, too large or not quite an integer."""
    for case in valid_cases(prefix):
        original = json.loads(case.data)
        for where in _places(original):
            for what, value in _changes(original, where):
                data = json.dumps(value, ensure_ascii=False).encode()
                name = f"{case.name}: {what} at {_text(where)}"
                yield NearMiss(case.type, name, data, error_paths(case.type, value))


Where = tuple[str | int, ...]
_Dropped = object()


def _places(value: object, where: Where = ()) -> Iterator[Where]:
    yield where
    if isinstance(value, dict | list):
        for key, inner in value.items() if isinstance(value, dict) else enumerate(value):
            yield from _places(inner, (*where, key))


def _changes(original: object, where: Where) -> Iterator[tuple[str, Any]]:
    for what, value in _replacements(_at(original, where)):
        yield what, _with(original, where, value)
    if where:
        yield "dropped", _with(original, where, _Dropped)


def _replacements(value: object) -> Iterator[tuple[str, object]]:
    if value is not None:
        yield "null", None
    match value:
        case bool():
            yield from (("text for boolean", str(value).lower()), ("integer for boolean", int(value)))
        case int():
            yield from (
                ("text for integer", str(value)),
                ("boolean for integer", True),
                ("float for integer", float(value)),
            )
            yield from (("20 digits", 12345678901234567890), ("-20 digits", -12345678901234567890), ("negative", -1))
        case str():
            yield from (("integer for text", 7), ("list for text", [value]), ("NUL", f"{value}\0"))
            yield from (("empty", ""), ("trailing newline", f"{value}\n"), ("256 characters", "x" * 256))
        case dict():
            yield from (("list for object", []), ("text for object", "x"))
        case list():
            yield from (("object for list", {}), ("integer for list", 7), ("empty", []))
        case _:
            yield from (("text for it", "x"), ("object for it", {}))


def _at(value: Any, where: Where) -> Any:
    for key in where:
        value = value[key]
    return value


def _with(original: object, where: Where, value: object) -> Any:
    if not where:
        return value
    changed = copy.deepcopy(original)
    holder = _at(changed, where[:-1])
    if value is _Dropped:
        del holder[where[-1]]
    else:
        holder[where[-1]] = value
    return changed


def _text(where: Where) -> str:
    return "$" + "".join(f"[{key}]" if isinstance(key, int) else f".{key}" for key in where)
