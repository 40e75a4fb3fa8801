"""A server process with its own directory and ports, which never outlives this process."""

import contextlib
import json
import os
import pwd
import random
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from ordersaga_local.guard import Spec

_GUARD = Path(__file__).with_name("guard.py")
_PORTS = range(15_000, 32_000)
"""Below the ephemeral ports of Linux and macOS: there, a client that reconnects to a stopped server can be assigned the
server's port itself, and then it is connected to itself."""


class MissingPartError(RuntimeError):
    """Kafka or Postgres isn't available on this machine; the message says in one line what is missing and what to do."""


class PartFailedError(RuntimeError):
    """Kafka, Postgres or another process didn't start or respond; the message has the last lines of its log."""


def free_port() -> int:
    for port in random.sample(_PORTS, 100):
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port
    raise PartFailedError(f"no free port on 127.0.0.1 between {_PORTS.start} and {_PORTS.stop}")


def run(command: Sequence[str | Path], owner: "Owner | None" = None, cwd: Path | None = None) -> str:
    """The output of the command. Raises PartFailedError with the end of the output if the exit code isn't 0."""
    owner = owner or Owner.current_user()
    done = subprocess.run(  # noqa: S603 - only called with commands of this package
        command,
        cwd=cwd,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
        user=owner.uid,
        group=owner.gid,
        extra_groups=None if owner.uid is None else [],
    )
    if done.returncode:
        raise PartFailedError(f"{Path(command[0]).name} ended with {done.returncode}: {_tail(done.stdout)}")
    return done.stdout


def _tail(text: str, lines: int = 8) -> str:
    return "\n".join(text.strip().splitlines()[-lines:]) or "no output"


@dataclass(frozen=True, slots=True)
class Owner:
    """The user that a server runs as; None is the current user."""

    uid: int | None = None
    gid: int | None = None

    @classmethod
    def current_user(cls) -> Self:
        return cls()

    @classmethod
    def unprivileged(cls) -> Self:
        """Never root, which Postgres refuses."""
        if os.geteuid() != 0:
            return cls()
        nobody = pwd.getpwnam("nobody")
        return cls(nobody.pw_uid, nobody.pw_gid)

    def chown(self, path: Path) -> None:
        if self.uid is not None and self.gid is not None:
            os.chown(path, self.uid, self.gid)

    def can_read(self, path: Path) -> bool:
        """Whether others may enter every folder of the path; they can't if it is in the home of root."""
        return self.uid is None or all(folder.stat().st_mode & 0o001 for folder in (path, *path.parents))


def new_directory(name: str, owner: Owner | None = None, parent: Path | None = None) -> Path:
    """A new temporary directory that only `owner` can enter."""
    directory = Path(tempfile.mkdtemp(prefix=f"ordersaga-{name}-", dir=parent))
    (owner or Owner.current_user()).chown(directory)
    return directory


def disk_directory() -> Path | None:
    """For data that must survive a power failure: unlike /tmp, it is never in memory."""
    return _usable("/var/tmp", 0)  # noqa: S108 - mkdtemp makes a private folder in it


def memory_directory() -> Path | None:
    """For data that may be lost: creating files is ten times as fast. None if it is too small, as in containers."""
    return _usable("/dev/shm", 4 << 30)  # noqa: S108 - as above


def _usable(folder: str, free: int) -> Path | None:
    if not os.access(folder, os.W_OK | os.X_OK) or shutil.disk_usage(folder).free < free:
        return None
    noexec = os.statvfs(folder).f_flag & getattr(os, "ST_NOEXEC", 0)  # Postgres' programs may be copied there
    return None if noexec else Path(folder)


class Server:
    """A server that can be stopped, killed and started again with the same ports and data.

    `ready(pid)`: whether the process serves requests. `retry(log)`: whether to start it again if it ends during startup.
    """

    def __init__(
        self,
        command: Sequence[str | Path],
        directory: Path,
        ready: Callable[[int], bool],
        *,
        owner: Owner | None = None,
        stop_signal: signal.Signals = signal.SIGTERM,
        end_signal: signal.Signals = signal.SIGKILL,
        retry: Callable[[str], bool] = lambda _log: False,
    ) -> None:
        self.directory = directory
        self.log = directory / "log"
        self._command = [str(word) for word in command]
        self._ready = ready
        self._owner = owner or Owner.current_user()
        self._stop_signal = stop_signal
        self._end_signal = end_signal
        self._retry = retry
        self._guard: subprocess.Popen[str] | None = None
        self._pid = 0

    @property
    def pid(self) -> int:
        """0 while it is stopped."""
        return self._pid if self._guard is not None and self._guard.poll() is None else 0

    def start(self, seconds: float = 60) -> None:
        deadline = time.monotonic() + seconds
        self._spawn()
        while not (self.pid and self._ready(self.pid)):
            if time.monotonic() > deadline:
                self._terminate(signal.SIGKILL)
                raise PartFailedError(f"{self._name} didn't respond within {seconds:.0f} s: {self._log_tail()}")
            if not self.pid:
                if not self._retry(self._log_tail()):
                    raise PartFailedError(f"{self._name} ended during startup: {self._log_tail()}")
                self._terminate(signal.SIGKILL)
                self._spawn()
            time.sleep(0.02)

    def stop(self) -> None:
        """A graceful shutdown."""
        self._terminate(self._stop_signal)

    def kill(self) -> None:
        """Like `kill -9`."""
        self._terminate(signal.SIGKILL)

    def restart(self) -> None:
        self.stop()
        self.start()

    def close(self) -> None:
        """Ends the process and deletes its data."""
        self._terminate(self._end_signal)
        shutil.rmtree(self.directory, ignore_errors=True)

    @property
    def _name(self) -> str:
        return Path(self._command[0]).name

    def _spawn(self) -> None:
        spec = Spec(
            command=self._command,
            cwd=str(self.directory),
            directory=str(self.directory),
            log=str(self.log),
            uid=self._owner.uid,
            gid=self._owner.gid,
            end_signal=self._end_signal,
        )
        self._guard = subprocess.Popen(  # noqa: S603 - a script of this package
            [sys.executable, "-I", "-S", _GUARD, json.dumps(spec)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            start_new_session=True,  # Ctrl-C must reach only this process, which then stops its servers
        )
        assert self._guard.stdout is not None
        self._pid = int(self._guard.stdout.readline() or 0)
        if not self._pid:
            raise PartFailedError(f"{self._name} can't be started; is it executable?")

    def _terminate(self, number: signal.Signals, seconds: float = 30) -> None:
        guard, self._guard = self._guard, None
        if guard is None:
            return
        _signal(self._pid, number, guard)
        try:
            guard.wait(seconds)
        except subprocess.TimeoutExpired:
            _signal(self._pid, signal.SIGKILL, guard)
            guard.wait()
        for pipe in (guard.stdin, guard.stdout):
            if pipe is not None:
                pipe.close()

    def _log_tail(self) -> str:
        return _tail(self.log.read_text(errors="replace")) if self.log.exists() else "no log"


def _signal(pid: int, number: signal.Signals, guard: "subprocess.Popen[str]") -> None:
    """Only while the guard runs: until then the pid can't have been reused."""
    if guard.poll() is None:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, number)
