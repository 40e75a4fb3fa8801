"""A TLS proxy for a Postgres that was built without TLS, as the embedded one is.

It answers the SSLRequest of the client as a server would, then forwards bytes in both directions. Other connections are
rejected, as by a `hostssl` rule.
"""

import asyncio
import contextlib
import ssl
import threading
from collections.abc import AsyncIterator

from ordersaga_local.tls import Certificates

_HOST = "127.0.0.1"
_SSL_REQUEST = b"\x00\x00\x00\x08\x04\xd2\x16\x2f"
_REFUSAL = b"SFATAL\x00VFATAL\x00C28000\x00Mplain connections aren't accepted: use TLS\x00\x00"


class TlsProxy:
    """Listens on `port` until close(), in a thread, and forwards connections to the port `target`."""

    def __init__(self, certificates: Certificates, port: int, target: int) -> None:
        self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._context.load_cert_chain(certificates.server, certificates.key)
        self.port = port
        self._target = target
        self._loop = asyncio.new_event_loop()
        self._ended = asyncio.Event()
        self._listening = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def start(self) -> None:
        """Idempotent; the proxy keeps running while the server is stopped and started."""
        if not self._thread.is_alive():
            self._thread.start()
            self._listening.wait()

    def close(self) -> None:
        if self._thread.is_alive():
            self._loop.call_soon_threadsafe(self._ended.set)
            self._thread.join()

    def _run(self) -> None:
        with asyncio.Runner(loop_factory=lambda: self._loop) as runner:
            runner.run(self._serve())

    async def _serve(self) -> None:
        server = await asyncio.start_server(self._handle_client, _HOST, self.port)
        self._listening.set()
        await self._ended.wait()
        server.close()

    async def _handle_client(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError, EOFError, asyncio.CancelledError):
            async with _closing(writer):
                if await reader.read(1024) != _SSL_REQUEST:
                    writer.write(b"E" + (len(_REFUSAL) + 4).to_bytes(4, "big") + _REFUSAL)
                    return
                writer.write(b"S")
                await writer.drain()
                await writer.start_tls(self._context)
                server_reader, server_writer = await asyncio.open_connection(_HOST, self._target)
                async with _closing(server_writer):
                    pipes = (_pipe(reader, server_writer), _pipe(server_reader, writer))
                    tasks = [asyncio.ensure_future(pipe) for pipe in pipes]
                    _, pending = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
                    for task in pending:
                        task.cancel()


@contextlib.asynccontextmanager
async def _closing(writer: asyncio.StreamWriter) -> AsyncIterator[None]:
    """Gives buffered data a second to be sent."""
    try:
        yield
    finally:
        writer.close()
        try:
            async with asyncio.timeout(1):
                await writer.wait_closed()
        except OSError:  # TimeoutError is one
            writer.transport.abort()


async def _pipe(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(OSError):
        while data := await reader.read(65536):
            writer.write(data)
            await writer.drain()
