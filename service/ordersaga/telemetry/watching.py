"""What is looked at from time to time: the store's figures, and at each scrape the lanes, gates and statements."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Final, Protocol

from prometheus_client import REGISTRY, Gauge, start_http_server
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector, CollectorRegistry

from ordersaga.telemetry.metrics import VIOLATIONS

AccountKey = tuple[str, str]  # merchant, provider

OUTBOX_ROWS: Final = Gauge("ordersaga_outbox_rows", "Outcomes not yet published")
OUTBOX_AGE: Final = Gauge("ordersaga_outbox_age_seconds", "Age of the oldest outcome not yet published")
OVERDUE: Final = Gauge("ordersaga_orders_overdue", "Orders that are due and that nobody has", ["merchant", "provider"])
UNSETTLED: Final = Gauge(
    "ordersaga_leases_unsettled", "Ended leases whose call may have been sent", ["merchant", "provider"]
)
ATTENTION: Final = Gauge("ordersaga_attention_open", "Orders that wait for a person", ["merchant", "reason"])
STUCK: Final = Gauge("ordersaga_orders_stuck", "Orders neither at rest nor due (I8)", ["merchant"])
OPEN_LETTERS: Final = Gauge("ordersaga_dead_letters_open", "Dead letters that wait for a person", ["code"])
HEARD_AGE: Final = Gauge("ordersaga_heard_age_seconds", "How far the intake may be behind its topics")


class Count(Protocol):
    """How many there are by two labels."""

    @property
    def first(self) -> str: ...
    @property
    def second(self) -> str: ...
    @property
    def number(self) -> int: ...


class Figures(Protocol):
    """As the store gives them. Seconds are ages."""

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
    def dead_letters(self) -> Sequence[Count]: ...
    @property
    def unheard(self) -> float: ...


def figures(found: Figures) -> None:
    """Takes the gauges over; an order newly stuck is a violation of I8."""
    OUTBOX_ROWS.set(found.outbox_rows)
    OUTBOX_AGE.set(found.outbox_age)
    HEARD_AGE.set(found.unheard)
    stuck_before = sum(sample.value for metric in STUCK.collect() for sample in metric.samples)
    for gauge, counts in ((OVERDUE, found.overdue), (UNSETTLED, found.leases_lost), (ATTENTION, found.attentions)):
        gauge.clear()
        for count in counts:
            gauge.labels(count.first, count.second).set(count.number)
    for gauge, counts in ((STUCK, found.stuck), (OPEN_LETTERS, found.dead_letters)):
        gauge.clear()
        for count in counts:
            gauge.labels(count.first).set(count.number)
    VIOLATIONS.labels("I8").inc(max(sum(count.number for count in found.stuck) - stuck_before, 0))


class Bulkhead(Protocol):
    """One merchant's slots at one provider, as the worker keeps them."""

    slots: int
    held: int

    def room(self) -> int: ...


class Breaker(Protocol):
    @property
    def is_open(self) -> bool: ...


class Gate(Protocol):
    """How many calls of an account are under way, and whether more may be."""

    @property
    def under_way(self) -> int: ...
    @property
    def breaker(self) -> Breaker: ...


class Statements(Protocol):
    """Of one kind of unit of work."""

    statements: int
    commits: int


class _Watch(Collector):
    """Reads its figures when it is scraped."""

    def __init__(self, read: Callable[[], Iterator[Metric]]) -> None:
        self._read = read

    def describe(self) -> Iterable[Metric]:
        return ()

    def collect(self) -> Iterable[Metric]:
        return self._read()


def watch_bulkheads(bulkheads: Iterable[tuple[AccountKey, Bulkhead]], registry: CollectorRegistry = REGISTRY) -> None:
    def read() -> Iterator[Metric]:
        labels = ("merchant", "provider")
        slots = GaugeMetricFamily("ordersaga_slots", "Orders that a lane may hold", labels=labels)
        held = GaugeMetricFamily("ordersaga_slots_held", "Orders in this worker's hands", labels=labels)
        room = GaugeMetricFamily("ordersaga_slots_room", "Orders that a lane could take now", labels=labels)
        for key, bulkhead in bulkheads:
            slots.add_metric(key, bulkhead.slots)
            held.add_metric(key, bulkhead.held)
            room.add_metric(key, bulkhead.room())
        yield from (slots, held, room)

    registry.register(_Watch(read))


def watch_gates(gates: Mapping[AccountKey, Gate], registry: CollectorRegistry = REGISTRY) -> None:
    def read() -> Iterator[Metric]:
        labels = ("merchant", "provider")
        calls = GaugeMetricFamily("ordersaga_calls_under_way", "Provider calls under way", labels=labels)
        breakers = GaugeMetricFamily("ordersaga_breaker_open", "1 while the provider counts as down", labels=labels)
        for key, gate in gates.items():
            calls.add_metric(key, gate.under_way)
            breakers.add_metric(key, float(gate.breaker.is_open))
        yield from (calls, breakers)

    registry.register(_Watch(read))


def watch_store(counts: Mapping[str, Statements], registry: CollectorRegistry = REGISTRY) -> None:
    """`counts` by kind of unit: intake, settle, relay, claim, …"""

    def read() -> Iterator[Metric]:
        statements = CounterMetricFamily("ordersaga_statements", "Statements sent to Postgres", labels=("unit",))
        commits = CounterMetricFamily("ordersaga_commits", "Transactions committed", labels=("unit",))
        for unit, count in sorted(counts.items()):
            statements.add_metric((unit,), count.statements)
            commits.add_metric((unit,), count.commits)
        yield from (statements, commits)

    registry.register(_Watch(read))


def serve(port: int, host: str = "0.0.0.0") -> int:  # noqa: S104 - Prometheus reads it from another machine
    """Serves them in a thread of its own; the port, where 0 asked for any free one. OSError: it is taken."""
    server, _ = start_http_server(port, host)
    return server.server_port
