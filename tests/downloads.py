"""What a test needs and another package doesn't bring: got once by the ordinary client, kept in the folder of Kafka's jars.

Pinned with hashes, except what Debian signs.
"""

import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Final

import pytest

from ordersaga_local.jars import cache

_SECONDS: Final = 1200

needs_node: Final = pytest.mark.skipif(
    shutil.which("node") is None or shutil.which("npm") is None, reason="it needs Node.js: no node or npm on the PATH"
)


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


def python_packages(name: str, lock: Path) -> Path:
    """A folder with what the lock names, for PYTHONPATH."""
    return downloaded(
        f"{name}-{sys.implementation.cache_tag}",
        [lock],
        lambda folder: get(
            *(sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-deps"),
            *("--require-hashes", "--target", folder, "--requirement", lock),
        ),
    )


def node_packages(name: str, manifest: Path, *others: Path) -> Path:
    """A folder with `node_modules`, as the `package-lock.json` beside the manifest names them, and with the other files."""
    return downloaded(
        name,
        [manifest, manifest.with_name("package-lock.json"), *others],
        lambda folder: get("npm", "ci", "--prefix", folder, "--ignore-scripts", "--no-audit", "--no-fund"),
    )


def of_debian(package: str, program: str) -> Path:
    """The program of the PATH, else of Debian's package, unpacked and not installed."""
    if found := shutil.which(program):
        return Path(found)
    assert shutil.which("apt-get"), (
        f"install {program}: it isn't on the PATH, and there is no apt-get to fetch {package}"
    )

    def unpack(folder: Path) -> None:
        get("apt-get", "download", "-q", package, folder=folder)
        [archive] = folder.glob("*.deb")
        get("dpkg-deb", "-x", archive, folder)
        archive.unlink()

    return downloaded(f"debian/{package}", [], unpack) / "usr" / "bin" / program


def get(
    *command: str | Path,
    environment: Mapping[str, str] | None = None,
    folder: Path | None = None,
    seconds: float = _SECONDS,
) -> None:
    """Runs a package client; its failure is the test's."""
    run = subprocess.run(
        command,
        cwd=folder,
        env=os.environ | (environment or {}),
        capture_output=True,
        text=True,
        timeout=seconds,
        check=False,
    )
    assert run.returncode == 0, f"{command[0]} can't get what a test needs:\n{run.stdout}{run.stderr}"
