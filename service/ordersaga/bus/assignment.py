"""Our hold on partitions, from an assignment to its end."""

import asyncio
import contextlib
from collections.abc import Iterable

from ordersaga.bus.records import Place


class Assignment:
    """`next`: where to read on, per partition; empty until the store has said where to start."""

    def __init__(self, places: Iterable[Place]) -> None:
        self.places = frozenset(places)
        self.next: dict[Place, int] = {}
        self._over = False
        self._last = False
        self._stir = asyncio.Event()

    @property
    def reading(self) -> bool:
        """Whether records may be handed out."""
        return bool(self.next) and self.going_on

    @property
    def going_on(self) -> bool:
        """Neither over nor in its last batch."""
        return not self._over and not self._last

    def holds(self, place: Place) -> bool:
        return place in self.places and not self._over

    def finish(self) -> None:
        """The batch in hand is the last."""
        self._last = True
        self._stir.set()

    def end(self) -> None:
        """The partitions are no longer ours."""
        self._over = True
        self._stir.set()

    async def rest(self, seconds: float) -> None:
        """Sleeps while it goes on."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._stir.wait()
