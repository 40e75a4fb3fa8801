"""The image in pods of a real node, with real Kafka, Postgres and the sandbox beside the cluster. Needs root."""

import asyncio
import contextlib
import itertools
import json
import urllib.request
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

import pytest

from e2e.play import Play, life, playing, until
from e2e.test_stopping import IN_DOUBT
from ordersaga_local import parts
from ordersaga_local.kafka import LocalKafka
from ordersaga_local.switch_proxy import SwitchProxy

from . import programs
from .client import Json, Namespace, wait_for
from .control_plane import control_plane
from .image import IMAGE, images
from .node import ADDRESS, real_node
from .revisions import NEWEST, adding, failing

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(1200)]

NEXT, FAILING = "9001", "9002"
ROLE: Json = {
    "replicas": 2,
    "resources": {"requests": {"cpu": "50m", "memory": "128Mi"}, "limits": {"memory": "512Mi"}},
}
OURS = "app.kubernetes.io/name=ordersaga"
RATE = 20
"""Events per second while the pods are replaced."""


@pytest.fixture(scope="module")
def namespace() -> Iterator[Namespace]:
    """On a real node that has the image, one with a migration more, and one whose migration fails."""
    programs.need("runc", "ip", "unshare", "/usr/lib/cni/ptp")
    made = images()
    newer = made.with_migration(NEXT, IMAGE, adding(NEXT, NEWEST))
    broken = made.with_migration(FAILING, newer, failing(FAILING, NEXT))
    with control_plane() as cluster, real_node(cluster, made, [IMAGE, newer, broken]):
        yield cluster.namespace("payments")


@pytest.fixture(scope="module")
def kafka_of_pods(namespace: Namespace) -> Iterator[parts.Kafka]:
    with LocalKafka(host=ADDRESS) as local:
        yield parts.Kafka(local.bootstrap, str(local))


@dataclass
class Shop:
    """Places orders and ships them, and counts them."""

    play: Play
    placed: int = 0
    _numbers: "itertools.count[int]" = field(default_factory=itertools.count)

    async def order(self, count: int = 1) -> None:
        """Returns when the provider has authorized and captured them, and the shop was told."""
        await self.send(count)
        await self.play.ended(2 * self.placed, 60)

    async def send(self, count: int, rate: float | None = None) -> None:
        self.placed += count
        subjects = [f"order-{next(self._numbers)}" for _ in range(count)]
        await self.play.publish(life(subjects), rate)

    @contextlib.asynccontextmanager
    async def busy(self) -> AsyncIterator[None]:
        """Orders all the time."""
        ended = asyncio.Event()

        async def go_on() -> None:
            while not ended.is_set():
                await self.send(RATE, rate=RATE)

        task = asyncio.create_task(go_on())
        try:
            yield
        finally:
            ended.set()
            await task


@contextlib.asynccontextmanager
async def reachable(play: Play) -> AsyncIterator[Json]:
    """The chart's values for pods that reach the play's database and sandbox at `ADDRESS`, and the Secret's data."""
    database, provider = urlsplit(play.stage.database), urlsplit(play.stage.provider)
    assert database.port is not None
    assert provider.port is not None
    with SwitchProxy(database.port, ADDRESS) as to_database, SwitchProxy(provider.port, ADDRESS) as to_provider:
        user = f"{database.username}@{ADDRESS}:{to_database.port}"
        url = f"http://{ADDRESS}:{to_provider.port}"
        yield {
            "database": database._replace(netloc=user).geturl(),
            "settings": settings(play) | {"merchants": {"default": {"klarna": account(url)}}},
        }


def account(url: str) -> Json:
    return {"username": "default", "base_url": url, "slots": 32, "call_deadline": 1.0}


def settings(play: Play) -> Json:
    """Those of the play that aren't secret, as the chart wants them."""
    secret = {"ORDERSAGA_DATABASE", "ORDERSAGA_ENCRYPTION_KEY", "ORDERSAGA_MERCHANTS"}
    found: Json = {}
    for name, value in play.stage.environment.items():
        if name not in secret:
            *groups, last = name.removeprefix("ORDERSAGA_").lower().split("__")
            inner = found
            for group in groups:
                inner = inner.setdefault(group, {})
            inner[last] = json.loads(value) if value.replace(".", "", 1).isdigit() else value
    return found


def values(given: Json, tag: str) -> Json:
    return {
        "image": {"repository": "localhost/ordersaga", "tag": tag, "pullPolicy": "Never"},
        "settings": given["settings"],
        "secrets": [{"name": "ordersaga"}],
        "roles": {"all": ROLE},
        "migrate": {"backoffLimit": 0},
    }


async def revision(play: Play) -> str:
    ((found,),) = await play.rows("SELECT version_num FROM alembic_version")
    return str(found)


async def called(function: Any, *arguments: Any, **named: Any) -> Any:
    return await asyncio.to_thread(function, *arguments, **named)


async def test_a_release_from_its_first_install_to_its_end(
    namespace: Namespace, kafka_of_pods: parts.Kafka, postgres: parts.Postgres
) -> None:
    everything = parts.Parts(kafka_of_pods, postgres)
    async with playing(everything, "template1", {"ORDERSAGA_LEASE": "5"}) as play, reachable(play) as given:
        key = play.stage.environment["ORDERSAGA_ENCRYPTION_KEY"]
        secret = {
            "database": given["database"],
            "encryption_key": key,
            "merchants__default__klarna__password": "sandbox",
        }
        await called(namespace.secret, "ordersaga", **secret)
        shop = Shop(play)

        said = await called(namespace.helm_done, "install", "--timeout", "4m", values=values(given, "1"))
        assert "PodSecurity" not in said
        assert await revision(play) == NEWEST
        await called(assert_probes_pass, namespace)
        await called(assert_hardened, namespace)
        await shop.order()
        assert await play.lives_amiss(1) == []

        async with shop.busy():
            await until(lambda: len(play.books.finals) > 2, 30, namespace.state)
            await called(namespace.helm_done, "upgrade", "--timeout", "4m", values=values(given, NEXT))
        await shop.order()
        assert await revision(play) == NEXT
        assert await play.lives_amiss(shop.placed) == []
        print(f"{shop.placed} orders while the pods were replaced")

        pods = await called(running, namespace)
        async with shop.busy():
            failed = await called(namespace.helm, "upgrade", "--timeout", "4m", values=values(given, FAILING))
        assert failed.returncode != 0
        assert "DivisionByZeroError" in await called(namespace.kubectl, "logs", "job/pay-ordersaga-migrate")
        assert (await revision(play), await called(running, namespace)) == (NEXT, pods)
        await shop.order()

        async with shop.busy():
            await called(namespace.helm_done, "rollback", "1", "--wait", "--timeout", "4m")
        assert {image for _, image in await called(running, namespace)} == {IMAGE}
        assert await revision(play) == NEXT, "an older version runs on newer tables"
        await shop.order()

        async with shop.busy():
            await called(assert_one_is_evicted_at_a_time, namespace)
        await shop.order()

        async with shop.busy():
            await called(namespace.helm_done, "uninstall", "--wait")
            await called(wait_for, lambda: namespace.get("pods", "-l", OURS) == [], 60, namespace.state)
        assert await play.rows(IN_DOUBT) == [], "each process had the time to stop"
        left = await play.rows("SELECT count(*) FROM orders")
        assert left[0][0] >= shop.placed - 10 * RATE
        assert await revision(play) == NEXT

        await called(namespace.helm_done, "install", "--timeout", "4m", values=values(given, NEXT))
        await shop.order()
        assert await play.lives_amiss(shop.placed) == [], "nothing was lost or doubled from the first order on"
        await called(namespace.helm_done, "uninstall", "--wait")


def running(namespace: Namespace) -> set[tuple[str, str]]:
    """Name and image of each ready pod."""
    ready = [one for one in namespace.pods() if one["status"]["containerStatuses"][0]["ready"]]
    return {(one["metadata"]["name"], one["spec"]["containers"][0]["image"]) for one in ready}


def assert_probes_pass(namespace: Namespace) -> None:
    pods = namespace.pods()
    assert len(pods) == 2
    for pod in pods:
        (status,) = pod["status"]["containerStatuses"]
        assert (status["started"], status["ready"], status["restartCount"]) == (True, True, 0)
        for probe in ("startup", "live", "ready"):
            with urllib.request.urlopen(f"http://{pod['status']['podIP']}:9100/healthz/{probe}", timeout=5) as answer:
                assert answer.status == 200
    assert [one["message"] for one in namespace.events(reason="Unhealthy") if "Startup" not in one["message"]] == []


_ASKED = """
import json, os, pathlib
first = dict(line.split(":", 1) for line in pathlib.Path("/proc/1/status").read_text().splitlines())
token = pathlib.Path("/var/run/secrets/kubernetes.io").exists()
try:
    (pathlib.Path.cwd().parent / "new").touch()
    root = "writable"
except OSError as error:
    root = error.strerror
print(json.dumps([*(first[name].split()[0] for name in ("Uid", "CapEff", "NoNewPrivs", "Seccomp")), root, token]))
"""


def assert_hardened(namespace: Namespace) -> None:
    """The process itself, and not only its manifest."""
    for pod in namespace.pods():
        said = namespace.kubectl("exec", pod["metadata"]["name"], "--", "python", "-c", _ASKED)
        assert json.loads(said) == ["10001", "0" * 16, "1", "2", "Read-only file system", False]


def assert_one_is_evicted_at_a_time(namespace: Namespace) -> None:
    wait_for(lambda: namespace.disruptions_allowed() == 1, 60, namespace.state)
    first, second = (one["metadata"]["name"] for one in namespace.pods())
    with namespace.cluster.cordoned():
        assert namespace.evict(first) == ""
        assert "disruption budget" in namespace.evict(second)
    wait_for(lambda: namespace.disruptions_allowed() == 1, 120, namespace.state)
    assert namespace.evict(second) == ""
    wait_for(lambda: len(running(namespace)) == 2, 120, namespace.state)
