"""Checks in a program of its own, with a client that others wrote: each check is a test of ours.

The program gets the URL of a sandbox, resets it before each check, and prints a line of JSON after it:
`{"check": its name, "error": null, or what went wrong}`. The clients are installed when they are needed first, with
pinned hashes, by the ordinary programs for it and their own settings, into the folder in which Kafka's jars are too.
"""

import json
import os
import re
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Self

from downloads import downloaded, get

FOLDER: Final = Path(__file__).parent
_SECONDS: Final = 300
_CHECK: Final = re.compile(r"^(?:def check_(\w+)\(|check\(['\"](.+)['\"],)", re.MULTILINE)


def checks_of(program: Path) -> list[str]:
    """The names of its checks, in their order: `def check_NAME(` in Python, `check('NAME',` in JavaScript."""
    return [python or javascript for python, javascript in _CHECK.findall(program.read_text())]


@dataclass(frozen=True)
class Report:
    errors: Mapping[str, str | None]
    output: str
    """All that was printed, also what isn't a result."""

    @classmethod
    def of(cls, command: Sequence[str | Path], environment: Mapping[str, str]) -> Self:
        run = subprocess.run(
            command, env=os.environ | environment, capture_output=True, text=True, timeout=_SECONDS, check=False
        )
        results = [json.loads(line) for line in run.stdout.splitlines() if line.startswith('{"check"')]
        return cls({one["check"]: one["error"] for one in results}, run.stdout + run.stderr)

    def require(self, check: str) -> None:
        """Fails unless the check was run and found nothing wrong."""
        assert check in self.errors, f"it wasn't run:\n{self.output}"
        error = self.errors[check]
        assert error is None, error


def python_packages(lock: Path) -> Path:
    """A folder with what the lock names, for PYTHONPATH."""
    return downloaded(
        f"clients/{lock.stem}-{sys.implementation.cache_tag}",
        [lock],
        lambda folder: get(
            *(sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-deps"),
            *("--require-hashes", "--target", folder, "--requirement", lock),
        ),
    )


def node_packages(manifest: Path) -> Path:
    """A folder with `node_modules`, as the `package-lock.json` beside the manifest names them."""
    return downloaded(
        f"clients/{manifest.parent.name}",
        [manifest, manifest.with_name("package-lock.json")],
        lambda folder: get("npm", "ci", "--prefix", folder, "--ignore-scripts", "--no-audit", "--no-fund"),
    )
