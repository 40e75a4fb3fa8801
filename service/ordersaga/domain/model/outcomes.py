"""What the saga decides: outcomes to publish, entries for the journal, and what to do next."""

from typing import Any, Final, Literal, get_args

from msgspec import Struct

from ordersaga.domain.model.events import Cause
from ordersaga.domain.model.order import Operation, Order, Refusal, Request


class Books(Struct, frozen=True):
    """The order as an outcome shows it (minor units; `expires_at` in seconds since the epoch)."""

    status: str
    fraud_status: str | None
    currency: str
    order_amount: int
    captured_amount: int
    released_amount: int
    refunded_amount: int
    remaining_authorized_amount: int
    expires_at: float | None


class OperationSummary(Struct, frozen=True):
    """The operation as an outcome shows it. `amount`: the money that it moved, else None."""

    id: str
    type: str
    provider_id: str | None
    amount: int | None
    attempts: int


class Outcome(Struct, frozen=True):
    """One outcome event. `what` is the middle of its type: payments.order.<what>.v1."""

    what: str
    sequence: int
    at: float
    final: bool
    cause: Cause | None = None
    operation: OperationSummary | None = None
    result: dict[str, Any] = {}
    refusal: Refusal | None = None
    books: Books | None = None
    provider: str = ""
    provider_order_id: str | None = None


class Entry(Struct, frozen=True):
    """A journal entry: ids, types, amounts and reasons, never payloads."""

    what: str  # event | decision | call | outcome | attention | manual
    at: float
    name: str  # event type, operation type, outcome type or verdict
    event_id: str | None = None
    operation_id: str | None = None
    amount: int | None = None
    note: str | None = None
    correlation_id: str | None = None
    status: int | None = None
    duration: float | None = None  # seconds


class Decision(Struct, frozen=True):
    order: Order
    outcomes: tuple[Outcome, ...] = ()
    entries: tuple[Entry, ...] = ()


CallKind = Literal["placing", "capturing", "refunding", "changing", "reading"]
"""Calls of one kind fail together: what refuses refunds may take orders."""
CALL_KINDS: Final[tuple[CallKind, ...]] = get_args(CallKind)


class Send(Struct, frozen=True):
    """Send the frozen request of the order's current operation."""

    operation: Operation
    request: Request


class Read(Struct, frozen=True):
    """Read the order at the provider: evidence for `operation`, else a refresh. `request`: reads something else of it.

    `of`: which of the provider's orders has this id; `named`: one that isn't this order's, but that a notification named;
    `search`: the order whose answer was lost is looked for among all.
    """

    provider_order_id: str
    operation: Operation | None = None
    request: Request | None = None
    of: Literal["order", "checkout", "named", "search"] = "order"


class Revoke(Struct, frozen=True):
    """Withdraw the unused authorization behind a create_order whose answer was lost."""

    operation: Operation
    request: Request


class Elapsed(Struct, frozen=True):
    """A deadline has passed: decide the waiting events again. The provider isn't needed."""


class Wait(Struct, frozen=True):
    until: float


class Rest(Struct, frozen=True):
    """Nothing to do until an event comes."""


Call = Send | Read | Revoke
Next = Call | Elapsed | Wait | Rest
