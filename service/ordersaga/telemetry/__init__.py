"""Logs and metrics."""

from ordersaga.telemetry.logs import configure_logs
from ordersaga.telemetry.metrics import (
    DEAD_LETTERS,
    DOUBTS,
    DUPLICATES,
    FOREIGN_KEYS,
    LEASES_LOST,
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
from ordersaga.telemetry.standing import InHand, Standing
from ordersaga.telemetry.watching import figures, serve, watch_gates, watch_lanes, watch_store

__all__ = [
    "DEAD_LETTERS",
    "DOUBTS",
    "DUPLICATES",
    "FOREIGN_KEYS",
    "LEASES_LOST",
    "VIOLATIONS",
    "InHand",
    "Standing",
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
    "watch_gates",
    "watch_lanes",
    "watch_store",
]
