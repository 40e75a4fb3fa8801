"""The order aggregate: amounts, lines, captures, refunds and operations. Minor units; seconds since the epoch."""

from typing import Final, Literal

from msgspec import Raw, Struct

from ordersaga.domain.model.events import Cause
from ordersaga.domain.model.fields import OrderLine

Status = Literal[
    "new", "checkout", "pending_payment", "pending_review", "authorized", "part_captured", "captured",
    "cancelled", "expired", "rejected", "abandoned",
    "active",
]  # fmt: skip
"""`active`: of a subscription, whose customer token can be used; it is also new, rejected or cancelled."""
OperationType = str  # the name of a row of `domain.operations`
Stage = Literal["send", "read", "revoke", "stuck"]
WaitsFor = Literal[
    "operation", "order", "review", "payment", "open_payment", "shipment", "more_goods", "dead_letter",
]  # fmt: skip
"""What an event waits for. `open_payment`: that the customer can't pay any more; `more_goods`: to be shipped with it."""
OUTLIVE_PLACING: Final = frozenset({"second_order"})
"""Reasons of attentions that stay open when an order is placed anew."""


class Key(Struct, frozen=True, order=True):
    """Identity of an order. Rows of several orders are locked in this order."""

    merchant: str
    kind: str
    subject: str


class Line(Struct, frozen=True, array_like=True):
    """One line with its counters. `named`: an event of this order named it, so it follows no more.

    `id`: the provider's own, where it has one.
    """

    reference: str
    type: str
    quantity: int
    unit_price: int
    tax_rate: int
    total: int
    captured_quantity: int = 0
    captured: int = 0
    cancelled_quantity: int = 0
    cancelled: int = 0
    refunded_quantity: int = 0
    refunded: int = 0
    named: bool = False
    id: str = ""


class Allocation(Struct, frozen=True, array_like=True):
    """What an operation takes of the line at `position`."""

    position: int
    quantity: int
    amount: int


class Capture(Struct, frozen=True, omit_defaults=True):
    """Captured money. `kept`: return fees kept back from it; `allocations` and `refunded_allocations` say of which lines.

    `shipment`: the shop's id of the shipment that captured it; None: nobody's, as of an order whose money was taken at once.
    """

    id: str
    amount: int
    reference: str | None = None
    allocations: tuple[Allocation, ...] = ()
    refunded: int = 0
    kept: int = 0
    refunded_allocations: tuple[Allocation, ...] = ()
    shipment: str | None = None

    @property
    def refundable(self) -> int:
        return self.amount - self.refunded - self.kept


class Refund(Struct, frozen=True, omit_defaults=True):
    """Refunded money. `moving`: the provider took it, and it may still fail; until then `handle` and `allocations` are kept.

    `missing`: since when the provider doesn't list it any more. `kept`: the return fee that was kept back with it.
    """

    id: str
    amount: int
    capture_id: str | None = None
    reference: str | None = None
    moving: bool = False
    handle: str | None = None
    allocations: tuple[Allocation, ...] = ()
    missing: float | None = None
    kept: int = 0


class Shipment(Struct, frozen=True, omit_defaults=True):
    """What the provider was told to have left, of an order whose money was taken at once: `id` there, `handle` the shop's."""

    id: str
    handle: str
    allocations: tuple[Allocation, ...] = ()


class Request(Struct, frozen=True, omit_defaults=True):
    """A frozen provider request: repeated byte for byte."""

    method: Literal["GET", "POST", "PATCH", "DELETE"]
    path: str
    body: str = ""  # JSON; empty: no body
    key: str | None = None  # idempotency key


class Refusal(Struct, frozen=True, omit_defaults=True):
    """Why the provider or a rule said no."""

    code: str
    messages: tuple[str, ...] = ()
    correlation_id: str | None = None
    advice: str | None = None
    dead_letter_id: str | None = None


class Operation(Struct, frozen=True, omit_defaults=True):
    """One thing the provider must do. The first of `Order.operations` is the current one."""

    id: str
    type: OperationType
    cause: Cause
    amount: int
    opened: float  # when it was decided
    due: float  # not to be acted on before
    allocations: tuple[Allocation, ...] = ()
    handle: str | None = None  # shipment_id or return_id
    capture_id: str | None = None  # that it is of: a refund, or what is told of a shipment
    kept: int = 0  # return fee
    target: int | None = None  # the provider's order_amount after an amendment; of Checkout, what the shop expects
    also: Cause | None = None  # a second event that ends with this operation
    stage: Stage = "send"
    attempts: int = 0
    first_sent: float | None = None
    last_sent: float | None = None
    unknown: bool = False  # an attempt's answer was lost: only evidence ends it
    absent: int = 0  # reads that count and didn't show it
    looked_up: float = 0.0  # when it was last found absent and sent again: its key is as old as before
    at_once: bool = False  # of create_order: the money is captured together with the placing
    refused: Refusal | None = None  # what a repeat was told after a lost answer
    attention: bool = False  # an attention was raised
    lost: int = 0  # answers that were lost since the first send
    newly_named: tuple[int, ...] = ()  # positions of lines that no event had named before
    accepted: bool = False  # the provider accepted it, and it takes effect later
    before_hint: Stage | None = None  # where it goes on if the order that a notification named isn't its own

    @property
    def is_own(self) -> bool:
        """No event asks for it."""
        return not self.cause.type


class Pending(Struct, frozen=True, omit_defaults=True):
    """An event that waits. Its data is in `Details.waiting` under `token`."""

    cause: Cause
    token: str
    arrived: float
    waits_for: WaitsFor = "operation"
    deadline: float | None = None
    taken: bool = False  # it takes over a provider's order that another order has
    moves: int = 0  # waits for a shipment: the order's moves when it was last decided


class Attention(Struct, frozen=True, omit_defaults=True):
    """Somebody was alerted and has to act. Several may be open at once: one for each reason and operation."""

    reason: str
    since: float
    operation_id: str | None = None
    advice: str = ""


class NamedOrder(Struct, frozen=True, omit_defaults=True):
    """An order at the provider that a notification named, and that isn't ours: to be read at `due`."""

    id: str
    due: float
    failed: int = 0  # reads
    since: float | None = None  # when the first of them failed


class Checkout(Struct, frozen=True, omit_defaults=True):
    """The provider's Checkout order, whose id is the order's. `changed`: when the shop last started or updated it.

    `complete`: the customer has bought, and it became an order. `claimed`: a `placed` was answered with it.
    """

    changed: float
    due: float | None = None  # when it is to be read next
    complete: bool = False
    claimed: bool = False


class Payment(Struct, frozen=True, omit_defaults=True):
    """The customer's payment of the order at the provider. `open`: the customer may pay now; `since`: when it was opened.

    `crossed`: the provider refused to end or amend the order although this wasn't open, perhaps because the customer
    has begun another one. `unread` until a read has shown which is the latest now.
    """

    id: str
    open: bool = False
    since: float = 0.0
    crossed: Literal["", "unread", "read"] = ""


class Details(Struct, frozen=True, omit_defaults=True):
    """What may hold personal data: encrypted at rest, never logged."""

    lines: tuple[OrderLine, ...] = ()  # as placed or last amended
    requests: dict[str, Request] = {}  # operation id -> frozen request
    waiting: dict[str, Raw] = {}  # Pending.token -> the event's data
    customer_token: str = ""  # of a subscription: the last that was created
    paid_by: str = ""  # of an order: the customer token of its `placed`
    references: dict[str, str] = {}  # of Checkout: what the order is to bear once it is completed
    shipping: dict[str, int] = {}  # of Checkout: the prices of the options that the shop has offered, by id


class UnknownFields(Struct, frozen=True):
    """JSON with fields that a newer version has stored and this one doesn't know, as it was read; empty: there are none."""

    state: bytes = b""
    details: bytes = b""


class Order(Struct, frozen=True, omit_defaults=True):
    """order_amount = captured_amount + released_amount + remaining (I2)."""

    key: Key
    provider: str = ""
    provider_order_id: str | None = None
    status: Status = "new"
    fraud_status: str | None = None
    currency: str = ""
    country: str = ""
    order_amount: int = 0
    captured_amount: int = 0
    released_amount: int = 0
    refunded_amount: int = 0
    kept_amount: int = 0  # return fees: captured, not to be refunded
    accepted: bool = False  # the provider has (had) an order
    at_once: bool = False  # the money was captured together with the placing
    expires_at: float | None = None
    expiry_read: bool = False
    extended_at: float | None = None  # when the provider last extended the authorization
    review_due: float | None = None
    placed: Cause | None = None  # the effective `placed`, whose final outcome is still owed while it is reviewed
    placed_at: float | None = None
    refresh: float | None = None  # read the provider at this time
    unread: float | None = None  # since when such reads fail
    reads_failed: int = 0  # how many since then
    lines: tuple[Line, ...] = ()
    captures: tuple[Capture, ...] = ()
    refunds: tuple[Refund, ...] = ()
    shipments: tuple[str, ...] = ()
    returns: tuple[str, ...] = ()
    operations: tuple[Operation, ...] = ()
    pending: tuple[Pending, ...] = ()
    attentions: tuple[Attention, ...] = ()
    blocked: str | None = None  # id of the dead letter that later events wait for
    sequence: int = 0
    moves: int = 0  # how often its lines or amounts have changed
    details: Details = Details()
    checkout: Checkout | None = None
    payment: Payment | None = None
    recorded: tuple[Shipment, ...] = ()
    watch: float | None = None  # when the provider is read for what moves there by itself: a payment, a refund
    named: NamedOrder | None = None
    creation: Operation | None = None  # until the final outcome of `placed`, which shows this operation
    unknown_fields: UnknownFields = UnknownFields()

    def attention_of(self, operation_id: str) -> Attention | None:
        """The latest one that was raised for the operation."""
        return next((one for one in reversed(self.attentions) if one.operation_id == operation_id), None)

    def has_attention(self, reason: str) -> bool:
        return bool(self.attentions) and any(one.reason == reason for one in self.attentions)

    @property
    def remaining(self) -> int:
        """What is authorized and neither captured nor released."""
        return self.order_amount - self.captured_amount - self.released_amount

    @property
    def provider_ids(self) -> set[str]:
        """Those of the order itself, its payment, its captures, shipments and refunds."""
        ids = {one.id for one in self.captures} | {one.id for one in self.refunds} | {one.id for one in self.recorded}
        if self.payment is not None:
            ids.add(self.payment.id)
        return ids if self.provider_order_id is None else {*ids, self.provider_order_id}

    @property
    def refundable(self) -> int:
        return self.captured_amount - self.refunded_amount - self.kept_amount
