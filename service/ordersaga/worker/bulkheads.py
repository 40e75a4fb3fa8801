"""Slots by merchant and provider: who is paused or down takes nobody's room."""

import asyncio
from collections.abc import Iterator, Mapping, Sequence
from typing import Protocol

from ordersaga.domain.model.results import Result

AccountKey = tuple[str, str]  # merchant, provider ("": not placed yet)


class Gate(Protocol):
    """How many more calls a provider may be given now, and what came of them."""

    def room(self) -> int: ...

    def started(self, calls: int = 1) -> None: ...

    def ended(self, result: Result | None) -> None: ...


class Switch(Protocol):
    """What is paused: a merchant's calls to a provider, `*` for all."""

    @property
    def merchant(self) -> str: ...

    @property
    def provider(self) -> str: ...


class Bulkhead:
    """One merchant's slots at one provider. A slot is held from the lease to the settle; the gate counts calls alone."""

    def __init__(self, slots: int, gate: Gate | None = None) -> None:
        self.slots = slots
        self.held = 0
        self.paused = False
        self.freed = asyncio.Event()
        self._gate = gate

    def room(self) -> int:
        """How many more orders may be taken."""
        return min(max(self.slots - self.held, 0), self._calls())

    def open(self) -> bool:
        """May the provider be given one more call?"""
        return self._calls() > 0

    def take(self, slots: int = 1) -> None:
        """Takes slots, each with a call that may begin."""
        self.held += slots
        if self._gate is not None and slots:
            self._gate.started(slots)

    def again(self) -> None:
        """The slot is kept for another call."""
        if self._gate is not None:
            self._gate.started()

    def called(self, result: Result | None) -> None:
        """The call has ended; None: there was none."""
        if self._gate is not None:
            self._gate.ended(result)

    def free(self) -> None:
        self.held -= 1
        self.freed.set()

    def give_back(self, slots: int = 1) -> None:
        """Slots that weren't used, and their calls: no news for whoever waits for a free one."""
        for _ in range(slots):
            self.called(None)
        self.held -= slots

    def _calls(self) -> int:
        if self.paused:
            return 0
        return self.slots if self._gate is None else max(self._gate.room(), 0)


class Bulkheads:
    def __init__(self, bulkheads: Mapping[AccountKey, Bulkhead]) -> None:
        self._bulkheads = dict(bulkheads)
        self._freed = asyncio.Event()
        for bulkhead in self._bulkheads.values():
            bulkhead.freed = self._freed

    def bulkhead(self, merchant: str, provider: str) -> Bulkhead | None:
        """None: a merchant or provider that isn't configured here."""
        return self._bulkheads.get((merchant, provider))

    def must(self, merchant: str, provider: str) -> Bulkhead:
        return self._bulkheads[merchant, provider]

    def with_room(self, most: int) -> list[tuple[AccountKey, int]]:
        """Lanes that could take orders now, and how many (at most `most` each): half of their room.

        The other half stays for orders that come in meanwhile.
        """
        self._freed.clear()
        return [
            (key, min((room + 1) // 2, most)) for key, bulkhead in self._bulkheads.items() if (room := bulkhead.room())
        ]

    async def freed(self) -> None:
        """Returns when a slot was given back since the last look at the room."""
        await self._freed.wait()

    def pause(self, switches: Sequence[Switch]) -> None:
        """Pauses these and no others: the claims heed the switches by themselves, orders in our hands only by this."""
        for (merchant, provider), bulkhead in self._bulkheads.items():
            bulkhead.paused = any(
                switch.merchant in {merchant, "*"} and switch.provider in {provider, "*"} for switch in switches
            )

    def __iter__(self) -> Iterator[tuple[AccountKey, Bulkhead]]:
        return iter(self._bulkheads.items())
