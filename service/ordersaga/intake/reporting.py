"""What metrics and traces get to know of a batch that was taken in."""

from collections.abc import Mapping

from ordersaga import telemetry
from ordersaga.domain.model.order import Key
from ordersaga.intake.decide import BatchDecision, unaccounted
from ordersaga.store.rows import Row
from ordersaga.telemetry import traces


def report(records: int, decided: BatchDecision, locked: Mapping[Key, Row], started: float, now: float) -> None:
    """`locked`: the orders as they were before; `started`, `now`: seconds since the epoch."""
    codes = [dead_letter.code for dead_letter in decided.dead_letters]
    telemetry.count_intake(records, len(decided.events), decided.duplicates, codes)
    telemetry.FOREIGN_KEYS.inc(decided.foreign)
    if lost := unaccounted(decided, records):
        telemetry.report_lost_records(lost)
    for key, cause in decided.forgotten:
        telemetry.report_violation("I6", key, cause)
    telemetry.count_outcomes([outcome for _, outcome in decided.outcomes])
    spans = traces.active()
    if spans is not None:
        before = {key: row.order for key, row in locked.items()}
        spans.taken_in(decided.events, before, decided.changed, decided.outcomes, started, now)
