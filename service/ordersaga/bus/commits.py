"""Commits offsets to Kafka for its lag figures. The store decides where to read on, so a commit that fails harms nobody."""

import asyncio
from collections.abc import Mapping
from typing import Any, Final

import structlog
from aiokafka import TopicPartition  # type: ignore[import-untyped]  # it ships no types

from ordersaga.bus.records import Place

log = structlog.get_logger(__name__)

_PAUSE: Final = 0.3  # seconds between commits
_PATIENCE: Final = 5.0  # seconds for one


class Commits:
    """Gathers what is done and commits it a few times a second, beside the work."""

    def __init__(self) -> None:
        self._done: dict[Place, int] = {}
        self._committed: dict[Place, int] = {}
        self._news = asyncio.Event()
        self._turn = asyncio.Lock()

    def note(self, offsets: Mapping[Place, int]) -> None:
        """The next offset to read of each partition."""
        new = {place: offset for place, offset in offsets.items() if self._committed.get(place) != offset}
        if new:
            self._done.update(new)
            self._news.set()

    def forget(self) -> None:
        """The partitions aren't ours any more."""
        self._done.clear()
        self._committed.clear()
        self._news.clear()

    async def run(self, consumer: Any) -> None:
        """Commits until cancelled."""
        while True:
            await self._news.wait()
            await self.flush(consumer)
            await asyncio.sleep(_PAUSE)

    async def flush(self, consumer: Any, patience: float = _PATIENCE) -> None:
        """Commits what is noted now; an error is only logged."""
        async with self._turn:
            self._news.clear()
            offsets, self._done = self._done, {}
            if not offsets:
                return
            try:
                async with asyncio.timeout(patience):
                    await consumer.commit({TopicPartition(*place): offset for place, offset in offsets.items()})
            except Exception as error:  # noqa: BLE001 - lag figures are worth no more
                log.info("offsets not committed, Kafka's lag figures are late", reason=type(error).__name__)
            else:
                self._committed.update(offsets)
