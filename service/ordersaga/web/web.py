"""The role web: takes notifications in, on a port of its own."""

import asyncio
import socket
from collections.abc import Collection, Mapping

from ordersaga.addresses import Addresses
from ordersaga.web.collector import HintCollector, HintStore
from ordersaga.web.notifications import NotificationKinds, Notifications
from ordersaga.web.server import Server


class Web:
    """`accounts`: merchants with their providers; `providers`: by name."""

    def __init__(
        self,
        store: HintStore,
        accounts: Collection[tuple[str, str]],
        providers: Mapping[str, NotificationKinds],
        addresses: Addresses,
        port: socket.socket,
    ) -> None:
        self._collector = HintCollector(store)
        self._server = Server(Notifications(accounts, providers, addresses, self._collector).app(), port)

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
        serving.result()

    def stop(self) -> None:
        """`run` returns soon after."""
        self._server.stop()
