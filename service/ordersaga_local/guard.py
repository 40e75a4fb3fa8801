"""Runs a process and stops it when the parent ends. A standalone script that uses only the standard library.

Its argument is a `Spec` as JSON. It writes the pid to standard output and exits with the exit code of the process. When
its standard input closes, the parent has ended, in whatever way: it kills the process and removes its directory.
PR_SET_PDEATHSIG alone isn't enough: it fires when the *thread* ends that started the process.
"""

import ctypes
import json
import os
import select
import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from typing import TypedDict

_PR_SET_PDEATHSIG = 1


class Spec(TypedDict):
    command: list[str]
    cwd: str
    directory: str | None
    """Removed when the parent has ended."""
    log: str
    uid: int | None
    gid: int | None
    end_signal: int
    """Stops the process when the parent has ended."""


def _die_with_guard() -> Callable[[], None] | None:
    """Covers the case that the guard itself is killed, on Linux only."""
    if not sys.platform.startswith("linux"):
        return None
    prctl = ctypes.CDLL(None).prctl

    def request_signal() -> None:
        prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)

    return request_signal


def _start(spec: Spec) -> "subprocess.Popen[bytes]":
    with open(spec["log"], "ab") as log:  # noqa: PTH123 - pathlib would double the startup time of this script
        return subprocess.Popen(  # noqa: S603 - the command is our own
            spec["command"],
            cwd=spec["cwd"],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            user=spec["uid"],
            group=spec["gid"],
            extra_groups=None if spec["uid"] is None else [],
            preexec_fn=_die_with_guard(),  # noqa: PLW1509 - no thread runs here yet
        )


def _wait_for_orphaning(parent: int) -> None:
    while os.getppid() == parent:  # another child of the parent may keep our standard input open
        if select.select([sys.stdin], [], [], 1)[0]:
            return


def main() -> int:
    parent = os.getppid()
    spec: Spec = json.loads(sys.argv[1])
    orphaned = threading.Event()
    server = _start(spec)
    sys.stdout.write(f"{server.pid}\n")
    sys.stdout.close()

    def watch() -> None:
        _wait_for_orphaning(parent)
        orphaned.set()
        server.send_signal(spec["end_signal"])

    threading.Thread(target=watch, daemon=True).start()
    code = server.wait()
    if orphaned.is_set() and spec["directory"] is not None:
        shutil.rmtree(spec["directory"], ignore_errors=True)
    return code if code >= 0 else 128 - code


if __name__ == "__main__":
    sys.exit(main())
