"""Klarna behind the port: Payments v1, Checkout v3, Customer Token v1 and Order Management v1 of one merchant account."""

from base64 import b64encode
from collections.abc import Callable
from time import time
from typing import Final, assert_never

from ordersaga.domain.model.order import Request
from ordersaga.domain.model.outcomes import Call, Read, Revoke, Send
from ordersaga.domain.model.results import Result
from ordersaga.providers.http import Http
from ordersaga.providers.klarna import checkout
from ordersaga.providers.klarna.answers import result_of
from ordersaga.providers.klarna.operation import KlarnaOperation
from ordersaga.providers.klarna.operations.cancel_authorization import CANCEL_AUTHORIZATION
from ordersaga.providers.klarna.operations.cancel_customer_token import TOKEN_READ
from ordersaga.providers.klarna.operations.complete_checkout import COMPLETE_CHECKOUT
from ordersaga.providers.klarna.operations.table import OPERATIONS
from ordersaga.providers.klarna.operations.take_over import TAKE_OVER, read
from ordersaga.providers.klarna.terms import KlarnaTerms

_KEY: Final = "Klarna-Idempotency-Key"


class Klarna:
    """See `ordersaga.providers.port.Provider`."""

    def __init__(
        self,
        username: str,
        password: str,
        base_url: str,
        connections: int,
        terms: KlarnaTerms,
        *,
        deadline: float = 10.0,
        ca_file: str | None = None,
        wall_clock: Callable[[], float] = time,
    ) -> None:
        """`connections`: the most that are open at once. `deadline`: seconds that a call usually has. ValueError: a base URL that can't be one."""
        basic = b64encode(f"{username}:{password}".encode()).decode()
        self._http = Http(base_url, f"Basic {basic}", connections, deadline=deadline, ca_file=ca_file)
        self._now = wall_clock
        self.terms = terms

    async def call(self, call: Call, deadline: float) -> Result:
        operation, request = _request_of(call)
        headers = () if request.key is None else ((_KEY, request.key),)
        reply = await self._http.send(request, deadline, headers)
        return result_of(operation, reply, self._now())

    async def close(self) -> None:
        await self._http.close()


def _request_of(call: Call) -> tuple[KlarnaOperation, Request]:
    """The request, and the row by which its answer is read."""
    match call:
        case Send(operation=operation, request=request):
            return OPERATIONS[operation.type], request
        case Revoke(request=request):
            return CANCEL_AUTHORIZATION, request
        case Read(request=request) if request is not None:
            return TOKEN_READ, request
        case Read(provider_order_id=provider_order_id, of="checkout"):
            return COMPLETE_CHECKOUT, checkout.read(provider_order_id)
        case Read(provider_order_id=provider_order_id, operation=operation):
            row = TAKE_OVER if operation is None else OPERATIONS[operation.type]
            if operation is None or row.read is None:
                return TAKE_OVER, read(provider_order_id)
            return row, row.read(provider_order_id, operation)
        case _:
            assert_never(call)
