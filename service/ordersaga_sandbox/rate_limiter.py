"""Rate limits: requests per virtual second. Klarna's are published (docs.klarna.com/api/rate-limit), by account and operation."""

from collections.abc import Mapping
from typing import Final, Literal

from ordersaga_sandbox.http import Headers

_SESSIONS: Final = "/payments/v1/sessions"
_LIMITS: Final[Mapping[str, tuple[int, int]]] = {"playground": (5, 50), "live": (40, 200)}
"""Requests per second: of session creation, of any other operation."""


class RateLimiter:
    """A fixed window of one virtual second per account and operation."""

    def __init__(self) -> None:
        self._windows: dict[tuple[str, str], tuple[int, int]] = {}

    def take(
        self, limits: Literal["playground", "live"], account: str, operation: str, now: float
    ) -> tuple[bool, Headers]:
        """Whether the request is within the limit, and the rate limit headers."""
        session, other = _LIMITS[limits]
        limit = session if operation.endswith(_SESSIONS) else other
        used = self.count(account, operation, now)
        return used <= limit, (
            (b"x-ratelimit-limit", f'{limit};w=1;name="{operation}"'.encode()),
            (b"x-ratelimit-remaining", str(max(0, limit - used)).encode()),
            (b"x-ratelimit-reset", b"1"),
        )

    def count(self, account: str, operation: str, now: float) -> int:
        """How many requests this one makes in the current second."""
        second = int(now)
        window, used = self._windows.get((account, operation), (second, 0))
        used = used + 1 if window == second else 1
        self._windows[account, operation] = (second, used)
        return used
