"""A process that is to end does end, even if Postgres or Kafka don't answer."""

import os
import threading
from typing import Final

import structlog

log = structlog.get_logger(__name__)

CLOSING: Final = 2.0  # seconds for closing connections, after the time that work under way has
_TELLING: Final = 0.5  # seconds for the log line


class Ending:
    """Ends the process after so many seconds if it hasn't ended by itself.

    Even cancelling a statement, and so the end of the event loop, waits for Postgres. What isn't done by then is left as
    by a crash: leases expire, and the events and outcomes are in Kafka and in the outbox.
    """

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._timer: threading.Timer | None = None

    def begin(self, code: int) -> None:
        """From now on. `code`: the exit code; a second call changes nothing."""
        if self._timer is None:
            self._timer = threading.Timer(self._seconds, _end, (code,))
            self._timer.daemon = True
            self._timer.start()

    def cancel(self) -> None:
        """It has ended by itself."""
        if self._timer is not None:
            self._timer.cancel()


def _end(code: int) -> None:
    """The log may be a pipe that nobody reads any more: it gets a moment, and the end comes in any case."""
    try:
        telling = threading.Thread(target=log.warning, args=("connections can't be closed in time and are left",))
        telling.daemon = True
        telling.start()
        telling.join(_TELLING)
    finally:
        os._exit(code)
