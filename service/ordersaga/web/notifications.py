"""Takes notifications of providers: each is a hint, which is recorded before it is answered. Callbacks come in here, too."""

from collections.abc import Callable, Collection, Mapping
from typing import Final

from msgspec import Struct
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from ordersaga import telemetry
from ordersaga.addresses import OPERATION, PREFIX, Addresses
from ordersaga.store.hints import NewHint
from ordersaga.web.body import read_body
from ordersaga.web.callbacks import Callbacks
from ordersaga.web.collector import HintCollector

PATH: Final = f"{PREFIX}/{{secret}}/{{provider}}/{{merchant:path}}/{{what}}"
LARGEST: Final = 64 * 1024
"""Bytes of a body."""
_BODY_SECONDS: Final = 5.0
_RECORD_SECONDS: Final = 1.5
"""Klarna waits for two seconds, Mollie for fifteen."""


class NotificationKinds(Struct, frozen=True):
    """Of one provider. `order_id_of(what, body, query)`: the id that it names, or None. ValueError: it isn't one.

    `is_order_id`: whether that is of an order, and not of something else that belongs to one.
    """

    kinds: Collection[str]
    order_id_of: Callable[[str, bytes, Mapping[str, str]], str | None]
    is_order_id: Callable[[str], bool] = bool


class Notifications:
    """`accounts`: merchants with their providers. `providers`: by name."""

    def __init__(
        self,
        accounts: Collection[tuple[str, str]],
        providers: Mapping[str, NotificationKinds],
        addresses: Addresses,
        collector: HintCollector,
        callbacks: Callbacks,
    ) -> None:
        self._accounts = frozenset(accounts)
        self._providers = providers
        self._addresses = addresses
        self._collector = collector
        self._callbacks = callbacks

    def app(self) -> Starlette:
        app = Starlette(routes=[Route(PATH, self._notified, methods=["POST"])])
        app.router.redirect_slashes = False
        return app

    async def _notified(self, request: Request) -> Response:
        path = request.path_params
        provider, merchant, what = path["provider"], path["merchant"], path["what"]
        accepted = self._addresses.accepts(path["secret"], provider, merchant)  # first: no answer's time tells accounts
        kinds = self._providers.get(provider)
        if not accepted or kinds is None or (merchant, provider) not in self._accounts:
            return _answer("", "", "wrong_address", 404)
        callback = self._callbacks.find((merchant, provider), what)
        if callback is not None:
            return await self._callbacks.answer(callback, (merchant, provider), what, request)
        if what not in kinds.kinds:
            return _answer("", "", "wrong_address", 404)
        return await self._take(kinds, provider, merchant, what, request)

    async def _take(
        self, kinds: NotificationKinds, provider: str, merchant: str, what: str, request: Request
    ) -> Response:
        try:
            body = await read_body(request, LARGEST, _BODY_SECONDS)
            named = kinds.order_id_of(what, body, request.query_params)
        except HTTPException as error:
            return _answer(provider, what, "too_large" if error.status_code == 413 else "too_slow", error.status_code)
        except ValueError:
            return _answer(provider, what, "invalid", 400)
        if named is None:
            return _answer(provider, what, "names_no_order", 200)
        operation = self._addresses.operation(merchant, request.query_params.get(OPERATION, ""))
        key, operation_id = (None, None) if operation is None else (operation.key, operation.operation_id)
        operation_id = operation_id if kinds.is_order_id(named) else None
        known = await self._collector.add(NewHint(merchant, provider, named, key, operation_id), _RECORD_SECONDS)
        if known is None:
            return _answer(provider, what, "not_recorded", 503)
        return _answer(provider, what, "taken" if known else "unknown_order", 200)


def _answer(provider: str, what: str, result: str, status: int) -> Response:
    """Empty. After a body that wasn't read to its end the connection can't be used again."""
    telemetry.NOTIFICATIONS.labels(provider, what, result).inc()
    return Response(status_code=status, headers={"Connection": "close"} if status in {408, 413} else None)
