"""Who may import whom; the rules stand in .importlinter."""

import subprocess
import sys
from pathlib import Path

import pytest

from .sources import ROOT, imported

DOMAIN = ROOT / "service" / "ordersaga" / "domain"
_IMPURE = {"asyncio", "random", "secrets", "socket", "threading", "time", "os", "pathlib"}


def test_imports_go_one_way() -> None:
    tool = Path(sys.executable).with_name("lint-imports")
    done = subprocess.run([tool, "--no-cache"], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def _foreign(name: str) -> bool:
    allowed = name == "msgspec" or name.startswith(("msgspec.", "ordersaga.domain"))
    top = name.partition(".")[0]
    return not allowed and (top not in sys.stdlib_module_names or top in _IMPURE)


@pytest.mark.parametrize("module", sorted(DOMAIN.rglob("*.py")), ids=lambda path: str(path.relative_to(DOMAIN)))
def test_the_domain_is_pure(module: Path) -> None:
    assert [name for name in imported(module.read_text()) if _foreign(name)] == []


@pytest.mark.parametrize("name", ["asyncio", "time", "sqlalchemy", "ordersaga.store", "os.path"])
def test_what_would_make_the_domain_impure_is_seen(name: str) -> None:
    assert [one for one in imported(f"import {name}\nfrom {name} import x") if _foreign(one)] == [name, f"{name}.x"]
