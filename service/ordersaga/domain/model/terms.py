"""What the saga must know of a provider and of the settings; both come in as arguments, so that the saga stays pure."""

from collections.abc import Mapping
from typing import Protocol

from msgspec import Struct

from ordersaga.domain.model.events import Data, Placed
from ordersaga.domain.model.order import Operation, OperationType, Order, Request
from ordersaga.domain.model.results import Snapshot


class Terms(Protocol):
    """One provider's own rules, as pure functions."""

    @property
    def extends(self) -> bool:
        """Whether an authorization that is about to expire is extended without being asked for."""
        ...

    def refusals(self, data: Data) -> list[str]:
        """What the provider wouldn't take, each with JSON path and limit; empty: nothing."""
        ...

    def supports(self, operation: OperationType, data: Placed | None = None) -> bool:
        """Whether the provider has this operation; of `placed` also this way of payment."""
        ...

    def reduction(self, order: Order, *, to_nothing: bool) -> OperationType:
        """Which operation takes money off the authorization: all that is left of it, or a part."""
        ...

    def freeze(self, order: Order, operation: Operation, data: Data | None) -> Request:
        """The request of an operation, the same bytes for the same arguments. `data`: of the event that caused it."""
        ...

    def revocation(self, request: Request) -> Request:
        """Of a create_order's frozen request: the one that withdraws its authorization."""
        ...

    def reading(self, request: Request) -> Request:
        """Of the frozen request of a change to a customer token: the one that reads the token."""
        ...

    def token_reading(self, token: str) -> Request:
        """The one that reads a customer token."""
        ...

    def key_seconds(self, operation: OperationType) -> float:
        """How long a repeat of the same request is trusted to be recognised, from the first send."""
        ...

    def keeps_reference(self, operation: OperationType) -> bool:
        """Whether what the operation makes bears our id at the provider; else it is recognised by its lines."""
        ...

    def shows(self, operation: OperationType, request: Request, seen: Snapshot) -> bool | None:
        """Whether a read shows what a change without money asked for; None: it can't tell."""
        ...

    def return_fee_refusals(self, order: Order) -> list[str]: ...

    def expiry(self, now: float) -> float:
        """When an authorization made now is estimated to end."""
        ...


class Rules(Struct, frozen=True):
    """Settings of the saga, in seconds. `input_watermark`: everything the shop sent before this time has been taken in."""

    terms: Mapping[str, Terms]  # by provider, those that the merchant has an account with
    waits_order: float = 86_400
    waits_shipment: float = 86_400
    waits_most: int = 100  # events of one order
    absent_after: float = 300  # a read that doesn't show an operation counts from here after the last send
    absent_again: float = 30  # between two such reads
    review_poll: float = 30
    review_poll_most: float = 900
    checkout_poll: float = 300  # of a Checkout order that the customer hasn't completed, at first
    checkout_poll_most: float = 14_400
    backoff: float = 1.0
    backoff_most: float = 300.0
    create_repeats: int = 12  # of a create_order whose answer was lost
    attention_after: float = 3_600  # an operation that is open for longer raises an attention
    expiry_warning: float = 172_800
    call_deadline: float = 10.0
    input_watermark: float = 0.0
    restored_at: float = 0.0  # operations of events sent before it are looked up before their first call
