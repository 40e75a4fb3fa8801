"""Finds or starts Kafka and Postgres: those named by the environment, else containers, else local processes.

`python -m ordersaga_local.parts` starts both and prints their addresses; Ctrl-C stops them.
"""

import contextlib
import os
import signal
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, ExitStack
from dataclasses import dataclass
from typing import Self, TypeVar
from urllib.parse import quote, urlsplit, urlunsplit

from ordersaga_local import containers
from ordersaga_local.kafka import LocalKafka
from ordersaga_local.postgres import LocalPostgres
from ordersaga_local.process import MissingPartError, PartFailedError

Say = Callable[[str], None]
_T = TypeVar("_T")


def _to_stderr(line: str) -> None:
    sys.stderr.write(f"{line}\n")
    sys.stderr.flush()


@dataclass(frozen=True, slots=True)
class Kafka:
    bootstrap: str
    origin: str
    """Which broker this is and where it came from, in one line."""
    lasts: bool = False
    """It was there before the run and stays."""


@dataclass(frozen=True, slots=True)
class Postgres:
    address: str
    """The URL of a user who may create databases."""
    origin: str
    lasts: bool = False
    """As for Kafka."""

    def url(self, database: str | None = None) -> str:
        """The URL of that database on the same server; by default the database of `address`."""
        if database is None:
            return self.address
        return urlunsplit(urlsplit(self.address)._replace(path=f"/{quote(database, safe='')}"))


@contextlib.contextmanager
def kafka(say: Say = _to_stderr) -> Iterator[Kafka]:
    """Raises MissingPartError if no broker is available."""
    if named := os.environ.get("ORDERSAGA_KAFKA"):
        found = Kafka(named, f"Kafka from ORDERSAGA_KAFKA at {named}", lasts=True)
        say(found.origin)
        yield found
        return
    with ExitStack() as stack:
        found = _started(stack, "Kafka", "ORDERSAGA_KAFKA", (_kafka_container, _local_kafka), say)
        say(found.origin)
        yield found


@contextlib.contextmanager
def postgres(*, durable: bool = False, say: Say = _to_stderr) -> Iterator[Postgres]:
    """Raises MissingPartError if no server is available. `durable`: a server that we start writes commits to disk."""
    if named := os.environ.get("ORDERSAGA_DATABASE"):
        parts = urlsplit(named)
        at = f"{parts.hostname or 'the default host'}:{parts.port or 5432}{parts.path}"
        found = Postgres(named, f"PostgreSQL from ORDERSAGA_DATABASE at {at}", lasts=True)
        say(found.origin)
        yield found
        return
    starters = (lambda: _postgres_container(durable=durable), lambda: _local_postgres(durable=durable))
    with ExitStack() as stack:
        found = _started(stack, "PostgreSQL", "ORDERSAGA_DATABASE", starters, say)
        say(found.origin)
        yield found


@dataclass(frozen=True, slots=True)
class Parts:
    kafka: Kafka
    postgres: Postgres

    @classmethod
    @contextlib.contextmanager
    def started(cls, *, durable: bool = False, say: Say = _to_stderr) -> Iterator[Self]:
        """Starts both at the same time."""
        with ExitStack() as broker, ExitStack() as database:
            with ThreadPoolExecutor(2) as pool:
                bus = pool.submit(broker.enter_context, kafka(say))
                store = pool.submit(database.enter_context, postgres(durable=durable, say=say))
            yield cls(bus.result(), store.result())


def _started(
    stack: ExitStack,
    name: str,
    setting: str,
    starters: tuple[Callable[[], AbstractContextManager[_T]], Callable[[], AbstractContextManager[_T]]],
    say: Say,
) -> _T:
    in_container, local = starters
    engine = "no Docker engine"
    if containers.engine_is_available():
        try:
            return stack.enter_context(in_container())
        except PartFailedError as error:
            engine = "no image by the Docker engine"
            say(f"{name}: a Docker engine is available, but {error}; trying without Docker")
    try:
        return stack.enter_context(local())
    except MissingPartError as error:
        raise MissingPartError(f"{name}: no {setting}, {engine}, and {error}") from error


@contextlib.contextmanager
def _kafka_container() -> Iterator[Kafka]:
    with containers.kafka_container() as bootstrap:
        yield Kafka(bootstrap, f"Kafka in a container ({containers.KAFKA_IMAGE}) at {bootstrap}")


@contextlib.contextmanager
def _local_kafka() -> Iterator[Kafka]:
    with LocalKafka() as local:
        yield Kafka(local.bootstrap, str(local))


@contextlib.contextmanager
def _postgres_container(*, durable: bool) -> Iterator[Postgres]:
    with containers.postgres_container(durable=durable) as url:
        parts = urlsplit(url)
        at = f"{parts.hostname}:{parts.port}"
        yield Postgres(url, f"PostgreSQL in a container ({containers.POSTGRES_IMAGE}) at {at}")


@contextlib.contextmanager
def _local_postgres(*, durable: bool) -> Iterator[Postgres]:
    with LocalPostgres(durable=durable) as local:
        yield Postgres(local.url(), str(local))


def main() -> int:
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        with Parts.started() as parts:
            sys.stdout.write(f"ORDERSAGA_KAFKA={parts.kafka.bootstrap}\nORDERSAGA_DATABASE={parts.postgres.url()}\n")
            sys.stdout.flush()
            while True:  # signal.pause() would miss a signal that comes just before it
                time.sleep(1)
    except (MissingPartError, PartFailedError) as error:
        _to_stderr(str(error))
        return 1
    except KeyboardInterrupt:
        return 0


if __name__ == "__main__":
    sys.exit(main())
