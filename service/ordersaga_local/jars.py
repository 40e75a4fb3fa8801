"""Java and Kafka's jars. Maven downloads the jars once, with the machine's own Maven settings."""

import os
import re
import shutil
import tempfile
from pathlib import Path

from ordersaga_local.process import MissingPartError, PartFailedError, run

KAFKA_VERSION = "4.2.0"
_POM = Path(__file__).with_name("pom.xml")
_MIN_JAVA = 17


def java() -> Path:
    """A recent enough JRE, from JAVA_HOME or PATH."""
    home = os.environ.get("JAVA_HOME")
    for candidate in (shutil.which("java", path=f"{home}/bin") if home else None, shutil.which("java")):
        if candidate and _java_version(Path(candidate)) >= _MIN_JAVA:
            return Path(candidate)
    raise MissingPartError(
        f"no Java {_MIN_JAVA}+ on PATH: install a JRE {_MIN_JAVA} or set ORDERSAGA_KAFKA",
    )


def _java_version(path: Path) -> int:
    try:
        output = run([path, "-version"])
    except (PartFailedError, OSError):
        return 0
    major = re.search(r'version "(\d+)', output)
    return int(major[1]) if major else 0


def cache() -> Path:
    """$XDG_CACHE_HOME/ordersaga if that is set, else .local of the checkout, else the user's cache."""
    if home := os.environ.get("XDG_CACHE_HOME"):
        return Path(home) / "ordersaga"
    checkout = Path(__file__).parents[2]
    if (checkout / "pyproject.toml").exists():
        return checkout / ".local"
    return Path.home() / ".cache" / "ordersaga"


def kafka_libs() -> Path:
    """The folder with Kafka's jars; downloads them if it is missing."""
    libs = cache() / "kafka" / f"libs-{KAFKA_VERSION}"
    if not libs.exists():
        _download(libs)
    return libs


def _download(libs: Path) -> None:
    maven = shutil.which("mvn")
    if maven is None:
        raise MissingPartError("no Maven (mvn) on PATH to fetch Kafka's jars: install Maven or set ORDERSAGA_KAFKA")
    libs.parent.mkdir(parents=True, exist_ok=True)
    fresh = Path(tempfile.mkdtemp(prefix="libs-", dir=libs.parent))
    try:
        run(
            [
                maven,
                *("-q", "-B", "--strict-checksums", "-f", _POM),
                "dependency:copy-dependencies",
                "-DincludeScope=runtime",
                f"-DoutputDirectory={fresh}",
            ],
        )
        fresh.chmod(0o755)
        if not libs.exists():
            fresh.rename(libs)
    finally:
        shutil.rmtree(fresh, ignore_errors=True)
