"""What every file of the project keeps to."""

import re
import subprocess
from pathlib import Path

import pytest

from .sources import ROOT

_MOST_LINES = 400
_MACHINE = re.compile(r"(?<![\w.~$}-])/(?:root|home|work|Users|private)/\w")


def files() -> list[Path]:
    """All that git would keep: what is in it, and what is new and not ignored."""
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    listing = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    return [path for name in listing.split("\0") if name and (path := ROOT / name).is_file()]


def machine_paths(text: str) -> list[str]:
    return [line.strip() for line in text.splitlines() if _MACHINE.search(line)]


def test_a_module_fits_a_head() -> None:
    lengths = {
        str(path.relative_to(ROOT)): len(path.read_text().splitlines()) for path in files() if path.suffix == ".py"
    }
    assert {name: lines for name, lines in lengths.items() if lines > _MOST_LINES} == {}


def test_no_path_of_one_machine_stands_in_a_file() -> None:
    found: dict[str, list[str]] = {}
    for path in files():
        try:
            lines = machine_paths(path.read_text())
        except UnicodeDecodeError:
            continue
        if lines:
            found[str(path.relative_to(ROOT))] = lines
    assert found == {}


@pytest.mark.parametrize(
    ("text", "seen"),
    [
        ("path = '" + "/ho" + "me/me/project'", True),
        ("open(" + "/ro" + "ot/x)", True),
        ("GET /orders/1", False),
        ("COPY --from=build /opt/venv /opt/venv", False),
        ("$HOME/home/x", False),
    ],
)
def test_a_machine_path_is_told_from_others(text: str, *, seen: bool) -> None:
    assert bool(machine_paths(text)) is seen
