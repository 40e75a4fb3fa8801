"""Writes hints in batches, so that a burst of notifications is a few statements."""

import asyncio
from itertools import islice
from typing import Final, Protocol

import structlog

from ordersaga.store.errors import StoreError
from ordersaga.store.hints import NewHint
from ordersaga.telemetry.limited import LimitedLog

_GATHERING: Final = 0.005
"""Seconds in which more may come."""
_MOST_AT_ONCE: Final = 1_000
_MOST_WAITING: Final = 10_000
log = LimitedLog(structlog.get_logger(__name__))


class HintStore(Protocol):
    async def hint(self, given: list[NewHint]) -> list[bool]: ...


class HintCollector:
    """The same hint, while it waits, is one."""

    def __init__(self, store: HintStore, most_waiting: int = _MOST_WAITING) -> None:
        self._store = store
        self._most_waiting = most_waiting
        self._waiting: dict[NewHint, asyncio.Future[bool | None]] = {}
        self._some = asyncio.Event()

    async def add(self, hint: NewHint, seconds: float) -> bool | None:
        """Whether it is of an order, once it is recorded. None: it wasn't recorded in that time; the sender repeats it."""
        recorded = self._waiting.get(hint)
        if recorded is None:
            if len(self._waiting) >= self._most_waiting:
                return None
            recorded = self._waiting[hint] = asyncio.get_running_loop().create_future()
            self._some.set()
        try:
            async with asyncio.timeout(seconds):
                return await asyncio.shield(recorded)
        except TimeoutError:
            return None

    async def run(self) -> None:
        """Until cancelled."""
        while True:
            await self._some.wait()
            await asyncio.sleep(_GATHERING)
            batch = dict(islice(self._waiting.items(), _MOST_AT_ONCE))
            for hint in batch:
                del self._waiting[hint]
            if not self._waiting:
                self._some.clear()
            await self._record(batch)

    async def _record(self, batch: dict[NewHint, asyncio.Future[bool | None]]) -> None:
        results: list[bool | None] = [None] * len(batch)
        try:
            results = [*await self._store.hint(list(batch))]
        except StoreError as error:
            log.warning("notifications aren't recorded, the provider repeats them", merchant="*", reason=str(error))
        finally:
            for recorded, result in zip(batch.values(), results, strict=True):
                recorded.set_result(result)
