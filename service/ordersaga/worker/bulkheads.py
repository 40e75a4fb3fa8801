"""Bulkheads: slots per merchant and provider, so that one that is paused or down takes no capacity from others."""

import asyncio
from collections.abc import Iterator, Mapping, Sequence
from typing import Protocol

from ordersaga.domain.model.results import Result

AccountKey = tuple[str, str]  # merchant, provider ("": of orders that aren't placed yet)


class Gate(Protocol):
    """How many more calls may be made to a provider now. It gets their results."""

    def room(self) -> int: ...

    def started(self, calls: int = 1) -> None: ...

    def ended(self, result: Result | None) -> None: ...


class Switch(Protocol):
    """A pause of a merchant's calls to a provider; `*`: all."""

    @property
    def merchant(self) -> str: ...

    @property
    def provider(self) -> str: ...


class Bulkhead:
    """One merchant's slots at one provider. A slot is in use from the lease to the settle; the gate counts only calls."""

    def __init__(self, slots: int, gate: Gate | None = None) -> None:
        self.slots = slots
        self.in_use = 0
        self.paused = False
        self.slot_released = asyncio.Event()
        self._gate = gate

    def room(self) -> int:
        """How many more orders may be leased now."""
        return min(max(self.slots - self.in_use, 0), self._free_calls())

    def allows_call(self) -> bool:
        return self._free_calls() > 0

    def acquire(self, slots: int = 1) -> None:
        """Takes slots, each with a call that may begin."""
        self.in_use += slots
        if self._gate is not None and slots:
            self._gate.started(slots)

    def start_next_call(self) -> None:
        """The slot is kept for another call."""
        if self._gate is not None:
            self._gate.started()

    def end_call(self, result: Result | None) -> None:
        """None: no call was made."""
        if self._gate is not None:
            self._gate.ended(result)

    def release(self) -> None:
        self.in_use -= 1
        self.slot_released.set()

    def release_unused(self, slots: int = 1) -> None:
        """Slots that no call was made with. It doesn't wake who waits for a slot: these were free a moment ago."""
        for _ in range(slots):
            self.end_call(None)
        self.in_use -= slots

    def _free_calls(self) -> int:
        if self.paused:
            return 0
        return self.slots if self._gate is None else max(self._gate.room(), 0)


class Bulkheads:
    def __init__(self, bulkheads: Mapping[AccountKey, Bulkhead]) -> None:
        self._bulkheads = dict(bulkheads)
        self._slot_released = asyncio.Event()
        for bulkhead in self._bulkheads.values():
            bulkhead.slot_released = self._slot_released

    def __getitem__(self, account: AccountKey) -> Bulkhead:
        return self._bulkheads[account]

    def get(self, account: AccountKey) -> Bulkhead | None:
        """None: the merchant or the provider isn't configured here."""
        return self._bulkheads.get(account)

    def claimable(self, most: int) -> list[tuple[AccountKey, int]]:
        """How many orders may be claimed now for each account: half of its free slots, and at most `most`.

        The other half is for orders that the intake hands over meanwhile.
        """
        self._slot_released.clear()
        return [
            (key, min((room + 1) // 2, most)) for key, bulkhead in self._bulkheads.items() if (room := bulkhead.room())
        ]

    async def slot_released(self) -> None:
        """Returns when a slot was released since the last `claimable`."""
        await self._slot_released.wait()

    def pause(self, switches: Sequence[Switch]) -> None:
        """Pauses these and resumes all others. It is for orders handed over in memory: claims check the switches in SQL."""
        for (merchant, provider), bulkhead in self._bulkheads.items():
            bulkhead.paused = any(
                switch.merchant in {merchant, "*"} and switch.provider in {provider, "*"} for switch in switches
            )

    def __iter__(self) -> Iterator[tuple[AccountKey, Bulkhead]]:
        return iter(self._bulkheads.items())
