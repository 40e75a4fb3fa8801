"""A TCP proxy whose target can be changed, as the address of a database that fails over."""

import asyncio
import contextlib
import threading
from typing import Self

from ordersaga_local.process import free_port

_HOST = "127.0.0.1"


class SwitchProxy:
    """Listens in a thread until close(), and forwards connections to a port of this machine."""

    def __init__(self, target: int) -> None:
        self.port = free_port()
        self._target = target
        self._loop = asyncio.new_event_loop()
        self._ended = asyncio.Event()
        self._listening = threading.Event()
        self._connections: set[asyncio.StreamWriter] = set()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def switch(self, target: int) -> None:
        """Ends all connections; new ones go to the new target."""
        self._target = target
        self._loop.call_soon_threadsafe(self._end_connections)

    def close(self) -> None:
        if self._thread.is_alive():
            self._loop.call_soon_threadsafe(self._ended.set)
            self._thread.join()

    def __enter__(self) -> Self:
        self._thread.start()
        self._listening.wait()
        return self

    def __exit__(self, *_exc: object) -> None:
        self.close()

    def _run(self) -> None:
        with asyncio.Runner(loop_factory=lambda: self._loop) as runner:
            runner.run(self._serve())

    async def _serve(self) -> None:
        server = await asyncio.start_server(self._handle_client, _HOST, self.port)
        self._listening.set()
        await self._ended.wait()
        server.close()
        self._end_connections()

    def _end_connections(self) -> None:
        for writer in tuple(self._connections):
            writer.transport.abort()

    async def _handle_client(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._connections.add(writer)
        with contextlib.suppress(OSError, asyncio.CancelledError):
            server_reader, server_writer = await asyncio.open_connection(_HOST, self._target)
            self._connections.add(server_writer)
            pipes = (_pipe(reader, server_writer), _pipe(server_reader, writer))
            tasks = [asyncio.ensure_future(pipe) for pipe in pipes]
            _, pending = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            for task in pending:
                task.cancel()
            self._connections.discard(server_writer)
            server_writer.transport.abort()
        self._connections.discard(writer)
        writer.transport.abort()


async def _pipe(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(OSError):
        while data := await reader.read(65536):
            writer.write(data)
            await writer.drain()
