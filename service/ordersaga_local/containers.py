"""Kafka and Postgres as containers, where a Docker engine is available."""

import contextlib
import logging
import os
import socket
import time
from collections.abc import Iterator
from urllib.parse import urlsplit

from ordersaga_local.jars import KAFKA_VERSION
from ordersaga_local.kafka import PROPERTIES, is_ready
from ordersaga_local.process import PartFailedError, free_port

KAFKA_IMAGE = f"apache/kafka:{KAFKA_VERSION}"
POSTGRES_IMAGE = "postgres:18"
_PING_SECONDS = 2
_START_SECONDS = 90


def engine_is_available() -> bool:
    """Whether it answers within 2 s."""
    # docker.from_env() would leave its socket open when the engine doesn't answer.
    try:
        with _engine() as engine:
            if os.environ.get("DOCKER_TLS_VERIFY"):
                return True  # it accepts connections; a ping would need the client certificates
            engine.sendall(b"GET /_ping HTTP/1.0\r\nHost: docker\r\n\r\n")
            return engine.recv(32).startswith((b"HTTP/1.0 200", b"HTTP/1.1 200"))
    except OSError:
        return False


def _engine() -> socket.socket:
    """A connection to DOCKER_HOST (unix:// or tcp://), or to Docker's default socket."""
    address = urlsplit(os.environ.get("DOCKER_HOST") or "unix:///var/run/docker.sock")
    if address.scheme == "tcp":
        return socket.create_connection((address.hostname or "localhost", address.port or 2375), _PING_SECONDS)
    engine = socket.socket(socket.AF_UNIX)
    engine.settimeout(_PING_SECONDS)
    try:
        engine.connect(address.path)
    except OSError:
        engine.close()
        raise
    return engine


@contextlib.contextmanager
def kafka_container() -> Iterator[str]:
    """Yields the bootstrap address. Raises PartFailedError if the broker doesn't start."""
    from testcontainers.core.container import DockerContainer
    from testcontainers.core.docker_client import DockerClient

    logging.getLogger("testcontainers").setLevel(logging.WARNING)
    with _engine_errors(KAFKA_IMAGE), contextlib.ExitStack() as stack:
        host, port = DockerClient().host(), free_port()
        container = DockerContainer(KAFKA_IMAGE).with_bind_ports(9092, port)
        for name, value in kafka_environment(host, port).items():
            container.with_env(name, value)
        stack.enter_context(container)
        _wait_until_ready(host, port)
        running = stack.pop_all()
    with running:
        yield f"{host}:{port}"


@contextlib.contextmanager
def postgres_container(*, durable: bool) -> Iterator[str]:
    """Yields the URL of a superuser. Raises PartFailedError if the server doesn't start."""
    from testcontainers.community.postgres import PostgresContainer

    logging.getLogger("testcontainers").setLevel(logging.WARNING)
    with _engine_errors(POSTGRES_IMAGE), contextlib.ExitStack() as stack:
        container = PostgresContainer(
            POSTGRES_IMAGE,
            username="postgres",
            password="postgres",  # noqa: S106 - of a throwaway server
            dbname="postgres",
            driver=None,
        ).with_command(postgres_command(durable=durable))
        stack.enter_context(container)
        url = container.get_connection_url(driver=None)
        running = stack.pop_all()
    with running:
        yield url


def kafka_environment(host: str, port: int) -> dict[str, str]:
    """server.properties as environment variables of the image. Clients connect to `host` and `port`."""
    properties = {
        **PROPERTIES,
        "controller.quorum.voters": "1@localhost:9093",
        "listeners": "CLIENT://:9092,BROKER://localhost:19092,CONTROLLER://localhost:9093",
        "advertised.listeners": f"CLIENT://{host}:{port},BROKER://localhost:19092",
        "inter.broker.listener.name": "BROKER",
        "listener.security.protocol.map": "CLIENT:PLAINTEXT,BROKER:PLAINTEXT,CONTROLLER:PLAINTEXT",
    }
    return {"KAFKA_" + name.replace(".", "_").upper(): value for name, value in properties.items()}


def postgres_command(*, durable: bool) -> list[str]:
    settings = ["max_connections=200", "shared_buffers=256MB", "timezone=UTC"]
    if not durable:
        settings += ["fsync=off", "synchronous_commit=off", "full_page_writes=off"]
    return ["postgres", *(word for setting in settings for word in ("-c", setting))]


@contextlib.contextmanager
def _engine_errors(image: str) -> Iterator[None]:
    from docker.errors import DockerException  # type: ignore[import-untyped]  # it ships no types
    from requests.exceptions import RequestException

    try:
        yield
    except (DockerException, RequestException, RuntimeError, OSError) as error:
        reason = str(error).splitlines() or [type(error).__name__]
        raise PartFailedError(f"{image} can't be started: {reason[0]}") from error


def _wait_until_ready(host: str, port: int) -> None:
    deadline = time.monotonic() + _START_SECONDS
    while not is_ready(host, port):
        if time.monotonic() > deadline:
            raise TimeoutError(f"no answer at {host}:{port} within {_START_SECONDS} s")
        time.sleep(0.1)
