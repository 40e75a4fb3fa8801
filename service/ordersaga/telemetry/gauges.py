"""Gauges: of the store's statistics, and, read at each scrape, of the bulkheads, gates and statements."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Final, Protocol, TypeVar

from prometheus_client import REGISTRY, Gauge
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.exposition import choose_encoder
from prometheus_client.registry import Collector, CollectorRegistry

from ordersaga.domain.model.outcomes import CallKind
from ordersaga.telemetry.metrics import VIOLATIONS

AccountKey = tuple[str, str]  # merchant, provider

OUTBOX_ROWS: Final = Gauge("ordersaga_outbox_rows", "Outcomes not yet published")
OUTBOX_AGE: Final = Gauge("ordersaga_outbox_age_seconds", "Age of the oldest outcome not yet published")
OVERDUE: Final = Gauge(
    "ordersaga_orders_overdue", "Orders that are overdue and not claimed by a worker", ["merchant", "provider"]
)
UNSETTLED: Final = Gauge(
    "ordersaga_leases_unsettled", "Expired leases whose call may have been sent", ["merchant", "provider"]
)
ATTENTION: Final = Gauge("ordersaga_attention_open", "Orders that need an operator", ["merchant", "reason"])
STUCK: Final = Gauge("ordersaga_orders_stuck", "Unfinished orders without a next step or an alert (I8)", ["merchant"])
UNREADABLE: Final = Gauge(
    "ordersaga_orders_unreadable", "Orders that are due and that no live process can read", ["merchant", "lacking"]
)
OPEN_DEAD_LETTERS: Final = Gauge("ordersaga_dead_letters_open", "Dead letters that need an operator", ["code"])
INTAKE_LAG: Final = Gauge("ordersaga_heard_age_seconds", "How far the intake may be behind its topics")
UNKNOWN: Final = Gauge(
    "ordersaga_operations_unknown",
    "Operations that wait for evidence, as a response was lost",
    ["merchant", "provider"],
)
EXPIRING: Final = Gauge(
    "ordersaga_authorizations_expiring", "Orders with money to capture within two days", ["merchant", "provider"]
)
DUE_AGE: Final = Gauge(
    "ordersaga_due_age_seconds", "Since when the order that is due for longest is due", ["merchant", "provider"]
)


class Count(Protocol):
    """How many there are with two labels."""

    @property
    def first(self) -> str: ...
    @property
    def second(self) -> str: ...
    @property
    def number(self) -> int: ...


class Age(Protocol):
    """Of the oldest with two labels."""

    @property
    def first(self) -> str: ...
    @property
    def second(self) -> str: ...
    @property
    def seconds(self) -> float: ...


class Statistics(Protocol):
    """As the store returns them. Ages are in seconds."""

    @property
    def outbox_rows(self) -> int: ...
    @property
    def outbox_age(self) -> float: ...
    @property
    def overdue(self) -> Sequence[Count]: ...
    @property
    def leases_lost(self) -> Sequence[Count]: ...
    @property
    def attentions(self) -> Sequence[Count]: ...
    @property
    def stuck(self) -> Sequence[Count]: ...
    @property
    def unreadable(self) -> Sequence[Count]: ...
    @property
    def dead_letters(self) -> Sequence[Count]: ...
    @property
    def intake_lag(self) -> float: ...
    @property
    def unknown(self) -> Sequence[Count]: ...
    @property
    def expiring(self) -> Sequence[Count]: ...
    @property
    def due(self) -> Sequence[Age]: ...


def set_gauges(now: Statistics) -> None:
    """Each stuck order that is new counts as a violation of I8."""
    OUTBOX_ROWS.set(now.outbox_rows)
    OUTBOX_AGE.set(now.outbox_age)
    INTAKE_LAG.set(now.intake_lag)
    stuck_before = sum(sample.value for metric in STUCK.collect() for sample in metric.samples)
    for gauge, counts in (
        (OVERDUE, now.overdue),
        (UNSETTLED, now.leases_lost),
        (ATTENTION, now.attentions),
        (UNREADABLE, now.unreadable),
        (UNKNOWN, now.unknown),
        (EXPIRING, now.expiring),
    ):
        gauge.clear()
        for count in counts:
            gauge.labels(count.first, count.second).set(count.number)
    for gauge, counts in ((STUCK, now.stuck), (OPEN_DEAD_LETTERS, now.dead_letters)):
        gauge.clear()
        for count in counts:
            gauge.labels(count.first).set(count.number)
    DUE_AGE.clear()
    for age in now.due:
        DUE_AGE.labels(age.first, age.second).set(age.seconds)
    VIOLATIONS.labels("I8").inc(max(sum(count.number for count in now.stuck) - stuck_before, 0))


class Bulkhead(Protocol):
    """One merchant's slots at one provider, as the worker counts them."""

    slots: int
    in_use: int

    def room(self, kind: None) -> int: ...


class Breaker(Protocol):
    """`limited`: responses that said that there were too many calls."""

    limited: int

    @property
    def is_open(self) -> bool: ...


class Rate(Protocol):
    @property
    def exhausted_seconds(self) -> float: ...


class Gate(Protocol):
    """How many calls to an account are under way, and whether more may be made. `rate`: of all kinds of its calls."""

    @property
    def under_way(self) -> int: ...
    @property
    def breaker(self) -> Breaker: ...
    @property
    def rate(self) -> Rate | None: ...


class Statements(Protocol):
    """For one kind of unit of work."""

    statements: int
    commits: int


class _ScrapeCollector(Collector):
    """Reads its metrics when it is scraped."""

    def __init__(self, read: Callable[[], Iterator[Metric]]) -> None:
        self._read = read

    def describe(self) -> Iterable[Metric]:
        return ()

    def collect(self) -> Iterable[Metric]:
        return self._read()


def watch_bulkheads(bulkheads: Iterable[tuple[AccountKey, Bulkhead]], registry: CollectorRegistry = REGISTRY) -> None:
    def read() -> Iterator[Metric]:
        labels = ("merchant", "provider")
        slots = GaugeMetricFamily("ordersaga_slots", "Slots for orders of an account", labels=labels)
        in_use = GaugeMetricFamily("ordersaga_slots_held", "Slots in use", labels=labels)
        room = GaugeMetricFamily("ordersaga_slots_room", "Orders that could be leased now", labels=labels)
        for key, bulkhead in bulkheads:
            slots.add_metric(key, bulkhead.slots)
            in_use.add_metric(key, bulkhead.in_use)
            room.add_metric(key, bulkhead.room(None))
        yield from (slots, in_use, room)

    registry.register(_ScrapeCollector(read))


def watch_gates(gates: Mapping[AccountKey, Mapping[CallKind, Gate]], registry: CollectorRegistry = REGISTRY) -> None:
    def read() -> Iterator[Metric]:
        labels = ("merchant", "provider", "kind")
        calls = GaugeMetricFamily("ordersaga_calls_under_way", "Provider calls under way", labels=labels)
        breakers = GaugeMetricFamily(
            "ordersaga_breaker_open", "1 while calls of this kind count as failing", labels=labels
        )
        limited = CounterMetricFamily(
            "ordersaga_calls_limited", "Calls that the provider refused as too many (429)", labels=labels
        )
        exhausted = CounterMetricFamily(
            "ordersaga_rate_limit_exhausted_seconds",
            "Time in which calls waited for the account's rate limit, as it was used up",
            labels=labels[:2],
        )
        each = (((*key, kind), gate) for key, kinds in gates.items() for kind, gate in kinds.items())
        for key, gate in each:
            calls.add_metric(key, gate.under_way)
            breakers.add_metric(key, float(gate.breaker.is_open))
            limited.add_metric(key, gate.breaker.limited)
        for account, kinds in gates.items():
            rate = next((gate.rate for gate in kinds.values()), None)
            if rate is not None:
                exhausted.add_metric(account, rate.exhausted_seconds)
        yield from (calls, breakers, limited, exhausted)

    registry.register(_ScrapeCollector(read))


PartitionKey = TypeVar("PartitionKey", bound=tuple[str, int])


def watch_lag(lags: Callable[[], Mapping[PartitionKey, int]], registry: CollectorRegistry = REGISTRY) -> None:
    """`lags`: by topic and partition, of the partitions that this process reads."""

    def read() -> Iterator[Metric]:
        lag = GaugeMetricFamily(
            "ordersaga_consumer_lag_records", "Records that are still to be read", labels=("topic", "partition")
        )
        for (topic, partition), records in sorted(lags().items()):
            lag.add_metric((topic, str(partition)), records)
        yield lag

    registry.register(_ScrapeCollector(read))


def watch_store(counts: Mapping[str, Statements], registry: CollectorRegistry = REGISTRY) -> None:
    """`counts`: by kind of unit of work: intake, settle, relay, claim, …"""

    def read() -> Iterator[Metric]:
        statements = CounterMetricFamily("ordersaga_statements", "Statements sent to Postgres", labels=("unit",))
        commits = CounterMetricFamily("ordersaga_commits", "Transactions committed", labels=("unit",))
        for unit, count in sorted(counts.items()):
            statements.add_metric((unit,), count.statements)
            commits.add_metric((unit,), count.commits)
        yield from (statements, commits)

    registry.register(_ScrapeCollector(read))


def exposition(accept: str, registry: CollectorRegistry = REGISTRY) -> tuple[bytes, str]:
    """All metrics in a format that the header Accept names, and its content type."""
    encode, content_type = choose_encoder(accept)
    return encode(registry), content_type
