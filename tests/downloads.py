"""What a test needs and another package doesn't bring: got once by the ordinary client, pinned with hashes, kept in the folder of Kafka's jars."""

import hashlib
import os
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Final

from ordersaga_local.jars import cache

_SECONDS: Final = 1200


def place_of(name: str, pins: Sequence[Path]) -> Path:
    """Where `downloaded` keeps it; it needn't be there."""
    digest = hashlib.sha256(b"".join(file.read_bytes() for file in pins)).hexdigest()[:16]
    return cache() / f"{name}-{digest}"


def downloaded(name: str, pins: Sequence[Path], fill: Callable[[Path], None]) -> Path:
    """The folder that `fill` has filled, after the pins were copied to it; another folder for other pins."""
    place = place_of(name, pins)
    if not place.exists():
        place.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=place.parent, prefix="new-") as temporary:
            fresh = Path(temporary) / "packages"
            fresh.mkdir()
            for file in pins:
                shutil.copy(file, fresh)
            fill(fresh)
            if not place.exists():
                fresh.rename(place)
    return place


def get(*command: str | Path, environment: Mapping[str, str] | None = None, seconds: float = _SECONDS) -> None:
    """Runs a package client; its failure is the test's."""
    run = subprocess.run(
        command, env=os.environ | (environment or {}), capture_output=True, text=True, timeout=seconds, check=False
    )
    assert run.returncode == 0, f"{command[0]} can't get what a test needs:\n{run.stdout}{run.stderr}"
