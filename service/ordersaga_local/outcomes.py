"""Consumes the topics of a run and collects what the outcomes report."""

import asyncio
import contextlib
import json
from collections import Counter, defaultdict
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from aiokafka import AIOKafkaConsumer  # type: ignore[import-untyped]  # it ships no types

from ordersaga_local.admin import partitions_of

EventKey = tuple[str, str, str]
"""Merchant, source, event id."""
OrderKey = tuple[str, str, str]
"""Merchant, kind (order or subscription), id."""


@dataclass
class Told:
    """One outcome of the topic."""

    order: str
    merchant: str
    kind: str
    what: str
    epoch: int
    sequence: int
    id: str
    at: float
    data: dict[str, Any]

    @property
    def order_key(self) -> OrderKey:
        return self.merchant, self.kind, self.order

    @property
    def position(self) -> tuple[int, int]:
        """Outcomes are ordered by epoch, and within an epoch by sequence."""
        return self.epoch, self.sequence


@dataclass
class Books:
    """What the outcomes report. Duplicates (the same id) count once."""

    seen: dict[str, Told] = field(default_factory=dict)
    records: int = 0
    amounts: Counter[EventKey] = field(default_factory=Counter)
    differing: list[str] = field(default_factory=list)
    gaps: list[str] = field(default_factory=list)
    finals: dict[EventKey, list[Told]] = field(default_factory=lambda: defaultdict(list))
    by_type: Counter[str] = field(default_factory=Counter)
    published_at: dict[EventKey, float] = field(default_factory=dict)
    latencies: list[float] = field(default_factory=list)
    _last: dict[OrderKey, tuple[int, int]] = field(default_factory=dict)
    _payloads: dict[str, bytes] = field(default_factory=dict)

    def add(self, outcome: Told, payload: bytes) -> None:
        known = self._payloads.get(outcome.id)
        if known is not None:
            if known != payload:
                self.differing.append(outcome.id)
            return
        self._payloads[outcome.id] = payload
        self.seen[outcome.id] = outcome
        self._check_position(outcome)
        self.by_type[outcome.what] += 1
        if cause := outcome.data.get("cause"):
            self._add_to_event((outcome.merchant, cause["source"], cause["id"]), outcome)

    def _check_position(self, outcome: Told) -> None:
        """Within an epoch there are no gaps. A higher epoch begins with the sequence after any that was published before."""
        key = outcome.order_key
        epoch, sequence = self._last.get(key, (0, 0))
        follows = outcome.sequence == sequence + 1 if outcome.epoch == epoch else outcome.sequence <= sequence + 1
        if outcome.epoch < epoch or not follows:
            at = f"{outcome.epoch}/{outcome.sequence} after {epoch}/{sequence}"
            self.gaps.append(f"{outcome.merchant}/{outcome.order}: {at}")
        self._last[key] = outcome.position

    def _add_to_event(self, event: EventKey, outcome: Told) -> None:
        operation = outcome.data.get("operation")
        if operation and operation["amount"] and (outcome.data["final"] or outcome.what == "refunded"):
            self.amounts[event] += operation["amount"]
        if outcome.data["final"]:
            self.finals[event].append(outcome)
            if event in self.published_at:
                self.latencies.append(outcome.at - self.published_at[event])

    def last_of_each(self) -> dict[OrderKey, Told]:
        """The newest outcome of each order that reports its amounts."""
        latest: dict[OrderKey, Told] = {}
        for outcome in self.seen.values():
            key = outcome.order_key
            if outcome.data.get("order") and (key not in latest or outcome.position > latest[key].position):
                latest[key] = outcome
        return latest


def _header(headers: Mapping[str, bytes], name: str) -> str:
    return headers.get(f"ce_{name}", b"").decode(errors="replace")


def _parse(record: Any) -> Told:
    headers = dict(record.headers)
    return Told(
        _header(headers, "subject"),
        _header(headers, "merchant"),
        _header(headers, "kind"),
        _header(headers, "type").removeprefix("payments.order.").removesuffix(".v1"),
        int(_header(headers, "epoch")),
        int(_header(headers, "sequence")),
        _header(headers, "id"),
        record.timestamp / 1000,
        json.loads(record.value),
    )


@contextlib.asynccontextmanager
async def following(kafka: str, orders_topic: str, outcomes_topic: str) -> AsyncIterator[Books]:
    """Yields books that are updated as records arrive; they also have the time at which each shop event was published."""
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
        for partition, records in (await consumer.getmany(timeout_ms=200, max_records=2000)).items():
            for record in records:
                if partition.topic == orders_topic:
                    _note_published(books, record)
                else:
                    books.add(_parse(record), record.value)


def _note_published(books: Books, record: Any) -> None:
    books.records += 1
    headers = dict(record.headers)
    event = (_header(headers, "merchant") or "default", _header(headers, "source"), _header(headers, "id"))
    books.published_at.setdefault(event, record.timestamp / 1000)
