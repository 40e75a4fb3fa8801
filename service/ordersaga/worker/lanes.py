"""Slots by merchant and provider: who is paused or down takes nobody's room."""

from collections.abc import Iterator, Mapping
from typing import Protocol

from ordersaga.domain.results import Result


class Gate(Protocol):
    """How many more calls a provider may be given now, and what came of them."""

    def room(self) -> int: ...

    def started(self, calls: int = 1) -> None: ...

    def ended(self, result: Result | None) -> None: ...


LaneKey = tuple[str, str]  # merchant, provider ("": not placed yet)


class Lane:
    """One merchant's slots at one provider. A slot is held from the lease to the settle; the gate counts calls alone."""

    def __init__(self, slots: int, gate: Gate | None = None) -> None:
        self.slots = slots
        self.held = 0
        self._gate = gate

    def room(self) -> int:
        free = self.slots - self.held
        return max(free if self._gate is None else min(free, self._gate.room()), 0)

    def open(self) -> bool:
        """May the provider be given one more call?"""
        return self._gate is None or self._gate.room() > 0

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


class Lanes:
    def __init__(self, lanes: Mapping[LaneKey, Lane]) -> None:
        self._lanes = dict(lanes)

    def lane(self, merchant: str, provider: str) -> Lane | None:
        """None: a merchant or provider that isn't configured here."""
        return self._lanes.get((merchant, provider))

    def must(self, merchant: str, provider: str) -> Lane:
        return self._lanes[merchant, provider]

    def with_room(self, most: int) -> list[tuple[LaneKey, int]]:
        """Lanes that could take orders now, and how many (at most `most` each)."""
        return [(key, min(room, most)) for key, lane in self._lanes.items() if (room := lane.room())]

    def __iter__(self) -> Iterator[tuple[LaneKey, Lane]]:
        return iter(self._lanes.items())
