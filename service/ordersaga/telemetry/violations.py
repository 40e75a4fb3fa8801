"""Violated invariants: counted, and logged with the order."""

from typing import Final

import structlog

from ordersaga.domain.model.events import Cause
from ordersaga.domain.model.order import Key, Operation
from ordersaga.telemetry.limited import LimitedLog
from ordersaga.telemetry.metrics import VIOLATIONS, Invariant
from ordersaga.telemetry.traces import trace_id_of

_EVENT: Final = "a guarantee was violated"
_log: Final = structlog.get_logger(__name__)
_limited: Final = LimitedLog(_log)


def report_violation(invariant: Invariant, key: Key, cause: Cause | None, operation: Operation | None = None) -> None:
    """`cause`: the event of the shop, if there is one."""
    VIOLATIONS.labels(invariant).inc()
    _limited.warning(
        _EVENT,
        merchant=key.merchant,
        kind=key.kind,
        subject=key.subject,
        invariant=invariant,
        operation=operation.type if operation else None,
        operation_id=operation.id if operation else None,
        trace_id=trace_id_of(cause) if cause else None,
    )


def report_lost_records(records: int) -> None:
    """So many records of a batch led to nothing (I6). Which orders they are of isn't known."""
    VIOLATIONS.labels("I6").inc(records)
    _log.warning(_EVENT, invariant="I6", records=records)
