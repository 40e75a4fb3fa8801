"""Rows of what makes an order at the provider, moves its money, and ends it."""

from typing import Final

from ordersaga.domain.deciding import (
    abandoning,
    amending,
    cancelling,
    changing,
    findings,
    paying,
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
    PaymentRetried,
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
        ends_by_read=True,  # the link to pay at
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
        refuse=cancelling.refused,
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
        refuse=cancelling.refused,
        outcomes=("amended", "lines_cancelled"),
        evidence=ByReading(findings.find_amend),
        beside_review=True,  # it waits by itself: for the review, but only for a payment that is open
    ),
)
