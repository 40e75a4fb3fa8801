"""Intake, worker, settler and relay on a real database, with a provider in this process."""

import asyncio
import json
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, Final

import asyncpg
import pytest
import structlog
from aiokafka import AIOKafkaProducer  # type: ignore[import-untyped]  # it ships no types
from msgspec.structs import replace

from domain.model import Klarna
from ordersaga.bus.batch import ConsumerOptions
from ordersaga.bus.consumer import Consumer
from ordersaga.bus.kafka import KafkaSettings
from ordersaga.bus.producer import OutRecord
from ordersaga.bus.records import Record
from ordersaga.domain.model.order import Key, Order
from ordersaga.domain.model.outcomes import CALL_KINDS, Call
from ordersaga.domain.model.results import Result
from ordersaga.domain.model.terms import Rules, Terms
from ordersaga.intake.handlers import ConsumerHandlers
from ordersaga.intake.intake import Intake, IntakeSettings
from ordersaga.providers.breaker import Breaker, Gate
from ordersaga.providers.klarna.terms import KlarnaTerms
from ordersaga.providers.port import Provider
from ordersaga.rulebook import Rulebook
from ordersaga.store.claims import Claimed, FreeSlots
from ordersaga.store.engine import Engine
from ordersaga.store.reads import OrderView
from ordersaga.store.settings import Database
from ordersaga.store.store import Store
from ordersaga.store.vault import Vault
from ordersaga.telemetry.logs import safe_exception
from ordersaga.worker.bulkheads import AccountKey, Bulkhead, Bulkheads
from ordersaga.worker.leases import LeaseClock
from ordersaga.worker.settler import Settler, SettlerSettings
from ordersaga.worker.worker import ProviderEndpoint, Worker, WorkerSettings

TOPIC: Final = "shop.orders"
OLD_KEY: Final = Vault({"k": bytes(32)}, "k")
NEW_KEY: Final = Vault({"k": bytes(32), "k2": bytes(range(32))}, "k2")
"""Of a process that encrypts with a key that others lack, and reads what they have written."""
OnCall = Callable[[Call], Awaitable[Result | None]]


def key(subject: str = "1", merchant: str = "default") -> Key:
    return Key(merchant, "order", subject)


class Shop:
    """Makes records of one partition, with consecutive offsets."""

    def __init__(self, partition: int = 0, topic: str = TOPIC) -> None:
        self.partition = partition
        self.topic = topic
        self.next = 0

    def placed(self, subject: str = "1", **more: Any) -> Record:
        """Three of A, 10.00 each."""
        line = {"name": "Lantern", "reference": "A", "quantity": 3, "unit_price": 1000, "total_amount": 3000}
        data = {
            "payment": {"provider": "klarna", "authorization_token": f"token-{subject}"},
            "purchase_country": "GB",
            "purchase_currency": "GBP",
            "order_amount": 3000,
            "order_lines": [line],
        }
        return self.event("placed", subject, data, **more)

    def shipped(self, subject: str = "1", quantity: int = 1, name: str = "", **more: Any) -> Record:
        data = {"order_lines": [{"reference": "A", "quantity": quantity}]}
        return self.event("shipped", subject, data, name=name or f"shipped-{subject}-{self.next}", **more)

    def event(
        self, what: str, subject: str, data: object, *, name: str = "", merchant: str = "default", **record: Any
    ) -> Record:
        headers = {
            "specversion": "1.0",
            "id": name or f"{what}-{subject}",
            "source": "/shop",
            "type": what if "." in what else f"shop.order.{what}.v1",
            "subject": subject,
            "merchant": merchant,
        }
        value = data if isinstance(data, bytes) else json.dumps(data).encode()
        all_headers = (
            *((f"ce_{word}", text.encode()) for word, text in headers.items()),
            ("content-type", b"application/json"),
        )
        made = Record(self.topic, self.partition, self.next, time.time(), subject.encode(), value, all_headers)
        self.next += 1
        return replace(made, **record)


class FakeProvider:
    """Klarna in memory. `on_call` may wait, raise or return a result; None: the model's result."""

    def __init__(self) -> None:
        self.terms: Terms = KlarnaTerms()
        self.klarna = Klarna()
        self.calls: list[Call] = []
        self.on_call: OnCall | None = None

    async def call(self, call: Call, deadline: float) -> Result:
        self.calls.append(call)
        answer = None if self.on_call is None else await self.on_call(call)
        return self.answer(call) if answer is None else answer

    def answer(self, call: Call) -> Result:
        return self.klarna.call(call, time.time())

    async def close(self) -> None:
        pass

    @property
    def made(self) -> list[str]:
        """Summaries of the calls so far."""
        return [f"{type(one).__name__} {one.operation.type if one.operation else 'refresh'}" for one in self.calls]


class FakeProducer:
    """Records what is sent; `refuse`: which records fail, `seconds`: how long it takes."""

    def __init__(self) -> None:
        self.sent: list[OutRecord] = []
        self.seconds = 0.0
        self.sending = False
        self.refuse: Callable[[OutRecord], bool] = lambda _: False

    async def send_all(self, records: Sequence[OutRecord]) -> list[Exception | None]:
        self.sending = True
        await asyncio.sleep(self.seconds)
        results: list[Exception | None] = [OSError("no") if self.refuse(one) else None for one in records]
        self.sent += [one for one, result in zip(records, results, strict=True) if result is None]
        return results


@dataclass
class Options:
    """Durations in seconds. `fake`: the provider in memory, of the name `account`. `slots` by merchant; `calls`: at once, None: as many as slots; `breaker`: of the placing gates."""

    owner: str = "w1"
    lease: float = 30.0
    deadline: float = 5.0
    slots: Mapping[str, int] = field(default_factory=lambda: {"default": 64})
    rules: Mapping[str, Any] = field(default_factory=dict)
    provider: Provider | None = None
    account: str = "klarna"
    fake: FakeProvider | None = None
    breaker: Breaker | None = None
    clock: LeaseClock | None = None
    dispatcher: bool = True
    retention: float = 30 * 86_400.0
    calls: int | None = None
    settlers: int = 2
    pool: int = 6
    vault: Vault = field(default_factory=lambda: OLD_KEY)


class Roles:
    """One process's roles. Settlers run from the start; the worker claims by `worker.claim` or after `start_claiming`."""

    def __init__(self, database: str, options: Options) -> None:
        self.options = options
        self.store = Store(Engine(Database(url=database, pool_size=options.pool)), options.vault)
        self.fake = options.fake or FakeProvider()
        provider: Provider = options.provider or self.fake
        breakers = {"placing": options.breaker}
        self.gates = {
            (merchant, options.account): {
                kind: Gate(slots, time.monotonic, breaker=breakers.get(kind)) for kind in CALL_KINDS
            }
            for merchant, slots in options.slots.items()
        }
        bulkheads = {
            account: Bulkhead(options.slots[account[0]], gates, options.calls) for account, gates in self.gates.items()
        }
        unplaced: dict[AccountKey, Bulkhead] = {(merchant, ""): Bulkhead(64) for merchant in options.slots}
        self.bulkheads = Bulkheads({**bulkheads, **unplaced})
        rules = Rules({options.account: provider.terms}, **{"backoff": 0.02, "backoff_most": 0.1, **options.rules})
        self.rulebook = Rulebook(dict.fromkeys(options.slots, rules), watermark_lag=0.0)
        self.clock = options.clock or LeaseClock(options.lease)
        self.woken = 0
        self.settler = Settler(
            self.store,
            self.bulkheads,
            self.rulebook,
            self.clock,
            SettlerSettings(options.owner, "test", options.lease),
            self._wake,
        )
        self.worker = Worker(
            self.store,
            {account: ProviderEndpoint(provider, options.deadline) for account in self.gates},
            self.bulkheads,
            self.settler,
            self.rulebook,
            self.clock,
            WorkerSettings(options.owner, options.lease, 0.02),
        )
        dispatcher = self.worker if options.dispatcher else None
        settings = IntakeSettings("test", options.retention)
        self.intake = Intake(self.store, options.slots.keys(), self.rulebook, dispatcher, settings, self._wake)
        self.tasks: list[asyncio.Task[None]] = []

    def _wake(self) -> None:
        self.woken += 1

    @property
    def slots_in_use(self) -> int:
        return sum(bulkhead.in_use for _, bulkhead in self.bulkheads)

    @property
    def under_way(self) -> int:
        return sum(gate.under_way for gates in self.gates.values() for gate in gates.values())

    def start(self, *roles: Callable[[], Any]) -> None:
        self.tasks += [asyncio.create_task(role()) for role in roles]

    def start_claiming(self) -> None:
        self.start(self.worker.run)

    async def take(self, *records: Record) -> None:
        await self.intake.take(records, {})

    async def until_idle(self) -> None:
        """Until this process acts for no order."""
        await until(lambda: not self.slots_in_use and not self.worker._acting)
        await self.settler.drained()

    async def until_slots_free(self) -> None:
        """Until no slot is in use and no call counted, which a leak would prevent. (A claim under way uses slots.)"""
        await until(lambda: (self.slots_in_use, self.under_way) == (0, 0))

    async def order(self, subject: str = "1", merchant: str = "default") -> Order:
        return (await self.shown(subject, merchant)).order

    async def shown(self, subject: str = "1", merchant: str = "default") -> OrderView:
        shown = await self.store.show_order(key(subject, merchant))
        assert shown is not None
        return shown

    async def outcomes(self, subject: str | None = None) -> list[dict[str, Any]]:
        """The rows of the outbox, by sequence: type, cause and content."""
        rows = [one.row for one in await self.store.read_outbox(range(64), 100_000)]
        found = [
            {
                "type": row.type.split(".")[2],
                "subject": row.key.subject,
                "sequence": row.sequence,
                **json.loads(row.payload),
            }
            for row in rows
            if subject in {None, row.key.subject}
        ]
        return sorted(found, key=lambda one: (one["subject"], one["sequence"]))

    async def outcome_types(self, subject: str = "1") -> list[str]:
        return [one["type"] for one in await self.outcomes(subject)]

    async def dead_letter_codes(self) -> list[str]:
        return sorted(one.code for one in await self.store.list_dead_letters(limit=1_000))

    async def claim_as(self, owner: str = "other", lease: float = 30.0) -> Claimed:
        """Claims what is due, as another worker."""
        kinds = dict.fromkeys(("", *CALL_KINDS), 100)
        return await self.store.claim([FreeSlots(*account, kinds, 100) for account, _ in self.bulkheads], owner, lease)


@asynccontextmanager
async def roles(database: str, **options: Any) -> AsyncIterator[Roles]:
    made = Roles(database, Options(**options))
    await made.store.open()
    made.start(*[made.settler.run] * made.options.settlers)
    try:
        yield made
    finally:
        made.worker._open = made.settler.keep_leases = False
        for task in (*made.tasks, *made.worker._acting):
            task.cancel()
        await asyncio.gather(*made.tasks, *made.worker._acting, return_exceptions=True)
        await made.store.close()
        if made.options.provider is not None:
            await made.options.provider.close()


async def until(true: Callable[[], bool], seconds: float = 45.0) -> None:
    """Waits. AssertionError if it takes longer."""
    deadline = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < deadline, "it took too long"
        await asyncio.sleep(0.005)


async def until_async(true: Callable[[], Awaitable[bool]], seconds: float = 45.0) -> None:
    deadline = time.monotonic() + seconds
    while not await true():
        assert time.monotonic() < deadline, "it took too long"
        await asyncio.sleep(0.02)


async def run_sql(database: str, sql: str, *arguments: Any) -> list[Any]:
    """On a connection of its own."""
    connection = await asyncpg.connect(database)
    try:
        return await connection.fetch(sql, *arguments)
    finally:
        await connection.close()


@pytest.fixture(autouse=True)
def plain_logs() -> Iterator[None]:
    """As in production: structlog's default renders each exception with all its variables, which takes seconds."""
    structlog.configure([safe_exception, structlog.processors.KeyValueRenderer(key_order=["event"])])
    yield
    structlog.reset_defaults()


def gives(result: Result) -> OnCall:
    async def answer(_call: Call) -> Result:
        return result

    return answer


async def publish(bootstrap: str, *records: Record) -> None:
    """As the shop does."""
    async with AIOKafkaProducer(bootstrap_servers=bootstrap, acks="all") as producer:
        for record in records:
            await producer.send_and_wait(
                record.topic, record.value, record.key, partition=record.partition, headers=list(record.headers)
            )


@asynccontextmanager
async def listening(r: Roles, bootstrap: str, topic: str, group: str) -> AsyncIterator[Consumer]:
    """Takes in what comes from Kafka, from the offsets in the database on."""
    handlers = ConsumerHandlers(r.intake, r.store)
    options = ConsumerOptions(session_timeout=6.0, revoke_timeout=2.0)
    consumer = Consumer(
        KafkaSettings(bootstrap),
        [topic],
        group,
        handlers.take,
        handlers.start_offsets,
        on_idle=handlers.caught_up,
        options=options,
    )
    await consumer.start()
    try:
        yield consumer
    finally:
        await consumer.stop(2.0)
