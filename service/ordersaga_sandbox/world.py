"""Everything that the sandbox holds, in memory, and what comes about by time alone."""

import heapq
import itertools
import uuid
from collections.abc import Callable

from ordersaga_sandbox.clock import Clock
from ordersaga_sandbox.faults import Faults
from ordersaga_sandbox.idempotency import Keys
from ordersaga_sandbox.klarna.order import Order
from ordersaga_sandbox.klarna.session import Session, Token
from ordersaga_sandbox.ledger import Ledger
from ordersaga_sandbox.limiter import Limiter
from ordersaga_sandbox.requests import RequestLog
from ordersaga_sandbox.switches import Switches


class World:
    """A reset makes a new one: a request that was under way ends in the old."""

    def __init__(self, clock: Clock, switches: Switches | None = None) -> None:
        self.clock = clock
        self.switches = switches or Switches()
        self.ledger = Ledger()
        self.log = RequestLog()
        self.faults = Faults()
        self.keys = Keys(clock)
        self.limiter = Limiter()
        self.orders: dict[str, Order] = {}
        self.tokens: dict[tuple[str, str], Token] = {}
        self.sessions: dict[str, Session] = {}
        self._timers: list[tuple[float, int, Callable[[float], None]]] = []
        self._numbers = itertools.count(1)

    def new_id(self) -> str:
        return str(uuid.uuid4())

    def at(self, due: float, act: Callable[[float], None]) -> None:
        """`act(due)` once the virtual clock has passed it."""
        heapq.heappush(self._timers, (due, next(self._numbers), act))

    def run_due(self) -> None:
        """What time has brought about since it was last asked."""
        now = self.clock.now()
        while self._timers and self._timers[0][0] <= now:
            due, _, act = heapq.heappop(self._timers)
            act(due)
