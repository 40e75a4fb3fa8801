"""Logs, metrics and traces."""

from ordersaga.telemetry.gauges import exposition, set_gauges, watch_bulkheads, watch_gates, watch_lag, watch_store
from ordersaga.telemetry.logs import configure_logs
from ordersaga.telemetry.metrics import (
    DEAD_LETTERS,
    DUPLICATES,
    FOREIGN_KEYS,
    LEASES_LOST,
    NOTIFICATIONS,
    PARTITIONS_STANDING,
    REGRESSIONS,
    UNCERTAIN_CALLS,
    count_call,
    count_intake,
    count_outcomes,
    count_published,
    count_refused_write,
    count_settled,
    operation_of,
    result_of,
)
from ordersaga.telemetry.stalls import BatchAge, StallWatch
from ordersaga.telemetry.violations import report_lost_records, report_violation

__all__ = [
    "DEAD_LETTERS",
    "DUPLICATES",
    "FOREIGN_KEYS",
    "LEASES_LOST",
    "NOTIFICATIONS",
    "PARTITIONS_STANDING",
    "REGRESSIONS",
    "UNCERTAIN_CALLS",
    "BatchAge",
    "StallWatch",
    "configure_logs",
    "count_call",
    "count_intake",
    "count_outcomes",
    "count_published",
    "count_refused_write",
    "count_settled",
    "exposition",
    "operation_of",
    "report_lost_records",
    "report_violation",
    "result_of",
    "set_gauges",
    "watch_bulkheads",
    "watch_gates",
    "watch_lag",
    "watch_store",
]
