"""Nodes that there aren't: kwok plays their kubelets in the API, by `stages.yaml`. No container runs."""

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from ordersaga_local.process import free_port

from . import programs
from .client import Cluster, Json
from .control_plane import running

_STAGES: Final = Path(__file__).with_name("stages.yaml")
_ROOM: Final = {"cpu": "16", "memory": "32Gi", "pods": "110", "ephemeral-storage": "50Gi"}


@contextlib.contextmanager
def fake_nodes(cluster: Cluster, count: int) -> Iterator[None]:
    """So many, each in a zone of its own, ready. They end with the block."""
    cluster.apply(*(_node(f"fake-{number}", f"zone-{number}") for number in range(count)))
    address = f"127.0.0.1:{free_port()}"
    command: list[str | Path] = [
        *(programs.kwok(), "--kubeconfig", cluster.kubeconfig, "--config", _STAGES),
        *("--manage-all-nodes=true", "--node-lease-duration-seconds", "40", "--server-address", address),
    ]
    with running("kwok", command, lambda _pid: _are_ready(cluster)):
        yield


def _are_ready(cluster: Cluster) -> bool:
    words = ("wait", "--for=condition=Ready", "node", "--all", "--timeout=1s")
    return cluster.run(programs.kubectl(), *words).returncode == 0


def _node(name: str, zone: str) -> Json:
    labels = {"kubernetes.io/hostname": name, "kubernetes.io/os": "linux", "topology.kubernetes.io/zone": zone}
    return {
        "apiVersion": "v1",
        "kind": "Node",
        "metadata": {"name": name, "labels": labels},
        "status": {"allocatable": _ROOM, "capacity": _ROOM},
    }
