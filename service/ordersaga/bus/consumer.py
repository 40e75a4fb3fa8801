"""Takes batches of records from Kafka: each at least once, from where the store says, and nothing is lost on the way."""

import asyncio
from collections.abc import Sequence
from typing import Final

import structlog

from ordersaga.bus.batch import Batch, ConsumerOptions, Handlers, Health, OnBatch, OnIdle, StartOffsets
from ordersaga.bus.kafka import KafkaSettings
from ordersaga.bus.link import FIRST_PAUSE, LONGEST_PAUSE, Link

__all__ = ["Batch", "Consumer", "ConsumerOptions", "Health", "OnBatch", "OnIdle", "StartOffsets"]

log = structlog.get_logger(__name__)

_USUAL: Final = ConsumerOptions()


class Consumer:
    """One member of a group. Use it in one event loop.

    `on_batch` gets one batch at a time; while it raises, it gets the same batch again, until it succeeds or the partitions
    are taken away. `start_offsets` says where to read each partition from; one it doesn't name is read from its beginning;
    while it raises it is asked again. `on_idle` is told about once a second which partitions are read to their end, and
    where that is.
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
        options: ConsumerOptions = _USUAL,
    ) -> None:
        self._settings = settings
        self._topics = tuple(topics)
        self._group = group
        self._handlers = Handlers(on_batch, start_offsets, on_idle)
        self._options = options
        self._keeper: asyncio.Task[None] | None = None
        self._link: Link | None = None
        self._up = asyncio.Event()

    async def start(self) -> None:
        """Returns when it is a member of the group; waits for Kafka as long as it takes. Call it once."""
        keeper = self._keeper = asyncio.create_task(self._keep())
        up = asyncio.create_task(self._up.wait())
        try:
            await asyncio.wait((keeper, up), return_when=asyncio.FIRST_COMPLETED)
        except BaseException:  # also when cancelled: nothing may stay open
            await self.stop(0.0)
            raise
        finally:
            up.cancel()
        if keeper.done() and not keeper.cancelled():
            keeper.result()

    async def run(self) -> None:
        """Starts and works until it is stopped or cancelled."""
        await self.start()
        if self._keeper is not None:
            await asyncio.wait((self._keeper,))

    async def stop(self, timeout: float = 10.0) -> None:  # noqa: ASYNC109 - the batch may use it up, and the rest follows
        """Takes no more batches, waits for the one in hand up to `timeout` seconds, leaves the group."""
        keeper, self._keeper = self._keeper, None
        link = self._link
        if link is not None:
            await link.finish(timeout)
        if keeper is not None:
            keeper.cancel()
            await asyncio.wait((keeper,))

    def health(self) -> Health:
        link = self._link
        return Health(False, 0.0, frozenset(), positioned=False) if link is None else link.health()

    async def _keep(self) -> None:
        """Keeps a working consumer until cancelled."""
        while True:
            link = await self._linked()
            try:
                self._up.set()
                reason = await link.broken()
                log.error("the Kafka consumer doesn't work any more and is started anew", reason=reason)
            finally:
                self._link = None
                await link.close()

    async def _linked(self) -> Link:
        pause = FIRST_PAUSE
        while True:
            try:
                return await self._link_up()
            except Exception as error:  # noqa: BLE001 - it is tried again whatever it was
                reason = f"{type(error).__name__}: {error}"
                log.warning("waiting for Kafka", at=self._settings.bootstrap, reason=reason, seconds=pause)
            await asyncio.sleep(pause)
            pause = min(pause * 2, LONGEST_PAUSE)

    async def _link_up(self) -> Link:
        link = self._link = Link(self._settings, self._topics, self._group, self._options, self._handlers)
        try:
            await link.open()
        except BaseException:  # also when cancelled: nothing may stay open
            self._link = None
            await link.close()
            raise
        log.info("a member of the group", group=self._group, at=self._settings.bootstrap)
        return link
