"""Takes notifications of providers: each is a hint, which is recorded before it is answered."""

import asyncio
from collections.abc import Callable, Collection, Mapping
from typing import Final

from msgspec import Struct
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Route

from ordersaga import telemetry
from ordersaga.addresses import OPERATION, PREFIX, Addresses
from ordersaga.store.hints import NewHint
from ordersaga.web.collector import HintCollector

PATH: Final = f"{PREFIX}/{{secret}}/{{provider}}/{{merchant:path}}/{{what}}"
LARGEST: Final = 64 * 1024
"""Bytes of a body."""
_BODY_SECONDS: Final = 5.0
_RECORD_SECONDS: Final = 1.5
"""Klarna waits for two seconds."""


class NotificationKinds(Struct, frozen=True):
    """Of one provider. `order_id_of(what, body, query)`: the id that it names, or None. ValueError: it isn't one."""

    kinds: Collection[str]
    order_id_of: Callable[[str, bytes, Mapping[str, str]], str | None]


class Notifications:
    """`accounts`: merchants with their providers. `providers`: by name."""

    def __init__(
        self,
        accounts: Collection[tuple[str, str]],
        providers: Mapping[str, NotificationKinds],
        addresses: Addresses,
        collector: HintCollector,
    ) -> None:
        self._accounts = frozenset(accounts)
        self._providers = providers
        self._addresses = addresses
        self._collector = collector

    def app(self) -> Starlette:
        app = Starlette(routes=[Route(PATH, self._notified, methods=["POST"])])
        app.router.redirect_slashes = False
        return app

    async def _notified(self, request: Request) -> Response:
        path = request.path_params
        provider, merchant, what = path["provider"], path["merchant"], path["what"]
        accepted = self._addresses.accepts(path["secret"], provider, merchant)  # first: no answer's time tells accounts
        kinds = self._providers.get(provider)
        if not accepted or kinds is None or (merchant, provider) not in self._accounts or what not in kinds.kinds:
            return _answer("", "", "wrong_address", 404)
        try:
            body = await _body_of(request)
            named = kinds.order_id_of(what, body, request.query_params)
        except HTTPException as error:
            return _answer(provider, what, "too_large" if error.status_code == 413 else "too_slow", error.status_code)
        except ValueError:
            return _answer(provider, what, "invalid", 400)
        if named is None:
            return _answer(provider, what, "names_no_order", 200)
        operation = self._addresses.operation(merchant, request.query_params.get(OPERATION, ""))
        key, operation_id = (None, None) if operation is None else (operation.key, operation.operation_id)
        known = await self._collector.add(NewHint(merchant, provider, named, key, operation_id), _RECORD_SECONDS)
        if known is None:
            return _answer(provider, what, "not_recorded", 503)
        return _answer(provider, what, "taken" if known else "unknown_order", 200)


async def _body_of(request: Request) -> bytes:
    """Raises HTTPException with 413 or 408."""
    body = bytearray()
    try:
        async with asyncio.timeout(_BODY_SECONDS):
            async for chunk in request.stream():
                body += chunk
                if len(body) > LARGEST:
                    raise HTTPException(413)
    except (TimeoutError, ClientDisconnect) as error:
        raise HTTPException(408) from error
    return bytes(body)


def _answer(provider: str, what: str, result: str, status: int) -> Response:
    """Empty. After a body that wasn't read to its end the connection can't be used again."""
    telemetry.NOTIFICATIONS.labels(provider, what, result).inc()
    return Response(status_code=status, headers={"Connection": "close"} if status in {408, 413} else None)
