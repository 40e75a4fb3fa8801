"""Follows the outcome topic of a run and keeps the accounts that the outcomes tell."""

import asyncio
import contextlib
import json
from collections import Counter, defaultdict
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from aiokafka import AIOKafkaConsumer  # type: ignore[import-untyped]  # it ships no types

from ordersaga_local.admin import partitions_of


@dataclass
class Told:
    """One outcome, as the topic has it."""

    order: str
    merchant: str
    what: str
    sequence: int
    id: str
    at: float
    data: dict[str, Any]


@dataclass
class Books:
    """All that the outcomes said. Repeats (the same id) count once."""

    seen: dict[str, Told] = field(default_factory=dict)
    records: int = 0
    repeats: int = 0
    moved: Counter[tuple[str, str, str]] = field(default_factory=Counter)
    differing: list[str] = field(default_factory=list)
    gaps: list[str] = field(default_factory=list)
    finals: dict[tuple[str, str, str], list[Told]] = field(default_factory=lambda: defaultdict(list))
    by_type: Counter[str] = field(default_factory=Counter)
    sent: dict[tuple[str, str, str], float] = field(default_factory=dict)
    latencies: list[float] = field(default_factory=list)
    _last: dict[tuple[str, str], int] = field(default_factory=dict)
    _bytes: dict[str, bytes] = field(default_factory=dict)

    def add(self, told: Told, raw: bytes) -> None:
        before = self._bytes.get(told.id)
        if before is not None:
            self.repeats += 1
            if before != raw:
                self.differing.append(told.id)
            return
        self._bytes[told.id] = raw
        self.seen[told.id] = told
        place = (told.merchant, told.order)
        if told.sequence != self._last.get(place, 0) + 1:
            self.gaps.append(f"{told.merchant}/{told.order}: {told.sequence} after {self._last.get(place, 0)}")
        self._last[place] = told.sequence
        self.by_type[told.what] += 1
        cause = told.data.get("cause")
        if not cause:
            return
        key = (told.merchant, cause["source"], cause["id"])
        operation = told.data.get("operation")
        if operation and operation["amount"] and (told.data["final"] or told.what == "refunded"):
            self.moved[key] += operation["amount"]
        if told.data["final"]:
            self.finals[key].append(told)
            if key in self.sent:
                self.latencies.append(told.at - self.sent[key])

    def last_of_each(self) -> dict[tuple[str, str], Told]:
        """The newest outcome of each order that tells its books."""
        last: dict[tuple[str, str], Told] = {}
        for told in self.seen.values():
            place = (told.merchant, told.order)
            if told.data.get("order") and (place not in last or told.sequence > last[place].sequence):
                last[place] = told
        return last


def _header(headers: Mapping[str, bytes], name: str) -> str:
    return headers.get(f"ce_{name}", b"").decode(errors="replace")


def read(record: Any) -> Told:
    headers = dict(record.headers)
    return Told(
        _header(headers, "subject"),
        _header(headers, "merchant"),
        _header(headers, "type").removeprefix("payments.order.").removesuffix(".v1"),
        int(_header(headers, "sequence")),
        _header(headers, "id"),
        record.timestamp / 1000,
        json.loads(record.value),
    )


@contextlib.asynccontextmanager
async def following(kafka: str, orders_topic: str, outcomes_topic: str) -> AsyncIterator[Books]:
    """Books that grow while the topics do; also notes when each shop event was sent."""
    books = Books()
    consumer = AIOKafkaConsumer(bootstrap_servers=kafka, auto_offset_reset="earliest", enable_auto_commit=False)
    async with consumer:
        consumer.assign(await partitions_of(kafka, orders_topic, outcomes_topic))
        task = asyncio.create_task(_follow(consumer, orders_topic, books))
        try:
            yield books
        finally:
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task


async def _follow(consumer: AIOKafkaConsumer, orders_topic: str, books: Books) -> None:
    await consumer.seek_to_beginning()
    while True:
        for place, records in (await consumer.getmany(timeout_ms=200, max_records=2000)).items():
            for record in records:
                if place.topic == orders_topic:
                    _note_sent(books, record)
                else:
                    books.add(read(record), record.value)


def _note_sent(books: Books, record: Any) -> None:
    books.records += 1
    headers = dict(record.headers)
    key = (_header(headers, "merchant") or "default", _header(headers, "source"), _header(headers, "id"))
    books.sent.setdefault(key, record.timestamp / 1000)
