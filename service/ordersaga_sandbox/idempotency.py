"""`Klarna-Idempotency-Key`: one execution a key and account; the body and the path are disregarded."""

import asyncio
from collections.abc import Awaitable, Callable

from ordersaga_sandbox.clock import Clock
from ordersaga_sandbox.http import Answer, Refused
from ordersaga_sandbox.switches import Switches

Slot = tuple[str, str]
"""Account and key."""

_NEVER_KEPT = frozenset({401, 408, 429})


class Keys:
    """Answers live `key_seconds` of virtual time from the first attempt. Source: OpenAPI of Order Management v1 (header text)."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._answers: dict[Slot, tuple[float, Answer]] = {}
        self._running: dict[Slot, asyncio.Event] = {}

    async def once(self, slot: Slot, switches: Switches, work: Callable[[], Awaitable[Answer]]) -> tuple[Answer, bool]:
        """The answer, and whether it is a replay. Refused: the first still runs and `key_in_flight` is `conflict`."""
        while True:
            if (kept := self._kept(slot)) is not None:
                return kept, True
            if (running := self._running.get(slot)) is None:
                break
            if switches.key_in_flight == "conflict":
                raise Refused(409, "CONFLICT")
            await running.wait()
        return await self._first(slot, switches, work), False

    async def _first(self, slot: Slot, switches: Switches, work: Callable[[], Awaitable[Answer]]) -> Answer:
        started = self._clock.now()
        running = self._running[slot] = asyncio.Event()
        try:
            answer = await work()
            self.keep(slot, answer, started, switches)
            return answer
        finally:
            del self._running[slot]
            running.set()

    def keep(self, slot: Slot, answer: Answer, started: float, switches: Switches) -> None:
        if _kept(answer.status, switches):
            self._answers[slot] = (started + switches.key_seconds, answer)

    def _kept(self, slot: Slot) -> Answer | None:
        now = self._clock.now()
        found = self._answers.get(slot)
        if found is None:
            return None
        if found[0] <= now:
            del self._answers[slot]
            return None
        return found[1]


def _kept(status: int, switches: Switches) -> bool:
    if status in _NEVER_KEPT:
        return False
    if status >= 500:
        return switches.replay_5xx
    return status < 400 or switches.replay_4xx
