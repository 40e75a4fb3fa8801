"""Hands callbacks of providers on to the shop, and its answer back. Without one in time, a configured answer stands in.

Nothing is stored, repeated or followed, and neither body is ever logged.
"""

from collections.abc import Callable, Mapping
from time import monotonic
from typing import Final

import structlog
from msgspec import Struct
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from ordersaga import telemetry
from ordersaga.providers.http import Answer, Http, Lost, NotSent
from ordersaga.telemetry.limited import LimitedLog
from ordersaga.web.body import Room, read_body

LARGEST: Final = 1024 * 1024
"""Bytes of a callback's body: an order with 1000 lines."""
LARGEST_ANSWER: Final = 1024 * 1024
"""Bytes of the shop's answer."""
_MOST_AT_ONCE: Final = 750
"""In the process; the rest of the server's connections is left to notifications."""
_MOST_BYTES_AT_ONCE: Final = 64 * 1024 * 1024
"""Of bodies in the process: what moves money may run there, too."""
_UNREAD: Final = {408: "too_slow", 413: "too_large", 503: "busy"}
log = structlog.get_logger(__name__)
_EVENT: Final = "a callback had no usable reply of the shop"


class Callback(Struct, frozen=True):
    """One kind of one account. `path`: at the shop.

    `deadline_of(body)`: seconds in all. `passed_on(answer)`: what the provider gets of the shop's answer, or why it is none.
    `otherwise(body)`: what stands in for it; None: nothing does. The body is empty if it couldn't be read.
    """

    http: Http
    path: str
    deadline_of: Callable[[bytes], float]
    passed_on: Callable[[Answer], Answer | str]
    otherwise: Callable[[bytes], Answer | None]


class AccountCallbacks(Struct, frozen=True):
    """By kind. `slots`: how many are handed on at once. `longest`: seconds that one may take."""

    kinds: Mapping[str, Callback]
    slots: int
    longest: float


Account = tuple[str, str]
"""Merchant, provider."""


class Callbacks:
    """The bound of each account keeps a shop that hangs from delaying others."""

    def __init__(
        self,
        accounts: Mapping[Account, AccountCallbacks],
        most_at_once: int = _MOST_AT_ONCE,
        most_bytes: int = _MOST_BYTES_AT_ONCE,
    ) -> None:
        self._accounts = accounts
        self._free = {account: callbacks.slots for account, callbacks in accounts.items()}
        self._free_in_all = most_at_once
        self._room = Room(most_bytes)
        self._log = LimitedLog(structlog.get_logger(__name__))

    def find(self, account: Account, kind: str) -> Callback | None:
        callbacks = self._accounts.get(account)
        return None if callbacks is None else callbacks.kinds.get(kind)

    async def answer(self, callback: Callback, account: Account, kind: str, request: Request) -> Response:
        started = monotonic()
        try:
            body = await read_body(request, LARGEST, callback.deadline_of(b""), self._room)
        except HTTPException as error:
            result = _UNREAD[error.status_code]
            response = self._otherwise(callback, account, kind, b"", result, result, error.status_code)
            response.headers["connection"] = "close"  # it can't be used again
            return response
        try:
            return await self._answer(callback, account, kind, request, body, started)
        finally:
            self._room.take(-len(body))

    async def _answer(
        self, callback: Callback, account: Account, kind: str, request: Request, body: bytes, started: float
    ) -> Response:
        if self._free[account] <= 0 or self._free_in_all <= 0:
            return self._otherwise(callback, account, kind, body, "busy", "too many at once")
        self._take(account, 1)
        try:
            given = await _handed_on(callback, request, body, started + callback.deadline_of(body) - monotonic())
        except Exception as error:  # our own code failed: the shop's customer waits for an answer all the same
            log.exception("a callback failed", merchant=account[0], provider=account[1], kind=kind)
            given = f"{type(error).__name__} in our own code"
        finally:
            self._take(account, -1)
        if isinstance(given, str):
            return self._otherwise(callback, account, kind, body, "no_reply", given)
        telemetry.NOTIFICATIONS.labels(account[1], kind, "handed_on").inc()
        return _response(given)

    async def close(self) -> None:
        for http in {id(one.http): one.http for of in self._accounts.values() for one in of.kinds.values()}.values():
            await http.close()

    def _take(self, account: Account, slots: int) -> None:
        self._free[account] -= slots
        self._free_in_all -= slots

    def _otherwise(
        self,
        callback: Callback,
        account: Account,
        kind: str,
        body: bytes,
        result: str,
        reason: str,
        status: int = 503,
    ) -> Response:
        """`status`: where nothing stands in."""
        merchant, provider = account
        telemetry.NOTIFICATIONS.labels(provider, kind, result).inc()
        self._log.warning(_EVENT, merchant=merchant, provider=provider, kind=kind, reason=reason)
        return _response(callback.otherwise(body) or Answer(status, {}))


async def _handed_on(callback: Callback, request: Request, body: bytes, seconds: float) -> Answer | str:
    """One request; a string: why there is no answer."""
    query = request.url.query
    content_type = request.headers.get("content-type", "")
    printable = content_type.isascii() and content_type.isprintable()
    headers = (("Content-Type", content_type),) if content_type and printable else ()
    path = f"{callback.path}?{query}" if query else callback.path
    reply = await callback.http.send_bytes("POST", path, body, seconds, headers)
    match reply:
        case NotSent(reason) | Lost(reason):
            return reason
        case Answer():
            return callback.passed_on(reply)


def _response(answer: Answer) -> Response:
    return Response(answer.body, answer.status, answer.headers)
