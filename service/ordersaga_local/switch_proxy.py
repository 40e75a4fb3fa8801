"""A TCP proxy whose target can be changed, as the address of a database that fails over."""

import asyncio
import contextlib
from collections.abc import Iterator
from typing import Self

from ordersaga_local.process import free_port
from ordersaga_local.proxy import Proxy, forward


class SwitchProxy(Proxy):
    """Its target can be changed while it listens."""

    def __init__(self, target: int, host: str = "127.0.0.1") -> None:
        super().__init__(free_port(), target, host)
        self._connections: set[asyncio.StreamWriter] = set()

    def switch(self, target: int) -> None:
        """Ends all connections; new ones go to the new target."""
        self.target = target
        self.loop.call_soon_threadsafe(self._end_connections)

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_exc: object) -> None:
        self.close()

    def _end_connections(self) -> None:
        for writer in tuple(self._connections):
            writer.transport.abort()

    async def handle_client(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError, asyncio.CancelledError), self._held(writer):
            server = await self.connect()
            with self._held(server[1]):
                await forward((reader, writer), server)

    @contextlib.contextmanager
    def _held(self, writer: asyncio.StreamWriter) -> Iterator[None]:
        self._connections.add(writer)
        try:
            yield
        finally:
            self._connections.discard(writer)
            writer.transport.abort()
