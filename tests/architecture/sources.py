"""The project's Python files, and what they import."""

import ast
from collections.abc import Iterator, Mapping
from importlib.util import resolve_name
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).parents[2]
TREES: Final = (
    "service/ordersaga",
    "service/ordersaga_sandbox",
    "service/ordersaga_local",
    "bench",
    "sample",
)


def modules() -> Mapping[str, Path]:
    """Dotted name to file, of all trees; a package's name is that of its `__init__.py`."""
    files = (path for tree in TREES for path in sorted((ROOT / tree).rglob("*.py")))
    return {_dotted(path): path for path in files}


def _dotted(path: Path) -> str:
    base = ROOT / "service" if path.is_relative_to(ROOT / "service") else ROOT
    parts = path.relative_to(base).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def imported(source: str, package: str | None = None) -> Iterator[str]:
    """Dotted names, wherever in the file they are imported; `from a import b` is `a.b`. `package` resolves relative ones."""
    for node in ast.walk(ast.parse(source)):
        match node:
            case ast.Import(names=names):
                yield from (alias.name for alias in names)
            case ast.ImportFrom(module=module, names=names, level=level):
                start = resolve_name("." * level + (module or ""), package)
                yield from (f"{start}.{alias.name}" for alias in names)
            case _:
                pass
