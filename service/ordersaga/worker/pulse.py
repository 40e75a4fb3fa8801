"""The heartbeat of a process, by which it recognises a database that lacks what it has written."""

import time

import structlog

from ordersaga import telemetry
from ordersaga.store.errors import OutdatedError
from ordersaga.store.heartbeats import Beat
from ordersaga.store.store import Store

log = structlog.get_logger(__name__)


class Pulse:
    """`forget_after`: seconds without a beat after which its row may have been pruned, and says nothing if it is missing."""

    def __init__(self, store: Store, owner: str, forget_after: float) -> None:
        self._store = store
        self._owner = owner
        self._forget_after = forget_after
        self._last = Beat()
        self._at = 0.0

    async def beat(self) -> None:
        """Raises the epoch if the database went back or was replaced, unless another process has raised it.

        Raises OutdatedError.
        """
        now = time.time()
        last = self._last if abs(now - self._at) < self._forget_after else Beat()
        heard = await self._store.beat(self._owner, last)
        self._last, self._at = heard.beat, now
        if heard.outdated:
            raise OutdatedError
        if heard.raised:
            telemetry.REGRESSIONS.inc()
        if heard.went_back:
            log.error("the database went back, and lacks a heartbeat of this process", raised=heard.raised)
        elif heard.raised:
            log.error("the database is on another server or timeline: a failover or a restore", raised=True)
