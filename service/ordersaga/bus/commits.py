"""Commits offsets to Kafka for its lag metrics. The store has the offsets that count, so a failed commit does no harm."""

import asyncio
from collections.abc import Mapping
from typing import Any, Final

import structlog
from aiokafka import TopicPartition  # type: ignore[import-untyped]  # it ships no types

from ordersaga.bus.records import Partition

log = structlog.get_logger(__name__)

_PAUSE: Final = 0.3  # seconds between commits
_TIMEOUT: Final = 5.0  # seconds for one


class Commits:
    """Collects offsets and commits them a few times a second, in a task of its own."""

    def __init__(self) -> None:
        self._pending: dict[Partition, int] = {}
        self._committed: dict[Partition, int] = {}
        self._has_pending = asyncio.Event()
        self._lock = asyncio.Lock()

    def add(self, offsets: Mapping[Partition, int]) -> None:
        """The next offset of each partition."""
        new = {partition: offset for partition, offset in offsets.items() if self._committed.get(partition) != offset}
        if new:
            self._pending.update(new)
            self._has_pending.set()

    def clear(self) -> None:
        """For partitions that are revoked."""
        self._pending.clear()
        self._committed.clear()
        self._has_pending.clear()

    async def run(self, consumer: Any) -> None:
        """Commits until cancelled."""
        while True:
            await self._has_pending.wait()
            await self.flush(consumer)
            await asyncio.sleep(_PAUSE)

    async def flush(self, consumer: Any, timeout: float = _TIMEOUT) -> None:  # noqa: ASYNC109 - an error is only logged
        """Commits what is pending; an error is only logged."""
        async with self._lock:
            self._has_pending.clear()
            offsets, self._pending = self._pending, {}
            if not offsets:
                return
            try:
                async with asyncio.timeout(timeout):
                    await consumer.commit({TopicPartition(*partition): offset for partition, offset in offsets.items()})
            except Exception as error:  # noqa: BLE001 - only lag metrics depend on it
                log.info("offsets not committed, Kafka's lag metrics are late", reason=type(error).__name__)
            else:
                self._committed.update(offsets)
