"""Consumes batches of records from Kafka: each record at least once, from the offsets that the store has."""

import asyncio
from collections.abc import Sequence
from typing import Final

import structlog

from ordersaga.bus.batch import Batch, ConsumerOptions, Handlers, Health, OnBatch, OnIdle, ReadAgainError, StartOffsets
from ordersaga.bus.kafka import KafkaSettings
from ordersaga.bus.membership import FIRST_PAUSE, MAX_PAUSE, Membership
from ordersaga.bus.records import Partition

__all__ = ["Batch", "Consumer", "ConsumerOptions", "Health", "OnBatch", "OnIdle", "ReadAgainError", "StartOffsets"]

log = structlog.get_logger(__name__)

_DEFAULT: Final = ConsumerOptions()


class Consumer:
    """One member of a group, for one event loop.

    `on_batch` gets one batch at a time, and the same batch again while it raises, until it succeeds or the partitions are
    revoked; after a PartitionsStandError those partitions are read again a few seconds later. `start_offsets` returns where to start each partition; one that is missing is read from its beginning; it is
    called again while it raises, and after a ReadAgainError. `on_idle` gets the ends of partitions that are read completely,
    and the offsets that the store must have of all, about once a second.
    """

    def __init__(
        self,
        settings: KafkaSettings,
        topics: Sequence[str],
        group: str,
        on_batch: OnBatch,
        start_offsets: StartOffsets,
        *,
        on_idle: OnIdle | None = None,
        options: ConsumerOptions = _DEFAULT,
    ) -> None:
        self._settings = settings
        self._topics = tuple(topics)
        self._group = group
        self._handlers = Handlers(on_batch, start_offsets, on_idle)
        self._options = options
        self._task: asyncio.Task[None] | None = None
        self._membership: Membership | None = None
        self._joined = asyncio.Event()

    async def start(self) -> None:
        """Returns when it is a member of the group, however long Kafka takes. Call it once."""
        task = self._task = asyncio.create_task(self._stay_member())
        joined = asyncio.create_task(self._joined.wait())
        try:
            await asyncio.wait((task, joined), return_when=asyncio.FIRST_COMPLETED)
        except BaseException:  # also when cancelled: nothing may stay open
            await self.stop(0.0)
            raise
        finally:
            joined.cancel()
        if task.done() and not task.cancelled():
            task.result()

    async def run(self) -> None:
        """Starts, and consumes until it is stopped or cancelled."""
        await self.start()
        if self._task is not None:
            await asyncio.wait((self._task,))

    async def stop(self, timeout: float = 10.0) -> None:  # noqa: ASYNC109 - only the batch is waited for so long
        """Takes no more batches, waits up to `timeout` seconds for the current one, and leaves the group."""
        task, self._task = self._task, None
        membership = self._membership
        if membership is not None:
            await membership.finish(timeout)
        if task is not None:
            task.cancel()
            await asyncio.wait((task,))

    def health(self) -> Health:
        membership = self._membership
        return Health(False, 0.0, frozenset(), positioned=False) if membership is None else membership.health()

    def lags(self) -> dict[Partition, int]:
        """Records that are still to be read of each partition that it reads."""
        membership = self._membership
        return {} if membership is None else membership.lags()

    async def _stay_member(self) -> None:
        """Until cancelled; replaces a membership that is broken."""
        while True:
            membership = await self._join_with_retries()
            try:
                self._joined.set()
                reason = await membership.wait_until_broken()
                log.error("the Kafka consumer is broken and is restarted", reason=reason)
            finally:
                self._membership = None
                await membership.close()

    async def _join_with_retries(self) -> Membership:
        pause = FIRST_PAUSE
        while True:
            try:
                return await self._join()
            except Exception as error:  # noqa: BLE001 - it is retried whatever the error is
                reason = f"{type(error).__name__}: {error}"
                log.warning("waiting for Kafka", at=self._settings.bootstrap, reason=reason, seconds=pause)
            await asyncio.sleep(pause)
            pause = min(pause * 2, MAX_PAUSE)

    async def _join(self) -> Membership:
        membership = self._membership = Membership(
            self._settings, self._topics, self._group, self._options, self._handlers
        )
        try:
            await membership.open()
        except BaseException:  # also when cancelled: nothing may stay open
            self._membership = None
            await membership.close()
            raise
        log.info("joined the group", group=self._group, at=self._settings.bootstrap)
        return membership
