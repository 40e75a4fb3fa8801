"""A real control plane of Kubernetes on free ports of the loopback interface: etcd, API server, controller manager, scheduler."""

import contextlib
import http.client
import json
import secrets
import ssl
import tempfile
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Final

import trustme
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from ordersaga_local.process import Server, free_port, new_directory

from . import programs
from .client import Cluster, wait_for

_HOST: Final = "127.0.0.1"
_START_SECONDS: Final = 120


@contextlib.contextmanager
def running(name: str, command: Sequence[str | Path], ready: Callable[[int], bool]) -> Iterator[Server]:
    """In a folder of its own, which is the working directory; it ends with the block, or with this process."""
    server = Server(command, new_directory(name), ready)
    try:
        server.start(_START_SECONDS)
        yield server
    finally:
        server.close()


@contextlib.contextmanager
def control_plane() -> Iterator[Cluster]:
    """A cluster without nodes. It ends with the block, or with this process."""
    with tempfile.TemporaryDirectory(prefix="ordersaga-cluster-") as name, contextlib.ExitStack() as stack:
        folder = Path(name)
        keys = _Keys(folder)
        store = f"http://{_HOST}:{free_port()}"
        stack.enter_context(running("etcd", _etcd(store), lambda _pid: _says(f"{store}/health")))
        port = free_port()
        server = f"https://{_HOST}:{port}"
        config = _kubeconfig(folder, server, keys)
        api = running("apiserver", _apiserver(store, port, keys), lambda _pid: _says(f"{server}/readyz", keys))
        stack.enter_context(api)
        for component, options in (("controller-manager", _controller_options(keys)), ("scheduler", [])):
            stack.enter_context(_component(component, options, config, keys))
        cluster = Cluster(config)
        account = ("get", "serviceaccount", "default", "-n", "default")
        wait_for(lambda: cluster.run(programs.kubectl(), *account).returncode == 0, 60, lambda: "no ServiceAccounts")
        yield cluster


class _Keys:
    """An authority, what it signed, and the administrator's token."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.token = secrets.token_hex(16)
        authority = trustme.CA()
        authority.cert_pem.write_to_path(self.path("ca.crt"))
        self._write("serving", authority.issue_cert(_HOST, "localhost"))
        # What the API server shows to a kubelet, for kubectl logs and exec.
        client = authority.issue_cert(
            "kube-apiserver", common_name="kube-apiserver", organization_name="system:masters"
        )
        self._write("kubelet-client", client)
        self.path("tokens.csv").write_text(f"{self.token},admin,admin,system:masters\n")
        key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        private = (serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
        self.path("accounts.key").write_bytes(key.private_bytes(serialization.Encoding.PEM, *private))
        public = serialization.PublicFormat.SubjectPublicKeyInfo
        self.path("accounts.pub").write_bytes(key.public_key().public_bytes(serialization.Encoding.PEM, public))

    def path(self, name: str) -> Path:
        return self.folder / name

    def _write(self, name: str, cert: trustme.LeafCert) -> None:
        cert.private_key_pem.write_to_path(self.path(f"{name}.key"))
        for number, blob in enumerate(cert.cert_chain_pems):
            blob.write_to_path(self.path(f"{name}.crt"), append=number > 0)


def _etcd(store: str) -> list[str | Path]:
    peers = f"http://{_HOST}:{free_port()}"
    return [
        *(programs.control_plane(), "etcd", "--data-dir", "data", "--unsafe-no-fsync", "--log-level", "warn"),
        *("--listen-client-urls", store, "--advertise-client-urls", store),
        *("--listen-peer-urls", peers, "--initial-advertise-peer-urls", peers),
        *("--initial-cluster", f"default={peers}"),
    ]


def _apiserver(store: str, port: int, keys: _Keys) -> list[str | Path]:
    return [
        *(programs.control_plane(), "apiserver", "--etcd-servers", store),
        *("--bind-address", _HOST, "--advertise-address", _HOST, "--secure-port", str(port)),
        *("--tls-cert-file", keys.path("serving.crt"), "--tls-private-key-file", keys.path("serving.key")),
        *("--client-ca-file", keys.path("ca.crt"), "--token-auth-file", keys.path("tokens.csv")),
        *("--authorization-mode", "Node,RBAC", "--enable-admission-plugins", "NodeRestriction"),
        *("--service-cluster-ip-range", "10.96.0.0/16", "--endpoint-reconciler-type", "none"),
        *("--service-account-issuer", "https://kubernetes.default.svc"),
        *("--service-account-key-file", keys.path("accounts.pub")),
        *("--service-account-signing-key-file", keys.path("accounts.key")),
        *("--kubelet-client-certificate", keys.path("kubelet-client.crt")),
        *("--kubelet-client-key", keys.path("kubelet-client.key"), "--kubelet-preferred-address-types", "Hostname"),
    ]


def _controller_options(keys: _Keys) -> list[str | Path]:
    account = ("--use-service-account-credentials", "--service-account-private-key-file", keys.path("accounts.key"))
    return [*account, "--root-ca-file", keys.path("ca.crt")]


@contextlib.contextmanager
def _component(name: str, options: Sequence[str | Path], config: Path, keys: _Keys) -> Iterator[None]:
    port = free_port()
    command = [
        *(programs.control_plane(), name, "--kubeconfig", config),
        *("--authentication-kubeconfig", config, "--authorization-kubeconfig", config),
        *("--bind-address", _HOST, "--secure-port", str(port), "--leader-elect=false"),
        *("--tls-cert-file", keys.path("serving.crt"), "--tls-private-key-file", keys.path("serving.key")),
        *options,
    ]
    with running(name, command, lambda _pid: _says(f"https://{_HOST}:{port}/healthz", keys)):
        yield


def _kubeconfig(folder: Path, server: str, keys: _Keys) -> Path:
    cluster = {"server": server, "certificate-authority": str(keys.path("ca.crt"))}
    config = {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": "tested", "cluster": cluster}],
        "users": [{"name": "admin", "user": {"token": keys.token}}],
        "contexts": [{"name": "tested", "context": {"cluster": "tested", "user": "admin"}}],
        "current-context": "tested",
    }
    path = folder / "kubeconfig"
    path.write_text(json.dumps(config))
    return path


def _says(url: str, keys: _Keys | None = None) -> bool:
    """Whether it answers with 200."""
    context = None if keys is None else ssl.create_default_context(cafile=str(keys.path("ca.crt")))
    request = urllib.request.Request(url, headers={} if keys is None else {"authorization": f"Bearer {keys.token}"})
    try:
        with urllib.request.urlopen(request, timeout=5, context=context) as answer:
            return bool(answer.status == 200)
    except (OSError, http.client.HTTPException):
        return False
