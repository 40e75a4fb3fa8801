"""The fastest honest provider: answers Klarna's create order and capture, in a process of its own."""

import argparse
import asyncio
import itertools
import json
import signal
from collections import Counter
from collections.abc import Iterator
from typing import Final, cast

import httptools
import uvloop

_JSON: Final = b"Content-Type: application/json\r\n"
_CREATED: Final = (
    b'{"order_id":"%s","redirect_url":"https://stub.example/%s","fraud_status":"ACCEPTED",'
    b'"authorized_payment_method":{"type":"invoice"}}'
)
_SEEN: Final = (
    b'{"order_id":"%s","status":"AUTHORIZED","fraud_status":"ACCEPTED","purchase_currency":"GBP","order_amount":0,'
    b'"captured_amount":0,"refunded_amount":0,"remaining_authorized_amount":0,"captures":[],"refunds":[]}'
)


class Stub:
    """Fresh ids for every write, by a counter; counts what it was asked."""

    def __init__(self, delay: float) -> None:
        self.delay = delay
        self.asked: Counter[str] = Counter()
        self._numbers: Iterator[int] = itertools.count(1)

    def answer(self, method: bytes, path: bytes) -> bytes:
        if method == b"POST" and path.startswith(b"/payments/v1/authorizations/") and path.endswith(b"/order"):
            self.asked["create_order"] += 1
            number = self._fresh()
            return _answer(b"200 OK", _JSON, _CREATED % (number, number))
        if method == b"POST" and path.endswith(b"/captures"):
            self.asked["capture"] += 1
            number = self._fresh()
            return _answer(b"201 Created", b"Capture-Id: %s\r\nLocation: %s/%s\r\n" % (number, path, number))
        if path == b"/_asked":
            return _answer(b"200 OK", _JSON, json.dumps(self.asked).encode())
        if method == b"GET" and path.startswith(b"/ordermanagement/v1/orders/"):
            self.asked["read"] += 1
            return _answer(b"200 OK", _JSON, _SEEN % path.rsplit(b"/", 1)[-1])
        self.asked["unexpected"] += 1
        return _answer(b"404 Not Found")

    def _fresh(self) -> bytes:
        digits = b"%032x" % next(self._numbers)
        return b"-".join((digits[:8], digits[8:12], digits[12:16], digits[16:20], digits[20:]))


def _answer(status: bytes, headers: bytes = b"", body: bytes = b"") -> bytes:
    return b"HTTP/1.1 %s\r\n%sContent-Length: %d\r\n\r\n%s" % (status, headers, len(body), body)


class _Connection(asyncio.Protocol):
    """One request after the other, as keep-alive clients without pipelining send them."""

    def __init__(self, stub: Stub) -> None:
        self._stub = stub
        self._path = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)
        self._parser = httptools.HttpRequestParser(self)

    def data_received(self, data: bytes) -> None:
        self._parser.feed_data(data)

    def on_url(self, url: bytes) -> None:
        self._path = url

    def on_message_complete(self) -> None:
        answer = self._stub.answer(self._parser.get_method(), self._path)
        if self._stub.delay and self._path != b"/_asked":
            asyncio.get_running_loop().call_later(self._stub.delay, self._send, answer)
        else:
            self._send(answer)

    def _send(self, answer: bytes) -> None:
        if not self._transport.is_closing():
            self._transport.write(answer)


async def serve(port: int, delay: float) -> None:
    """Until SIGTERM."""
    loop = asyncio.get_running_loop()
    ended = asyncio.Event()
    loop.add_signal_handler(signal.SIGTERM, ended.set)
    stub = Stub(delay)
    server = await loop.create_server(lambda: _Connection(stub), "127.0.0.1", port, backlog=1024)
    await ended.wait()
    server.close()


def main() -> None:
    parser = argparse.ArgumentParser(prog="bench.stub", description=__doc__)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--delay-ms", type=float, default=0.0, help="between a request and its answer")
    options = parser.parse_args()
    uvloop.run(serve(options.port, options.delay_ms / 1000))


if __name__ == "__main__":
    main()
