"""Counters and histograms, which are updated as things happen. The gauges are in `gauges`."""

from collections import Counter as Tally
from collections import defaultdict
from collections.abc import Mapping, Sequence
from functools import cache
from typing import Final, Literal

from prometheus_client import Counter, Histogram

from ordersaga.domain.model.outcomes import Call, Outcome, Read, Revoke
from ordersaga.domain.model.results import Rejected, Result, Retryable, Succeeded, Unknown
from ordersaga.telemetry.histogram import BatchHistogram

_BATCHES: Final = (1, 2, 5, 10, 20, 50, 100, 200, 500, 1_000)
_SECONDS: Final = (0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 30)
_LONG: Final = (0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 30, 60, 300, 1_800, 3_600, 21_600, 86_400)
_NO_CALLS: Final[Mapping[str, float]] = {}

# shop events
TAKEN_IN: Final = Counter("ordersaga_events_taken_in_total", "Shop events that were taken in")
DUPLICATES: Final = Counter("ordersaga_events_duplicate_total", "Shop events that were dropped as duplicates")
DEAD_LETTERS: Final = Counter("ordersaga_dead_letters_total", "Inputs that couldn't be processed", ["code"])
FOREIGN_KEYS: Final = Counter("ordersaga_events_foreign_key_total", "Records whose key isn't their order id")
PARTITIONS_STANDING: Final = Counter(
    "ordersaga_partitions_standing_total",
    "Times that a partition wasn't read on, as only another process can read the order of its next event",
)
INTAKE_BATCH: Final = Histogram("ordersaga_intake_batch_records", "Records in an intake batch", buckets=_BATCHES)
# provider calls; the result `unknown` is a lost answer
CALLS: Final = Counter("ordersaga_calls_total", "Provider calls", ["provider", "operation", "result"])
CALL_SECONDS: Final = Histogram("ordersaga_call_seconds", "Duration of provider calls", ["provider"], buckets=_SECONDS)
SETTLE_BATCH: Final = Histogram("ordersaga_settle_batch_orders", "Orders in a settle batch", buckets=_BATCHES)
# leases
LEASES_LOST: Final = Counter("ordersaga_leases_lost_total", "Leases that were lost before the call or the settle")
UNCERTAIN_CALLS: Final = Counter(
    "ordersaga_uncertain_calls_total", "Leases that ended unsettled, so that their call may have been sent"
)
# the database
REGRESSIONS: Final = Counter(
    "ordersaga_database_regressions_total",
    "Times that this process found that the database went back, and raised the epoch",
)
# outcomes
OUTCOMES: Final = Counter("ordersaga_outcomes_total", "Outcomes decided", ["outcome"])
OPERATIONS: Final = Counter(
    "ordersaga_operations_total", "Operations that ended, by their final outcome", ["provider", "operation", "result"]
)
OUTCOME_SECONDS: Final = BatchHistogram(
    "ordersaga_outcome_seconds", "From an event's time in Kafka to the decision of its outcome", ["provider"], _LONG
)
OUTCOME_OWN_SECONDS: Final = BatchHistogram(
    "ordersaga_outcome_own_seconds", "The same, without the call to the provider that led to it", ["provider"], _LONG
)
RELAYED: Final = Counter("ordersaga_outcomes_published_total", "Outcomes published")
RELAY_FAILED: Final = Counter(
    "ordersaga_outcomes_publish_failed_total", "Outcomes that failed to be published and are retried"
)
# notifications
NOTIFICATIONS: Final = Counter(
    "ordersaga_notifications_total", "Notifications of providers, by what came of them", ["provider", "what", "result"]
)
# logs
DROPPED_FIELDS: Final = Counter(
    "ordersaga_log_fields_left_out_total", "Fields that were dropped from log lines", ["field"]
)
LOST_LINES: Final = Counter("ordersaga_log_lines_lost_total", "Log lines that couldn't be written")
# the invariants; each has an alert for any value above 0
Invariant = Literal["I1", "I2", "I3", "I4", "I5", "I6", "I7", "I8", "I9", "I10"]
INVARIANTS: Final[tuple[Invariant, ...]] = ("I1", "I2", "I3", "I4", "I5", "I6", "I7", "I8", "I9", "I10")
VIOLATIONS: Final = Counter("ordersaga_invariant_violations_total", "Broken invariants", ["invariant"])
for _name in INVARIANTS:
    VIOLATIONS.labels(_name)
_INVARIANT_OF_CONSTRAINT: Final[dict[str, Invariant]] = {
    "orders_amounts_not_negative": "I2",
    "orders_books_balance": "I2",
    "orders_refunded_within_captured": "I2",
    "outbox_merchant_kind_subject_sequence_key": "I5",
    "orders_leased_is_due": "I8",
}


def count_intake(records: int, taken: int, duplicates: int, dead_letter_codes: Sequence[str]) -> None:
    """One batch of the intake."""
    INTAKE_BATCH.observe(records)
    TAKEN_IN.inc(taken)
    DUPLICATES.inc(duplicates)
    for code, count in Tally(dead_letter_codes).items():
        DEAD_LETTERS.labels(code).inc(count)


_calls: Final = cache(CALLS.labels)  # there are few, and each call looks one up
_call_seconds: Final = cache(CALL_SECONDS.labels)


def count_call(provider: str, call: Call, result: Result, seconds: float) -> None:
    _calls(provider, operation_of(call), result_of(result)).inc()
    _call_seconds(provider).observe(seconds)


def count_settled(orders: int) -> None:
    SETTLE_BATCH.observe(orders)


def count_outcomes(outcomes: Sequence[Outcome], called: Mapping[str, float] = _NO_CALLS) -> None:
    """`called`: by operation, the seconds of the call that was settled."""
    for what, count in Tally([outcome.what for outcome in outcomes]).items():
        OUTCOMES.labels(what).inc(count)
    ended = list[tuple[str, str, str]]()
    times, own_times = defaultdict[str, list[float]](list), defaultdict[str, list[float]](list)
    for one in outcomes:
        if not one.final:
            continue
        operation, cause, call = one.operation, one.cause, 0.0
        if operation is not None:
            ended.append((one.provider, operation.type, one.what))
            call = called.get(operation.id, 0.0)
        if cause is not None and cause.sent:
            whole = one.at - cause.sent if one.at > cause.sent else 0.0
            times[one.provider].append(whole)
            own_times[one.provider].append(whole - call if whole > call else 0.0)
    _count_ended(ended)
    for provider, seconds in times.items():
        OUTCOME_SECONDS.observe_all((provider,), seconds)
        OUTCOME_OWN_SECONDS.observe_all((provider,), own_times[provider])


def _count_ended(ended: Sequence[tuple[str, str, str]]) -> None:
    """Provider, operation and outcome of each."""
    for labels, count in Tally(ended).items():
        OPERATIONS.labels(*labels).inc(count)


def count_refused_write(reason: str) -> None:
    """A violation, if `reason` names a constraint that enforces an invariant."""
    for constraint, invariant in _INVARIANT_OF_CONSTRAINT.items():
        if constraint in reason:
            VIOLATIONS.labels(invariant).inc()


def count_dropped_field(field: str) -> None:
    """A field that was dropped from a log line, by its name in our code."""
    VIOLATIONS.labels("I10").inc()
    DROPPED_FIELDS.labels(field if field.isidentifier() else "…").inc()


def count_published(published: int, failed: int) -> None:
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
