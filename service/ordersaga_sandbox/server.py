"""Serves the sandbox with uvicorn (uvloop, httptools)."""

import asyncio
import contextlib
import gc
import signal
import socket
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import uvicorn
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from ordersaga_sandbox.app import Sandbox, create_app
from ordersaga_sandbox.connection import ABORT

_GRACE: Final = 2
"""Seconds that requests in progress get at shutdown; requests held by a fault are dropped at once."""


@dataclass(frozen=True, slots=True)
class Tls:
    """PEM files."""

    certificate: Path
    key: Path


class _Protocol(HttpToolsProtocol):
    """Lets the app close the connection without a response, which ASGI itself doesn't offer."""

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self.scope["extensions"] = {ABORT: {"abort": self.transport.abort}}

    def send_400_response(self, msg: str) -> None:
        """A complete request gets its own response, whatever follows it; then the connection is closed.

        Some clients send a body with a GET and don't announce it, so that it looks like a second, invalid request.
        """
        if self.cycle is None or self.cycle.response_complete or self.cycle.more_body:
            super().send_400_response(msg)
        else:
            self.cycle.keep_alive = False


class _Server(uvicorn.Server):
    def __init__(self, app: Sandbox, host: str, port: int, ready: str | None = None, tls: Tls | None = None) -> None:
        config = uvicorn.Config(
            app,
            host=host,
            port=port,
            loop="uvloop",
            http=_Protocol,
            ws="none",
            lifespan="off",
            log_config=None,
            access_log=False,
            server_header=False,
            date_header=True,
            timeout_keep_alive=75,
            timeout_graceful_shutdown=_GRACE,
            backlog=4096,
            ssl_certfile=tls.certificate if tls is not None else None,
            ssl_keyfile=tls.key if tls is not None else None,
        )
        super().__init__(config)
        self._sandbox = app
        self._ready = ready

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if self.started and self._ready:
            port = self.servers[0].sockets[0].getsockname()[1]  # the real one, if port 0 was asked for
            print(self._ready.format(port=port), flush=True)  # noqa: T201 - tells a parent process that it is ready

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        self._sandbox.close()
        await super().shutdown(sockets)

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """On SIGTERM and SIGINT `serve` returns, instead of the process dying by the signal."""
        if threading.current_thread() is not threading.main_thread():
            yield
            return
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self.handle_exit, number, None)
        try:
            yield
        finally:
            for number in (signal.SIGTERM, signal.SIGINT):
                loop.remove_signal_handler(number)


def serve(host: str = "127.0.0.1", port: int = 8100, tls: Tls | None = None) -> None:
    """Serves until SIGTERM or SIGINT; prints a line when ready."""
    gc.freeze()
    gc.set_threshold(50_000, 20, 50)
    ready = f"sandbox ready at {_scheme(tls)}://{host}:{{port}} (Klarna's and Mollie's APIs; control plane /_sandbox/)"
    _Server(create_app(), host, port, ready, tls).run()


def _scheme(tls: Tls | None) -> str:
    return "http" if tls is None else "https"


@contextlib.contextmanager
def running(app: Sandbox | None = None, tls: Tls | None = None) -> Iterator[str]:
    """Runs a sandbox on a free loopback port, in a thread; yields its base URL. For tests."""
    listener = socket.socket()
    listener.bind(("127.0.0.1", 0))
    port: int = listener.getsockname()[1]
    server = _Server(app or create_app(), "127.0.0.1", port, tls=tls)
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, daemon=True, name="sandbox")
    thread.start()
    try:
        while not server.started:
            if not thread.is_alive():
                raise RuntimeError("the sandbox didn't start")
            threading.Event().wait(0.005)
        yield f"{_scheme(tls)}://127.0.0.1:{port}"
    finally:
        server.should_exit = True
        thread.join(10)
