"""Rows of what changes an order without moving money."""

from collections.abc import Callable
from functools import partial
from typing import Any, Final

from ordersaga.domain.deciding import (
    changing,
    findings,
    shipping,
)
from ordersaga.domain.deciding.builder import DecisionBuilder
from ordersaga.domain.deciding.proofs import (
    ByKey,
    ByReading,
    Evidence,
    NoEvidence,
)
from ordersaga.domain.model.events import (
    AddressChanged,
    Data,
    DueDateExtensionRequested,
    ExtensionRequested,
    InvoiceResendRequested,
    ReferenceChanged,
    TrackingAdded,
)
from ordersaga.domain.model.order import OperationType, Pending
from ordersaga.domain.operations.spec import OperationSpec

_INVOICE: Final = "whether the customer got the invoice"
_SHOWN: Final = ByReading(findings.find_change)


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


ROWS: Final = (
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
    _change(
        "resend_invoice",
        InvoiceResendRequested,
        "invoice_resent",
        changing.decide_of_capture,
        ByKey(_INVOICE, harmless=True),
    ),
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
)
