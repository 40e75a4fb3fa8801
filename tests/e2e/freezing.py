"""`ordersaga`, but it freezes itself (SIGSTOP) at the point in the file FREEZE_FILE, once for each time it is written.

`before the check`: between claim and the check of the lease; `before the send`: right after the check.
"""

import os
import signal
import sys
from pathlib import Path

from ordersaga.cli import main
from ordersaga.domain.model.outcomes import Call
from ordersaga.domain.model.results import Result
from ordersaga.providers.klarna.provider import Klarna
from ordersaga.worker.leases import LeaseClock, LeasedOrder

_WISH = Path(os.environ["FREEZE_FILE"])


def _freeze(place: str) -> None:
    if _WISH.exists() and _WISH.read_text() == place:
        _WISH.unlink()
        os.kill(os.getpid(), signal.SIGSTOP)


def _outlasts(self: LeaseClock, leased: LeasedOrder, seconds: float) -> bool:
    _freeze("before the check")
    return _OUTLASTS(self, leased, seconds)


async def _call(self: Klarna, call: Call, deadline: float) -> Result:
    _freeze("before the send")
    return await _CALL(self, call, deadline)


_OUTLASTS, _CALL = LeaseClock.outlasts, Klarna.call
LeaseClock.outlasts = _outlasts  # type: ignore[method-assign]  # that is what this program is for
Klarna.call = _call  # type: ignore[method-assign]  # as above

if __name__ == "__main__":
    sys.exit(main())
