"""The floor: the least code that does the same durable work on the same libraries.

A batch of records and its offsets in one transaction, a provider call per event, results and outcomes in one transaction
a batch, outcomes published and then deleted. No validation, journal, leases, retries or idempotence of its own; one process.
"""

import argparse
import asyncio
import gc
import itertools
import signal
import uuid
from collections.abc import Awaitable, Iterable, Sequence
from datetime import UTC, datetime
from typing import Any, Final, TypeAlias

import asyncpg
import msgspec
import uvloop
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, ConsumerRecord  # type: ignore[import-untyped]  # it ships no types
from msgspec import Struct
from prometheus_client import Counter, start_http_server

from bench.floor_clients import Options, Post, bare_aiohttp, same_client

SCHEMA: Final = """
CREATE TABLE orders (id text PRIMARY KEY, body bytea NOT NULL, shipped_by text, provider_id text, capture_id text);
CREATE TABLE intake_offsets (topic text, partition int, next_offset bigint NOT NULL, PRIMARY KEY (topic, partition));
CREATE TABLE outbox (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, subject text NOT NULL, headers bytea NOT NULL,
                     payload bytea NOT NULL)"""
_PLACED: Final = (
    "INSERT INTO orders (id, body) SELECT * FROM unnest($1::text[], $2::bytea[]) ON CONFLICT (id) DO NOTHING"
)
_SHIPPED: Final = """
UPDATE orders AS o SET shipped_by = g.event FROM unnest($1::text[], $2::text[]) AS g(id, event) WHERE o.id = g.id
RETURNING o.id, o.body, o.provider_id"""
_MOVED: Final = """
INSERT INTO intake_offsets SELECT * FROM unnest($1::text[], $2::int[], $3::bigint[])
ON CONFLICT (topic, partition) DO UPDATE SET next_offset = excluded.next_offset"""
_SETTLED: Final = """
UPDATE orders AS o SET provider_id = g.provider_id, capture_id = g.capture_id
FROM unnest($1::text[], $2::text[], $3::text[]) AS g(id, provider_id, capture_id) WHERE o.id = g.id"""
_DECIDED: Final = (
    "INSERT INTO outbox (subject, headers, payload) SELECT * FROM unnest($1::text[], $2::bytea[], $3::bytea[])"
)
_UNSENT: Final = "SELECT id, subject, headers, payload FROM outbox ORDER BY id LIMIT 1000"
_SENT: Final = "DELETE FROM outbox WHERE id = ANY($1::bigint[])"

_STATEMENTS: Final = Counter("floor_statements", "Statements, BEGIN among them")
_COMMITS: Final = Counter("floor_commits", "Transactions committed")
_RECORDS: Final = 500
_RESULTS: Final = 200
_AHEAD: Final = 2_000  # calls that may wait in memory

_encode: Final = msgspec.json.Encoder().encode
_pack: Final = msgspec.msgpack.Encoder().encode
_unpack: Final = msgspec.msgpack.Decoder(list[tuple[str, bytes]]).decode
Connection: TypeAlias = "asyncpg.Connection[asyncpg.Record]"


class Call(Struct):
    """What is to be asked of the provider for one event, and what came of it."""

    order: str
    event: str
    body: bytes
    provider_id: str | None = None  # None: the order is yet to be created
    capture_id: str | None = None


class Floor:
    def __init__(self, options: Options, post: Post) -> None:
        self._options = options
        self._post = post
        self._calls: asyncio.Queue[Call] = asyncio.Queue(_AHEAD)
        self._results: asyncio.Queue[Call] = asyncio.Queue()
        self._created: dict[str, str] = {}
        self._waiting: dict[str, Call] = {}  # captures of orders that aren't created yet
        self._wake = asyncio.Event()

    async def run(self) -> None:
        ways: list[Awaitable[None]] = []
        if self._options.role != "relay":
            ways.append(self._intake(await asyncpg.connect(self._options.database)))
        if self._options.role != "intake":
            ways.append(self._relay(await asyncpg.connect(self._options.database)))
        if self._options.role == "all":
            ways.append(self._settle(await asyncpg.connect(self._options.database)))
            ways += [self._act() for _ in range(self._options.in_flight)]
        await asyncio.gather(*ways)

    async def _intake(self, database: Connection) -> None:
        consumer = AIOKafkaConsumer(
            self._options.orders_topic,
            bootstrap_servers=self._options.kafka,
            group_id=f"floor-{uuid.uuid4().hex}",
            auto_offset_reset="earliest",
            enable_auto_commit=False,
            isolation_level="read_committed",
        )
        await consumer.start()
        while True:
            batch = await consumer.getmany(timeout_ms=1000, max_records=_RECORDS)
            if batch:
                await self._take(database, [record for records in batch.values() for record in records])

    async def _take(self, database: Connection, records: Sequence[ConsumerRecord]) -> None:
        placed: dict[str, Call] = {}
        shipped: dict[str, tuple[str, dict[str, Any]]] = {}
        following: dict[tuple[str, int], int] = {}
        for record in records:
            headers = dict(record.headers)
            order, event, data = record.key.decode(), headers["ce_id"].decode(), msgspec.json.decode(record.value)
            if headers["ce_type"] == b"shop.order.placed.v1":
                data["merchant_reference1"] = order
                del data["payment"]
                placed[order] = Call(order, event, _encode(data))
            else:
                shipped[order] = (event, data)
            following[record.topic, record.partition] = record.offset + 1
        _STATEMENTS.inc(2 + bool(placed) + bool(shipped))
        rows: Sequence[asyncpg.Record] = ()
        async with database.transaction():
            if placed:
                await database.execute(_PLACED, list(placed), [call.body for call in placed.values()])
            if shipped:
                rows = await database.fetch(_SHIPPED, list(shipped), [event for event, _ in shipped.values()])
            topics, partitions = zip(*following, strict=True)
            await database.execute(_MOVED, topics, partitions, list(following.values()))
        _COMMITS.inc()
        if self._options.role == "all":
            await self._ask(placed.values(), [self._capture(row, *shipped[row["id"]]) for row in rows])

    @staticmethod
    def _capture(row: asyncpg.Record, event: str, data: dict[str, Any]) -> Call:
        body = msgspec.json.decode(row["body"])
        data.pop("shipment_id", None)
        capture = {
            **data,
            "captured_amount": body["order_amount"],
            "order_lines": body["order_lines"],
            "reference": event,
        }
        return Call(row["id"], event, _encode(capture), row["provider_id"])

    async def _ask(self, creates: Iterable[Call], captures: Sequence[Call]) -> None:
        for call in creates:
            await self._calls.put(call)
        for call in captures:
            call.provider_id = call.provider_id or self._created.get(call.order)
            if call.provider_id is None:
                self._waiting[call.order] = call
            else:
                await self._calls.put(call)

    async def _act(self) -> None:
        while True:
            call = await self._calls.get()
            if call.provider_id is None:
                path = f"/payments/v1/authorizations/{call.order}/order"
                status, _, answer = await self._post(path, call.body, "")
                call.provider_id = msgspec.json.decode(answer)["order_id"]
            else:
                path = f"/ordermanagement/v1/orders/{call.provider_id}/captures"
                status, headers, _ = await self._post(path, call.body, call.event)
                call.capture_id = headers["capture-id"]
            assert status in {200, 201}, status
            self._results.put_nowait(call)

    async def _settle(self, database: Connection) -> None:
        while True:
            batch = [await self._results.get()]
            while len(batch) < _RESULTS and not self._results.empty():
                batch.append(self._results.get_nowait())
            outcomes = [_outcome(call) for call in batch]
            _STATEMENTS.inc(3)
            async with database.transaction():
                await database.execute(
                    _SETTLED,
                    [call.order for call in batch],
                    [call.provider_id for call in batch],
                    [call.capture_id for call in batch],
                )
                await database.execute(_DECIDED, *map(list, zip(*outcomes, strict=True)))
            _COMMITS.inc()
            self._wake.set()
            for call in batch:
                await self._go_on(call)

    async def _go_on(self, call: Call) -> None:
        if call.capture_id is not None:
            self._created.pop(call.order, None)
            return
        assert call.provider_id is not None
        capture = self._waiting.pop(call.order, None)
        if capture is None:
            self._created[call.order] = call.provider_id
        else:
            capture.provider_id = call.provider_id
            await self._calls.put(capture)

    async def _relay(self, database: Connection) -> None:
        options = self._options
        producer = AIOKafkaProducer(
            bootstrap_servers=options.kafka, acks="all", enable_idempotence=True, max_batch_size=900_000
        )
        await producer.start()
        while True:
            self._wake.clear()
            _STATEMENTS.inc()
            rows = await database.fetch(_UNSENT)
            if not rows:
                await self._wake.wait()
                continue
            sent = [
                await producer.send(
                    options.outcomes_topic, row["payload"], row["subject"].encode(), headers=_unpack(row["headers"])
                )
                for row in rows
            ]
            await asyncio.gather(*sent)
            _STATEMENTS.inc()
            await database.execute(_SENT, [row["id"] for row in rows])


_numbers: Final = itertools.count(1)


def _outcome(call: Call) -> tuple[str, bytes, bytes]:
    """Subject, headers and payload of the same shape and size as the service's."""
    captured = call.capture_id is not None
    what, kind = ("captured", "capture") if captured else ("authorized", "create_order")
    payload = {
        "order_id": call.order,
        "provider": "klarna",
        "provider_order_id": call.provider_id,
        "operation": {"id": call.event, "type": kind, "provider_id": call.capture_id or call.provider_id, "amount": 0},
        "cause": {"source": "/shop", "id": call.event, "type": "shop.order.v1"},
        "final": True,
        "order": {
            "status": what,
            "fraud_status": "ACCEPTED",
            "currency": "GBP",
            "order_amount": 0,
            "captured_amount": 0,
        },
        "result": {},
    }
    headers = [
        ("ce_specversion", b"1.0"),
        ("ce_id", b"%032x" % next(_numbers)),
        ("ce_source", b"/floor"),
        ("ce_type", f"payments.order.{what}.v1".encode()),
        ("ce_subject", call.order.encode()),
        ("ce_time", datetime.now(UTC).isoformat().encode()),
        ("ce_merchant", b"default"),
        ("ce_kind", b"order"),
        ("ce_epoch", b"1"),
        ("ce_sequence", b"2" if captured else b"1"),
        ("content-type", b"application/json"),
    ]
    return call.order, _pack(headers), _encode(payload)


async def _run(options: Options) -> None:
    """Until SIGTERM."""
    start_http_server(options.metrics_port, "127.0.0.1")
    post = same_client(options) if options.client == "http" else bare_aiohttp(options)
    task = asyncio.create_task(Floor(options, post).run())
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, task.cancel)
    gc.freeze()
    gc.set_threshold(50_000, 20, 50)
    await task


def main() -> None:
    parser = argparse.ArgumentParser(prog="bench.floor", description=__doc__)
    parser.add_argument("options", type=lambda text: msgspec.json.decode(text, type=Options), help="Options, as JSON")
    try:
        uvloop.run(_run(parser.parse_args().options))
    except asyncio.CancelledError:
        return


if __name__ == "__main__":
    main()
