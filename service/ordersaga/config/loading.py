"""Loads the settings, or exits with one line for each that is invalid or missing. Values are never printed."""

import contextlib
import os
import re
import sys
from collections.abc import Iterable, Iterator
from difflib import get_close_matches
from json import JSONDecodeError
from pathlib import Path
from tomllib import TOMLDecodeError
from typing import Any, Final, TypeVar, overload

from pydantic import ValidationError
from pydantic_settings import SettingsError

from ordersaga.config.fields import ANY, all_settings, find, name_of
from ordersaga.config.settings import Settings
from ordersaga.config.sources import CONFIG, PREFIX, SECRETS_DIR, Sources

_S = TypeVar("_S", bound=Sources)
_BY_KUBERNETES: Final = re.compile(r"(_SERVICE_(HOST|PORT)|_PORT)(_.*)?$")
"""Variables that Kubernetes sets for a Service whose name begins as our settings do."""
_MESSAGES: Final = {
    "missing": "is missing",
    "float_parsing": "isn't a number",
    "int_parsing": "isn't a whole number",
    "bool_parsing": "isn't true or false",
    "finite_number": "isn't a finite number",
    "string_too_short": "is empty",
    "too_short": "is empty",
}


@overload
def load() -> Settings: ...
@overload
def load(kind: type[_S]) -> _S: ...
def load(kind: type[Sources] = Settings) -> Sources:
    """The settings of that kind; by default all of them.

    If one is invalid or missing, the process exits with code 2 and one line that names it.
    """
    try:
        settings = kind()
    except ValidationError as error:
        lines = problems(error)
    except (SettingsError, OSError, ValueError) as error:
        lines = [_source_problem(error)]
    else:
        _print_lines(_ignored())
        return settings
    _print_lines(_ignored())
    _print_lines(lines)
    raise SystemExit(2)


def _ignored() -> Iterator[str]:
    yield from unknown_variables(os.environ)
    if folder := os.environ.get(SECRETS_DIR):
        with contextlib.suppress(OSError):  # the problem itself is named elsewhere
            yield from unknown_files(one.name for one in sorted(Path(folder).iterdir()) if one.is_file())


def _print_lines(lines: Iterable[str]) -> None:
    """Best effort: a warning that can't be written keeps nothing from starting."""
    with contextlib.suppress(OSError):
        for line in lines:
            sys.stderr.write(f"{line}\n")


def problems(error: ValidationError) -> list[str]:
    """One line for each invalid setting: its name, what is wrong, how to set it."""
    return [_problem(dict(one)) for one in error.errors(include_url=False, include_input=False)]


def _problem(one: dict[str, Any]) -> str:
    path = tuple(part for part in one["loc"] if part != "[key]")
    if one["type"] == "extra_forbidden":
        return _unknown(path)
    message = _MESSAGES.get(one["type"]) or _message(one["msg"])
    return f"{name_of(path)} {message}{_hint(path, message)}"


def _message(message: str) -> str:
    """Pydantic's message, rephrased to follow the name of a setting."""
    message = message.removeprefix("Value error, ").replace("Input should be", "must be").replace("Input", "it")
    if message.startswith("String should match pattern"):
        return "contains invalid characters"
    return message


def _hint(path: tuple[object, ...], message: str) -> str:
    setting = find(path)
    if setting is None or ": " in message:
        return ""
    if setting.example is not None:
        return f": set it to {setting.example}"
    unit = " seconds" if setting.seconds else ""
    default = f"; the default is {setting.default}{unit}" if setting.default else ""
    return f" ({setting.description.rstrip('.')}{default})"


def _unknown(path: tuple[object, ...]) -> str:
    """For a name in the file, or within a value in JSON."""
    name = ".".join(str(part) for part in path)
    near = get_close_matches(name, [".".join(_like(one.path, path)) for one in all_settings()], 1)
    source = "" if len(path) > 1 else f" in {CONFIG}"
    return f"{name}{source} isn't a setting" + (f": did you mean {near[0]}?" if near else ": remove it")


def _like(path: tuple[str, ...], wanted: tuple[object, ...]) -> tuple[str, ...]:
    """`path` with the merchant's name from `wanted`."""
    return tuple(str(wanted[at]) if part == ANY and at < len(wanted) else part for at, part in enumerate(path))


def unknown_variables(environment: Iterable[str]) -> list[str]:
    """A line for each variable that looks like a setting but isn't one."""
    likely = [name.removeprefix(PREFIX) for name in (*(one.name for one in all_settings()), CONFIG, SECRETS_DIR)]
    lines = []
    for variable in sorted(environment):
        name = variable.upper()
        known = name in {CONFIG, SECRETS_DIR} or _leads_to_a_setting(name)
        if not name.startswith(PREFIX) or known or _BY_KUBERNETES.search(name):
            continue
        near = get_close_matches(name.removeprefix(PREFIX), likely, 1)
        advice = f": did you mean {PREFIX}{near[0]}?" if near else ""
        lines.append(f"{variable} isn't a setting and is ignored{advice}")
    return lines


def unknown_files(names: Iterable[str]) -> list[str]:
    """A line for each file among the secrets that isn't a setting. Hidden ones are Kubernetes' own."""
    likely = [name_of(one.path).removeprefix(PREFIX).lower() for one in all_settings()]
    lines = []
    for name in names:
        if name.startswith(".") or _leads_to_a_setting(f"{PREFIX}{name.upper()}"):
            continue
        near = get_close_matches(name.lower().removeprefix(PREFIX.lower()), likely, 1)
        advice = f": did you mean {near[0]}?" if near else ""
        lines.append(f"{SECRETS_DIR}: the file {name} isn't a setting and is ignored{advice}")
    return lines


def _leads_to_a_setting(name: str) -> bool:
    """What is wrong below a part's or a merchant's name is a problem of its own."""
    part, separator, _ = name.partition("__")
    names = {f"{PREFIX}{field.upper()}" for field in Settings.model_fields}
    return name in {*names, *(one.name for one in all_settings())} or (part in names and bool(separator))


def _source_problem(error: Exception) -> str:
    """For a source that can't be read at all."""
    cause = error.__cause__
    if isinstance(error, SettingsError) and (field := re.search(r'field "(\w+)"', str(error))):
        where = f" (line {cause.lineno}, column {cause.colno})" if isinstance(cause, JSONDecodeError) else ""
        path = (field[1],)
        return f"{name_of(path)} isn't JSON{where}{_hint(path, '')}"
    if isinstance(error, TOMLDecodeError):
        return f"{CONFIG} isn't TOML: {error}"
    if isinstance(error, SettingsError):
        return f"{SECRETS_DIR}: {error}"
    if isinstance(error, OSError):
        name = SECRETS_DIR if os.environ.get(SECRETS_DIR, "\0") in str(error.filename) else CONFIG
        return f"{name} can't be read ({error.filename}: {error.strerror})"
    return f"{SECRETS_DIR} or {CONFIG}: a file isn't UTF-8 text"
