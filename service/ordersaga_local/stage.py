"""The whole system on one machine: Kafka, Postgres, sandbox and service, each in its own process."""

import asyncio
import base64
import contextlib
import json
import os
import re
import secrets
import signal
import subprocess
import sys
import tempfile
import time
import urllib.request
import uuid
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import asyncpg
from aiokafka.errors import KafkaError  # type: ignore[import-untyped]  # it ships no types

from ordersaga_local.admin import create_database, create_topics, delete_topics, drop_database
from ordersaga_local.guard import Spec
from ordersaga_local.parts import Parts
from ordersaga_local.process import PartFailedError, free_port

_NO_PART_OF_A_KEY = re.compile(r"\W", re.ASCII)
_GUARD = Path(__file__).with_name("guard.py")


def environment_with(settings: Mapping[str, str]) -> dict[str, str]:
    """Our environment, but with these settings only: inherited ones could be those of real accounts."""
    return {name: value for name, value in os.environ.items() if not name.startswith("ORDERSAGA_")} | dict(settings)


class Process:
    """A child process that can be stopped, killed, suspended and started again, with a log file. It never outlives this process."""

    def __init__(self, name: str, command: Sequence[str], environment: Mapping[str, str], folder: Path) -> None:
        self.name = name
        self.log = folder / f"{name}.log"
        self._command = list(command)
        self._environment = dict(environment)
        self._guard: subprocess.Popen[str] | None = None
        self._pid = 0

    @property
    def pid(self) -> int:
        """0 while it isn't running."""
        return self._pid if self._guard is not None and self._guard.poll() is None else 0

    def start(self) -> None:
        spec = Spec(
            command=self._command,
            cwd=str(Path.cwd()),
            directory=None,
            log=str(self.log),
            uid=None,
            gid=None,
            end_signal=signal.SIGKILL,
        )
        self._guard = subprocess.Popen(  # noqa: S603 - only commands of this package
            [sys.executable, "-I", "-S", _GUARD, json.dumps(spec)],
            env=environment_with(self._environment),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            start_new_session=True,  # Ctrl-C must reach only this process, which then stops its children
        )
        assert self._guard.stdout is not None
        self._pid = int(self._guard.stdout.readline() or 0)

    def signal(self, number: signal.Signals) -> None:
        if self.pid:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self._pid, number)

    def kill(self) -> None:
        """Like `kill -9`."""
        self.signal(signal.SIGKILL)
        self.wait()

    def stop(self, seconds: float = 40) -> int | None:
        """Sends SIGTERM and returns the exit code; None: it had to be killed."""
        self.signal(signal.SIGTERM)
        self.signal(signal.SIGCONT)
        try:
            return self.wait(seconds)
        except subprocess.TimeoutExpired:
            self.kill()
            return None

    def wait(self, seconds: float | None = None) -> int | None:
        """The exit code, 128 + the signal number if a signal ended it; None: it was never started."""
        if self._guard is None:
            return None
        code = self._guard.wait(seconds)
        for pipe in (self._guard.stdin, self._guard.stdout):
            if pipe is not None:
                pipe.close()
        return code

    def tail(self, lines: int = 12) -> str:
        return "\n".join(self.text().splitlines()[-lines:])

    def text(self) -> str:
        """The whole log."""
        return self.log.read_text(errors="replace") if self.log.exists() else ""


class Sandbox(Process):
    """The sandbox; a restart loses its state and keeps its address."""

    def __init__(self, folder: Path) -> None:
        port = free_port()
        self.url = f"http://127.0.0.1:{port}"
        command = [sys.executable, "-m", "ordersaga_sandbox", "--host", "127.0.0.1", "--port", str(port)]
        super().__init__("sandbox", command, {}, folder)

    def start(self) -> None:
        """Returns when it is ready."""
        super().start()
        self.wait_until_ready()

    def wait_until_ready(self) -> None:
        """Returns when it is ready."""
        deadline = time.monotonic() + 15
        while not self._is_healthy():
            if not self.pid or time.monotonic() > deadline:
                raise PartFailedError(f"the sandbox didn't start: {self.tail()}")
            time.sleep(0.05)

    def control(self, path: str, method: str = "GET", body: object = None) -> Any:
        """A request to the control plane."""
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(  # noqa: S310 - our own sandbox, on the loopback interface
            f"{self.url}/_sandbox/{path}", data=data, method=method, headers={"content-type": "application/json"}
        )
        with urllib.request.urlopen(request, timeout=30) as answer:  # noqa: S310 - as above
            text = answer.read()
        return json.loads(text) if text else None

    def effects(self) -> list[dict[str, Any]]:
        """The whole ledger."""
        return self._pages("ledger", "effects")

    def requests(self, after: int = 0) -> list[dict[str, Any]]:
        """The request log, after that `seq`."""
        return self._pages("requests", "requests", after)

    def deliveries(self, after: int = 0) -> list[dict[str, Any]]:
        """What was sent to the merchant, or is to be, after that `seq`."""
        return self._pages("deliveries", "deliveries", after)

    def _pages(self, path: str, name: str, after: int = 0) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = []
        while page := self.control(f"{path}?after={after}&limit=5000")[name]:
            found += page
            after = page[-1]["seq"]
        return found

    def _is_healthy(self) -> bool:
        with contextlib.suppress(OSError):
            self.control("health")
            return True
        return False


@dataclass
class Stage:
    """Addresses and settings of one run. Topics and database have names of their own.

    `provider`: the base URL that the merchants' accounts use, which is the sandbox.
    """

    kafka: str
    database: str
    provider: str
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
        """The settings that every `ordersaga` command of this run needs."""
        account = {"base_url": self.provider, "slots": self.slots, "call_deadline": self.call_deadline}
        merchants = {
            name: {
                "klarna": {"username": name, "password": "sandbox", **account},
                "mollie": {"api_key": f"test_{_NO_PART_OF_A_KEY.sub('_', name)}", **account},
            }
            for name in self.merchants
        }
        return {
            "ORDERSAGA_KAFKA": self.kafka,
            "ORDERSAGA_DATABASE": self.database,
            "ORDERSAGA_ENCRYPTION_KEY": self._key,
            "ORDERSAGA_MERCHANTS": json.dumps(merchants),
            "ORDERSAGA_ORDERS_TOPIC": self.orders_topic,
            "ORDERSAGA_OUTCOMES_TOPIC": self.outcomes_topic,
            "ORDERSAGA_GROUP": f"ordersaga-{self.run}",
            "ORDERSAGA_WEB__LINGER": "0",  # nothing is in front
            **self.settings,
        }

    def ordersaga(self, *arguments: str, script: Path | None = None) -> list[str]:
        """`script` replaces the `ordersaga` program and gets the same arguments."""
        program = ["-m", "ordersaga"] if script is None else [str(script)]
        return [sys.executable, *program, *arguments]

    def command(self, *arguments: str, script: Path | None = None) -> str:
        """Runs an `ordersaga` command, or the script in its place, and returns its output."""
        done = subprocess.run(  # noqa: S603 - as above
            self.ordersaga(*arguments, script=script),
            env=environment_with(self.environment),
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            raise PartFailedError(
                f"ordersaga {' '.join(arguments)} ended with {done.returncode}: {done.stderr[-2000:]}"
            )
        return done.stdout

    def service(self, name: str = "service", *roles: str, script: Path | None = None, **settings: str) -> Process:
        """Starts a service process of this run. `script` replaces the `ordersaga` program and gets the same arguments."""
        options = [word for role in roles for word in ("--role", role)]
        command = self.ordersaga("run", *options, script=script)
        environment = {**self.environment, "ORDERSAGA_INSTANCE": name, **settings}
        process = Process(name, command, environment, self.folder)
        self._processes.append(process)
        process.start()
        return process

    def stop(self) -> None:
        """Stops all services at the same time."""
        for process in self._processes:
            process.signal(signal.SIGTERM)
        for process in self._processes:
            process.stop()


@contextlib.contextmanager
def stage(
    parts: Parts, *, partitions: int = 8, template: str | None = None, **options: Any
) -> Iterator[tuple[Stage, Sandbox]]:
    """A new run on the given Kafka and Postgres: creates database and topics and starts the sandbox, not the service.

    `template`: a migrated database to copy; without it the new database is migrated.
    """
    with tempfile.TemporaryDirectory(prefix="ordersaga-stage-") as name:
        sandbox = Sandbox(Path(name))
        opened = Stage(parts.kafka.bootstrap, "", sandbox.url, Path(name), **options)
        database = f"ordersaga_{opened.run}"
        opened.database = parts.postgres.url(database)
        try:
            Process.start(sandbox)  # it gets ready while the rest is created
            asyncio.run(create_database(parts.postgres.url(), database, template))
            asyncio.run(create_topics(opened.kafka, opened.orders_topic, opened.outcomes_topic, partitions=partitions))
            if template is None:
                opened.command("migrate")
            sandbox.wait_until_ready()
            yield opened, sandbox
        finally:
            opened.stop()
            sandbox.stop(10)
            asyncio.run(_drop_what_was_created(parts, opened, database))


async def _drop_what_was_created(parts: Parts, opened: Stage, database: str) -> None:
    """On servers that were there before the run."""
    if parts.postgres.lasts:
        with contextlib.suppress(OSError, asyncpg.PostgresError):
            await drop_database(parts.postgres.url(), database)
    if parts.kafka.lasts:
        with contextlib.suppress(OSError, KafkaError):
            await delete_topics(opened.kafka, opened.orders_topic, opened.outcomes_topic)
