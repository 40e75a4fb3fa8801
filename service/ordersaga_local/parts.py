"""Finds or starts the real parts: what the environment names, else containers, else local processes.

`python -m ordersaga_local.parts` starts both and prints their addresses until Ctrl-C.
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
    """One line that says which broker this is and where it came from."""
    lasts: bool = False
    """It isn't ours and is there afterwards too."""


@dataclass(frozen=True, slots=True)
class Postgres:
    address: str
    """Of a user who may create databases."""
    origin: str
    lasts: bool = False
    """As of Kafka."""

    def url(self, database: str | None = None) -> str:
        """Of another database on the same server; without a name, of the one that was named or started with."""
        if database is None:
            return self.address
        return urlunsplit(urlsplit(self.address)._replace(path=f"/{quote(database, safe='')}"))


@contextlib.contextmanager
def kafka(say: Say = _to_stderr) -> Iterator[Kafka]:
    """MissingPartError when no broker can be had."""
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
    """MissingPartError when no server can be had. `durable`: a commit is on the disk (of a server that we start)."""
    if named := os.environ.get("ORDERSAGA_DATABASE"):
        place = urlsplit(named)
        at = f"{place.hostname or 'the default host'}:{place.port or 5432}{place.path}"
        found = Postgres(named, f"PostgreSQL from ORDERSAGA_DATABASE at {at}", lasts=True)
        say(found.origin)
        yield found
        return
    ways = (lambda: _postgres_container(durable=durable), lambda: _local_postgres(durable=durable))
    with ExitStack() as stack:
        found = _started(stack, "PostgreSQL", "ORDERSAGA_DATABASE", ways, say)
        say(found.origin)
        yield found


@dataclass(frozen=True, slots=True)
class Parts:
    kafka: Kafka
    postgres: Postgres

    @classmethod
    @contextlib.contextmanager
    def started(cls, *, durable: bool = False, say: Say = _to_stderr) -> Iterator[Self]:
        """Both, started at the same time."""
        with ExitStack() as broker, ExitStack() as database:
            with ThreadPoolExecutor(2) as pool:
                bus = pool.submit(broker.enter_context, kafka(say))
                store = pool.submit(database.enter_context, postgres(durable=durable, say=say))
            yield cls(bus.result(), store.result())


def _started(
    stack: ExitStack,
    name: str,
    setting: str,
    ways: tuple[Callable[[], AbstractContextManager[_T]], Callable[[], AbstractContextManager[_T]]],
    say: Say,
) -> _T:
    in_container, local = ways
    engine = "no Docker engine"
    if containers.engine_answers():
        try:
            return stack.enter_context(in_container())
        except PartFailedError as error:
            engine = "no image by the Docker engine"
            say(f"{name}: a Docker engine answers, but {error}; looking for it without Docker")
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
        place = urlsplit(url)
        at = f"{place.hostname}:{place.port}"
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
            while True:  # not signal.pause(): a signal just before it would be missed
                time.sleep(1)
    except (MissingPartError, PartFailedError) as error:
        _to_stderr(str(error))
        return 1
    except KeyboardInterrupt:
        return 0


if __name__ == "__main__":
    sys.exit(main())
