"""The log of requests, in order of arrival."""

from collections.abc import Sequence
from typing import Final

from msgspec import UNSET, Struct, UnsetType

_KEPT: Final = 1_000_000


class LogEntry(Struct, gc=False, kw_only=True):
    """Times are virtual seconds since the epoch. `answered_at` and `status` are null while it runs and when no response was sent."""

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
    """The action of the fault that fired; `fault_id` is the id of that fault."""
    fault_id: str | None = None
    replay: bool = False
    """Answered from the stored response of a key or token; it had no effect of its own."""
    effect_seq: int | None = None
    request_body: str | UnsetType = UNSET
    response_body: str | UnsetType = UNSET


class RequestLog:
    """Keeps at least the last million entries."""

    def __init__(self, kept: int = _KEPT) -> None:
        self._kept = kept
        self._entries: list[LogEntry] = []
        self._dropped = 0

    def open(self, received_at: float, method: str, path: str) -> LogEntry:
        entry = LogEntry(seq=self._dropped + len(self._entries) + 1, received_at=received_at, method=method, path=path)
        self._entries.append(entry)
        if len(self._entries) >= 2 * self._kept:
            del self._entries[: self._kept]
            self._dropped += self._kept
        return entry

    def after(self, seq: int, limit: int) -> Sequence[LogEntry]:
        start = max(0, seq - self._dropped)
        return self._entries[start : start + limit]
