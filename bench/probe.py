"""How many requests a second the stub answers, so that it is known not to be what is measured."""

import asyncio
from typing import cast
from urllib.parse import urlsplit


class _Client(asyncio.Protocol):
    """Sends its request again as soon as it is answered. The stub's answers come in one piece."""

    def __init__(self, request: bytes) -> None:
        self._request = request
        self.answers = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)
        self._transport.write(self._request)

    def data_received(self, data: bytes) -> None:
        assert data.startswith(b"HTTP/1.1 200 "), data[:80]
        self.answers += 1
        self._transport.write(self._request)

    def close(self) -> None:
        self._transport.abort()


async def requests_per_second(url: str, body: bytes, seconds: float, connections: int = 64) -> float:
    host, port = _place(url)
    head = b"POST /payments/v1/authorizations/probe/order HTTP/1.1\r\nHost: stub\r\nContent-Length: %d\r\n\r\n" % len(
        body
    )
    loop = asyncio.get_running_loop()
    clients = []
    for _ in range(connections):
        _, client = await loop.create_connection(lambda: _Client(head + body), host, port)
        clients.append(client)
    before, began = sum(client.answers for client in clients), loop.time()
    await asyncio.sleep(seconds)
    answers, took = sum(client.answers for client in clients) - before, loop.time() - began
    for client in clients:
        client.close()
    return answers / took


async def answering(url: str, seconds: float = 10.0) -> None:
    """Returns when somebody takes connections there."""
    async with asyncio.timeout(seconds):
        while True:
            try:
                _, writer = await asyncio.open_connection(*_place(url))
            except ConnectionError:
                await asyncio.sleep(0.02)
            else:
                writer.close()
                return


def _place(url: str) -> tuple[str, int]:
    place = urlsplit(url)
    assert place.hostname is not None
    assert place.port is not None
    return place.hostname, place.port
