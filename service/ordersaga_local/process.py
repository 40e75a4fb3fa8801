"""A server process in a directory of its own, on ports of its own, which never outlives this process."""

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
"""Below the ephemeral ports of Linux and macOS: a client that reconnects to a stopped server there can be given the
server's own port and then talks to itself."""


class MissingPartError(RuntimeError):
    """Kafka or Postgres can't be had on this machine; one line that says what is missing and what to do."""


class PartFailedError(RuntimeError):
    """A part was there but didn't start or answer; the last lines of its log are in the message."""


def free_port() -> int:
    for port in random.sample(_PORTS, 100):
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port
    raise PartFailedError(f"no free port on 127.0.0.1 between {_PORTS.start} and {_PORTS.stop}")


def run(command: Sequence[str | Path], owner: "Owner | None" = None, cwd: Path | None = None) -> str:
    """The command's output; PartFailedError with the end of it when it ends with anything but 0."""
    owner = owner or Owner.this_user()
    done = subprocess.run(  # noqa: S603 - callers give commands of this package only
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
    return "\n".join(text.strip().splitlines()[-lines:]) or "it said nothing"


@dataclass(frozen=True, slots=True)
class Owner:
    """Whom a server runs as; None is this user."""

    uid: int | None = None
    gid: int | None = None

    @classmethod
    def this_user(cls) -> Self:
        return cls()

    @classmethod
    def unprivileged(cls) -> Self:
        """Never root: Postgres refuses it."""
        if os.geteuid() != 0:
            return cls()
        nobody = pwd.getpwnam("nobody")
        return cls(nobody.pw_uid, nobody.pw_gid)

    def take(self, path: Path) -> None:
        if self.uid is not None and self.gid is not None:
            os.chown(path, self.uid, self.gid)

    def may_read(self, path: Path) -> bool:
        """Whether every folder on the way is open to others; a checkout in root's home isn't."""
        return self.uid is None or all(folder.stat().st_mode & 0o001 for folder in (path, *path.parents))


def new_directory(name: str, owner: Owner | None = None, parent: Path | None = None) -> Path:
    """A fresh one that only `owner` may enter, among the machine's temporary files unless `parent` is given."""
    directory = Path(tempfile.mkdtemp(prefix=f"ordersaga-{name}-", dir=parent))
    (owner or Owner.this_user()).take(directory)
    return directory


def disk() -> Path | None:
    """For what must survive a power cut: unlike /tmp never a memory file system."""
    return _usable("/var/tmp", 0)  # noqa: S108 - mkdtemp makes a private folder in it


def memory() -> Path | None:
    """For what may be lost, ten times as fast in making files; None where there is too little of it (containers)."""
    return _usable("/dev/shm", 4 << 30)  # noqa: S108 - as above


def _usable(folder: str, free: int) -> Path | None:
    if not os.access(folder, os.W_OK | os.X_OK) or shutil.disk_usage(folder).free < free:
        return None
    runs_programs = not os.statvfs(folder).f_flag & getattr(os, "ST_NOEXEC", 0)  # Postgres' own may be copied there
    return Path(folder) if runs_programs else None


class Server:
    """One server that can be stopped, killed and started again on the same ports and data.

    `ready(pid)` says whether the process answers; `again(log)` whether an early end is worth another try.
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
        again: Callable[[str], bool] = lambda _log: False,
    ) -> None:
        self.directory = directory
        self.log = directory / "log"
        self._command = [str(word) for word in command]
        self._ready = ready
        self._owner = owner or Owner.this_user()
        self._stop_signal = stop_signal
        self._end_signal = end_signal
        self._again = again
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
                self._end(signal.SIGKILL)
                raise PartFailedError(f"{self._name} didn't answer within {seconds:.0f} s: {self._log_tail()}")
            if not self.pid:
                if not self._again(self._log_tail()):
                    raise PartFailedError(f"{self._name} ended at its start: {self._log_tail()}")
                self._end(signal.SIGKILL)
                self._spawn()
            time.sleep(0.02)

    def stop(self) -> None:
        """In order, as an operator would."""
        self._end(self._stop_signal)

    def kill(self) -> None:
        """As `kill -9` does."""
        self._end(signal.SIGKILL)

    def restart(self) -> None:
        self.stop()
        self.start()

    def close(self) -> None:
        """For good: nothing is left of it, neither process nor data."""
        self._end(self._end_signal)
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
        self._guard = subprocess.Popen(  # noqa: S603 - our own script
            [sys.executable, "-I", "-S", _GUARD, json.dumps(spec)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            start_new_session=True,  # Ctrl-C is for this process: it stops its servers when it is done with them
        )
        assert self._guard.stdout is not None
        self._pid = int(self._guard.stdout.readline() or 0)
        if not self._pid:
            raise PartFailedError(f"{self._name} can't be started; is it executable?")

    def _end(self, how: signal.Signals, seconds: float = 30) -> None:
        guard, self._guard = self._guard, None
        if guard is None:
            return
        _signal(self._pid, how, guard)
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


def _signal(pid: int, how: signal.Signals, guard: "subprocess.Popen[str]") -> None:
    """Only while the guard waits for the pid: until then it can't have gone to another process."""
    if guard.poll() is None:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, how)
