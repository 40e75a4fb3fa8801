"""Logs and metrics."""

from ordersaga.telemetry.logs import configure_logs
from ordersaga.telemetry.metrics import (
    DEAD_LETTERS,
    DUPLICATES,
    FOREIGN_KEYS,
    LEASES_LOST,
    UNCERTAIN_CALLS,
    VIOLATIONS,
    called,
    decided,
    operation_of,
    refused,
    relayed,
    result_of,
    settled,
    taken_in,
)
from ordersaga.telemetry.stalls import InHand, StallWatch
from ordersaga.telemetry.watching import figures, serve, watch_bulkheads, watch_gates, watch_store

__all__ = [
    "DEAD_LETTERS",
    "DUPLICATES",
    "FOREIGN_KEYS",
    "LEASES_LOST",
    "UNCERTAIN_CALLS",
    "VIOLATIONS",
    "InHand",
    "StallWatch",
    "called",
    "configure_logs",
    "decided",
    "figures",
    "operation_of",
    "refused",
    "relayed",
    "result_of",
    "serve",
    "settled",
    "taken_in",
    "watch_bulkheads",
    "watch_gates",
    "watch_store",
]
