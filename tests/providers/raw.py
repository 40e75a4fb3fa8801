"""Raw TCP servers that misbehave on purpose, and a client for them."""

import asyncio
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from typing import Literal

from ordersaga.domain.model.order import Request
from ordersaga.providers.http import Http

Method = Literal["GET", "POST", "PATCH", "DELETE"]
Behaviour = Callable[["Exchange"], Awaitable[None]]

METHODS: tuple[Method, ...] = ("POST", "PATCH", "DELETE", "GET")
ANSWER = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}"


class Exchange:
    """What the server does with the next request on a connection."""

    def __init__(self, server: "RawServer", reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.server = server
        self.reader = reader
        self.writer = writer

    async def read(self) -> bytes:
        head = await self.reader.readuntil(b"\r\n\r\n")
        length = next(
            (int(line.split(b":")[1]) for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:")), 0
        )
        request = head + await self.reader.readexactly(length)
        self.server.requests.append(request)
        return request

    async def first_byte(self) -> None:
        if await self.reader.read(1):
            self.server.touched += 1

    def drop(self) -> None:
        self.writer.transport.abort()

    async def answer(self, data: bytes = ANSWER) -> None:
        self.writer.write(data)
        await self.writer.drain()


class RawServer:
    """Counts connections and whole requests; the nth request gets the nth behaviour, the last one those that follow."""

    def __init__(self, *behaviours: Behaviour) -> None:
        self.behaviours = behaviours
        self.requests: list[bytes] = []
        self.connections = 0
        self.touched = 0
        self.port = 0
        self._turn = 0

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        with suppress(asyncio.IncompleteReadError, ConnectionError):
            while not writer.transport.is_closing():
                behaviour = self.behaviours[min(self._turn, len(self.behaviours) - 1)]
                self._turn += 1
                await behaviour(Exchange(self, reader, writer))


@asynccontextmanager
async def serving(*behaviours: Behaviour, tls: ssl.SSLContext | None = None) -> AsyncIterator[RawServer]:
    raw = RawServer(*behaviours)
    tasks: set[asyncio.Task[None]] = set()
    writers: list[asyncio.StreamWriter] = []

    def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writers.append(writer)
        tasks.add(asyncio.create_task(raw.serve(reader, writer)))

    server = await asyncio.start_server(accept, "127.0.0.1", 0, ssl=tls)
    raw.port = server.sockets[0].getsockname()[1]
    try:
        yield raw
    finally:
        server.close()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        for writer in writers:
            writer.transport.abort()
        await asyncio.sleep(0)


@asynccontextmanager
async def client(
    port: int,
    *,
    scheme: str = "http",
    connections: int = 4,
    deadline: float = 2.0,
    ca_file: str | None = None,
    most_bytes: int = 1 << 20,
) -> AsyncIterator[Http]:
    url = f"{scheme}://127.0.0.1:{port}"
    http = Http(url, "Basic dTpw", connections, deadline=deadline, ca_file=ca_file, most_bytes=most_bytes)
    try:
        yield http
    finally:
        await http.close()


def request(method: Method = "POST", path: str = "/x") -> Request:
    return Request(method, path, '{"a":1}' if method in {"POST", "PATCH"} else "")


async def good(exchange: Exchange) -> None:
    await exchange.read()
    await exchange.answer()


async def drop_before_reading(exchange: Exchange) -> None:
    await exchange.first_byte()
    exchange.drop()


async def drop_after_reading(exchange: Exchange) -> None:
    await exchange.read()
    exchange.drop()


async def close_after_reading(exchange: Exchange) -> None:
    await exchange.read()
    exchange.writer.close()


async def hang(exchange: Exchange) -> None:
    await exchange.read()
    await asyncio.sleep(60)
