"""Klarna's published rate limits: requests a second by account and operation (docs.klarna.com/api/rate-limit)."""

from collections.abc import Mapping
from typing import Final, Literal

from ordersaga_sandbox.http import Headers

_CREATION: Final = "/payments/v1/sessions"
_LIMITS: Final[Mapping[str, tuple[int, int]]] = {"playground": (5, 50), "live": (40, 200)}
"""Session-like calls and others."""


class Limiter:
    """A window of one second of the virtual clock for each account and route."""

    def __init__(self) -> None:
        self._windows: dict[tuple[str, str], tuple[int, int]] = {}

    def take(
        self, limits: Literal["playground", "live"], account: str, operation: str, now: float
    ) -> tuple[bool, Headers]:
        """Whether the request is within the limit, and the headers that tell of it."""
        session, other = _LIMITS[limits]
        limit = session if operation.endswith(_CREATION) else other
        second = int(now)
        window, used = self._windows.get((account, operation), (second, 0))
        used = used + 1 if window == second else 1
        self._windows[account, operation] = (second, used)
        return used <= limit, (
            (b"x-ratelimit-limit", f'{limit};w=1;name="{operation}"'.encode()),
            (b"x-ratelimit-remaining", str(max(0, limit - used)).encode()),
            (b"x-ratelimit-reset", b"1"),
        )
