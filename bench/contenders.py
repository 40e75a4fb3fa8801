"""Ours and the floors as processes on the same parts, each run with a database and an outcome topic of its own."""

import asyncio
import base64
import contextlib
import re
import secrets
import sys
import urllib.request
import uuid
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Final, Literal

import asyncpg
import msgspec
from aiokafka import AIOKafkaConsumer, TopicPartition  # type: ignore[import-untyped]  # it ships no types
from msgspec import Struct

from bench import cpu, probe
from bench.floor import SCHEMA, Connection
from bench.floor_clients import Options
from ordersaga.store.migrations import upgrade
from ordersaga_local.admin import create_database, create_topics, drop_database
from ordersaga_local.parts import Parts
from ordersaga_local.process import PartFailedError, free_port
from ordersaga_local.stage import Process, Stage

Who = Literal["ordersaga", "floor", "floor on aiohttp"]
Role = Literal["all", "intake", "relay"]

PARTITIONS: Final = 8
IN_FLIGHT: Final = 512
DELAYS_MS: Final = (0, 50)
_STATEMENTS: Final = re.compile(r"^(?:ordersaga|floor)_(statements|commits)_total(?:\{[^}]*\})? (\S+)$", re.MULTILINE)
_TAKEN_IN: Final = "SELECT coalesce(sum(next_offset), 0) FROM intake_offsets WHERE topic = $1"
_KEY: Final = base64.b64encode(secrets.token_bytes(32)).decode()


class Costs(Struct, frozen=True):
    """CPU seconds since the process began, statements (BEGIN among them) and commits; None: it doesn't tell."""

    service: float | None
    postgres: float | None
    kafka: float | None
    provider: float | None
    statements: float | None
    commits: float | None


class Stub(Struct, frozen=True):
    """The provider that answers after so many milliseconds."""

    url: str
    process: Process


class Ground:
    """What all runs share: the parts, the stubs, the templates of their databases."""

    def __init__(self, parts: Parts, folder: Path) -> None:
        self.parts = parts
        self.folder = folder
        self.kafka: Final = parts.kafka.bootstrap
        self.run: Final = uuid.uuid4().hex[:8]
        self.stubs: Final[dict[int, Stub]] = {}
        self._kafka_pid = cpu.listener(int(self.kafka.partition(",")[0].rpartition(":")[2]))
        self._postgres_pid: int | None = None
        self._databases = ["ordersaga", "floor", "ordersaga_relay", "floor_relay"]

    async def prepare(self) -> None:
        for kind in ("ordersaga", "floor"):
            await create_database(self.parts.postgres.url(), self.database(kind))
        await asyncio.to_thread(upgrade, self.parts.postgres.url(self.database("ordersaga")))
        floor = await asyncpg.connect(self.parts.postgres.url(self.database("floor")))
        await floor.execute(SCHEMA)
        backend = await floor.fetchval("SELECT pg_backend_pid()")
        self._postgres_pid = cpu.parent_named(backend, "postgres")
        await floor.close()
        for delay_ms in DELAYS_MS:
            await self._start_stub(delay_ms)

    def database(self, name: str) -> str:
        return f"bench_{self.run}_{name}"

    async def new_database(self, name: str, template: str) -> str:
        """Its URL. It stays until the end."""
        await create_database(self.parts.postgres.url(), self.database(name), template=self.database(template))
        self._databases.append(name)
        return self.parts.postgres.url(self.database(name))

    def topic(self, name: str) -> str:
        return f"bench.{self.run}.{name}"

    async def new_topic(self, name: str) -> str:
        await create_topics(self.kafka, self.topic(name), partitions=PARTITIONS)
        return self.topic(name)

    async def _start_stub(self, delay_ms: int) -> None:
        port = free_port()
        command = [sys.executable, "-m", "bench.stub", "--port", str(port), "--delay-ms", str(delay_ms)]
        process = Process(f"stub-{delay_ms}", command, {}, self.folder)
        process.start()
        self.stubs[delay_ms] = Stub(f"http://127.0.0.1:{port}", process)
        await probe.answering(self.stubs[delay_ms].url)

    def shared_costs(self, provider: Process) -> tuple[float | None, float | None, float | None]:
        return (
            cpu.of_family(self._postgres_pid),
            cpu.of(self._kafka_pid) if self._kafka_pid else None,
            cpu.of(provider.pid),
        )

    async def stop(self) -> None:
        for stub in self.stubs.values():
            stub.process.stop(5)
        for name in self._databases:
            await drop_database(self.parts.postgres.url(), self.database(name))


class Run:
    """One contender under load."""

    def __init__(
        self,
        ground: Ground,
        process: Process,
        options: Options,
        provider: Stub,
        database: Connection,
        outcomes: AIOKafkaConsumer,
    ) -> None:
        self.process = process
        self.database = database
        self.outcomes = outcomes
        self._ground = ground
        self._provider = provider
        self._topic = options.outcomes_topic
        self._orders_topic = options.orders_topic
        self._metrics = f"http://127.0.0.1:{options.metrics_port}/metrics"

    @property
    def places(self) -> list[TopicPartition]:
        return [TopicPartition(self._topic, partition) for partition in range(PARTITIONS)]

    async def taken_in(self) -> int:
        """Records whose place in the topic is in the database."""
        return int(await self.database.fetchval(_TAKEN_IN, self._orders_topic))

    async def published(self) -> int:
        return sum((await self.outcomes.end_offsets(self.places)).values())

    def must_live(self) -> None:
        if not self.process.pid:
            raise PartFailedError(f"{self.process.name} ended: {self.process.tail()}")

    async def costs(self) -> Costs:
        return await asyncio.to_thread(self._costs)

    def _costs(self) -> Costs:
        return Costs(
            cpu.of(self.process.pid), *self._ground.shared_costs(self._provider.process), *_counts(self._metrics)
        )

    async def asked(self) -> dict[str, int]:
        """What the provider was asked for, by all runs until now."""

        def ask() -> dict[str, int]:
            with urllib.request.urlopen(f"{self._provider.url}/_asked", timeout=10) as answer:
                return msgspec.json.decode(answer.read(), type=dict[str, int])

        return await asyncio.to_thread(ask)


def _counts(metrics: str) -> tuple[float | None, float | None]:
    with urllib.request.urlopen(metrics, timeout=10) as answer:
        found = _STATEMENTS.findall(answer.read().decode())

    def counted(name: str) -> float | None:
        values = [float(value) for what, value in found if what == name]
        return sum(values) if values else None

    return counted("statements"), counted("commits")


@contextlib.asynccontextmanager
async def running(
    ground: Ground,
    who: Who,
    role: Role,
    orders_topic: str,
    delay_ms: int = 0,
    template: str = "",
    in_flight: int = IN_FLIGHT,
    kept: str = "",
) -> AsyncIterator[Run]:
    """A process of `who` with one role or all, on a copy of the template's database, or on the one that is `kept`."""
    name, provider = uuid.uuid4().hex[:8], ground.stubs[delay_ms]
    address, database = ground.parts.postgres, ground.database(kept or name)
    options = Options(
        role=role,
        client="aiohttp" if who == "floor on aiohttp" else "http",
        kafka=ground.kafka,
        database=address.url(database),
        orders_topic=orders_topic,
        outcomes_topic=await ground.new_topic(name),
        provider=provider.url,
        in_flight=in_flight,
        metrics_port=free_port(),
    )
    kind = "ordersaga" if who == "ordersaga" else "floor"
    async with contextlib.AsyncExitStack() as stack:
        if not kept:
            await create_database(address.url(), database, template=ground.database(template or kind))
            stack.push_async_callback(drop_database, address.url(), database)
        connection = await asyncpg.connect(address.url(database))
        stack.push_async_callback(connection.close)
        consumer = AIOKafkaConsumer(
            bootstrap_servers=ground.kafka, auto_offset_reset="earliest", enable_auto_commit=False
        )
        await consumer.start()
        stack.push_async_callback(consumer.stop)
        process = (_ours if kind == "ordersaga" else _floor)(ground.folder, name, options)
        run = Run(ground, process, options, provider, connection, consumer)
        consumer.assign(run.places)
        stack.callback(process.stop, 15)
        process.start()
        yield run


def _floor(folder: Path, name: str, options: Options) -> Process:
    command = [sys.executable, "-m", "bench.floor", msgspec.json.encode(options).decode()]
    return Process(f"floor-{name}", command, {}, folder)


def _ours(folder: Path, name: str, options: Options) -> Process:
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
        folder,
        merchants=("default",),
        settings=settings,
        slots=options.in_flight,
    )
    roles = () if options.role == "all" else ("--role", options.role)
    return Process(f"ordersaga-{name}", stage.ordersaga("run", *roles), stage.environment, folder)
