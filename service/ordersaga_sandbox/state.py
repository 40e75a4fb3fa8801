"""The in-memory state of the sandbox, with its timers."""

import heapq
import itertools
import uuid
from collections.abc import Callable, Coroutine
from typing import Any

from ordersaga_sandbox.clock import Clock
from ordersaga_sandbox.deliveries import Deliveries
from ordersaga_sandbox.faults import Faults
from ordersaga_sandbox.idempotency import IdempotencyKeys
from ordersaga_sandbox.klarna.checkout_order import CheckoutOrder
from ordersaga_sandbox.klarna.customer_token import CustomerToken
from ordersaga_sandbox.klarna.order import Order
from ordersaga_sandbox.klarna.session import Session, Token
from ordersaga_sandbox.ledger import Ledger
from ordersaga_sandbox.mollie.order import Order as MollieOrder
from ordersaga_sandbox.rate_limiter import RateLimiter
from ordersaga_sandbox.request_log import RequestLog
from ordersaga_sandbox.switches import Switches

Errand = Callable[[Any], Coroutine[Any, Any, None]]
"""Its argument is the courier, which imports this module."""


class SandboxState:
    """A reset creates a new one; a request in progress finishes on the old one."""

    def __init__(self, clock: Clock, switches: Switches | None = None) -> None:
        self.clock = clock
        self.switches = switches or Switches()
        self.ledger = Ledger()
        self.log = RequestLog()
        self.faults = Faults()
        self.keys = IdempotencyKeys(clock)
        self.rate_limiter = RateLimiter()
        self.orders: dict[str, Order] = {}
        self.tokens: dict[tuple[str, str], Token] = {}
        self.customer_tokens: dict[tuple[str, str], CustomerToken] = {}
        self.checkouts: dict[str, CheckoutOrder] = {}
        self.sessions: dict[str, Session] = {}
        self.mollie_orders: dict[str, MollieOrder] = {}
        self.mollie_payments: dict[str, MollieOrder] = {}
        """By the id of a payment: its order."""
        self.deliveries = Deliveries(self.schedule)
        self.errands: list[Errand] = []
        """What takes more than a moment, as the merchant is asked: the courier begins it."""
        self._timers: list[tuple[float, int, Callable[[float], None]]] = []
        self._numbers = itertools.count(1)

    def new_id(self) -> str:
        return str(uuid.uuid4())

    def schedule(self, due: float, action: Callable[[float], None]) -> None:
        """Calls `action(due)` once the virtual clock has reached `due`."""
        heapq.heappush(self._timers, (due, next(self._numbers), action))

    def next_due(self) -> float | None:
        return self._timers[0][0] if self._timers else None

    def run_due(self) -> None:
        """Runs the timers that have become due."""
        now = self.clock.now()
        while self._timers and self._timers[0][0] <= now:
            due, _, action = heapq.heappop(self._timers)
            action(due)
