"""Rows of customer tokens."""

from typing import Final

from ordersaga.domain.deciding import (
    changing,
    tokens,
)
from ordersaga.domain.deciding.proofs import (
    ByTokenRead,
    NoEvidence,
)
from ordersaga.domain.model.events import (
    CustomerTokenCancelled,
    CustomerTokenRequested,
)
from ordersaga.domain.operations.spec import OperationSpec

_TOKENS: Final = "whether the provider made a customer token (its support can say, by time and authorization)"

ROWS: Final = (
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
)
