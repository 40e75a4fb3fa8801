"""Periodic work beside the roles: switches, statistics for gauges, inbox retention."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence

import structlog
from msgspec import Struct

from ordersaga import telemetry
from ordersaga.store.errors import OutdatedError, StoreError
from ordersaga.store.store import Store
from ordersaga.worker.bulkheads import Bulkheads
from ordersaga.worker.pulse import Pulse

log = structlog.get_logger(__name__)


class UpkeepSettings(Struct, frozen=True):
    """In seconds, except `batch` (inbox rows at once).

    `margin`: how much longer than the retention inputs are kept. Their age is by Kafka's timestamp, which the shop's clock
    may have set ahead of ours.
    """

    inbox_retention: float
    margin: float = 86_400.0
    switches: float = 1.0
    gauges: float = 15.0
    prune: float = 60.0
    beat: float = 1.0
    heartbeats_kept: float = 86_400.0
    results_kept: float = 86_400.0
    batch: int = 1_000


async def run_upkeep(
    store: Store, bulkheads: Bulkheads, settings: UpkeepSettings, batch_ages: Sequence[telemetry.BatchAge], owner: str
) -> None:
    """Until cancelled. While the store is unavailable it tries again each time. Raises OutdatedError.

    `batch_ages`: of the roles of this process; `owner`: its name.
    """
    stalls = telemetry.StallWatch(batch_ages)

    async def update_switches() -> None:
        bulkheads.pause(await store.paused())

    async def update_gauges() -> None:
        try:
            statistics = await store.statistics()
        except StoreError:
            stalls.store_unavailable()
            raise
        telemetry.set_gauges(statistics)
        stalls.check()

    async def prune_inbox() -> None:
        deleted = settings.batch
        while deleted >= settings.batch:
            deleted = await store.prune_inbox(settings.inbox_retention + settings.margin, settings.batch)

    async def prune_heartbeats() -> None:
        await store.prune_heartbeats(settings.heartbeats_kept)
        await store.prune_kept_results(settings.results_kept)

    pulse = Pulse(store, owner, settings.heartbeats_kept / 2)
    async with asyncio.TaskGroup() as group:
        group.create_task(_every(settings.beat, pulse.beat))
        group.create_task(_every(settings.prune, prune_heartbeats))
        group.create_task(_every(settings.switches, update_switches))
        group.create_task(_every(settings.gauges, update_gauges))
        group.create_task(_every(settings.prune, prune_inbox))


async def _every(seconds: float, work: Callable[[], Awaitable[None]]) -> None:
    while True:
        try:
            await work()
        except OutdatedError:
            raise
        except StoreError as error:
            log.warning("store unavailable, upkeep waits", reason=str(error))
        await asyncio.sleep(seconds)
