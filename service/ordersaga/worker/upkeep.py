"""What is looked after from time to time beside the work: switches, figures for gauges, the inbox's retention."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence

import structlog
from msgspec import Struct

from ordersaga import telemetry
from ordersaga.store.errors import StoreError
from ordersaga.store.store import Store
from ordersaga.worker.bulkheads import Bulkheads

log = structlog.get_logger(__name__)


class UpkeepSettings(Struct, frozen=True):
    """Seconds, but for `batch` (inbox rows at once).

    `margin`: for how much longer than the retention inputs are remembered. Age is told by Kafka's timestamp, which the
    shop's clock may have set ahead of ours.
    """

    inbox_retention: float
    margin: float = 86_400.0
    switches: float = 1.0
    figures: float = 15.0
    forget: float = 60.0
    batch: int = 1_000


async def keep(
    store: Store, bulkheads: Bulkheads, settings: UpkeepSettings, in_hand: Sequence[telemetry.InHand]
) -> None:
    """Until cancelled. A store that is away is asked again the next time. `in_hand`: of each role of this process."""
    stalls = telemetry.StallWatch(in_hand)

    async def switches() -> None:
        bulkheads.pause(await store.paused())

    async def figures() -> None:
        try:
            found = await store.figures()
        except StoreError:
            stalls.away()
            raise
        telemetry.figures(found)
        stalls.look()

    async def forget() -> None:
        forgotten = settings.batch
        while forgotten >= settings.batch:
            forgotten = await store.forget_inbox(settings.inbox_retention + settings.margin, settings.batch)

    async with asyncio.TaskGroup() as group:
        group.create_task(_every(settings.switches, switches))
        group.create_task(_every(settings.figures, figures))
        group.create_task(_every(settings.forget, forget))


async def _every(seconds: float, look: Callable[[], Awaitable[None]]) -> None:
    while True:
        try:
            await look()
        except StoreError as error:
            log.warning("store away, upkeep waits", reason=str(error))
        await asyncio.sleep(seconds)
