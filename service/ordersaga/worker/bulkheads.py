"""Bulkheads: slots per merchant and provider, so that one that is paused or down takes no capacity from others."""

import asyncio
from collections.abc import Iterator, Mapping, Sequence
from typing import Protocol, Self

from msgspec import Struct

from ordersaga.domain.model.outcomes import CallKind
from ordersaga.domain.model.results import Result
from ordersaga.providers.breaker import of_one_kind

AccountKey = tuple[str, str]  # merchant, provider ("": of orders that aren't placed yet)


class Gate(Protocol):
    """How many more calls of one kind may be made to a provider now. It gets their results."""

    def room(self) -> int: ...

    @property
    def closed(self) -> bool: ...

    def started(self, calls: int = 1) -> None: ...

    def ended(self, result: Result | None, *, repeated: bool = False) -> None: ...


class Switch(Protocol):
    """A pause of a merchant's calls to a provider; `*`: all."""

    @property
    def merchant(self) -> str: ...

    @property
    def provider(self) -> str: ...


class Claimable(Struct, frozen=True):
    """Orders that may be claimed for an account: by the kind of the call that is due, and of all kinds together.

    `refused`: how many of each kind had been refused a slot before.
    """

    kinds: Mapping[str, int]
    most: int
    refused: Mapping[str, int] = {}


class Bulkhead:
    """One merchant's slots at one provider, and a gate for each kind of call.

    A slot is in use from the lease to the settle; the gates count calls, also those that wait for their turn: `calls` are
    made at once, so that the next ones are leased when one ends. No kind: the order needs no provider.

    The longest due is served first: once an order got no slot, or a claim left some, all that become due are claimed in
    turn, until a claim finds no more.
    """

    def __init__(self, slots: int, gates: Mapping[CallKind, Gate] | None = None, calls: int | None = None) -> None:
        """`calls` None: as many as slots."""
        self.slots = slots
        calls = slots if calls is None else calls
        self._turns = asyncio.Semaphore(calls)
        self._turns_of = {kind: asyncio.Semaphore(of_one_kind(calls)) for kind in gates or {}}
        self._enough = max((slots - calls) // 2, 1)  # free slots that are worth a claim
        self.in_use = 0
        self.paused = False
        self.worth_claiming = asyncio.Event()
        self._waiting: dict[str, int] = {}  # kinds of which orders wait for a claim, and how many were refused a slot
        self._gates: dict[str, Gate] = dict(gates or {})  # type: ignore[arg-type]  # its keys are texts

    def room(self, kind: CallKind | None) -> int:
        """How many more orders may be leased now for such a call."""
        return min(self._free(), self._free_calls(kind))

    def allows_call(self, kind: CallKind | None) -> bool:
        return self._free_calls(kind) > 0

    def reserve(self, kind: CallKind) -> bool:
        """Takes a slot, with a call that may begin, for an order that has just become due. False: it has to be claimed."""
        room = self.room(kind)
        if room and not self._others_wait(kind):
            self.in_use += 1
            self.start_call(kind)
            return True
        self._waiting[kind] = self._waiting.get(kind, 0) + 1
        if room:
            self.worth_claiming.set()
        return False

    def claimable(self, most: int) -> Claimable | None:
        """At most `most`. Unless orders wait, half of the slots are left for those that the intake hands over meanwhile."""
        limit = min(self._free() if self._waiting else (self._free() + 1) // 2, most)
        counts = {kind: min(limit, self._free_calls(kind)) for kind in ("", *self._gates)}
        open_kinds = {kind: count for kind, count in counts.items() if count}
        return Claimable(open_kinds, limit, dict(self._waiting)) if limit and open_kinds else None

    def acquire_claimable(self, claimable: Claimable) -> None:
        """Before a claim: nobody else takes these meanwhile."""
        self.in_use += claimable.most
        for kind, count in claimable.kinds.items():
            self._count_calls(kind, count)

    def release_unclaimed(self, claimable: Claimable, used: Mapping[str, int]) -> None:
        """After a claim that failed or used so many."""
        self.in_use -= claimable.most - sum(used.values())
        for kind, count in claimable.kinds.items():
            self._count_calls(kind, used.get(kind, 0) - count)

    def claimed(self, claimable: Claimable, used: Mapping[str, int]) -> bool:
        """After a claim that succeeded. True: more may be due."""
        full = sum(used.values()) >= claimable.most
        for kind, count in claimable.kinds.items():
            if full or used.get(kind, 0) >= count:
                self._waiting.setdefault(kind, 0)
            elif self._waiting.get(kind) == claimable.refused.get(kind):  # none was refused since
                self._waiting.pop(kind, None)
        return full

    def start_call(self, kind: CallKind | None) -> None:
        if gate := self._gate(kind):
            gate.started()

    def end_call(self, kind: CallKind | None, result: Result | None, *, repeated: bool = False) -> None:
        """`result` None: no call was made. `repeated`: an earlier call for the same order had failed."""
        if gate := self._gate(kind):
            gate.ended(result, repeated=repeated)

    def release(self) -> None:
        self.in_use -= 1
        if self._waiting and self._free() >= self._enough and any(self._free_calls(kind) for kind in self._waiting):
            self.worth_claiming.set()

    def turn(self, kind: CallKind | None) -> "Turn":
        """Waits for it, first come, first served. Calls of one kind, which may hang, leave some to the others."""
        return Turn(self._turns_of[kind], self._turns) if kind in self._turns_of else Turn()

    def may_call(self, kind: CallKind | None) -> bool:
        """Whether a call may be made that was counted before: neither a pause nor an open breaker came between."""
        gate = self._gate(kind)
        return not self.paused and (gate is None or not gate.closed)

    def goes_back(self, kind: CallKind | None) -> None:
        """An order goes back uncalled, and is due at once."""
        self.end_call(kind, None)
        self._waiting.setdefault(kind or "", 0)

    def end_turns(self) -> None:
        """Who waits for a turn goes on at once, as no calls are made any more."""
        for turns in (self._turns, *self._turns_of.values()):
            for _ in range(self.slots):
                turns.release()

    def release_unused(self, kind: CallKind | None) -> None:
        """A slot that no call was made with."""
        self.end_call(kind, None)
        self.in_use -= 1

    def _others_wait(self, kind: CallKind) -> bool:
        """Such orders, or others whose calls may be made."""
        return any(one == kind or self._free_calls(one) for one in self._waiting)

    def _free(self) -> int:
        return 0 if self.paused else max(self.slots - self.in_use, 0)

    def _free_calls(self, kind: str | None) -> int:
        if self.paused:
            return 0
        gate = self._gate(kind)
        return self.slots if gate is None else max(gate.room(), 0)

    def _gate(self, kind: str | None) -> Gate | None:
        return None if kind is None else self._gates.get(kind)

    def _count_calls(self, kind: str, calls: int) -> None:
        for name, gate in self._gates.items():
            if name == kind and calls > 0:
                gate.started(calls)
            elif name == kind:
                for _ in range(-calls):
                    gate.ended(None)


class Turn:
    """An asynchronous context. `waited`: whether somebody was before us."""

    def __init__(self, *turns: asyncio.Semaphore) -> None:
        self._turns = turns
        self.waited = any(one.locked() for one in turns)

    async def __aenter__(self) -> Self:
        taken: list[asyncio.Semaphore] = []
        try:
            for one in self._turns:
                await one.acquire()
                taken.append(one)
        except BaseException:  # also when cancelled: others may have the turns
            for one in taken:
                one.release()
            raise
        return self

    async def __aexit__(self, *_: object) -> None:
        for one in self._turns:
            one.release()


class Bulkheads:
    def __init__(self, bulkheads: Mapping[AccountKey, Bulkhead]) -> None:
        self._bulkheads = dict(bulkheads)
        self._worth_claiming = asyncio.Event()
        for bulkhead in self._bulkheads.values():
            bulkhead.worth_claiming = self._worth_claiming

    def __getitem__(self, account: AccountKey) -> Bulkhead:
        return self._bulkheads[account]

    def get(self, account: AccountKey) -> Bulkhead | None:
        """None: the merchant or the provider isn't configured here."""
        return self._bulkheads.get(account)

    def claimable(self, most: int) -> dict[AccountKey, Claimable]:
        """What may be claimed now for each account: at most `most` orders."""
        self._worth_claiming.clear()
        found = {key: bulkhead.claimable(most) for key, bulkhead in self._bulkheads.items()}
        return {key: one for key, one in found.items() if one is not None}

    async def worth_claiming(self) -> None:
        """Returns when orders that wait may get a slot that wasn't free at the last `claimable`."""
        await self._worth_claiming.wait()

    def pause(self, switches: Sequence[Switch]) -> None:
        """Pauses these and resumes all others. It is for orders handed over in memory: claims check the switches in SQL."""
        for (merchant, provider), bulkhead in self._bulkheads.items():
            bulkhead.paused = any(
                switch.merchant in {merchant, "*"} and switch.provider in {provider, "*"} for switch in switches
            )

    def __iter__(self) -> Iterator[tuple[AccountKey, Bulkhead]]:
        return iter(self._bulkheads.items())
