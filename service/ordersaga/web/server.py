"""Serves an ASGI app on a port of its own, within the running event loop."""

import contextlib
import socket
from collections.abc import Iterator
from typing import Final

import uvicorn
from starlette.types import ASGIApp

_GRACE: Final = 2
"""Seconds that requests in progress get at the stop."""
_MOST_AT_ONCE: Final = 1_000
"""Connections; more are answered with 503."""


def listen(port: int, host: str = "0.0.0.0") -> socket.socket:  # noqa: S104 - it is read from other machines
    """`port` 0: any free one. OSError: the port is in use."""
    return socket.create_server((host, port), backlog=1_024)


class _Server(uvicorn.Server):
    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Signals are the process's own business: it stops its roles first."""
        yield


class Server:
    """h11 parses: it bounds the size of the request line and the headers."""

    def __init__(self, app: ASGIApp, listener: socket.socket) -> None:
        self._listener = listener
        config = uvicorn.Config(
            app,
            http="h11",
            ws="none",
            lifespan="off",
            log_config=None,
            log_level="warning",
            access_log=False,
            server_header=False,
            proxy_headers=False,
            limit_concurrency=_MOST_AT_ONCE,
            timeout_graceful_shutdown=_GRACE,
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
