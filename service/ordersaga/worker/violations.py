"""Invariants that a settle can see broken. They never are; an alert of the same name says so if they were."""

from collections.abc import Iterator

from ordersaga.domain.order import Order
from ordersaga.domain.outcomes import Call, Decision, Elapsed, Send
from ordersaga.domain.results import Result, Succeeded
from ordersaga.telemetry.metrics import Invariant


def violations(before: Order, call: Call | Elapsed, result: Result | None, decision: Decision) -> Iterator[Invariant]:
    if isinstance(call, Send):
        frozen = before.details.requests.get(call.operation.id)
        if frozen is not None and frozen != call.request:
            yield "I4"
        if isinstance(result, Succeeded) and _is_second(before, call, result):
            yield "I1"
    if before.attention is None and any(outcome.what == "expired" for outcome in decision.outcomes):
        yield "I9"


def _is_second(before: Order, call: Send, result: Succeeded) -> bool:
    """The operation has ended with another id than this answer gives it."""
    ended = all(operation.id != call.operation.id for operation in before.operations)
    return ended and result.provider_id is not None and result.provider_id not in before.provider_ids
