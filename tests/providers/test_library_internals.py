"""Internals of the HTTP client that we rely on, where no other test would notice a change. See docs/dependencies.md."""

import asyncio
from time import monotonic

from ordersaga.providers.http import NotSent

from .raw import client, hang, request, serving


async def test_a_request_waits_for_a_connection_for_half_of_the_usual_deadline() -> None:
    async with serving(hang) as server, client(server.port, connections=1, deadline=1.0) as http:
        first = asyncio.create_task(http.send(request(), 1.5))
        await asyncio.sleep(0.1)
        started = monotonic()
        assert await http.send(request(), 1.0) == NotSent("connect_timeout")
        assert 0.4 < monotonic() - started < 0.9
        await first
