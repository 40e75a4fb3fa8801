"""Checks in a program of its own, with a client that others wrote: each check is a test of ours.

The program gets the URL of a sandbox, resets it before each check, and prints a line of JSON after it:
`{"check": its name, "error": null, or what went wrong}`.
"""

import json
import os
import re
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Self

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
