"""`Klarna-Idempotency-Key`: one execution per account and key; body and path are ignored."""

import asyncio
from collections.abc import Awaitable, Callable

from ordersaga_sandbox.clock import Clock
from ordersaga_sandbox.http import ApiError, Response
from ordersaga_sandbox.switches import Switches

AccountKey = tuple[str, str]
"""Account and key."""

_NEVER_STORED = frozenset({401, 408, 429})


class IdempotencyKeys:
    """Responses are kept for `key_seconds` of virtual time from the first attempt. Source: OpenAPI of Order Management v1 (header text)."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._responses: dict[AccountKey, tuple[float, Response]] = {}
        self._running: dict[AccountKey, asyncio.Event] = {}

    async def run_once(
        self, account_key: AccountKey, switches: Switches, work: Callable[[], Awaitable[Response]]
    ) -> tuple[Response, bool]:
        """The response, and whether it is a replay. Raises ApiError: the first still runs and `key_in_flight` is `conflict`."""
        while True:
            if (stored := self._stored(account_key)) is not None:
                return stored, True
            if (running := self._running.get(account_key)) is None:
                break
            if switches.key_in_flight == "conflict":
                raise ApiError(409, "CONFLICT")
            await running.wait()
        return await self._run(account_key, switches, work), False

    async def _run(
        self, account_key: AccountKey, switches: Switches, work: Callable[[], Awaitable[Response]]
    ) -> Response:
        started = self._clock.now()
        running = self._running[account_key] = asyncio.Event()
        try:
            response = await work()
            self.store(account_key, response, started, switches)
            return response
        finally:
            del self._running[account_key]
            running.set()

    def store(self, account_key: AccountKey, response: Response, started: float, switches: Switches) -> None:
        if _is_stored(response.status, switches):
            self._responses[account_key] = (started + switches.key_seconds, response)

    def _stored(self, account_key: AccountKey) -> Response | None:
        now = self._clock.now()
        found = self._responses.get(account_key)
        if found is None:
            return None
        if found[0] <= now:
            del self._responses[account_key]
            return None
        return found[1]


def _is_stored(status: int, switches: Switches) -> bool:
    if status in _NEVER_STORED:
        return False
    if status >= 500:
        return switches.replay_5xx
    return status < 400 or switches.replay_4xx
