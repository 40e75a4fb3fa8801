"""The ports of `ordersaga run`, which are opened before anything else."""

import asyncio
import os
import socket
from collections.abc import AsyncIterator, Collection
from contextlib import asynccontextmanager

from ordersaga.cli.output import CommandError
from ordersaga.cli.wiring import Role
from ordersaga.config import Settings
from ordersaga.web.health import Health, health_app
from ordersaga.web.server import Server, listen


class Ports:
    """`web`: for notifications, if that role runs. Raises CommandError: a port can't be used; the setting is named."""

    def __init__(self, settings: Settings, roles: Collection[Role], health: Health) -> None:
        self._health = _listen("ORDERSAGA_METRICS_PORT", settings.metrics_port)
        self.web = _listen("ORDERSAGA_WEB__PORT", settings.web.port) if "web" in roles else None
        if "web" in roles and self.web is None:
            raise CommandError("ORDERSAGA_WEB__PORT is missing: the role web needs it", 2)
        self._app = health_app(health)

    @asynccontextmanager
    async def health_served(self) -> AsyncIterator[None]:
        """To the end of the process, whatever it waits for."""
        if self._health is None:
            yield
            return
        server = Server(self._app, self._health)
        serving = asyncio.create_task(server.run())
        try:
            yield
        finally:
            server.stop()
            await serving


def _listen(setting: str, port: int | None) -> socket.socket | None:
    if port is None:
        return None
    try:
        return listen(port)
    except OSError as error:
        raise CommandError(f"{setting}: can't listen on port {port}: {os.strerror(error.errno or 0)}", 2) from error
