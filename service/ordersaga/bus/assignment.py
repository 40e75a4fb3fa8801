"""The partitions that this consumer is assigned, until they are revoked."""

import asyncio
import contextlib
from collections.abc import Iterable

from ordersaga.bus.records import Partition


class Assignment:
    """`next`: the next offset of each partition; empty until the store has said where to start.

    `stored`: the next offset that the store has, as far as this consumer knows; a partition that it doesn't have is missing.
    Records that are handed out follow it without a gap.
    """

    def __init__(self, partitions: Iterable[Partition]) -> None:
        self.partitions = frozenset(partitions)
        self.next: dict[Partition, int] = {}
        self.stored: dict[Partition, int] = {}
        self.positioned = 0  # how often
        self.standing: dict[Partition, float] = {}  # until when, by the monotonic clock
        self._revoked = False
        self._finishing = False
        self._ending = asyncio.Event()

    @property
    def reading(self) -> bool:
        """Whether records may be handed out."""
        return bool(self.next) and self.active

    @property
    def active(self) -> bool:
        """Neither revoked nor finishing."""
        return not self._revoked and not self._finishing

    def holds(self, partition: Partition) -> bool:
        return partition in self.partitions and not self._revoked

    def finish(self) -> None:
        """The current batch is the last one."""
        self._finishing = True
        self._ending.set()

    def revoke(self) -> None:
        """The partitions aren't assigned to this consumer any more."""
        self._revoked = True
        self._ending.set()

    async def sleep(self, seconds: float) -> None:
        """Returns early when the assignment isn't active any more."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._ending.wait()
