"""The whole product in a test: its own processes, the events, the outcomes and the provider's ledger."""

import asyncio
import contextlib
import gzip
import json
import sys
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import asyncpg
from aiokafka import AIOKafkaProducer  # type: ignore[import-untyped]  # it ships no types

from ordersaga_local import accounts, demo
from ordersaga_local.outcomes import Books, following
from ordersaga_local.parts import Parts
from ordersaga_local.stage import Process, Sandbox, Stage, stage

Json = dict[str, Any]
ROOT = Path(__file__).resolve().parents[2]
PROVIDER = {
    "pending_decision": "ACCEPTED",
    "pending_decision_after": 1,
    "token_cancel_seconds": 0.2,
    "customer_seconds": 0.2,
}
"""Switches of the sandbox for the sample: the provider decides soon, and so do the customers in its Checkout."""
CREATE = "/payments/v1/authorizations/{authorization_token}/order"
CAPTURES = "/ordermanagement/v1/orders/{order_id}/captures"
LEASE = 2.0
SESSION = 6.0
SHORT = {
    "ORDERSAGA_LEASE": str(LEASE),
    "ORDERSAGA_WAITS__ORDER": "3",
    "ORDERSAGA_WAITS__SHIPMENT": "3",
    "ORDERSAGA_REVIEW_POLL": "0.5",
    "ORDERSAGA_CHECKOUT__FIRST": "0.5",
    "ORDERSAGA_PAYMENT__FIRST": "0.5",
    "ORDERSAGA_BACKOFF__FIRST": "0.1",
    "ORDERSAGA_BACKOFF__MOST": "1",
    "ORDERSAGA_EVIDENCE__ABSENT_AFTER": "1",
    "ORDERSAGA_EVIDENCE__ABSENT_AGAIN": "0.5",
    "ORDERSAGA_INTAKE__SESSION_TIMEOUT": str(SESSION),
    "ORDERSAGA_SHUTDOWN_TIMEOUT": "10",
}


@dataclass
class Play:
    stage: Stage
    sandbox: Sandbox
    books: Books

    def service(self, name: str = "service", *roles: str, script: Path | None = None, **settings: str) -> Process:
        return self.stage.service(name, *roles, script=script, **settings)

    async def publish(self, events: Iterable[Json], rate: float | None = None) -> None:
        """`rate`: events per second."""
        producer = AIOKafkaProducer(bootstrap_servers=self.stage.kafka, linger_ms=5)
        await producer.start()
        try:
            started, sent = time.monotonic(), []
            for number, event in enumerate(events):
                if rate is not None:
                    await asyncio.sleep(max(0.0, started + number / rate - time.monotonic()))
                sent.append(await producer.send(self.stage.orders_topic, **record(event)))
            await asyncio.gather(*sent)
        finally:
            await producer.stop()

    async def ended(self, events: int, seconds: float = 60) -> None:
        """Returns when so many events have their final outcome."""
        await until(
            lambda: len(self.books.finals) >= events,
            seconds,
            lambda: f"{len(self.books.finals)} of {events} events have ended; {self._logs()}",
        )

    async def rows(self, query: str, *arguments: object) -> list[Any]:
        connection = await asyncpg.connect(self.stage.database)
        try:
            return list(await connection.fetch(query, *arguments))
        finally:
            await connection.close()

    async def dead_letter_codes(self) -> Counter[str]:
        return Counter(row["code"] for row in await self.rows("SELECT code FROM dead_letters"))

    async def inconsistencies(self, expected: accounts.Expected) -> list[str]:
        """All differences from what is expected, including the four columns of money."""
        effects = self.sandbox.effects()
        tables = await accounts.of_tables(self.stage.database)
        columns = (expected.money(), tables, accounts.of_ledger(effects), accounts.of_outcomes(self.books))
        problems = demo.problems(expected, self.books, effects, await self.dead_letter_codes())
        problems += accounts.disagreements(columns)
        return problems + await self._at_last_restless()

    async def _at_last_restless(self, seconds: float = 30) -> list[str]:
        """An order may be read once more after its last outcome, or wait for the end of a killed process's lease."""
        deadline = time.monotonic() + seconds
        while (found := await self.restless()) and time.monotonic() < deadline:  # noqa: ASYNC110 - the database has no event
            await asyncio.sleep(0.2)
        return found

    async def restless(self) -> list[str]:
        """Unfinished orders (a later expiry doesn't count), and outcomes that aren't published."""
        held = "due_at < now() + interval '1 hour' OR attention IS NOT NULL OR calling_since IS NOT NULL"
        orders = await self.rows(f"SELECT subject, due_at, attention FROM orders WHERE {held}")
        waiting = await self.rows("SELECT subject, type FROM outbox")
        return [f"not at rest: {dict(row)}" for row in orders] + [f"not published: {dict(row)}" for row in waiting]

    def untold(self) -> list[str]:
        """Webhooks that the provider hasn't sent yet, or that are still to be answered."""
        webhooks = (one for one in self.sandbox.deliveries() if one["kind"].endswith("_webhook"))
        return [f"not told: {one['kind']} of {one['order_id']}" for one in webhooks if not _is_answered(one)]

    def doubled(self) -> list[str]:
        """Effects that happened twice, outcomes with different bytes, and gaps."""
        twice = accounts.doubled(self.sandbox.effects())
        return twice + [f"other bytes: {one}" for one in self.books.differing] + self.books.gaps

    async def lives_amiss(self, orders: int) -> list[str]:
        """All differences from what is expected after so many orders were placed and shipped, and nothing else happened."""
        took = Counter(effect["kind"] for effect in self.sandbox.effects())
        told = Counter(finals[0].what for finals in self.books.finals.values() if len(finals) == 1)
        problems = [] if took == {"authorize": orders, "capture": orders} else [f"the provider took {took}"]
        problems += [] if told == {"authorized": orders, "captured": orders} else [f"the shop was told {told}"]
        return problems + self.doubled() + await self.restless()

    def logged(self, *names: str) -> str:
        return "".join(
            (self.stage.folder / f"{name}.log").read_text(errors="replace") for name in names or ("service",)
        )

    def _logs(self) -> str:
        return "\n".join(path.read_text(errors="replace")[-1500:] for path in sorted(self.stage.folder.glob("*.log")))


@contextlib.asynccontextmanager
async def playing(
    parts: Parts, template: str | None, settings: dict[str, str] | None = None, **options: Any
) -> AsyncIterator[Play]:
    """A run on the parts, without a service yet; all its processes have ended afterwards."""
    options = {"call_deadline": LEASE / 2, **options, "settings": SHORT | (settings or {})}
    opened = stage(parts, template=template, **options)
    made, sandbox = await asyncio.to_thread(opened.__enter__)
    try:
        async with following(made.kafka, made.orders_topic, made.outcomes_topic) as books:
            yield Play(made, sandbox, books)
    finally:
        await asyncio.to_thread(opened.__exit__, None, None, None)


def _is_answered(delivery: Json) -> bool:
    """Or it can't be delivered."""
    attempts = delivery["attempts"]
    return bool(attempts and (attempts[-1]["status"] or attempts[-1]["error"]))


async def until(condition: Callable[[], object], seconds: float, what: Callable[[], str] | str) -> None:
    """Returns as soon as the condition is true; fails with `what` after so many seconds."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            raise AssertionError(f"not within {seconds:g} s: {what if isinstance(what, str) else what()}")
        await asyncio.sleep(0.02)


# events


def event(subject: str, number: int, what: str, data: Json, merchant: str = "default") -> Json:
    return {
        "specversion": "1.0",
        "id": f"{subject}-{number}",
        "source": "/shop",
        "type": f"shop.order.{what}.v1",
        "subject": subject,
        "merchant": merchant,
        "time": "2026-01-01T00:00:00Z",
        "datacontenttype": "application/json",
        "data": data,
    }


def placed(subject: str, merchant: str = "default", amount: int = 1000) -> Json:
    line = {"reference": "A", "name": "A thing", "quantity": 1, "unit_price": amount, "total_amount": amount}
    data = {
        "payment": {"provider": "klarna", "authorization_token": f"sbx-{merchant}-{subject}"},
        "purchase_country": "GB",
        "purchase_currency": "GBP",
        "order_amount": amount,
        "order_lines": [line],
    }
    return event(subject, 1, "placed", data, merchant)


def shipped(subject: str, merchant: str = "default") -> Json:
    return event(subject, 2, "shipped", {}, merchant)


def life(subjects: Iterable[str], merchant: str = "default") -> list[Json]:
    """Placed and shipped."""
    names = list(subjects)
    return [placed(name, merchant) for name in names] + [shipped(name, merchant) for name in names]


def record(event: Json) -> Json:
    """The Kafka record, in binary mode; `{"raw": …}` unchanged."""
    if "raw" in event:
        raw = event["raw"]
        return {"key": _bytes(raw["key"]), "value": _bytes(raw["value"]), "headers": _headers(raw["headers"])}
    attributes = {name: value for name, value in event.items() if name not in {"data", "datacontenttype"}}
    headers = {"content-type": event["datacontenttype"]} | {f"ce_{name}": attributes[name] for name in attributes}
    return {"key": _bytes(event["subject"]), "value": json.dumps(event["data"]).encode(), "headers": _headers(headers)}


def _headers(headers: Mapping[str, str | bytes]) -> list[tuple[str, bytes | None]]:
    return [(name, _bytes(value)) for name, value in headers.items()]


def _bytes(text: str | bytes | None) -> bytes | None:
    return text.encode() if isinstance(text, str) else text


# the sample


@cache
def _sample() -> tuple[list[Json], Json]:
    with gzip.open(ROOT / demo.SAMPLE, "rt") as lines, gzip.open(ROOT / demo.EXPECTED, "rt") as file:
        return [json.loads(line) for line in lines], json.load(file)


def slice_of_sample(each: int, without: Collection[str] = ()) -> tuple[list[Json], accounts.Expected]:
    """The complete histories of the first `each` orders of every label but some, in the order of the sample."""
    lines, whole = _sample()
    counts: Counter[str] = Counter()
    subjects: set[str] = set()
    for order in whole["orders"]:
        counts[order["history"]] += 1
        if counts[order["history"]] <= each:
            subjects.add(order["subject"])
    subjects -= {order["subject"] for order in whole["orders"] if order["history"] in without}
    chosen = [line for line in lines if _subject(line) in subjects]
    orders = [order for order in whole["orders"] if order["subject"] in subjects]
    return chosen, accounts.Expected({"events": len(chosen), "dead_letters": _dead_letters(chosen), "orders": orders})


def _subject(line: Json) -> str:
    return str(line["raw"]["key"] if "raw" in line else line.get("subject", ""))


def _dead_letters(lines: Sequence[Json]) -> dict[str, int]:
    """By the script that makes the sample, which is independent of the service."""
    if str(ROOT) not in sys.path:  # `sample` is a folder of scripts, not an installed package
        sys.path.insert(0, str(ROOT))
    from sample.oracle import read

    return dict(Counter(read(lines).dead_letters))
