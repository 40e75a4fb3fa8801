"""Rows of what makes an order at the provider, moves its money, and ends it."""

from typing import Final

from ordersaga.domain.deciding import (
    abandoning,
    amending,
    cancelling,
    changing,
    findings,
    placing,
    returning,
    shipping,
)
from ordersaga.domain.deciding.proofs import (
    ORDER,
    ByKey,
    ByReading,
    ByRepeating,
    NoEvidence,
)
from ordersaga.domain.model.events import (
    Amended,
    AuthorizationAbandoned,
    Cancelled,
    Closed,
    Placed,
    Returned,
    Shipped,
)
from ordersaga.domain.operations.spec import OperationSpec

ROWS: Final = (
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
        name="cancel",
        decides={Cancelled: cancelling.decide, Closed: cancelling.decide_closed},
        succeed=cancelling.ended,
        refuse=changing.refused,
        outcomes=("cancelled",),
        evidence=ByReading(findings.find_cancel),
        beside_review=True,
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
    ),
)
