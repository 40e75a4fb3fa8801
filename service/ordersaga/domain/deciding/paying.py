"""The customer pays at the provider: another payment after one that came to nothing."""

from ordersaga.domain.deciding import placing
from ordersaga.domain.deciding.builder import DecisionBuilder, Refused, summary_of
from ordersaga.domain.model.events import PaymentRetried
from ordersaga.domain.model.order import Operation, Payment, Pending
from ordersaga.domain.model.results import Succeeded

RETRY = "retry_payment"


def decide_retry(builder: DecisionBuilder, pending: Pending, data: PaymentRetried) -> None:
    order = builder.order
    if order.status != "pending_payment":
        raise Refused("nothing_to_pay", f"order is {order.status}")
    builder.drop(pending)
    builder.begin(builder.plan(RETRY, pending.cause, 0), data)


def retried(builder: DecisionBuilder, operation: Operation, result: Succeeded) -> None:
    """The customer may pay again."""
    seen = result.snapshot.payment if result.snapshot is not None else result.payment
    assert seen is not None
    builder.change(payment=Payment(seen.id, seen.open, builder.now), refresh=None if seen.open else builder.now)
    builder.watch_payment()
    moved = summary_of(operation, seen.id)
    builder.emit("payment_pending", operation.cause, operation=moved, result=placing.payment_result(seen))
