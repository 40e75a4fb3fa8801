"""The ports of `ordersaga run`, which are opened before anything else."""

import asyncio
import os
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from ordersaga.cli.output import CommandError
from ordersaga.config import Settings
from ordersaga.web.health import Health, health_app
from ordersaga.web.server import Server, listen


class Ports:
    """Raises CommandError: a port can't be used; the setting is named."""

    def __init__(self, settings: Settings, health: Health) -> None:
        port = settings.metrics_port
        self._health = None if port is None else Server(health_app(health), _listen("ORDERSAGA_METRICS_PORT", port))

    @asynccontextmanager
    async def health_served(self) -> AsyncIterator[None]:
        """To the end of the process, whatever it waits for."""
        if self._health is None:
            yield
            return
        async with served(self._health):
            yield


@asynccontextmanager
async def served(server: Server) -> AsyncIterator[None]:
    serving = asyncio.create_task(server.run())
    try:
        yield
    finally:
        server.stop()
        await serving


def _listen(setting: str, port: int) -> socket.socket:
    try:
        return listen(port)
    except OSError as error:
        raise CommandError(f"{setting}: can't listen on port {port}: {os.strerror(error.errno or 0)}", 2) from error
