"""Who may import whom; the rules stand in .importlinter."""

import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from .sources import ROOT, imported

DOMAIN = ROOT / "service" / "ordersaga" / "domain"
_IMPURE = {"asyncio", "random", "secrets", "socket", "threading", "time", "os", "pathlib"}


def test_imports_go_one_way() -> None:
    tool = Path(sys.executable).with_name("lint-imports")
    done = subprocess.run([tool, "--no-cache"], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_picture_of_the_imports_has_every_package() -> None:
    picture = ET.parse(ROOT / "docs" / "architecture.svg")
    shown = {"".join(text.itertext()).partition("/")[0] for text in picture.iterfind(".//{*}text")}
    packages = {path.parent.name for path in DOMAIN.parent.glob("*/__init__.py")}
    assert "web" in packages
    assert packages - shown == set()


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
