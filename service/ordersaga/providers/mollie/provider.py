"""Mollie behind the port: the Orders API v2 of one merchant account."""

from collections.abc import Callable
from time import monotonic, time
from typing import Final, assert_never

import msgspec

from ordersaga.domain.model.order import Operation, Request
from ordersaga.domain.model.outcomes import Call, Read, Revoke, Send
from ordersaga.domain.model.results import Rejected, Result, Retryable, Succeeded
from ordersaga.providers.http import Answer, Http, Lost
from ordersaga.providers.mollie import search
from ordersaga.providers.mollie.answers import result_of
from ordersaga.providers.mollie.operation import MollieOperation
from ordersaga.providers.mollie.operations.create_order_to_pay import opened
from ordersaga.providers.mollie.operations.table import OPERATIONS
from ordersaga.providers.mollie.operations.take_over import TAKE_OVER
from ordersaga.providers.mollie.requests import read, with_query
from ordersaga.providers.mollie.terms import MollieTerms

_KEY: Final = "Idempotency-Key"


class Mollie:
    """See `ordersaga.providers.port.Provider`."""

    def __init__(
        self,
        credential: str,
        base_url: str,
        connections: int,
        terms: MollieTerms,
        *,
        deadline: float = 10.0,
        ca_file: str | None = None,
        wall_clock: Callable[[], float] = time,
    ) -> None:
        """`credential`: an API key (`live_…`, `test_…`) or an access token. `connections`: the most that are open at once.

        `deadline`: seconds that a call usually has. ValueError: a base URL that can't be one.
        """
        self._http = Http(base_url, f"Bearer {credential}", connections, deadline=deadline, ca_file=ca_file)
        self._now = wall_clock
        self._unfinished = search.Unfinished()
        self.terms = terms

    async def call(self, call: Call, deadline: float) -> Result:
        match call:
            case Send(operation=operation, request=request):
                return await self._make(OPERATIONS[operation.type], operation, request, deadline)
            case Read(of="search", operation=operation) if operation is not None:
                return await self._search(operation, monotonic() + deadline)
            case Read(provider_order_id=provider_order_id, operation=operation):
                request = with_query(read(provider_order_id), self._of_token())
                return await self._make(TAKE_OVER, operation, request, deadline)
            case Revoke(operation=operation):
                raise AssertionError(
                    f"{operation.type} {operation.id}: no operation of Mollie's is proven by withdrawing it"
                )
            case _:
                assert_never(call)

    async def close(self) -> None:
        await self._http.close()

    async def _make(
        self, row: MollieOperation, operation: Operation | None, request: Request, deadline: float
    ) -> Result:
        headers = () if request.key is None else ((_KEY, request.key),)
        reply = await self._http.send(request, deadline, headers)
        return result_of(row, operation, reply, self._now())

    async def _search(self, operation: Operation, until: float) -> Result:
        """Reads page after page, and then the order that was found. What the deadline cuts short goes on with the next call."""
        resumed = place = self._unfinished.take(operation)
        seen: set[str] = set()
        while True:
            request = with_query(search.page(place), self._of_token(profile=True))
            reply = await self._http.send(request, until - monotonic())
            if reply == Lost("too_large") and (smaller := place.smaller()) is not None:
                place = smaller
                continue
            result = result_of(search.LIST, operation, reply, self._now())
            if isinstance(result, Rejected) and place == resumed and place.start is not None:  # it isn't there any more
                place = search.Place()
                continue
            if not isinstance(reply, Answer) or not isinstance(result, Succeeded):
                too_slow = isinstance(reply, Lost) and not seen
                self._unfinished.put(operation, (place.smaller() if too_slow else None) or place)
                return result
            try:
                shown = search.look(reply.body, operation)
            except (msgspec.MsgspecError, UnicodeDecodeError):
                return Retryable("broken_body", None, result.correlation_id, reply.status)
            match shown:
                case None:
                    return result
                case search.Found(id=found):
                    return await self._found(found, operation, until - monotonic())
                case search.Further(start=start):
                    if start in seen:
                        return Retryable("endless_list", None, result.correlation_id, reply.status)
                    seen.add(start)
                    place = search.Place(start, place.limit)
                case _:
                    assert_never(shown)

    async def _found(self, provider_order_id: str, operation: Operation, deadline: float) -> Result:
        request = with_query(read(provider_order_id), self._of_token())
        result = await self._make(TAKE_OVER, operation, request, deadline)
        match result:
            case Succeeded(snapshot=shown) if shown is not None:
                return opened(shown, result.correlation_id, searched=True)
            case Rejected(status=status):  # it was in the list a moment ago
                return Retryable(f"http_{status}", None, result.correlation_id, status)
            case _:
                return result

    def _of_token(self, *, profile: bool = False) -> dict[str, str]:
        """What a read with an access token says in its query."""
        given = {"testmode": "true"} if self.terms.testmode else {}
        if profile and self.terms.profile_id is not None:
            given["profileId"] = self.terms.profile_id
        return given
