"""What metrics and traces get to know of a batch that was settled."""

from collections.abc import Iterable
from time import time

from ordersaga import telemetry
from ordersaga.domain.model.order import Operation
from ordersaga.domain.model.outcomes import Elapsed
from ordersaga.telemetry import traces
from ordersaga.worker.settlement_batch import Settlement, SettlementBatch


def report(batch: SettlementBatch) -> None:
    telemetry.count_settled(len(batch.changes) + len(batch.lost))
    telemetry.LEASES_LOST.inc(len(batch.lost))
    if batch.outcomes:
        settlements = (settlement for settlement, _, _ in batch.decided)
        telemetry.count_outcomes([outcome for _, outcome in batch.outcomes], dict(_called(settlements)))
    for settlement, invariant in batch.violated:
        operation = _operation(settlement)
        cause = operation.cause if operation else None
        telemetry.report_violation(invariant, settlement.leased.order.key, cause, operation)
    spans = traces.active()
    if spans is not None:
        now = time()
        for settlement, before, decision in batch.decided:
            spans.settled(before, _operation(settlement), decision.order, decision.outcomes, now)


def _called(settlements: Iterable[Settlement]) -> Iterable[tuple[str, float]]:
    """The operation of each call, and its seconds."""
    for settlement in settlements:
        operation = _operation(settlement)
        if operation is not None and settlement.seconds is not None:
            yield operation.id, settlement.seconds


def _operation(settlement: Settlement) -> Operation | None:
    return None if isinstance(settlement.call, Elapsed) else settlement.call.operation
