"""The case files: loading them, and filling in the names in their texts."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Final

Json = dict[str, Any]
FOLDER: Final = Path(__file__).with_name("data")
_NAME: Final = re.compile(r"\{(\w+)\}")


class UnknownFormError(Exception):
    """A case contains something that the runner doesn't know: the test must not pass without it."""


@dataclass(frozen=True)
class Case:
    name: str
    no: int
    source: str
    kind: str
    why: str
    topic: str
    events: list[Json]
    expected: list[Json]

    @property
    def action(self) -> Json | None:
        """Of a case that has a test module of its own. None: its events are published."""
        step: Json = self.events[0].get("do", {})
        return step if "action" in step else None


@cache
def cases() -> tuple[Case, ...]:
    return tuple(_load(path) for path in sorted(FOLDER.glob("*.json")))


def case_of(action: str) -> Case:
    (found,) = [case for case in cases() if case.action and case.action["action"] == action]
    return found


def _load(path: Path) -> Case:
    case = Case(path.stem, **json.loads(path.read_text()))
    if case.topic != "built":
        raise UnknownFormError(f"{case.name}: topic {case.topic!r}")
    return case


def check_fields(form: Mapping[str, Any], *required: str, optional: frozenset[str] = frozenset()) -> None:
    """UnknownFormError: a field is missing or unknown."""
    missing, unknown = set(required) - form.keys(), form.keys() - set(required) - optional
    if missing or unknown:
        raise UnknownFormError(f"{json.dumps(form)}: missing {sorted(missing)}, unknown {sorted(unknown)}")


def fill_in(value: Any, values: Mapping[str, str]) -> Any:
    """Replaces each `{name}` in every text."""
    match value:
        case str():
            return _NAME.sub(lambda found: _value(found[1], values), value)
        case dict():
            return {key: fill_in(one, values) for key, one in value.items()}
        case list():
            return [fill_in(one, values) for one in value]
        case _:
            return value


def _value(name: str, values: Mapping[str, str]) -> str:
    if name not in values:
        raise UnknownFormError(f"{{{name}}} names nothing")
    return values[name]
