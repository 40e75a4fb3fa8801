"""Programs of others that a test runs: those on the PATH, else from Debian's packages."""

import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from ordersaga_local.jars import cache


def prometheus() -> Path:
    """Skips the test where it can't be had."""
    if found := shutil.which("prometheus"):
        return Path(found)
    kept = cache() / "prometheus" / "prometheus"
    if not kept.exists():
        if shutil.which("apt-get") is None or shutil.which("dpkg-deb") is None:
            pytest.skip("no prometheus on the PATH, and no apt-get to fetch Debian's package")
        with _folder(kept.parent) as folder:
            _run(folder, "apt-get", "download", "-q", "prometheus")
            [package] = folder.glob("*.deb")
            _run(folder, "dpkg-deb", "-x", package.name, "unpacked")
            (folder / "unpacked/usr/bin/prometheus").rename(kept)
    return kept


def collector() -> Path:
    """OpenTelemetry's, of the PATH alone: to build it takes longer than a test may."""
    if found := shutil.which("otelcol"):
        return Path(found)
    pytest.skip("no otelcol on the PATH")


@contextmanager
def _folder(beside: Path) -> Iterator[Path]:
    beside.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=beside) as name:
        yield Path(name)


def _run(folder: Path, *command: str) -> None:
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{' '.join(command)}: {done.stdout[-1000:]}{done.stderr[-2000:]}"
