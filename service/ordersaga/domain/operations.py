"""The table of operations: one row for each thing that a provider can be asked to do.

A row says which event asks for it, what its success and its refusal do to the order, which outcome tells it, and what
proves that it took effect when its answer was lost. `saga` and the modules of `uncertainty` read the table; nothing
outside it asks for an operation's type by name.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Final

from ordersaga.domain.deciding import (
    abandoning,
    amending,
    cancelling,
    changing,
    checkout,
    findings,
    paying,
    placing,
    returning,
    shipping,
    tokens,
)
from ordersaga.domain.deciding.builder import DecisionBuilder, Refused
from ordersaga.domain.deciding.proofs import (
    ORDER,
    ByCheckoutRead,
    ByKey,
    ByReading,
    ByRepeating,
    ByTokenRead,
    Evidence,
    NoEvidence,
)
from ordersaga.domain.model.events import (
    AddressChanged,
    Amended,
    AuthorizationAbandoned,
    Cancelled,
    CheckoutAbandoned,
    CheckoutStarted,
    CheckoutUpdated,
    Closed,
    CustomerTokenCancelled,
    CustomerTokenRequested,
    Data,
    DueDateExtensionRequested,
    ExtensionRequested,
    InvoiceResendRequested,
    PaymentRetried,
    Placed,
    ReferenceChanged,
    Returned,
    Shipped,
    TrackingAdded,
)
from ordersaga.domain.model.order import Operation, OperationType, Pending, Refusal
from ordersaga.domain.model.outcomes import CallKind
from ordersaga.domain.model.results import Succeeded

__all__ = [
    "DECIDED_BY",
    "OPERATIONS",
    "ByCheckoutRead",
    "ByKey",
    "ByReading",
    "ByRepeating",
    "ByTokenRead",
    "Evidence",
    "NoEvidence",
    "OperationSpec",
    "decide",
    "spec_of",
]

Decide = Callable[[DecisionBuilder, Pending, Any], None]
Succeed = Callable[[DecisionBuilder, Operation, Succeeded], None]
Refuse = Callable[[DecisionBuilder, Operation, Refusal], None]

_TOKENS: Final = "whether the provider made a customer token (its support can say, by time and authorization)"
_INVOICE: Final = "whether the customer got the invoice"


_SHOWN: Final = ByReading(findings.find_change)


@dataclass(frozen=True, slots=True, kw_only=True)
class OperationSpec:
    """One row.

    `call_kind`: of its request. `outcomes`: those that can tell its success, the usual one first. `beside_review`: its
    events don't wait for the provider's review. `after_rejection`: its events are decided for an order that was
    rejected, too. `without_order`: its events need no placed order; they name no provider. `creates_id`: the provider
    gives what it makes an id. `secret_id`: which is kept in the order's details alone. `only_reads`: it is a read,
    there is no request to freeze. `adopts`: a read in its name takes the provider's order over. `not_found`: what it does
    when the provider has nothing to read.
    `gives_way`: without an event that asks for it, it ends when one comes, and after some attempts.
    """

    name: OperationType
    decides: Mapping[type[Data], Decide] = field(default_factory=dict)
    succeed: Succeed
    refuse: Refuse
    outcomes: tuple[str, ...]
    call_kind: CallKind = "changing"
    evidence: Evidence
    moves_money: bool = True
    beside_review: bool = False
    after_rejection: bool = False
    without_order: bool = False
    creates_id: bool = False
    secret_id: bool = False
    only_reads: bool = False
    adopts: bool = False
    gives_way: bool = False
    not_found: Callable[[DecisionBuilder, Operation], None] | None = None


def _change(
    name: OperationType,
    event: type[Data],
    outcome: str,
    decide: Callable[[OperationType, DecisionBuilder, Pending, Any], None] = changing.decide,
    evidence: Evidence = _SHOWN,
) -> OperationSpec:
    """A row of a change without money: it needs no code of its own."""
    return OperationSpec(
        name=name,
        decides={event: partial(decide, name)},
        succeed=partial(changing.changed, outcome),
        refuse=changing.refused,
        outcomes=(outcome,),
        evidence=evidence,
        moves_money=False,
        beside_review=True,
    )


_ROWS: Final = (
    OperationSpec(
        name="create_order",
        call_kind="placing",
        decides={Placed: placing.decide},
        succeed=placing.created,
        refuse=placing.refused,
        outcomes=("authorized", "captured", "review_pending"),
        evidence=ByRepeating(),
        creates_id=True,
        adopts=True,  # when a person has named the order whose answer was lost
    ),
    OperationSpec(
        name="create_token_order",
        call_kind="placing",
        succeed=placing.created,
        refuse=placing.refused,
        outcomes=("authorized", "captured", "review_pending"),
        evidence=ByKey(look_up=ORDER),
        creates_id=True,
        adopts=True,  # when a person has named the order whose answer was lost
    ),
    OperationSpec(
        name="create_order_to_pay",
        call_kind="placing",
        succeed=placing.opened,
        refuse=placing.refused,
        outcomes=("payment_pending", "authorized", "captured", "cancelled", "expired"),
        evidence=ByReading(findings.find_created, search=True),
        creates_id=True,
        adopts=True,  # when a notification or a person has named the order whose answer was lost
    ),
    OperationSpec(
        name="retry_payment",
        call_kind="placing",
        decides={PaymentRetried: paying.decide_retry},
        succeed=paying.retried,
        refuse=changing.refused,
        outcomes=("payment_pending",),
        evidence=ByReading(findings.find_payment),
        moves_money=False,
        beside_review=True,
        creates_id=True,
    ),
    OperationSpec(
        name="cancel_authorization",
        decides={AuthorizationAbandoned: abandoning.decide},
        succeed=abandoning.withdrawn,
        refuse=abandoning.not_withdrawn,
        outcomes=("cancelled", "abandoned"),
        evidence=NoEvidence(gone_is_done=True),  # nobody but us could have used the authorization
        beside_review=True,
        without_order=True,
    ),
    OperationSpec(
        name="take_over",
        call_kind="reading",
        succeed=placing.read_only,
        refuse=placing.refused,
        outcomes=("authorized", "captured", "review_pending"),
        evidence=NoEvidence(),
        only_reads=True,
        adopts=True,
    ),
    OperationSpec(
        name="capture",
        call_kind="capturing",
        decides={Shipped: shipping.decide},
        succeed=shipping.captured,
        refuse=shipping.refused,
        outcomes=("captured",),
        evidence=ByReading(findings.find_capture, findings.unaccounted_captures),
        creates_id=True,
    ),
    OperationSpec(
        name="refund",
        call_kind="refunding",
        decides={Returned: returning.decide},
        succeed=returning.refunded,
        refuse=returning.refused,
        outcomes=("refunded",),
        evidence=ByReading(findings.find_refund, findings.unaccounted_refunds),
        after_rejection=True,
        creates_id=True,
    ),
    OperationSpec(
        name="refund_payment",
        call_kind="refunding",
        succeed=cancelling.refunded_whole,
        refuse=changing.refused,
        outcomes=("cancelled",),
        evidence=ByReading(findings.find_refund, findings.unaccounted_refunds),
        creates_id=True,
    ),
    OperationSpec(
        name="cancel",
        decides={Cancelled: cancelling.decide, Closed: cancelling.decide_closed},
        succeed=cancelling.ended,
        refuse=changing.refused,
        outcomes=("cancelled",),
        evidence=ByReading(findings.find_cancel),
        beside_review=True,
    ),
    OperationSpec(
        name="cancel_lines",
        succeed=cancelling.some_cancelled,
        refuse=changing.refused,
        outcomes=("lines_cancelled", "released"),
        evidence=ByReading(findings.find_cancelled_lines),
    ),
    OperationSpec(
        name="release",
        succeed=cancelling.ended,
        refuse=changing.refused,
        outcomes=("released",),
        evidence=ByReading(findings.find_release),
    ),
    OperationSpec(
        name="amend",
        decides={Amended: amending.decide},
        succeed=amending.amended,
        refuse=changing.refused,
        outcomes=("amended", "lines_cancelled"),
        evidence=ByReading(findings.find_amend),
        beside_review=True,  # it waits by itself: for the review, but only for a payment that is open
    ),
    _change("change_reference", ReferenceChanged, "reference_changed"),
    _change("change_address", AddressChanged, "address_changed"),
    _change("add_tracking", TrackingAdded, "tracking_added", changing.decide_of_shipment),
    OperationSpec(
        name="record_shipment",
        succeed=shipping.recorded,
        refuse=shipping.refused,
        outcomes=("shipment_recorded",),
        evidence=ByReading(findings.find_record),
        moves_money=False,
    ),
    _change("resend_invoice", InvoiceResendRequested, "invoice_resent", changing.decide_of_capture, ByKey(_INVOICE)),
    OperationSpec(
        name="read_due_dates",
        call_kind="reading",
        decides={DueDateExtensionRequested: changing.decide_due_date},
        succeed=changing.due_dates_read,
        refuse=changing.refused_unasked,
        outcomes=(),
        evidence=NoEvidence(),
        moves_money=False,
        only_reads=True,
    ),
    OperationSpec(
        name="extend_due_date",
        succeed=changing.due_date_extended,
        refuse=changing.refused,
        outcomes=("due_date_extended",),
        evidence=ByKey(look_up="the invoice's due date at the provider"),
        moves_money=False,
    ),
    OperationSpec(
        name="extend_authorization",
        decides={ExtensionRequested: partial(changing.decide, "extend_authorization")},
        succeed=changing.extended,
        refuse=changing.not_extended,
        outcomes=("extended",),
        evidence=ByReading(findings.find_extension),
        moves_money=False,
        gives_way=True,
        beside_review=True,
    ),
    OperationSpec(
        name="create_customer_token",
        call_kind="placing",
        decides={CustomerTokenRequested: tokens.decide_request},
        succeed=tokens.created,
        refuse=tokens.not_created,
        outcomes=("customer_token_created",),
        evidence=NoEvidence(once=True, look_up=_TOKENS),
        moves_money=False,
        beside_review=True,
        without_order=True,
        creates_id=True,
        secret_id=True,
    ),
    OperationSpec(
        name="cancel_customer_token",
        decides={CustomerTokenCancelled: tokens.decide_cancel},
        succeed=tokens.cancelled,
        refuse=changing.refused,
        outcomes=("customer_token_cancelled",),
        evidence=ByTokenRead(),
        moves_money=False,
        beside_review=True,
        without_order=True,
    ),
    OperationSpec(
        name="create_checkout",
        call_kind="placing",
        decides={CheckoutStarted: checkout.decide_start},
        succeed=checkout.created,
        refuse=checkout.not_created,
        outcomes=("checkout_created",),
        evidence=NoEvidence(harmless=True),  # the snippet, without which nobody can complete it, was lost as well
        moves_money=False,
        beside_review=True,
        without_order=True,
        creates_id=True,
    ),
    OperationSpec(
        name="update_checkout",
        decides={CheckoutUpdated: checkout.decide_update},
        succeed=checkout.updated,
        refuse=checkout.not_changed,
        outcomes=("checkout_updated",),
        evidence=ByCheckoutRead(checkout.shows_update),
        moves_money=False,
        beside_review=True,
        without_order=True,
    ),
    OperationSpec(
        name="abandon_checkout",
        decides={CheckoutAbandoned: checkout.decide_abandon},
        succeed=checkout.abandoned,
        refuse=checkout.not_changed,
        outcomes=("checkout_abandoned",),
        evidence=ByCheckoutRead(checkout.shows_abandon),
        moves_money=False,
        beside_review=True,
        without_order=True,
    ),
    OperationSpec(
        name="complete_checkout",
        call_kind="reading",
        succeed=checkout.read,
        refuse=checkout.unreadable,
        outcomes=("authorized", "captured", "review_pending"),
        evidence=NoEvidence(),
        moves_money=False,
        only_reads=True,
        not_found=checkout.not_found,
    ),
    OperationSpec(
        name="confirm_checkout",
        call_kind="reading",
        succeed=checkout.confirmed,
        refuse=checkout.unreadable,
        outcomes=("checkout_abandoned",),
        evidence=NoEvidence(),
        moves_money=False,
        only_reads=True,
        not_found=checkout.not_an_order,
    ),
    OperationSpec(
        name="acknowledge",
        succeed=checkout.acknowledged,
        refuse=checkout.not_acknowledged,
        outcomes=("checkout_completed", "authorized", "captured", "review_pending"),
        evidence=NoEvidence(harmless=True),
        moves_money=False,
    ),
    OperationSpec(
        name="set_references",
        succeed=checkout.acknowledged,
        refuse=checkout.not_acknowledged,
        outcomes=("checkout_completed", "authorized", "captured", "review_pending"),
        evidence=NoEvidence(harmless=True),
        moves_money=False,
    ),
)

OPERATIONS: Final[Mapping[OperationType, OperationSpec]] = {row.name: row for row in _ROWS}
DECIDED_BY: Final[Mapping[type[Data], OperationSpec]] = {event: row for row in _ROWS for event in row.decides}


def spec_of(operation: Operation) -> OperationSpec:
    return OPERATIONS[operation.type]


def gives_way(operation: Operation) -> bool:
    return operation.is_own and spec_of(operation).gives_way


def decide(builder: DecisionBuilder, pending: Pending, data: Data) -> None:
    """Raises Hold and Refused."""
    row = DECIDED_BY[type(data)]
    claims = isinstance(data, Placed) and placing.may_claim(builder.order, data)
    if not isinstance(data, Placed) and not row.without_order and not builder.terms.supports(row.name):
        raise Refused("unsupported_by_provider", f"{builder.order.provider} has no {row.name}")
    if not row.beside_review and not claims:
        builder.wait_for_decision()
    row.decides[type(data)](builder, pending, data)
