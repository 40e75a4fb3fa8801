"""What stops `ordersaga run` at its start: one line each."""

import base64
import json
import os
import socket
import subprocess
import sys

import pytest

from ordersaga.domain.model.events import Cause
from ordersaga.store.store import Store
from ordersaga.store.vault import Vault

from .conftest import KEY, Run
from .test_store import within

PERSONAL = "Ada Lovelace"
VAULT = Vault({"1": base64.b64decode(KEY)}, "1")
PLACED = Cause("/shop", "placed-1", "shop.order.placed.v1")


def test_a_metrics_port_that_is_taken_is_named(run: Run, stored: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.create_server(("0.0.0.0", 0)) as taken:
        port = taken.getsockname()[1]
        monkeypatch.setenv("ORDERSAGA_METRICS_PORT", str(port))
        result = run("run")
    assert (result.code, result.err) == (
        2,
        f"ORDERSAGA_METRICS_PORT: can't listen on port {port}: Address already in use\n",
    )


def test_at_the_start_a_master_key_that_was_forgotten_is_told(run: Run, stored: str) -> None:
    async def nothing(_store: Store) -> None:
        pass

    within(stored, nothing)
    other = base64.b64encode(bytes(32)).decode()
    environment = {**os.environ, "ORDERSAGA_ENCRYPTION_KEY": f"2:{other}"}
    service = subprocess.Popen(
        [sys.executable, "-m", "ordersaga", "run", "--role", "relay"],
        env=environment,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert service.stderr is not None
    lines = [json.loads(service.stderr.readline()) for _ in range(2)]
    service.terminate()
    service.communicate(timeout=30)
    assert (lines[0]["event"], lines[0]["level"]) == ("a master key is missing", "warning")
    assert lines[0]["reason"] == "data encrypted with the key '1' can't be read"
