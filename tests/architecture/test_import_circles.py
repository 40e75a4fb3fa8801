"""No module imports itself by way of others.

All imports count: those for type checkers only, since such modules can't be understood apart, and those inside functions,
since they may only keep a start fast. The command line needs no exception: it names its commands as strings.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from graphlib import CycleError, TopologicalSorter
from itertools import pairwise
from pathlib import Path

import pytest

from .sources import imported, modules

Graph = Mapping[str, Collection[str]]


def import_graph(files: Mapping[str, Path]) -> Graph:
    """Each module with those that it imports."""
    return {
        name: {ran for one in imported(path.read_text(), _package(name, path)) for ran in modules_run(one, name, files)}
        for name, path in files.items()
    }


def _package(name: str, path: Path) -> str:
    return name if path.name == "__init__.py" else name.rpartition(".")[0]


def modules_run(imported_name: str, importer: str, known: Collection[str]) -> Iterator[str]:
    """The module that the name belongs to, and the packages around it that the importer isn't part of: Python runs them too."""
    while imported_name and imported_name not in known:
        imported_name = imported_name.rpartition(".")[0]
    if imported_name:
        yield imported_name
    while imported_name := imported_name.rpartition(".")[0]:
        if not f"{importer}.".startswith(f"{imported_name}."):
            yield imported_name


def find_circle(graph: Graph) -> Sequence[str]:
    """Modules each of which imports the next, the last being the first again; empty where there is no circle."""
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        circle: list[str] = error.args[1]  # each is imported by the next
        return circle[::-1]
    return []


def test_no_imports_go_in_a_circle() -> None:
    circle = find_circle(import_graph(modules()))
    assert not circle, " imports ".join(circle)


def test_all_trees_are_looked_at() -> None:
    assert {
        "ordersaga.cli",
        "ordersaga_local.parts",
        "ordersaga_sandbox.klarna",
        "bench.__main__",
        "sample.oracle",
    } <= (modules().keys())


@pytest.mark.parametrize(
    ("graph", "circle"),
    [
        ({"a": ["b", "c"], "b": ["c"], "c": []}, set()),
        ({"a": ["b"], "b": ["c"], "c": ["b"]}, {"b", "c"}),
        ({"a": ["b"], "b": ["c"], "c": ["a"]}, {"a", "b", "c"}),
        ({"a": ["a"]}, {"a"}),
    ],
)
def test_a_circle_is_found(graph: Graph, circle: set[str]) -> None:
    found = find_circle(graph)
    assert set(found) == circle
    assert all(after in graph[before] for before, after in pairwise(found))
    assert not found or found[0] == found[-1]


@pytest.mark.parametrize(
    "source",
    [
        "import p.b",
        "from p import b",
        "from p.b import name",
        "from . import b",
        "from .b import name",
        "def late():\n    from p.b import name",
        "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from p.b import name",
    ],
)
def test_every_way_to_import_counts(source: str, tmp_path: Path) -> None:
    texts = {"p": "", "p.a": source, "p.b": "from p.a import other"}
    files = {name: tmp_path / f"{name}.py" for name in texts}
    for name, text in texts.items():
        files[name].write_text(text)
    assert set(find_circle(import_graph(files))) == {"p.a", "p.b"}


@pytest.mark.parametrize(
    ("name", "importer", "run"),
    [
        ("p.b.name", "p.a", {"p.b"}),
        ("p.name", "p.a", {"p"}),
        ("p.q.c.name", "p.a", {"p.q.c", "p.q"}),
        ("p.q.c.name", "p.q.d", {"p.q.c"}),
        ("other.name", "p.a", set()),
    ],
)
def test_a_package_runs_with_what_is_imported_from_it(name: str, importer: str, run: set[str]) -> None:
    assert set(modules_run(name, importer, {"p", "p.a", "p.b", "p.q", "p.q.c", "p.q.d"})) == run
