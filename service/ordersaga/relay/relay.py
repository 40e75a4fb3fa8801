"""Publishes the rows of the outbox, those of one order by sequence, and then deletes them."""

import asyncio
import time
from collections.abc import Sequence
from typing import Final, Literal

import structlog
from msgspec import Struct

from ordersaga import telemetry
from ordersaga.bus.outcomes import headers_of
from ordersaga.bus.producer import OutRecord, Producer
from ordersaga.domain.model.order import Key
from ordersaga.store.errors import StoreError
from ordersaga.store.outbox import UnpublishedOutcome
from ordersaga.store.rows import OutboxRow
from ordersaga.store.store import Store
from ordersaga.telemetry import traces

log = structlog.get_logger(__name__)

Round = Literal["nothing", "published", "failed"]
_FIRST_PAUSE: Final = 0.1  # seconds while the store is unavailable
_MAX_PAUSE: Final = 2.0
_AFTER_FAILURE: Final = 0.5
_SHARE_EVERY: Final = 0.5  # outcomes of a shard that another relay gives back wait for so long


class RelaySettings(Struct, frozen=True):
    """`lease` and `poll` in seconds; `batch`: rows at once."""

    owner: str
    topic: str
    lease: float = 5.0
    poll: float = 0.05
    batch: int = 1000


class Relay:
    """A shard has one relay at a time. A relay that lost its shard may repeat outcomes: consumers drop them by id."""

    def __init__(self, store: Store, producer: Producer, settings: RelaySettings) -> None:
        self._store = store
        self._producer = producer
        self._settings = settings
        self._wake = asyncio.Event()
        self._lock = asyncio.Lock()
        self._stopped = False
        self._shards: list[int] = []
        self._published: list[int] = []  # the next statement deletes them
        self._epoch: int | None = None  # in which they were read
        self._renew_at = 0.0

    def wake(self) -> None:
        """There are new rows in the outbox."""
        self._wake.set()

    async def run(self) -> None:
        """Publishes until it is stopped or cancelled. Waits for a store or a broker that is unavailable."""
        pause = _FIRST_PAUSE
        while not self._stopped:
            try:
                done = await self.round()
                pause = _FIRST_PAUSE
            except StoreError as error:
                log.warning("store unavailable, outcomes wait", reason=str(error))
                self._published = []  # a database that went back may give these ids to other rows
                await asyncio.sleep(pause)
                pause = min(pause * 2, _MAX_PAUSE)
                continue
            if done == "nothing":
                await self._wait()
            elif done == "failed":
                await asyncio.sleep(_AFTER_FAILURE)

    async def round(self) -> Round:
        """Deletes what the last round published, reads and publishes. After `published` there may be more rows."""
        async with self._lock:
            return await self._round()

    async def _round(self) -> Round:
        self._wake.clear()
        await self._renew()
        settings = self._settings
        rows = await self._store.read_outbox(self._shards, settings.batch, self._published, settings.owner, self._epoch)
        self._published = []
        if not rows:
            return "nothing"
        failed = await self._publish(rows)
        self._epoch = rows[0].epoch
        self._published = [row.id for row in rows if row.id not in failed]
        telemetry.count_published(len(self._published), len(failed))
        return "failed" if failed else "published"

    async def stop(self) -> None:
        """Publishes the rows of its shards until a record fails, and gives the shards back."""
        self._stopped = True
        self._wake.set()
        try:
            async with self._lock:
                while await self._round() == "published":
                    pass
                await self._delete_published()
                await self._store.leave_shards(self._settings.owner)
        except StoreError as error:
            log.warning("store unavailable while stopping: outcomes stay in the outbox", reason=str(error))

    async def _publish(self, rows: Sequence[UnpublishedOutcome]) -> set[int]:
        """Ids of the rows that stay in the outbox: those that failed, and later ones of the same orders."""
        topic = self._settings.topic
        records = [_record(topic, one.row) for one in rows]
        errors = await self._producer.send_all(records)
        if (spans := traces.active()) is not None:
            for record, error in zip(records, errors, strict=True):
                if error is None:
                    spans.published(record.headers, time.time())
        failed: set[int] = set()
        failed_orders: set[Key] = set()
        for one, error in zip(rows, errors, strict=True):
            if error is not None or one.row.key in failed_orders:
                failed_orders.add(one.row.key)
                failed.add(one.id)
        if failed:
            log.warning("outcomes not published, they are retried", outcomes=len(failed))
        return failed

    async def _renew(self) -> None:
        now = asyncio.get_running_loop().time()
        if now < self._renew_at:
            return
        settings = self._settings
        await self._delete_published()  # else another relay that gets one of the shards would publish them again
        self._shards = await self._store.take_shards(settings.owner, settings.lease)
        self._renew_at = now + min(settings.lease / 3, _SHARE_EVERY)

    async def _delete_published(self) -> None:
        if self._published:
            await self._store.delete_outbox(self._published, self._settings.owner, self._epoch)
            self._published = []

    async def _wait(self) -> None:
        try:
            async with asyncio.timeout(self._settings.poll):
                await self._wake.wait()
        except TimeoutError:
            pass


def _record(topic: str, row: OutboxRow) -> OutRecord:
    return OutRecord(topic, row.key.subject.encode(), row.payload, headers_of(row.headers))
