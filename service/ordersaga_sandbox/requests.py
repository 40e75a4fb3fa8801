"""The log of requests, in the order of their arrival."""

from collections.abc import Sequence
from typing import Final

from msgspec import UNSET, Struct, UnsetType

_MOST: Final = 1_000_000


class Entry(Struct, gc=False, kw_only=True):
    """Times are virtual seconds since the epoch. `answered_at` and `status` are null while it runs and when no answer was sent."""

    seq: int
    received_at: float
    answered_at: float | None = None
    account: str | None = None
    method: str
    path: str
    route: str | None = None
    idempotency_key: str | None = None
    status: int | None = None
    fault: str | None = None
    """The action of the fault that struck it; `fault_id` is that fault's id."""
    fault_id: str | None = None
    replay: bool = False
    """Answered from what a key or token remembers: no effect of its own."""
    effect_seq: int | None = None
    request_body: str | UnsetType = UNSET
    response_body: str | UnsetType = UNSET


class RequestLog:
    """Keeps the last million at least."""

    def __init__(self, most: int = _MOST) -> None:
        self._most = most
        self._entries: list[Entry] = []
        self._forgotten = 0

    def open(self, received_at: float, method: str, path: str) -> Entry:
        entry = Entry(seq=self._forgotten + len(self._entries) + 1, received_at=received_at, method=method, path=path)
        self._entries.append(entry)
        if len(self._entries) >= 2 * self._most:
            del self._entries[: self._most]
            self._forgotten += self._most
        return entry

    def after(self, seq: int, limit: int) -> Sequence[Entry]:
        start = max(0, seq - self._forgotten)
        return self._entries[start : start + limit]
