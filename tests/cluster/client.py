"""kubectl and helm as a user of the cluster calls them."""

import contextlib
import json
import os
import subprocess
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from helm.chart import CHART
from helm.programs import helm

from .programs import kubectl

Json = dict[str, Any]
_POLL_SECONDS: Final = 0.25
_RESTRICTED: Final = {f"pod-security.kubernetes.io/{mode}": "restricted" for mode in ("enforce", "warn")}


@dataclass(frozen=True, slots=True)
class Cluster:
    kubeconfig: Path

    def namespace(self, name: str) -> "Namespace":
        """A new one, which takes only pods that comply with `restricted`."""
        metadata = {"name": name, "labels": _RESTRICTED}
        self.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": metadata})
        return Namespace(self, name)

    def apply(self, *objects: Json) -> None:
        for one in objects:
            self.kubectl("apply", "-f", "-", given=json.dumps(one))

    @contextlib.contextmanager
    def cordoned(self) -> Iterator[None]:
        """No node takes a pod."""
        self.kubectl("cordon", "--selector", "kubernetes.io/os")
        try:
            yield
        finally:
            self.kubectl("uncordon", "--selector", "kubernetes.io/os")

    def run(self, program: Path, *words: str, given: str | None = None) -> subprocess.CompletedProcess[str]:
        environment = os.environ | {"KUBECONFIG": str(self.kubeconfig)}
        return subprocess.run(
            [program, *words], env=environment, input=given, capture_output=True, text=True, check=False
        )

    def kubectl(self, *words: str, given: str | None = None) -> str:
        done = self.run(kubectl(), *words, given=given)
        assert done.returncode == 0, f"kubectl {' '.join(words)}: {done.stderr}"
        return done.stdout


@dataclass(frozen=True, slots=True)
class Namespace:
    cluster: Cluster
    name: str

    def try_kubectl(self, *words: str, given: str | None = None) -> subprocess.CompletedProcess[str]:
        return self.cluster.run(kubectl(), "-n", self.name, *words, given=given)

    def kubectl(self, *words: str, given: str | None = None) -> str:
        return self.cluster.kubectl("-n", self.name, *words, given=given)

    def secret(self, name: str, **data: str) -> None:
        head = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": name, "namespace": self.name}}
        self.cluster.apply(head | {"stringData": data})

    def get(self, kinds: str, *words: str) -> list[Json]:
        found: list[Json] = json.loads(self.kubectl("get", kinds, *words, "-o", "json"))["items"]
        return found

    def one(self, kind: str, name: str) -> Json:
        found: Json = json.loads(self.kubectl("get", kind, name, "-o", "json"))
        return found

    def pods(self, part: str = "all") -> list[Json]:
        """Of that role, those that aren't being deleted."""
        found = self.get("pods", "-l", f"app.kubernetes.io/name=ordersaga,app.kubernetes.io/component={part}")
        return [one for one in found if "deletionTimestamp" not in one["metadata"]]

    def evict(self, pod: str) -> str:
        """Empty if it is evicted, else why not."""
        metadata = {"name": pod, "namespace": self.name}
        body = json.dumps({"apiVersion": "policy/v1", "kind": "Eviction", "metadata": metadata})
        path = f"/api/v1/namespaces/{self.name}/pods/{pod}/eviction"
        return self.try_kubectl("create", "--raw", path, "-f", "-", given=body).stderr

    def events(self, **fields: str) -> list[Json]:
        """`reason`, or `kind` and `name` of the object."""
        wanted = {"kind": "involvedObject.kind", "name": "involvedObject.name"}
        selector = ",".join(f"{wanted.get(name, name)}={value}" for name, value in fields.items())
        return self.get("events", "--field-selector", selector)

    def helm(self, command: str, *words: str, values: Json | None = None) -> subprocess.CompletedProcess[str]:
        """`install` and `upgrade` of the release `pay` wait for it; with values they replace all earlier ones."""
        arguments = [command, "-n", self.name, "pay"]
        if command in {"install", "upgrade"}:
            arguments += [str(CHART), "--wait"]
        if values is not None:
            arguments += ["--values", "-"]
        given = None if values is None else json.dumps(values)
        return self.cluster.run(helm(), *arguments, *words, given=given)

    def helm_done(self, command: str, *words: str, values: Json | None = None) -> str:
        done = self.helm(command, *words, values=values)
        assert done.returncode == 0, f"helm {command}: {done.stderr}\n{self.state()}"
        return done.stdout + done.stderr

    def image(self, part: str = "all") -> str:
        """What the Deployment asks for."""
        (container,) = self.one("deployment", f"pay-ordersaga-{part}")["spec"]["template"]["spec"]["containers"]
        return str(container["image"])

    def disruptions_allowed(self, part: str = "all") -> int:
        return int(self.one("pdb", f"pay-ordersaga-{part}")["status"].get("disruptionsAllowed", -1))

    def state(self) -> str:
        """For a message: pods, and the last events."""
        return self.try_kubectl("get", "pods,jobs,deployments", "-o", "wide").stdout + "\n".join(
            f"{one['involvedObject']['name']}: {one['reason']}: {one['message']}" for one in self.get("events")[-15:]
        )


def wait_for(condition: Callable[[], object], seconds: float, what: Callable[[], str]) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"not within {seconds:g} s: {what()}"
        time.sleep(_POLL_SECONDS)


def names(objects: Iterable[Json]) -> set[str]:
    """`Kind/name` of each."""
    return {f"{one['kind']}/{one['metadata']['name']}" for one in objects}
