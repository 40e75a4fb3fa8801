"""Runs one server for as long as the process that asked for it lives; a script of its own, standard library only.

Its argument is a `Spec` as JSON. It writes the server's pid to standard output, ends with the server's exit code, and
holds standard input: when that closes (its parent has ended, in whatever way) it kills the server and removes its
directory. A thread of the parent may start it: PR_SET_PDEATHSIG alone would fire when that *thread* ends.
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
    """Removed when the parent is gone."""
    log: str
    uid: int | None
    gid: int | None
    end_signal: int
    """What ends the server when the parent is gone."""


def _dies_with_guard() -> Callable[[], None] | None:
    """For the case that the guard itself is killed; where the system has no such call, only that case stays open."""
    if not sys.platform.startswith("linux"):
        return None
    prctl = ctypes.CDLL(None).prctl

    def ask() -> None:
        prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)

    return ask


def _start(spec: Spec) -> "subprocess.Popen[bytes]":
    with open(spec["log"], "ab") as log:  # noqa: PTH123 - pathlib would double the start-up time of this script
        return subprocess.Popen(  # noqa: S603 - the command is our own
            spec["command"],
            cwd=spec["cwd"],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            user=spec["uid"],
            group=spec["gid"],
            extra_groups=None if spec["uid"] is None else [],
            preexec_fn=_dies_with_guard(),  # noqa: PLW1509 - no thread runs here yet
        )


def _wait_for_orphaning(parent: int) -> None:
    while os.getppid() == parent:  # another child of the parent may hold our standard input open
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
