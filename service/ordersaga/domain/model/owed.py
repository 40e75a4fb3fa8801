"""Which events still owe their final outcome (I6)."""

from collections.abc import Iterable, Iterator

from ordersaga.domain.model.events import Cause
from ordersaga.domain.model.order import Order
from ordersaga.domain.model.outcomes import Decision


def owed(order: Order) -> Iterator[Cause]:
    """Those that wait, that have an operation under way, or whose order is under review. Some come twice."""
    for pending in order.pending:
        yield pending.cause
    for operation in order.operations:
        if not operation.is_own:
            yield operation.cause
        if operation.also is not None:
            yield operation.also
    if order.placed is not None:
        yield order.placed


def forgotten(before: Iterable[Cause], decision: Decision) -> set[Cause]:
    """Events that owed their final outcome before, and now neither have it nor owe it."""
    left = set(before)
    left.difference_update(owed(decision.order))
    left.difference_update(outcome.cause for outcome in decision.outcomes if outcome.final and outcome.cause)
    return left
