"""Logs and metrics. A log line holds only fields that are known to be free of personal data."""

import logging
import sys
import traceback
from collections import Counter as Tally
from collections.abc import Mapping, Sequence
from typing import Any, Final, Literal

import msgspec
import structlog
from prometheus_client import Counter, Gauge, Histogram

from ordersaga.domain.outcomes import Call, Outcome, Read, Revoke
from ordersaga.domain.results import Rejected, Result, Retryable, Succeeded, Unknown

_BATCHES: Final = (1, 2, 5, 10, 20, 50, 100, 200, 500)
_SECONDS: Final = (0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 30)

# shop events
TAKEN_IN: Final = Counter("ordersaga_events_taken_in_total", "Shop events decided or set waiting")
DUPLICATES: Final = Counter("ordersaga_events_duplicate_total", "Shop events that came again and were dropped")
DEAD_LETTERS: Final = Counter("ordersaga_dead_letters_total", "Inputs that couldn't be processed", ["code"])
FOREIGN_KEYS: Final = Counter("ordersaga_events_foreign_key_total", "Records whose key isn't their order id")
INTAKE_BATCH: Final = Histogram("ordersaga_intake_batch_records", "Records in an intake batch", buckets=_BATCHES)
# provider calls
CALLS: Final = Counter("ordersaga_calls_total", "Provider calls", ["provider", "operation", "result"])
CALL_SECONDS: Final = Histogram("ordersaga_call_seconds", "Duration of provider calls", ["provider"], buckets=_SECONDS)
HELD: Final = Gauge("ordersaga_slots_held", "Orders in this worker's hands", ["merchant", "provider"])
ROOM: Final = Gauge("ordersaga_slots_room", "Orders that a lane could take", ["merchant", "provider"])
SETTLE_BATCH: Final = Histogram("ordersaga_settle_batch_orders", "Orders in a settle batch", buckets=_BATCHES)
# leases
LEASES_LOST: Final = Counter("ordersaga_leases_lost_total", "Leases that were lost before the send or the settle")
DOUBTS: Final = Counter("ordersaga_doubts_total", "Leases that had ended unsettled: their call may have been sent")
# outcomes
OUTCOMES: Final = Counter("ordersaga_outcomes_total", "Outcomes decided", ["outcome"])
RELAYED: Final = Counter("ordersaga_outcomes_published_total", "Outcomes published")
RELAY_FAILED: Final = Counter("ordersaga_outcomes_publish_failed_total", "Outcomes whose publication failed and is repeated")
OUTBOX_AGE: Final = Gauge("ordersaga_outbox_age_seconds", "Age of the oldest outcome not yet published")
# orders
ATTENTION: Final = Gauge("ordersaga_attention_open", "Orders that wait for a person", ["reason"])
HEARD_AGE: Final = Gauge("ordersaga_heard_age_seconds", "How long ago the intake was at the end of its topics")
# the invariants of money: anything above 0 is an alert of the same name
VIOLATIONS: Final = Counter("ordersaga_invariant_violations_total", "Broken invariants", ["invariant"])
for _name in ("I1", "I2", "I3", "I4", "I5", "I6", "I7", "I8", "I9", "I10"):
    VIOLATIONS.labels(_name)


def taken_in(records: int, taken: int, duplicates: int, letters: Sequence[str]) -> None:
    INTAKE_BATCH.observe(records)
    TAKEN_IN.inc(taken)
    DUPLICATES.inc(duplicates)
    for code, count in Tally(letters).items():
        DEAD_LETTERS.labels(code).inc(count)


def called(provider: str, call: Call, result: Result, seconds: float) -> None:
    CALLS.labels(provider, operation_of(call), result_of(result)).inc()
    CALL_SECONDS.labels(provider).observe(seconds)


def settled(orders: int) -> None:
    SETTLE_BATCH.observe(orders)


def decided(outcomes: Sequence[Outcome]) -> None:
    for what, count in Tally(outcome.what for outcome in outcomes).items():
        OUTCOMES.labels(what).inc(count)


def relayed(published: int, failed: int) -> None:
    RELAYED.inc(published)
    RELAY_FAILED.inc(failed)


def operation_of(call: Call) -> str:
    name = call.operation.type if call.operation else "refresh"
    match call:
        case Read():
            return f"read_{name}"
        case Revoke():
            return f"revoke_{name}"
        case _:
            return str(name)


def result_of(result: Result) -> Literal["succeeded", "rejected", "retryable", "unknown"]:
    match result:
        case Succeeded():
            return "succeeded"
        case Rejected():
            return "rejected"
        case Retryable():
            return "retryable"
        case Unknown():
            return "unknown"


# A field that isn't named here is left out of the line, as it might hold personal data.
KNOWN_FIELDS: Final = frozenset(
    "event level logger timestamp exception merchant provider subject operation code dead_letter reason error "
    "records results outcomes orders topic partition partitions offset seconds attempt role roles owner instance at host port "
    "database version signal statement status correlation_id route account state shards slots key name path".split()
)


def only_known_fields(_logger: Any, _method: str, fields: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in fields.items() if name in KNOWN_FIELDS}


def safe_exception(_logger: Any, _method: str, fields: dict[str, Any]) -> dict[str, Any]:
    """The kind of an exception and where it came from, without its text: that may quote data."""
    info = fields.pop("exc_info", None)
    error = sys.exc_info()[1] if info is True else info if isinstance(info, BaseException) else None
    if isinstance(info, tuple):
        error = info[1]
    if error is not None:
        frames = traceback.extract_tb(error.__traceback__)
        where = " < ".join(f"{frame.filename.rsplit('/', 1)[-1]}:{frame.lineno}" for frame in reversed(frames))
        fields["exception"] = f"{type(error).__name__} at {where}"
    return fields


def _encode(value: Any, default: Any = None) -> bytes:
    return msgspec.json.encode(value, enc_hook=default)


def configure_logs(level: str = "INFO", form: Literal["json", "console"] = "json") -> None:
    """Sends structlog and the standard library's loggers to stderr, one line each."""
    shared: list[Any] = [
        structlog.stdlib.add_logger_name,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso"),
        safe_exception,
        only_known_fields,
    ]
    renderer = (
        structlog.processors.JSONRenderer(serializer=lambda value, **kw: _encode(value, kw.get("default")).decode())
        if form == "json"
        else structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty())
    )
    structlog.configure(
        processors=[structlog.stdlib.filter_by_level, *shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler()
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, renderer],
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level)
    logging.getLogger("aiokafka").setLevel(max(logging.getLevelName(level), logging.WARNING))
