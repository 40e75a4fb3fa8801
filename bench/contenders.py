"""Ours and the floors as processes on the same parts, each run with a database and an outcome topic of its own."""

import asyncio
import base64
import contextlib
import re
import secrets
import sys
import urllib.request
import uuid
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Final, Literal
from urllib.parse import urlsplit

import asyncpg
import msgspec
from aiokafka import AIOKafkaConsumer, TopicPartition  # type: ignore[import-untyped]  # it ships no types
from msgspec import Struct

from bench import cpu
from bench.floor import SCHEMA
from bench.floor_clients import Options
from ordersaga.store.migrations import upgrade
from ordersaga_local.admin import create_database, create_topics, drop_database
from ordersaga_local.parts import Parts
from ordersaga_local.process import PartFailedError, free_port
from ordersaga_local.stage import Process, Stage

Who = Literal["ordersaga", "floor", "floor on aiohttp"]
Role = Literal["all", "intake", "relay"]

PARTITIONS: Final = 8
IN_FLIGHT: Final = 256
_STATEMENTS: Final = re.compile(r"^(?:ordersaga|floor)_(statements|commits)_total(?:\{[^}]*\})? (\S+)$", re.MULTILINE)
_KEY: Final = base64.b64encode(secrets.token_bytes(32)).decode()


class Costs(Struct, frozen=True):
    """CPU seconds since the process began (None where they can't be read), and work of the database."""

    service: float | None
    postgres: float | None
    kafka: float | None
    provider: float | None
    statements: int
    commits: int


class Ground:
    """What all runs share: the parts, the stubs, the templates of their databases."""

    def __init__(self, parts: Parts, folder: Path) -> None:
        self.parts = parts
        self.folder = folder
        self.kafka: Final = parts.kafka.bootstrap
        self.run: Final = uuid.uuid4().hex[:8]
        self._stubs: dict[int, Process] = {}
        self._kafka_pid = cpu.listener(int(self.kafka.partition(",")[0].rpartition(":")[2]))
        self._postgres_pid: int | None = None

    async def prepare(self) -> None:
        for kind in ("ordersaga", "floor"):
            await create_database(self.parts.postgres.url(), self.database(kind))
        await asyncio.to_thread(upgrade, self.parts.postgres.url(self.database("ordersaga")))
        floor = await asyncpg.connect(self.parts.postgres.url(self.database("floor")))
        await floor.execute(SCHEMA)
        backend = await floor.fetchval("SELECT pg_backend_pid()")
        self._postgres_pid = cpu.parent_named(backend, "postgres")
        await floor.close()

    def database(self, name: str) -> str:
        return f"bench_{self.run}_{name}"

    def topic(self, name: str) -> str:
        return f"bench.{self.run}.{name}"

    async def new_topic(self, name: str) -> str:
        await create_topics(self.kafka, self.topic(name), partitions=PARTITIONS)
        return self.topic(name)

    def stub(self, delay_ms: int) -> str:
        """The provider that answers so late, started when it is first asked for; its URL."""
        if delay_ms not in self._stubs:
            port = free_port()
            command = [sys.executable, "-m", "bench.stub", "--port", str(port), "--delay-ms", str(delay_ms)]
            self._stubs[delay_ms] = process = Process(f"stub-{port}", command, {}, self.folder)
            process.start()
        return f"http://127.0.0.1:{self._stubs[delay_ms].name.rpartition('-')[2]}"

    def stub_pid(self, url: str) -> int:
        return next((stub.pid for stub in self._stubs.values() if url.endswith(stub.name.removeprefix("stub-"))), 0)

    def shared_costs(self, provider: str) -> tuple[float | None, float | None, float | None]:
        return (
            cpu.of_family(self._postgres_pid),
            cpu.of(self._kafka_pid) if self._kafka_pid else None,
            cpu.of(self.stub_pid(provider)),
        )

    async def stop(self) -> None:
        for stub in self._stubs.values():
            stub.stop(5)
        for kind in ("ordersaga", "floor", "ordersaga_relay", "floor_relay"):
            await drop_database(self.parts.postgres.url(), self.database(kind))


class Run:
    """One contender under load."""

    def __init__(
        self, ground: Ground, process: Process, database: asyncpg.Connection[asyncpg.Record], consumer: AIOKafkaConsumer
    ) -> None:
        self.ground = ground
        self.process = process
        self.database = database
        self.outcomes = consumer
        self.provider = ""
        self.metrics = ""
        self.topic = ""

    @property
    def places(self) -> list[TopicPartition]:
        return [TopicPartition(self.topic, partition) for partition in range(PARTITIONS)]

    async def taken_in(self) -> int:
        """Records whose place in the topic is in the database."""
        return int(await self.database.fetchval("SELECT coalesce(sum(next_offset), 0) FROM intake_offsets"))

    async def published(self) -> int:
        return sum((await self.outcomes.end_offsets(self.places)).values())

    def must_live(self) -> None:
        if not self.process.pid:
            raise PartFailedError(f"{self.process.name} ended: {self.process.tail()}")

    async def costs(self) -> Costs:
        """None of them is counted twice; the figures of the others are theirs alone."""
        counts = await asyncio.to_thread(_counts, self.metrics)
        return Costs(cpu.of(self.process.pid), *self.ground.shared_costs(self.provider), *counts)

    async def asked(self) -> dict[str, int]:
        """What the provider was asked for, by all runs until now."""

        def ask() -> dict[str, int]:
            with urllib.request.urlopen(f"{self.provider}/_asked", timeout=10) as answer:
                return msgspec.json.decode(answer.read(), type=dict[str, int])

        return await asyncio.to_thread(ask)


def _counts(metrics: str) -> tuple[int, int]:
    with urllib.request.urlopen(metrics, timeout=10) as answer:
        found = _STATEMENTS.findall(answer.read().decode())
    counts = {name: sum(float(value) for what, value in found if what == name) for name in ("statements", "commits")}
    return int(counts["statements"]), int(counts["commits"])


@contextlib.asynccontextmanager
async def running(
    ground: Ground, who: Who, role: Role, orders_topic: str, delay_ms: int = 0, template: str = ""
) -> AsyncIterator[Run]:
    """A process of `who` with one role or all, on a copy of the template's database."""
    name = f"{uuid.uuid4().hex[:8]}"
    address = ground.parts.postgres
    kind = "ordersaga" if who == "ordersaga" else "floor"
    await create_database(address.url(), ground.database(name), template=ground.database(template or kind))
    topic = await ground.new_topic(name)
    connection = await asyncpg.connect(address.url(ground.database(name)))
    consumer = AIOKafkaConsumer(bootstrap_servers=ground.kafka, auto_offset_reset="earliest", enable_auto_commit=False)
    await consumer.start()
    port, provider = free_port(), ground.stub(delay_ms)
    options = Options(
        role=role,
        client="aiohttp" if who == "floor on aiohttp" else "http",
        kafka=ground.kafka,
        database=address.url(ground.database(name)),
        orders_topic=orders_topic,
        outcomes_topic=topic,
        provider=provider,
        in_flight=IN_FLIGHT,
        metrics_port=port,
    )
    process = _ours(ground, name, options) if who == "ordersaga" else _floor(ground, name, options)
    run = Run(ground, process, connection, consumer)
    run.provider, run.metrics, run.topic = provider, f"http://127.0.0.1:{port}/metrics", topic
    consumer.assign(run.places)
    with _stopping(process):
        process.start()
        yield run
    await consumer.stop()
    await connection.close()
    await drop_database(address.url(), ground.database(name))


@contextlib.contextmanager
def _stopping(process: Process) -> Iterator[None]:
    try:
        yield
    finally:
        process.stop(15)


def _floor(ground: Ground, name: str, options: Options) -> Process:
    command = [sys.executable, "-m", "bench.floor", msgspec.json.encode(options).decode()]
    return Process(f"floor-{name}", command, {}, ground.folder)


def _ours(ground: Ground, name: str, options: Options) -> Process:
    settings = {
        "ORDERSAGA_ORDERS_TOPIC": options.orders_topic,
        "ORDERSAGA_OUTCOMES_TOPIC": options.outcomes_topic,
        "ORDERSAGA_ENCRYPTION_KEY": _KEY,
        "ORDERSAGA_LOG_LEVEL": "WARNING",
        "ORDERSAGA_METRICS_PORT": str(options.metrics_port),
        "ORDERSAGA_INSTANCE": name,
    }
    stage = Stage(
        options.kafka,
        options.database,
        options.provider,
        ground.folder,
        merchants=("default",),
        settings=settings,
        slots=options.in_flight,
    )
    roles = () if options.role == "all" else ("--role", options.role)
    return Process(f"ordersaga-{name}", stage.ordersaga("run", *roles), stage.environment, ground.folder)


def host_of(url: str) -> str:
    """Without what may be secret."""
    return urlsplit(url).hostname or ""
