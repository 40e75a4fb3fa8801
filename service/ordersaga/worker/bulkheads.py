"""Bulkheads: slots per merchant and provider, so that one that is paused or down takes no capacity from others."""

import asyncio
from collections.abc import Iterator, Mapping, Sequence
from typing import Protocol

from msgspec import Struct

from ordersaga.domain.model.outcomes import CallKind
from ordersaga.domain.model.results import Result

AccountKey = tuple[str, str]  # merchant, provider ("": of orders that aren't placed yet)


class Gate(Protocol):
    """How many more calls of one kind may be made to a provider now. It gets their results."""

    def room(self) -> int: ...

    def started(self, calls: int = 1) -> None: ...

    def ended(self, result: Result | None, *, repeated: bool = False) -> None: ...


class Switch(Protocol):
    """A pause of a merchant's calls to a provider; `*`: all."""

    @property
    def merchant(self) -> str: ...

    @property
    def provider(self) -> str: ...


class Claimable(Struct, frozen=True):
    """Orders that may be claimed for an account: by the kind of the call that is due, and of all kinds together."""

    kinds: Mapping[str, int]
    most: int


class Bulkhead:
    """One merchant's slots at one provider, and a gate for each kind of call.

    A slot is in use from the lease to the settle; the gates count only calls. No kind: the order needs no provider.
    """

    def __init__(self, slots: int, gates: Mapping[CallKind, Gate] | None = None) -> None:
        self.slots = slots
        self.in_use = 0
        self.paused = False
        self.slot_released = asyncio.Event()
        self._gates = dict(gates or {})

    def room(self, kind: CallKind | None) -> int:
        """How many more orders may be leased now for such a call."""
        return min(self._free(), self._free_calls(kind))

    def allows_call(self, kind: CallKind | None) -> bool:
        return self._free_calls(kind) > 0

    def acquire(self, kind: CallKind | None) -> None:
        """Takes a slot with a call that may begin."""
        self.in_use += 1
        self.start_call(kind)

    def claimable(self, most: int) -> Claimable | None:
        """Half of the free slots, and at most `most`. The other half is for orders that the intake hands over meanwhile."""
        limit = min((self._free() + 1) // 2, most)
        kinds: list[CallKind | None] = [None, *self._gates]
        counts: dict[str, int] = {kind or "": min(limit, self._free_calls(kind)) for kind in kinds}
        open_kinds = {kind: count for kind, count in counts.items() if count}
        return Claimable(open_kinds, limit) if limit and open_kinds else None

    def acquire_claimable(self, claimable: Claimable) -> None:
        """Before a claim: nobody else takes these meanwhile."""
        self.in_use += claimable.most
        for kind, count in claimable.kinds.items():
            self._count_calls(kind, count)

    def release_unclaimed(self, claimable: Claimable, used: Mapping[str, int]) -> None:
        """After a claim, which used so many."""
        self.in_use -= claimable.most - sum(used.values())
        for kind, count in claimable.kinds.items():
            self._count_calls(kind, used.get(kind, 0) - count)

    def start_call(self, kind: CallKind | None) -> None:
        if gate := self._gate(kind):
            gate.started()

    def end_call(self, kind: CallKind | None, result: Result | None, *, repeated: bool = False) -> None:
        """`result` None: no call was made. `repeated`: an earlier call for the same order had failed."""
        if gate := self._gate(kind):
            gate.ended(result, repeated=repeated)

    def release(self) -> None:
        self.in_use -= 1
        self.slot_released.set()

    def release_unused(self, kind: CallKind | None) -> None:
        """A slot that no call was made with. It doesn't wake who waits for a slot: it was free a moment ago."""
        self.end_call(kind, None)
        self.in_use -= 1

    def _free(self) -> int:
        return 0 if self.paused else max(self.slots - self.in_use, 0)

    def _free_calls(self, kind: CallKind | None) -> int:
        if self.paused:
            return 0
        gate = self._gate(kind)
        return self.slots if gate is None else max(gate.room(), 0)

    def _gate(self, kind: CallKind | None) -> Gate | None:
        return None if kind is None else self._gates.get(kind)

    def _count_calls(self, kind: str, calls: int) -> None:
        for name, gate in self._gates.items():
            if name == kind and calls > 0:
                gate.started(calls)
            elif name == kind:
                for _ in range(-calls):
                    gate.ended(None)


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

    def claimable(self, most: int) -> dict[AccountKey, Claimable]:
        """What may be claimed now for each account: at most `most` orders."""
        self._slot_released.clear()
        found = {key: bulkhead.claimable(most) for key, bulkhead in self._bulkheads.items()}
        return {key: one for key, one in found.items() if one is not None}

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
