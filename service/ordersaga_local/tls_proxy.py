"""A TLS proxy for a Postgres that was built without TLS, as the embedded one is.

It answers the SSLRequest of the client as a server would, then forwards bytes in both directions. Other connections are
rejected, as by a `hostssl` rule.
"""

import asyncio
import contextlib
import ssl
from collections.abc import AsyncIterator

from ordersaga_local.proxy import Proxy, forward
from ordersaga_local.tls import Certificates

_SSL_REQUEST = b"\x00\x00\x00\x08\x04\xd2\x16\x2f"
_REFUSAL = b"SFATAL\x00VFATAL\x00C28000\x00Mplain connections aren't accepted: use TLS\x00\x00"


class TlsProxy(Proxy):
    """Speaks TLS with its clients, and plain with the server."""

    def __init__(self, certificates: Certificates, port: int, target: int) -> None:
        super().__init__(port, target)
        self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._context.load_cert_chain(certificates.server, certificates.key)

    async def handle_client(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError, EOFError, asyncio.CancelledError):
            async with _closing(writer):
                if await reader.read(1024) != _SSL_REQUEST:
                    writer.write(b"E" + (len(_REFUSAL) + 4).to_bytes(4, "big") + _REFUSAL)
                    return
                writer.write(b"S")
                await writer.drain()
                await writer.start_tls(self._context)
                server = await self.connect()
                async with _closing(server[1]):
                    await forward((reader, writer), server)


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
