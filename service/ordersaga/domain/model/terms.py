"""What the saga must know of a provider and of the settings; both come in as arguments, so that the saga stays pure."""

from collections.abc import Mapping, Sequence
from typing import Protocol

from msgspec import Struct

from ordersaga.domain.model.events import Data, Placed
from ordersaga.domain.model.fields import PartLine
from ordersaga.domain.model.order import Operation, OperationType, Order, Request
from ordersaga.domain.model.results import Snapshot


class Terms(Protocol):
    """One provider's own rules, as pure functions."""

    @property
    def extends(self) -> bool:
        """Whether an authorization that is about to expire is extended without being asked for."""
        ...

    @property
    def whole_lines(self) -> bool:
        """Whether money is taken by lines alone, and lines that follow are taken whole (contract: "Lines that follow")."""
        ...

    @property
    def refund_per_capture(self) -> bool:
        """Whether a refund is of one capture, so that a return of several needs several."""
        ...

    @property
    def follows_others(self) -> bool:
        """Whether what another hand did at the provider is taken over into our books; else a person compares them."""
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

    def freeze(self, order: Order, operation: Operation, data: Data | None, after: Order | None = None) -> Request:
        """The request of an operation, the same bytes for the same arguments. `data`: of the event that caused it.

        `after`: the order as a change of its lines will leave it.
        """
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

    def part_refusals(self, order: Order, named: Sequence[PartLine]) -> list[str]:
        """What the provider wouldn't take of the parts of lines that an event names for this order."""
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
    payment_poll: float = 60  # of an order that the customer has yet to pay at the provider, at first
    payment_poll_most: float = 3_600
    refund_poll: float = 14_400  # of a refund that may still fail
    backoff: float = 1.0
    backoff_most: float = 300.0
    create_repeats: int = 12  # of a create_order whose answer was lost
    attention_after: float = 3_600  # an operation that is open for longer raises an attention
    expiry_warning: float = 172_800
    call_deadline: float = 10.0
    input_watermark: float = 0.0
    restored_at: float = 0.0  # operations of events sent before it are looked up before their first call
