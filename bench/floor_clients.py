"""The two HTTP clients of the floor: the service's own, and bare aiohttp."""

from collections.abc import Awaitable, Callable, Mapping
from typing import Final, Literal

import aiohttp
from msgspec import Struct

from ordersaga.domain.model.order import Request
from ordersaga.providers.http import Answer, Http

_CREDENTIALS: Final = "Basic c3R1YjpzdHVi"
_DEADLINE: Final = 5.0

Post = Callable[[str, bytes, str], Awaitable[tuple[int, Mapping[str, str], bytes]]]
"""Path, body and idempotency key to status, headers and body."""


class Options(Struct, frozen=True):
    role: Literal["all", "intake", "relay"]
    client: Literal["http", "aiohttp"]
    kafka: str
    database: str
    orders_topic: str
    outcomes_topic: str
    provider: str
    in_flight: int
    metrics_port: int


def same_client(options: Options) -> Post:
    """The service's own HTTP client."""
    http = Http(options.provider, _CREDENTIALS, options.in_flight, deadline=_DEADLINE)

    async def post(path: str, body: bytes, key: str) -> tuple[int, Mapping[str, str], bytes]:
        headers = (("Klarna-Idempotency-Key", key),) if key else ()
        reply = await http.send(Request("POST", path, body.decode()), _DEADLINE, headers)
        assert isinstance(reply, Answer), reply
        return reply.status, reply.headers, reply.body

    return post


def bare_aiohttp(options: Options) -> Post:
    session = aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(limit=options.in_flight),
        cookie_jar=aiohttp.DummyCookieJar(),
        timeout=aiohttp.ClientTimeout(_DEADLINE),
    )

    async def post(path: str, body: bytes, key: str) -> tuple[int, Mapping[str, str], bytes]:
        headers = {"Authorization": _CREDENTIALS, "Content-Type": "application/json", "Klarna-Idempotency-Key": key}
        async with session.post(options.provider + path, data=body, headers=headers) as answer:
            return answer.status, answer.headers, await answer.read()

    return post
