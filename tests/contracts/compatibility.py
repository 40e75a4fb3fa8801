"""Says what a change of the schemas would break: a sender of what we read, or a reader of what we send.

Strict where it can't tell: a keyword that it doesn't know must stay as it is.
"""

from collections.abc import Iterator, Mapping
from typing import Any, Literal

Side = Literal["input", "output"]
Schemas = Mapping[str, Any]  # by file name

_NOTES = {"title", "description", "examples", "$comment", "$schema", "$defs", "$ref", "x-open"}
_FLOORS = {"minimum", "minLength", "minItems"}
_CEILINGS = {"maximum", "maxLength", "maxItems"}
_COMPARED = {
    "type", "enum", "const", "required", "properties", "items", "pattern", "allOf", "anyOf", "oneOf", "then", "else",
}  # fmt: skip
_JSON_TYPES = frozenset({"null", "boolean", "integer", "number", "string", "array", "object"})


def breaks(old: Schemas, new: Schemas) -> list[str]:
    """Every breaking difference between two sets of schemas; empty: the new one may be released as it is."""
    return [problem for name, side in _contracts(old) for problem in _Comparison(old, new, side).of_ref(name)]


def _contracts(schemas: Schemas) -> Iterator[tuple[str, Side]]:
    for name in schemas:
        if name.startswith("shop."):
            yield name, "input"
    yield "envelope.json#/$defs/shop_event", "input"
    yield "envelope.json#/$defs/outcome", "output"
    yield "outcome.json", "output"


class _Comparison:
    """Walks an old and a new schema side by side."""

    def __init__(self, old: Schemas, new: Schemas, side: Side) -> None:
        self._old, self._new, self._side = old, new, side

    def of_ref(self, reference: str) -> Iterator[str]:
        if reference.partition("#")[0] not in self._new:
            yield f"{reference}: removed"
        else:
            file = reference.partition("#")[0]
            yield from self._of({"$ref": reference}, {"$ref": reference}, file, file, reference.removesuffix(".json"))

    def _of(self, old: Any, new: Any, old_file: str, new_file: str, at: str) -> Iterator[str]:
        old, old_file = resolved(self._old, old, old_file)
        new, new_file = resolved(self._new, new, new_file)
        if isinstance(old, bool) or isinstance(new, bool):
            if old is not new:
                yield f"{at}: schema replaced"
            return
        yield from self._values(old, new, at)
        yield from self._fields(old, new, at)
        yield from self._bounds(old, new, at)
        for keyword in (old.keys() | new.keys()) - _NOTES - _FLOORS - _CEILINGS - _COMPARED:
            if old.get(keyword) != new.get(keyword):
                yield f"{at}: {keyword} changed"
        for part, inner_old, inner_new in _inner(old, new):
            if inner_old is None or inner_new is None:
                yield f"{at}: {part} {'added' if inner_old is None else 'removed'}"
            else:
                yield from self._of(inner_old, inner_new, old_file, new_file, f"{at}.{part}")

    def _values(self, old: Any, new: Any, at: str) -> Iterator[str]:
        before, after = _types(old), _types(new)
        if lost := self._amiss(before, after):
            yield f"{at}: type {'no longer takes' if self._side == 'input' else 'may now be'} {sorted(lost)}"
        choices, now = _choices(old), _choices(new)
        if self._side == "output" and new.get("x-open") and not old.get("x-open"):
            yield f"{at}: list of values opened"
        if (choices is None and now is None) or (self._side == "output" and old.get("x-open")):
            return
        if choices is None or now is None:
            if (choices is None) == (self._side == "input"):
                yield f"{at}: list of values {'added' if choices is None else 'removed'}"
        elif lost := self._amiss(choices, now):
            yield f"{at}: value {'removed' if self._side == 'input' else 'added'}: {sorted(lost)}"

    def _amiss(self, before: frozenset[str], after: frozenset[str]) -> frozenset[str]:
        """Senders may send all that they could; readers get nothing that they couldn't get before."""
        return before - after if self._side == "input" else after - before

    def _fields(self, old: Any, new: Any, at: str) -> Iterator[str]:
        before, after = frozenset(old.get("required", ())), frozenset(new.get("required", ()))
        for name in sorted(self._amiss(after, before)):
            yield f"{at}.{name}: {'now required' if self._side == 'input' else 'no longer always there'}"
        for name in sorted(old.get("properties", {}).keys() - new.get("properties", {}).keys()):
            yield f"{at}.{name}: removed"

    def _bounds(self, old: Any, new: Any, at: str) -> Iterator[str]:
        narrow = self._side == "input"
        for keyword in sorted((_FLOORS | _CEILINGS) & (old.keys() | new.keys())):
            sign = 1 if keyword in _FLOORS else -1
            before, after = (sign * schema.get(keyword, -sign * float("inf")) for schema in (old, new))
            if after > before if narrow else after < before:
                yield f"{at}: {keyword} {'narrowed' if narrow else 'widened'}"
        before, after = old.get("pattern"), new.get("pattern")
        if before != after and (after if narrow else before) is not None:
            yield f"{at}: pattern changed"


def resolved(schemas: Schemas, schema: Any, file: str) -> tuple[Any, str]:
    """The schema that a reference stands for, and the file it is in. Raises KeyError for one that leads nowhere."""
    while isinstance(schema, dict) and "$ref" in schema:
        name, _, pointer = schema["$ref"].partition("#")
        file = name or file
        schema = schemas[file]
        for part in pointer.split("/")[1:]:
            schema = schema[part]
    return schema, file


def _inner(old: Any, new: Any) -> Iterator[tuple[str, Any, Any]]:
    for name in sorted(old.get("properties", {}).keys() & new.get("properties", {}).keys()):
        yield name, old["properties"][name], new["properties"][name]
    for keyword in ("items", "then", "else"):
        if keyword in old or keyword in new:
            yield keyword, old.get(keyword), new.get(keyword)
    for keyword in ("allOf", "anyOf", "oneOf"):
        before, after = old.get(keyword, []), new.get(keyword, [])
        for index in range(max(len(before), len(after))):
            yield f"{keyword}[{index}]", _nth(before, index), _nth(after, index)


def _nth(schemas: list[Any], index: int) -> Any:
    return schemas[index] if index < len(schemas) else None


def _types(schema: Any) -> frozenset[str]:
    given = schema.get("type", _JSON_TYPES)
    return frozenset([given] if isinstance(given, str) else given)


def _choices(schema: Any) -> frozenset[str] | None:
    given = [schema["const"]] if "const" in schema else schema.get("enum")
    return None if given is None else frozenset(map(repr, given))
