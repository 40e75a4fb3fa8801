"""A merchant's web server on this machine, to which the sandbox sends deliveries and callbacks."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web

Hook = Callable[["Request"], Awaitable[None]]


@dataclass(frozen=True)
class Request:
    path: str
    query: str
    body: bytes
    headers: Mapping[str, str] = field(default_factory=dict, compare=False)


class Merchant:
    """Answers 200 unless told otherwise for a path. `hooks` run before the answer."""

    def __init__(self) -> None:
        self.url = ""
        self.requests: list[Request] = []
        self.answers: dict[str, web.Response | int | dict[str, Any]] = {}
        self.hooks: dict[str, Hook] = {}
        self.arrived = asyncio.Event()

    def count(self, path: str) -> int:
        return sum(request.path == path for request in self.requests)

    async def handle(self, incoming: web.Request) -> web.Response:
        request = Request(incoming.path, incoming.query_string, await incoming.read(), incoming.headers)
        self.requests.append(request)
        self.arrived.set()
        if (hook := self.hooks.get(request.path)) is not None:
            await hook(request)
        match self.answers.get(request.path, 200):
            case int() as status:
                return web.Response(status=status)
            case dict() as body:
                return web.json_response(body)
            case response:
                return web.Response(status=response.status, headers=response.headers, body=response.body)


@asynccontextmanager
async def serving() -> AsyncIterator[Merchant]:
    merchant = Merchant()
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", merchant.handle)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    try:
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        merchant.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
        yield merchant
    finally:
        await runner.cleanup()
