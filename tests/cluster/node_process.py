"""Runs containerd and the kubelet until SIGTERM, and puts the machine back. A standalone script that uses only the standard library.

Its argument is a `Spec` as JSON. Both run in namespaces for processes and mounts of their own, so that containers and mounts end with them,
however they end.
"""

import json
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TypedDict

_CGROUPS = Path("/sys/fs/cgroup")
_SYSCTLS = ("vm/overcommit_memory", "kernel/panic", "kernel/panic_on_oops")
"""Those that the kubelet sets."""
_INSIDE = """
set -e
mkdir -p /var/lib/kubelet /var/lib/cni
for folder in /run /var/log /var/lib/kubelet /var/lib/cni; do mount -t tmpfs tmpfs $folder; done
PATH="$1:$PATH"
containerd --config containerd.toml > containerd.log 2>&1 &
until ctr --address "$PWD/containerd.sock" version > /dev/null 2>&1; do sleep 0.1; done
"$2" --config kubelet.json --kubeconfig "$3" --root-dir "$PWD/kubelet" --cert-dir "$PWD/certs" --hostname-override localhost &
wait $!
"""


class Spec(TypedDict):
    containerd: str
    """The folder with it, its shim and ctr."""
    kubelet: str
    kubeconfig: str
    address: str
    """Added to the loopback interface: the pods reach this machine there."""


@contextmanager
def _sysctls_kept() -> Iterator[None]:
    before = {name: (Path("/proc/sys") / name).read_text() for name in _SYSCTLS}
    try:
        yield
    finally:
        for name, value in before.items():
            (Path("/proc/sys") / name).write_text(value)


@contextmanager
def _address(address: str) -> Iterator[None]:
    subprocess.run(["ip", "address", "replace", f"{address}/32", "dev", "lo"], check=True)
    try:
        yield
    finally:
        subprocess.run(["ip", "address", "delete", f"{address}/32", "dev", "lo"], check=False)


@contextmanager
def _cgroups_removed() -> Iterator[None]:
    """Those of the pods, which have ended."""
    if any(_of_pods()):
        raise SystemExit("a kubelet runs on this machine already: there is a cgroup kubepods")
    try:
        yield
    finally:
        for root in _of_pods():
            folders = [path for path in root.rglob("*") if path.is_dir()]
            for folder in [*sorted(folders, reverse=True), root]:
                with suppress(OSError):
                    folder.rmdir()


def _of_pods() -> list[Path]:
    return [*_CGROUPS.glob("kubepods"), *_CGROUPS.glob("*/kubepods")]


def main() -> int:
    spec: Spec = json.loads(sys.argv[1])
    told = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: told.set())
    with _sysctls_kept(), _address(spec["address"]), _cgroups_removed():
        namespaces = (
            "unshare",
            "--mount",
            "--propagation",
            "private",
            "--pid",
            "--fork",
            "--kill-child",
            "--mount-proc",
        )
        inside = ("sh", "-c", _INSIDE, "node", spec["containerd"], spec["kubelet"], spec["kubeconfig"])
        with subprocess.Popen([*namespaces, *inside]) as node:
            while node.poll() is None and not told.wait(0.2):
                pass
            node.kill()
    return 0 if told.is_set() else 1


if __name__ == "__main__":
    sys.exit(main())
