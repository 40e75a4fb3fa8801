"""Runs containerd and the kubelet until SIGTERM, and puts the machine back. A standalone script that uses only the standard library.

Its argument is a `Spec` as JSON. Both run in namespaces for processes and mounts of their own, so that containers and mounts end with them,
however they end.
"""

import json
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TypedDict

_CGROUPS = Path("/sys/fs/cgroup")
_SYSCTLS = ("vm/overcommit_memory", "kernel/panic", "kernel/panic_on_oops")
"""Those that the kubelet sets."""
_FOLDERS = ("/var/lib/kubelet", "/var/lib/cni")
_INSIDE = """
set -e
for folder in /run /var/log {folders}; do mount -t tmpfs tmpfs $folder; done
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
    """Those of the pods."""
    if not _remove_cgroups(seconds=0):
        raise SystemExit("a kubelet runs on this machine already: there are processes in a cgroup kubepods")
    try:
        yield
    finally:
        _remove_cgroups(seconds=15)


def _remove_cgroups(seconds: float) -> bool:
    """Whether none is left; a process may still be ending."""
    deadline = time.monotonic() + seconds
    while True:
        roots = [*_CGROUPS.glob("kubepods"), *_CGROUPS.glob("*/kubepods")]
        folders = [path for root in roots for path in (root, *root.rglob("*")) if path.is_dir()]
        for folder in sorted(folders, reverse=True):
            with suppress(OSError):
                folder.rmdir()
        if not any(root.exists() for root in roots):
            return True
        if time.monotonic() >= deadline:
            return False
        time.sleep(0.1)


@contextmanager
def _folders() -> Iterator[None]:
    """Those that programs want by name; what is in them is in memory."""
    new = [path for path in map(Path, _FOLDERS) if not path.exists()]
    for path in new:
        path.mkdir()
    try:
        yield
    finally:
        for path in new:
            path.rmdir()


def main() -> int:
    spec: Spec = json.loads(sys.argv[1])
    told = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: told.set())
    with _sysctls_kept(), _address(spec["address"]), _cgroups_removed(), _folders():
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
        inside = (
            "sh",
            "-c",
            _INSIDE.replace("{folders}", " ".join(_FOLDERS)),
            "node",
            spec["containerd"],
            spec["kubelet"],
            spec["kubeconfig"],
        )
        with subprocess.Popen([*namespaces, *inside]) as node:
            while node.poll() is None and not told.wait(0.2):
                pass
            node.kill()
    return 0 if told.is_set() else 1


if __name__ == "__main__":
    sys.exit(main())
