"""Whatever ends the process that started the parts, nothing of theirs stays: neither a process nor a folder."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from ordersaga_local.process import PartFailedError, Server

_POSTGRES = """
import sys, time
from ordersaga_local.postgres import LocalPostgres
with LocalPostgres() as postgres:
    sys.stdout.write(f"{postgres.server.pid} {postgres.directory}\\n")
    sys.stdout.flush()
    time.sleep(60)
"""


def descendants(pid: int) -> set[int]:
    listing = subprocess.run(["ps", "-eo", "pid=,ppid="], check=True, capture_output=True, text=True).stdout
    parents = {int(child): int(parent) for child, parent in map(str.split, listing.splitlines())}
    found: set[int] = set()
    while more := {child for child, parent in parents.items() if parent in found | {pid}} - found:
        found |= more
    return found


def runs(pid: int) -> bool:
    """A zombie that nobody has waited for doesn't run any more."""
    state = subprocess.run(["ps", "-o", "stat=", "-p", str(pid)], check=False, capture_output=True, text=True).stdout
    return state.strip() != "" and not state.startswith("Z")


def within(seconds: float, condition: Callable[[], bool]) -> bool:
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.05)
    return True


@pytest.mark.parametrize("end", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_of_a_process_that_is_ended_in_any_way(end: signal.Signals) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", _POSTGRES], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    ) as parent:
        assert parent.stdout is not None
        pid, directory = parent.stdout.readline().split()
        started = descendants(parent.pid)
        assert int(pid) in started
        parent.send_signal(end)
    assert within(10, lambda: not any(runs(one) for one in started))
    assert within(5, lambda: not Path(directory).exists())


@pytest.mark.parametrize("end", [signal.SIGINT, signal.SIGTERM])
def test_of_both_parts_on_the_command_line(end: signal.Signals) -> None:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("ORDERSAGA_")}
    environment["DOCKER_HOST"] = "unix:///nonexistent.sock"
    command = [sys.executable, "-m", "ordersaga_local.parts"]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment
    ) as parent:
        assert parent.stdout is not None
        assert parent.stderr is not None
        assert parent.stdout.readline().startswith("ORDERSAGA_KAFKA=127.0.0.1:")
        assert parent.stdout.readline().startswith("ORDERSAGA_DATABASE=postgresql://")
        started = descendants(parent.pid)
        assert len(started) >= 4
        parent.send_signal(end)
        assert parent.wait(20) == 0
        said = sorted(parent.stderr.read().splitlines())
    assert [line.split()[0] for line in said] == ["Kafka", "PostgreSQL"]
    assert within(10, lambda: not any(runs(one) for one in started))


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="PR_SET_PDEATHSIG is Linux's")
def test_of_a_server_whose_guard_is_killed(tmp_path: Path) -> None:
    server = Server(["sleep", "60"], tmp_path, lambda _pid: True)
    server.start()
    pid = server.pid
    assert server._guard is not None
    server._guard.kill()
    server._guard.wait()
    assert within(5, lambda: not runs(pid))
    server.close()


def test_a_server_that_ends_at_its_start_is_told_with_what_it_said(tmp_path: Path) -> None:
    server = Server(["sh", "-c", "echo the disk is full; exit 3"], tmp_path, lambda _pid: False)
    with pytest.raises(PartFailedError, match="sh ended during startup: the disk is full"):
        server.start()
    server.close()


def test_a_server_that_never_answers_is_ended(tmp_path: Path) -> None:
    server = Server(["sleep", "60"], tmp_path, lambda _pid: False)
    with pytest.raises(PartFailedError, match="didn't respond within 1 s"):
        server.start(seconds=1)
    assert server.pid == 0
    server.close()
