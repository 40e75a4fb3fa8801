"""The common part of TCP proxies to a server of this machine."""

import asyncio
import contextlib
import threading
from abc import ABC, abstractmethod

_HOST = "127.0.0.1"


class Proxy(ABC):
    """Listens on `port` of `host`, in a thread, until close(), and forwards connections to the port `target`."""

    def __init__(self, port: int, target: int, host: str = _HOST) -> None:
        self.host = host
        self.port = port
        self.target = target
        self.loop = asyncio.new_event_loop()
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
            self.loop.call_soon_threadsafe(self._ended.set)
            self._thread.join()

    @abstractmethod
    async def handle_client(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None: ...

    async def connect(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        """A connection to the server."""
        return await asyncio.open_connection(_HOST, self.target)

    def _run(self) -> None:
        with asyncio.Runner(loop_factory=lambda: self.loop) as runner:
            runner.run(self._serve())

    async def _serve(self) -> None:
        server = await asyncio.start_server(self.handle_client, self.host, self.port)
        self._listening.set()
        await self._ended.wait()
        server.close()


async def forward(
    client: tuple[asyncio.StreamReader, asyncio.StreamWriter], server: tuple[asyncio.StreamReader, asyncio.StreamWriter]
) -> None:
    """Bytes in both directions, until one side closes."""
    pipes = (_pipe(client[0], server[1]), _pipe(server[0], client[1]))
    tasks = [asyncio.ensure_future(pipe) for pipe in pipes]
    _, pending = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    for task in pending:
        task.cancel()


async def _pipe(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(OSError):
        while data := await reader.read(65536):
            writer.write(data)
            await writer.drain()
