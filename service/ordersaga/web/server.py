"""Serves an ASGI app on a port of its own, within the running event loop."""

import asyncio
import contextlib
import socket
from collections.abc import Iterator
from math import ceil
from typing import ClassVar, Final

import uvicorn
from starlette.types import ASGIApp
from uvicorn.protocols.http.h11_impl import H11Protocol

GRACE: Final = 2.0
"""Seconds that requests in progress get at the stop, unless told otherwise."""
_MOST_AT_ONCE: Final = 1_000
"""Connections; of more, the oldest one that has sent no request is closed."""
_PATIENCE: Final = 10.0
"""Seconds until a connection has sent the first request whole, headers and all."""


def listen(port: int, host: str = "0.0.0.0") -> socket.socket:  # noqa: S104 - it is read from other machines
    """`port` 0: any free one. OSError: the port is in use."""
    return socket.create_server((host, port), backlog=1_024)


class _Server(uvicorn.Server):
    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Signals are the process's own business: it stops its roles first."""
        yield


class _Protocol(H11Protocol):
    """Closes connections that send no whole request, after a while or when there are too many."""

    _open: ClassVar[dict["_Protocol", None]] = {}  # the oldest first

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn declares it
        super().connection_made(transport)
        self._open[self] = None
        if len(self._open) > _MOST_AT_ONCE:
            next((one for one in self._open if one.is_silent), self).transport.abort()
        self.loop.call_later(_PATIENCE, self._close_if_silent)

    def connection_lost(self, exc: Exception | None) -> None:
        self._open.pop(self, None)
        super().connection_lost(exc)

    @property
    def is_silent(self) -> bool:
        """It has sent no whole request head yet."""
        cycle: object = self.cycle
        return cycle is None

    def _close_if_silent(self) -> None:
        if self.is_silent and not self.transport.is_closing():
            self.transport.abort()


class Server:
    """h11 parses: it bounds the size of the request line and the headers."""

    def __init__(self, app: ASGIApp, listener: socket.socket, grace: float = GRACE) -> None:
        """`grace`: seconds that requests in progress get at the stop."""
        self._listener = listener
        config = uvicorn.Config(
            app,
            http=_Protocol,
            ws="none",
            lifespan="off",
            log_config=None,
            log_level="warning",
            access_log=False,
            server_header=False,
            proxy_headers=False,
            timeout_graceful_shutdown=ceil(grace),
        )
        self._server = _Server(config)

    @property
    def port(self) -> int:
        port: int = self._listener.getsockname()[1]
        return port

    async def run(self) -> None:
        """Serves until `stop` is called."""
        await self._server.serve([self._listener])

    def stop(self) -> None:
        """`run` returns soon after."""
        self._server.should_exit = True
