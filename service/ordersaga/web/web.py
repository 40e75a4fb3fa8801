"""The role web: takes notifications in and hands callbacks on, on a port of its own."""

import asyncio
import contextlib
import socket
from collections.abc import Collection, Mapping
from math import inf
from types import MappingProxyType

from ordersaga.addresses import Addresses
from ordersaga.web.callbacks import Account, AccountCallbacks, Callbacks
from ordersaga.web.collector import HintCollector, HintStore
from ordersaga.web.notifications import NotificationKinds, Notifications
from ordersaga.web.server import GRACE, Server


class Web:
    """`accounts`: merchants with their providers; `providers`: by name; `callbacks`: of accounts that have some."""

    def __init__(
        self,
        store: HintStore,
        accounts: Collection[Account],
        providers: Mapping[str, NotificationKinds],
        addresses: Addresses,
        port: socket.socket,
        callbacks: Mapping[Account, AccountCallbacks] = MappingProxyType({}),
        most_grace: float = inf,
    ) -> None:
        """`most_grace`: seconds that callbacks in progress get at the stop, at most."""
        self._collector = HintCollector(store)
        self._callbacks = Callbacks(callbacks)
        notifications = Notifications(accounts, providers, addresses, self._collector, self._callbacks)
        grace = max((GRACE, *(one.longest for one in callbacks.values())))
        self._server = Server(notifications.app(), port, min(grace, max(most_grace, GRACE)))
        self._ended = asyncio.Event()

    @property
    def port(self) -> int:
        return self._server.port

    async def run(self) -> None:
        """Until stopped; what was taken in by then is recorded and answered. Ends with the error of what failed."""
        recording = asyncio.create_task(self._collector.run())
        serving = asyncio.create_task(self._server.run())
        try:
            await asyncio.wait({recording, serving}, return_when=asyncio.FIRST_COMPLETED)
            if recording.done():
                recording.result()
        finally:
            self._server.stop()
            await asyncio.wait({serving})
            recording.cancel()
            self._ended.set()
        serving.result()

    def stop(self) -> None:
        """`run` returns soon after."""
        self._server.stop()

    async def linger(self, seconds: float) -> None:
        """Serves as before for so long, then stops: who sends requests here learns later than this process that it ends."""
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._ended.wait(), seconds)
        self.stop()

    async def close(self) -> None:
        """Closes the connections to shops."""
        await self._callbacks.close()
