"""Changes without money (references, addresses, …): all of them take this one generic path."""

from ordersaga.domain.deciding.builder import DecisionBuilder, Refused, summary_of
from ordersaga.domain.model.events import Data
from ordersaga.domain.model.order import Operation, OperationType, Pending, Refusal
from ordersaga.domain.model.results import Succeeded


def decide(operation_type: OperationType, builder: DecisionBuilder, pending: Pending, data: Data) -> None:
    provider = builder.order.provider
    if not builder.terms.supports(operation_type):
        raise Refused("unsupported_by_provider", f"{provider} has no {operation_type}")
    builder.drop(pending)
    builder.begin(builder.plan(operation_type, pending.cause, 0), data)


def changed(outcome: str, builder: DecisionBuilder, operation: Operation, _result: Succeeded) -> None:
    builder.emit(outcome, operation.cause, operation=summary_of(operation, None))


def refused(builder: DecisionBuilder, operation: Operation, refusal: Refusal) -> None:
    builder.refuse(operation.cause, refusal, operation=operation)
