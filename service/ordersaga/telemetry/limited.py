"""Log lines at a limited rate: the first of a kind in each minute, then how many more there were."""

import asyncio
import time
from collections.abc import Callable
from typing import Any, Final, Protocol

from msgspec import Struct

_MOST: Final = 10
_SECONDS: Final = 60.0


class Logger(Protocol):
    def warning(self, event: str, **fields: Any) -> Any: ...

    def error(self, event: str, **fields: Any) -> Any: ...


class _Window(Struct):
    started: float
    lines: int = 0


class LimitedLog:
    """A kind is an event of a merchant: `most` lines of it in so many `seconds`."""

    def __init__(
        self,
        logger: Logger,
        most: int = _MOST,
        seconds: float = _SECONDS,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._logger = logger
        self._most = most
        self._seconds = seconds
        self._clock = clock
        self._windows: dict[tuple[str, str], _Window] = {}

    def warning(self, event: str, *, merchant: str, **fields: Any) -> None:
        if self._admits(event, merchant):
            self._logger.warning(event, merchant=merchant, **fields)

    def error(self, event: str, *, merchant: str, **fields: Any) -> None:
        if self._admits(event, merchant):
            self._logger.error(event, merchant=merchant, **fields)

    def _admits(self, event: str, merchant: str) -> bool:
        kind, now = (event, merchant), self._clock()
        window = self._windows.get(kind)
        if window is None or now - window.started >= self._seconds:
            self.end_window(event, merchant)
            window = self._windows[kind] = _Window(now)
        window.lines += 1
        if window.lines == self._most + 1:
            self._end_later(event, merchant, window.started + self._seconds - now)
        return window.lines <= self._most

    def end_window(self, event: str, merchant: str) -> None:
        """Logs how many lines were left out, if any were."""
        window = self._windows.pop((event, merchant), None)
        if window is not None and window.lines > self._most:
            left_out = window.lines - self._most
            self._logger.warning("log lines left out", merchant=merchant, reason=event, lines=left_out)

    def _end_later(self, event: str, merchant: str, seconds: float) -> None:
        """Without a running loop the count is logged with the next line of its kind."""
        try:
            loop = asyncio.get_running_loop()
        except RuntimeError:
            return
        loop.call_later(seconds, self.end_window, event, merchant)
