"""What the provider sends to the merchant: deliveries with their attempts and schedules. The courier does the sending."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from msgspec import Struct

from ordersaga_sandbox.switches import DeliveryKind

DeliveryState = Literal["waiting", "delivered", "acknowledged", "given_up", "blocked", "stopped"]
"""`blocked`: the URL isn't on this machine. `stopped`: by the control plane."""


class Attempt(Struct, kw_only=True):
    """`at`: virtual seconds since the epoch. Either a status or an error: `lost` on the way, no response in time, no connection."""

    at: float
    status: int | None = None
    error: str | None = None


@dataclass(slots=True, eq=False)
class Delivery:
    """A POST to the merchant. `due_at`: of the next attempt; None when there is none."""

    kind: DeliveryKind
    account: str
    url: str
    body: bytes
    created_at: float
    order_id: str | None = None
    session_id: str | None = None
    content_type: str = "application/json"
    only_200: bool = False
    """Whether a 2xx other than 200 counts as a failure."""
    retries: Iterator[float] = field(default_factory=lambda: iter(()))
    """Times of further attempts, in virtual seconds since the epoch."""
    stops_on_success: bool = True
    acknowledged: Callable[[], bool] = bool
    """Whether the merchant has done what the delivery is for, so that no further attempt is made."""
    seq: int = 0
    due_at: float | None = None
    state: DeliveryState = "waiting"
    losses: int = 0
    """How many of the next attempts get lost."""
    attempts: list[Attempt] = field(default_factory=list)

    def end(self, state: DeliveryState) -> None:
        self.state, self.due_at = state, None

    def view(self) -> dict[str, Any]:
        if self.due_at is not None and self.acknowledged():
            self.end("acknowledged")
        return {
            "seq": self.seq,
            "kind": self.kind,
            "account": self.account,
            "url": self.url,
            "body": self.body.decode(),
            "order_id": self.order_id,
            "session_id": self.session_id,
            "created_at": self.created_at,
            "due_at": self.due_at,
            "state": self.state,
            "attempts": self.attempts,
        }


class Deliveries:
    """The log of all deliveries, and those whose time has come."""

    def __init__(self, schedule: Callable[[float, Callable[[float], None]], None]) -> None:
        self._schedule = schedule
        self._all: list[Delivery] = []
        self.ready: list[Delivery] = []

    def log(self, delivery: Delivery) -> Delivery:
        self._all.append(delivery)
        delivery.seq = len(self._all)
        return delivery

    def plan(self, delivery: Delivery, due: float) -> None:
        """The next attempt, in place of the one that was planned."""
        delivery.due_at = due
        self._schedule(due, lambda _: self._make_ready(delivery, due))

    def _make_ready(self, delivery: Delivery, due: float) -> None:
        if delivery.due_at == due and delivery not in self.ready:
            self.ready.append(delivery)

    def after(self, seq: int, limit: int) -> Sequence[Delivery]:
        return self._all[seq : seq + limit]

    def get(self, seq: str) -> Delivery:
        """Raises KeyError: there is none."""
        if not seq.isdecimal() or not 1 <= int(seq) <= len(self._all):
            raise KeyError(f"no such delivery: {seq}")
        return self._all[int(seq) - 1]
