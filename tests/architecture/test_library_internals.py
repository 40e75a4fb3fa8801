"""docs/dependencies.md lists every use of a library's internals, with the bound and the test that go with it."""

import ast
import re
from collections.abc import Iterator
from contextlib import suppress
from importlib.util import find_spec
from typing import Final, NamedTuple

import pytest

from docs.documents import rows

from .sources import ROOT, imported
from .test_dependencies import EXTRAS, PROJECT, normalized

PUBLIC: Final = {
    "aiokafka",
    "aiokafka.abc",
    "aiokafka.admin",
    "aiokafka.errors",
    "asyncpg",
    "faststream",
    "faststream.kafka",
    "faststream.security",
    "pyreqwest.client",
    "pyreqwest.exceptions",
    "pyreqwest.request",
    "pyreqwest.response",
    "uvicorn",
}
"""The modules that these libraries document."""
_WATCHED: Final = {name.partition(".")[0] for name in PUBLIC}
_DOCUMENTED: Final = {"_asdict", "_fields", "_make", "_replace", "_exit"}
"""Public in spite of their names."""


class Use(NamedTuple):
    library: str
    bound: str
    path: str
    test: str


def uses() -> list[Use]:
    document = ROOT / "docs" / "dependencies.md"
    _heading, *found = rows(document, "Library internals that we use")
    return [Use(library, *(cell.strip("`") for cell in (bound, path, test))) for library, bound, path, _, test in found]


def internals(source: str) -> Iterator[str]:
    """Internal modules that are imported, and private attributes of what isn't the class's own."""
    for name in imported(source):
        internal = name.partition(".")[0] in _WATCHED and _module_of(name) not in PUBLIC
        if internal or any(part.startswith("_") for part in name.split(".")[1:]):
            yield name
    tree = ast.parse(source)
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and not _is_self(node.value) and _private(node.attr):
            yield ast.unparse(node)
        if isinstance(node, ast.ClassDef) and node.bases:
            yield from (f"{node.name}.{name}" for name in _inherited(node, tree))


def _module_of(name: str) -> str:
    """Of a module its own name, of what is in one that module's."""
    with suppress(ModuleNotFoundError):
        if find_spec(name) is not None:
            return name
    return name.rpartition(".")[0]


def _is_self(node: ast.expr) -> bool:
    return isinstance(node, ast.Name) and node.id in {"self", "cls"}


def _private(name: str) -> bool:
    return name.startswith("_") and not name.startswith("__") and name not in _DOCUMENTED


def _inherited(class_: ast.ClassDef, tree: ast.Module) -> set[str]:
    """Private attributes that a class reads and no class of its module makes."""
    own = {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)}
    own |= {node.id for node in ast.walk(tree) if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)}
    attributes = [node for node in ast.walk(tree) if isinstance(node, ast.Attribute) and _is_self(node.value)]
    own |= {node.attr for node in attributes if isinstance(node.ctx, ast.Store)}
    read = {node.attr for node in ast.walk(class_) if isinstance(node, ast.Attribute) and _is_self(node.value)}
    return {name for name in read - own if _private(name)}


def test_each_place_and_test_is_there() -> None:
    assert uses()
    for use in uses():
        assert (ROOT / use.path).is_file(), use
        path, _, name = use.test.partition("::")
        tests = [
            node
            for node in ast.walk(ast.parse((ROOT / path).read_text()))
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        ]
        assert name in {test.name for test in tests}, use


def test_each_library_has_the_bound_that_is_declared_and_no_other_has_one() -> None:
    requirements = [*PROJECT["dependencies"], *EXTRAS["sandbox"], *EXTRAS["local"]]
    declared = {(normalized(one), bound[0]) for one in requirements if (bound := re.search(r"<[\d.]+", one))}
    assert {(use.library, use.bound) for use in uses()} == declared


def test_each_use_is_listed() -> None:
    listed = {use.path for use in uses()}
    found = {
        str(path.relative_to(ROOT)): parts
        for tree in ("service", "bench", "migrations", "sample")
        for path in sorted((ROOT / tree).rglob("*.py"))
        if (parts := list(internals(path.read_text())))
    }
    assert {path: parts for path, parts in found.items() if path not in listed} == {}


@pytest.mark.parametrize(
    ("source", "seen"),
    [
        ("from aiokafka.consumer.fetcher import Fetcher", True),
        ("import aiokafka.client", True),
        ("from aiokafka import AIOKafkaConsumer\nimport aiokafka.errors", False),
        ("from other.module import _private", True),
        ("consumer._client.close()", True),
        ("place._replace(port=1)", False),
        ("class A(B):\n    def f(self):\n        return self._b", True),
        ("class A(B):\n    def __init__(self):\n        self._a = 1\n    def f(self):\n        return self._a", False),
    ],
)
def test_internals_are_told_from_the_public_api(source: str, *, seen: bool) -> None:
    assert bool(list(internals(source))) is seen
