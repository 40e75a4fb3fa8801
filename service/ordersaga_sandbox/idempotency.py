"""Idempotency keys: one execution per account and key."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from ordersaga_sandbox.clock import Clock
from ordersaga_sandbox.http import ApiError, Response
from ordersaga_sandbox.switches import Switches

AccountKey = tuple[str, str]
"""The account, with its provider and scope, and the key."""

_NEVER_STORED = frozenset({401, 408, 429})


@dataclass(frozen=True, slots=True)
class KeyRules:
    """A provider's rules for keys. `seconds`: how long a response is kept, in virtual time from the first attempt.

    `conflict`: the error while the first request with the key still runs; None: its response is waited for.
    `fingerprint`: what the request has to share with the first one, else it is the error `mismatch`.
    """

    seconds: float
    conflict: ApiError | None = None
    fingerprint: bytes = b""
    mismatch: ApiError | None = None


class IdempotencyKeys:
    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._responses: dict[AccountKey, tuple[float, bytes, Response]] = {}
        self._running: dict[AccountKey, asyncio.Event] = {}

    async def run_once(
        self, account_key: AccountKey, rules: KeyRules, switches: Switches, work: Callable[[], Awaitable[Response]]
    ) -> tuple[Response, bool]:
        """The response, and whether it is a replay. Raises ApiError: the conflict or the mismatch of the rules."""
        while True:
            if (stored := self._stored(account_key)) is not None:
                fingerprint, response = stored
                if fingerprint != rules.fingerprint and rules.mismatch is not None:
                    raise rules.mismatch
                return response, True
            if (running := self._running.get(account_key)) is None:
                break
            if rules.conflict is not None:
                raise rules.conflict
            await running.wait()
        return await self._run(account_key, rules, switches, work), False

    async def _run(
        self, account_key: AccountKey, rules: KeyRules, switches: Switches, work: Callable[[], Awaitable[Response]]
    ) -> Response:
        started = self._clock.now()
        running = self._running[account_key] = asyncio.Event()
        try:
            response = await work()
            self.store(account_key, rules, response, started, switches)
            return response
        finally:
            del self._running[account_key]
            running.set()

    def store(
        self, account_key: AccountKey, rules: KeyRules, response: Response, started: float, switches: Switches
    ) -> None:
        if _is_stored(response.status, switches):
            self._responses[account_key] = (started + rules.seconds, rules.fingerprint, response)

    def _stored(self, account_key: AccountKey) -> tuple[bytes, Response] | None:
        now = self._clock.now()
        found = self._responses.get(account_key)
        if found is None:
            return None
        if found[0] <= now:
            del self._responses[account_key]
            return None
        return found[1], found[2]


def _is_stored(status: int, switches: Switches) -> bool:
    if status in _NEVER_STORED:
        return False
    if status >= 500:
        return switches.replay_5xx
    return status < 400 or switches.replay_4xx
