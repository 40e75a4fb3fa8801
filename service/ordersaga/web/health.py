"""Health and metrics of a process, on a port of its own."""

import asyncio
from dataclasses import dataclass
from typing import Final

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from ordersaga import telemetry

STARTUP: Final = "/healthz/startup"
LIVE: Final = "/healthz/live"
READY: Final = "/healthz/ready"
METRICS: Final = "/metrics"


@dataclass(slots=True)
class Health:
    """Set by the process. That Kafka, Postgres or a provider is away later changes neither.

    `started`: its settings and the database's schema were checked. `ready`: its roles run, and it isn't stopping.
    """

    started: bool = False
    ready: bool = False


def health_app(health: Health) -> Starlette:
    async def startup(_request: Request) -> Response:
        return _answer("started" if health.started else None, "waiting for the database")

    async def live(_request: Request) -> Response:
        """An event loop that stands still doesn't answer."""
        return _answer("alive")

    async def ready(_request: Request) -> Response:
        return _answer("ready" if health.ready else None, "starting or stopping")

    async def metrics(request: Request) -> Response:
        text, content_type = await asyncio.to_thread(telemetry.exposition, request.headers.get("accept", ""))
        return Response(text, headers={"Content-Type": content_type})

    return Starlette(
        routes=[Route(STARTUP, startup), Route(LIVE, live), Route(READY, ready), Route(METRICS, metrics)],
    )


def _answer(yes: str | None, no: str = "") -> Response:
    return PlainTextResponse(f"{yes or no}\n", 503 if yes is None else 200, {"Cache-Control": "no-store"})
