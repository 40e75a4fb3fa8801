"""A real node: a kubelet and containerd on this machine, whose pods are containers. Needs root.

There is no kube-proxy and no DNS: the addresses of Services lead nowhere. NetworkPolicies aren't enforced.
"""

import contextlib
import json
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

from ordersaga_local.process import Server, free_port, new_directory

from . import programs
from .client import Cluster, Json
from .image import Images

ADDRESS: Final = "198.18.77.1"
"""Of this machine, as the pods reach it: the gateway that ptp gives them, in the network for benchmarks (RFC 2544)."""
_PODS: Final = "198.18.77.0/24"
_SCRIPT: Final = Path(__file__).with_name("node_process.py")
_START_SECONDS: Final = 120
PAUSE: Final = "localhost/pause:1"


@contextlib.contextmanager
def real_node(cluster: Cluster, images: Images, tags: Sequence[str]) -> Iterator[None]:
    """Ready, with these images. It ends with the block, or with this process, and leaves nothing on the machine."""
    folder = new_directory("node")
    _configure(folder, cluster)
    spec = {
        "containerd": str(programs.containerd()),
        "kubelet": str(programs.kubelet()),
        "kubeconfig": str(cluster.kubeconfig),
        "address": ADDRESS,
    }
    server = Server(
        [sys.executable, "-I", "-S", _SCRIPT, json.dumps(spec)],
        folder,
        lambda _pid: _is_registered(cluster),
        end_signal=signal.SIGTERM,
    )
    try:
        server.start(_START_SECONDS)
        for tag in (images.pause(), *tags):
            _import(folder, images, tag)
        cluster.kubectl("wait", "--for=condition=Ready", "node/localhost", "--timeout=120s")
        yield
    finally:
        server.close()


def _is_registered(cluster: Cluster) -> bool:
    return cluster.run(programs.kubectl(), "get", "node", "localhost").returncode == 0


def _import(folder: Path, images: Images, tag: str) -> None:
    archive = images.archive(tag, folder)
    ctr: list[str | Path] = [
        programs.containerd() / "ctr",
        "--address",
        folder / "containerd.sock",
        "--namespace",
        "k8s.io",
    ]
    done = subprocess.run([*ctr, "images", "import", archive], capture_output=True, text=True, check=False)
    archive.unlink()
    assert done.returncode == 0, f"containerd doesn't take {tag}: {done.stderr}"


def _configure(folder: Path, cluster: Cluster) -> None:
    (folder / "cni").mkdir()
    ipam = {"type": "host-local", "dataDir": str(folder / "ipam"), "subnet": _PODS, "gateway": ADDRESS}
    plugin = {"type": "ptp", "ipMasq": False, "ipam": ipam}
    network = {"cniVersion": "1.0.0", "name": "pods", "plugins": [plugin]}
    (folder / "cni" / "pods.conflist").write_text(json.dumps(network))
    (folder / "containerd.toml").write_text(_CONTAINERD.format(folder=folder, pause=PAUSE))
    (folder / "kubelet.json").write_text(json.dumps(_kubelet(folder, cluster)))


_CONTAINERD: Final = """
version = 3
root = "{folder}/root"
state = "{folder}/state"
disabled_plugins = ["io.containerd.internal.v1.opt"]

[grpc]
address = "{folder}/containerd.sock"

[plugins."io.containerd.nri.v1.nri"]
disable = true

[plugins."io.containerd.cri.v1.images".pinned_images]
sandbox = "{pause}"

[plugins."io.containerd.cri.v1.runtime"]
disable_apparmor = true
# Without CAP_SYS_RESOURCE a lower oom_score_adj is refused.
restrict_oom_score_adj = true

[plugins."io.containerd.cri.v1.runtime".containerd.runtimes.runc]
runtime_type = "io.containerd.runc.v2"

[plugins."io.containerd.cri.v1.runtime".cni]
bin_dirs = ["/usr/lib/cni"]
conf_dir = "{folder}/cni"
"""


def _kubelet(folder: Path, cluster: Cluster) -> Json:
    return {
        "apiVersion": "kubelet.config.k8s.io/v1beta1",
        "kind": "KubeletConfiguration",
        "address": "127.0.0.1",
        "port": free_port(),
        "healthzPort": 0,
        "containerRuntimeEndpoint": f"unix://{folder}/containerd.sock",
        "authentication": {
            "anonymous": {"enabled": False},
            "webhook": {"enabled": True},
            "x509": {"clientCAFile": str(cluster.kubeconfig.with_name("ca.crt"))},
        },
        "authorization": {"mode": "Webhook"},
        "cgroupDriver": "cgroupfs",
        "failCgroupV1": False,
        "failSwapOn": False,
        "oomScoreAdj": 0,
        "enforceNodeAllocatable": ["none"],
        "makeIPTablesUtilChains": False,
        "localStorageCapacityIsolation": False,
        "resolvConf": "",
        # A full disk of the developer's isn't what is tested.
        "evictionHard": {"memory.available": "100Mi", "nodefs.available": "1%", "imagefs.available": "1%"},
        "imageGCHighThresholdPercent": 100,
        "nodeStatusUpdateFrequency": "5s",
    }
