"""The whole product on one machine: parts, sandbox and service as processes of their own."""

import asyncio
import base64
import contextlib
import json
import os
import secrets
import signal
import subprocess
import sys
import tempfile
import urllib.request
import uuid
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ordersaga_local.admin import create_database, create_topics
from ordersaga_local.parts import Parts
from ordersaga_local.process import PartFailedError, free_port

_GUARD = Path(__file__).with_name("guard.py")


class Process:
    """A child that can be stopped, killed, frozen and started again; its log is a file."""

    def __init__(self, name: str, command: Sequence[str], environment: Mapping[str, str], folder: Path) -> None:
        self.name = name
        self.log = folder / f"{name}.log"
        self._command = list(command)
        self._environment = dict(environment)
        self._child: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int:
        """0 while it isn't running."""
        return self._child.pid if self._child is not None and self._child.poll() is None else 0

    def start(self) -> None:
        with self.log.open("ab") as log:
            self._child = subprocess.Popen(  # noqa: S603 - commands of this package only
                self._command,
                env={**os.environ, **self._environment},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                preexec_fn=_die_with_parent,
            )

    def signal(self, number: signal.Signals) -> None:
        if self.pid:
            os.kill(self.pid, number)

    def kill(self) -> None:
        """As `kill -9` does."""
        self.signal(signal.SIGKILL)
        self.wait()

    def stop(self, seconds: float = 40) -> int | None:
        """SIGTERM, then its exit code; None: it had to be killed."""
        self.signal(signal.SIGTERM)
        try:
            return self.wait(seconds)
        except subprocess.TimeoutExpired:
            self.kill()
            return None

    def wait(self, seconds: float | None = None) -> int | None:
        return None if self._child is None else self._child.wait(seconds)

    def tail(self, lines: int = 12) -> str:
        return "\n".join(self.log.read_text(errors="replace").splitlines()[-lines:]) if self.log.exists() else ""


def _die_with_parent() -> None:
    with contextlib.suppress(OSError, AttributeError):
        import ctypes

        ctypes.CDLL(None).prctl(1, signal.SIGKILL)


@dataclass
class Stage:
    """Addresses and settings of one run. Names of topics and database are this run's own."""

    kafka: str
    database: str
    sandbox: str
    folder: Path
    run: str = field(default_factory=lambda: uuid.uuid4().hex[:8])
    merchants: Sequence[str] = ("default", "gifts")
    settings: dict[str, str] = field(default_factory=dict)
    slots: int = 64
    call_deadline: float = 5.0
    _key: str = field(default_factory=lambda: base64.b64encode(secrets.token_bytes(32)).decode())
    _processes: list[Process] = field(default_factory=list)

    @property
    def orders_topic(self) -> str:
        return f"shop.orders.{self.run}"

    @property
    def outcomes_topic(self) -> str:
        return f"payments.orders.{self.run}"

    @property
    def environment(self) -> dict[str, str]:
        """What any `ordersaga` command of this run needs."""
        account = {
            "password": "sandbox",
            "base_url": self.sandbox,
            "slots": self.slots,
            "call_deadline": self.call_deadline,
        }
        merchants = {name: {"klarna": {"username": name, **account}} for name in self.merchants}
        return {
            "ORDERSAGA_KAFKA": self.kafka,
            "ORDERSAGA_DATABASE": self.database,
            "ORDERSAGA_ENCRYPTION_KEY": self._key,
            "ORDERSAGA_MERCHANTS": json.dumps(merchants),
            "ORDERSAGA_ORDERS_TOPIC": self.orders_topic,
            "ORDERSAGA_OUTCOMES_TOPIC": self.outcomes_topic,
            "ORDERSAGA_GROUP": f"ordersaga-{self.run}",
            **self.settings,
        }

    def ordersaga(self, *arguments: str) -> list[str]:
        return [sys.executable, "-m", "ordersaga", *arguments]

    def command(self, *arguments: str) -> str:
        """Runs an `ordersaga` command to its end; its output."""
        done = subprocess.run(  # noqa: S603 - as above
            self.ordersaga(*arguments),
            env={**os.environ, **self.environment},
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            raise PartFailedError(
                f"ordersaga {' '.join(arguments)} ended with {done.returncode}: {done.stderr[-2000:]}"
            )
        return done.stdout

    def service(self, name: str = "service", *roles: str, **settings: str) -> Process:
        """A service process of this run, started."""
        options = [word for role in roles for word in ("--role", role)]
        environment = {**self.environment, "ORDERSAGA_INSTANCE": name, **settings}
        process = Process(name, self.ordersaga("run", *options), environment, self.folder)
        self._processes.append(process)
        process.start()
        return process

    def control(self, path: str, method: str = "GET", body: object = None) -> Any:
        """A call of the sandbox's control plane."""
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(  # noqa: S310 - loopback, our own sandbox
            f"{self.sandbox}/_sandbox/{path}", data=data, method=method, headers={"content-type": "application/json"}
        )
        with urllib.request.urlopen(request, timeout=30) as answer:  # noqa: S310 - as above
            text = answer.read()
        return json.loads(text) if text else None

    def stop(self) -> None:
        for process in self._processes:
            process.stop()


@contextlib.contextmanager
def sandbox(folder: Path) -> Iterator[str]:
    """The sandbox as a process; its base URL."""
    port = free_port()
    command = [sys.executable, "-m", "ordersaga_sandbox", "--host", "127.0.0.1", "--port", str(port)]
    process = Process("sandbox", command, {}, folder)
    process.start()
    url = f"http://127.0.0.1:{port}"
    try:
        _wait_for(url, process)
        yield url
    finally:
        process.stop(10)


def _wait_for(url: str, process: Process, seconds: float = 15) -> None:
    import time

    deadline = time.monotonic() + seconds
    while True:
        try:
            with urllib.request.urlopen(f"{url}/_sandbox/health", timeout=1):  # noqa: S310 - loopback, our own sandbox
                return
        except OSError:
            if not process.pid or time.monotonic() > deadline:
                raise PartFailedError(f"the sandbox didn't start: {process.tail()}") from None
            time.sleep(0.05)


@contextlib.contextmanager
def stage(parts: Parts, *, partitions: int = 8, **options: Any) -> Iterator[Stage]:
    """A run of its own on the given parts: database and topics made, migrated, sandbox up; the service isn't started."""
    with tempfile.TemporaryDirectory(prefix="ordersaga-stage-") as name, sandbox(Path(name)) as url:
        made = Stage(parts.kafka.bootstrap, "", url, Path(name), **options)
        database = f"ordersaga_{made.run}"
        made.database = parts.postgres.url(database)
        asyncio.run(create_database(parts.postgres.url(), database))
        asyncio.run(create_topics(made.kafka, made.orders_topic, made.outcomes_topic, partitions=partitions))
        made.command("migrate")
        try:
            yield made
        finally:
            made.stop()
