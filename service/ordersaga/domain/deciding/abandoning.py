"""An authorization that no order is made of: the shop abandons it, or has cancelled the order before it was placed."""

from msgspec.structs import replace

from ordersaga.domain.deciding import placing
from ordersaga.domain.deciding.builder import DecisionBuilder, Refused, summary_of
from ordersaga.domain.model.events import AuthorizationAbandoned
from ordersaga.domain.model.order import Operation, Pending, Refusal
from ordersaga.domain.model.results import Succeeded

_CANCEL_IT = (
    "the order was placed: send shop.order.cancelled.v1 to end it; an authorization that no order uses ends by itself"
)
_LOOK = "the provider has no unused authorization of this token: it was used, withdrawn before, or has ended"


def decide(builder: DecisionBuilder, pending: Pending, data: AuthorizationAbandoned) -> None:
    order = builder.order
    if not placing.starts_afresh(order):
        raise Refused("order_exists", f"order is {order.status}", advice=_CANCEL_IT)
    builder.turn_to_able("cancel_authorization", pending.cause)
    builder.drop(pending)
    builder.begin(builder.plan("cancel_authorization", pending.cause, 0), data)


def withdrawn(builder: DecisionBuilder, operation: Operation, _result: Succeeded) -> None:
    """The authorization ended before an order was made of it. `also`: a `placed`, which counts as rejected."""
    if operation.also is None:
        if not builder.order.accepted:
            builder.change(status="abandoned")
        builder.emit("abandoned", operation.cause, operation=summary_of(operation, None))
        return
    builder.change(status="rejected", placed=None)
    builder.emit("cancelled", operation.cause, operation=summary_of(operation, None, operation.amount))
    builder.refuse(operation.also, placing.BEFORE)


def not_withdrawn(builder: DecisionBuilder, operation: Operation, refusal: Refusal) -> None:
    """The provider knows no unused authorization of this token; no order was made here either."""
    if operation.also is None:
        builder.refuse(operation.cause, replace(refusal, advice=refusal.advice or _LOOK), operation=operation)
        return
    builder.change(status="rejected", placed=None)
    builder.refuse(operation.cause, refusal, operation=operation)
    builder.refuse(operation.also, placing.BEFORE)
