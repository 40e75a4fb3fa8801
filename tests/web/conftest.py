"""Processes of the service with ports of their own."""

import base64
import json
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Final

import pytest

from ordersaga_local.process import free_port
from ordersaga_local.stage import Process
from roles_harness import plain_logs

__all__ = ["plain_logs"]
KEY: Final = base64.b64encode(bytes(32)).decode()
Started = Callable[..., "Running"]


class Running:
    """`ordersaga run` with its health at a free port; no Kafka can be reached."""

    def __init__(self, database: str, folder: Path, *arguments: str, **settings: str) -> None:
        self.health = free_port()
        account = {"username": "K1", "password": "swordfish", "base_url": "http://127.0.0.1:1"}
        environment = {
            "ORDERSAGA_KAFKA": "127.0.0.1:1",
            "ORDERSAGA_DATABASE": database,
            "ORDERSAGA_ENCRYPTION_KEY": KEY,
            "ORDERSAGA_MERCHANTS": json.dumps({"default": {"klarna": account}}),
            "ORDERSAGA_METRICS_PORT": str(self.health),
            "ORDERSAGA_WEB__LINGER": "0",
            **settings,
        }
        self.process = Process("service", [sys.executable, "-m", "ordersaga", "run", *arguments], environment, folder)

    def asks(self, path: str) -> int:
        """The status; 0: no answer."""
        return status(f"http://127.0.0.1:{self.health}{path}")

    def healthy(self) -> tuple[int, int, int]:
        """Startup, live, ready."""
        startup, live, ready = (self.asks(f"/healthz/{name}") for name in ("startup", "live", "ready"))
        return startup, live, ready

    def wait_for(self, path: str, wanted: int = 200, seconds: float = 40.0) -> None:
        deadline = time.monotonic() + seconds
        while self.asks(path) != wanted:
            assert time.monotonic() < deadline, self.process.tail()
            assert self.process.pid, self.process.tail()
            time.sleep(0.05)


def status(url: str, body: bytes | None = None) -> int:
    try:
        with urllib.request.urlopen(urllib.request.Request(url, body), timeout=5) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as error:
        error.close()
        return error.code
    except OSError:
        return 0


@pytest.fixture
def started(tmp_path: Path) -> Iterator[Started]:
    with ExitStack() as stack:

        def start(database: str, *arguments: str, **settings: str) -> Running:
            running = Running(database, tmp_path, *arguments, **settings)
            running.process.start()
            stack.callback(running.process.kill)
            return running

        yield start
