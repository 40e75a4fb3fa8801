"""Counters and gauges."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import pytest
from prometheus_client import REGISTRY, CollectorRegistry, Histogram

from ordersaga import telemetry
from ordersaga.domain.model.events import Cause
from ordersaga.domain.model.order import Operation, Request
from ordersaga.domain.model.outcomes import OperationSummary, Outcome, Read, Revoke, Send
from ordersaga.domain.model.results import Retryable, Unknown
from ordersaga.providers.breaker import Gate, Rate
from ordersaga.store.reads import Age, Count, Statistics
from ordersaga.store.session import Counts
from ordersaga.telemetry.histogram import BatchHistogram
from ordersaga.telemetry.metrics import INVARIANTS
from ordersaga.worker.bulkheads import Bulkhead, Bulkheads

OPERATION = Operation("1", "capture", Cause("/shop", "1", "shop.order.shipped.v1"), 100, 0.0, 0.0)
REQUEST = Request("POST", "/captures")
KEY = ("default", "klarna")


def value(name: str, labels: dict[str, str] | None = None, registry: CollectorRegistry = REGISTRY) -> float:
    found = registry.get_sample_value(name, labels or {})
    assert found is not None, name
    return found


@dataclass
class Before:
    """Counters belong to the process, so that a test looks at how much they have risen."""

    name: str
    labels: dict[str, str] = field(default_factory=dict)
    start: float = 0.0

    def __post_init__(self) -> None:
        self.start = REGISTRY.get_sample_value(self.name, self.labels) or 0.0

    def risen(self) -> float:
        return value(self.name, self.labels) - self.start


def test_every_invariant_has_a_counter_from_the_start() -> None:
    for name in INVARIANTS:
        assert value("ordersaga_invariant_violations_total", {"invariant": name}) >= 0
    assert len(INVARIANTS) == 10


def test_an_intake_batch_is_counted() -> None:
    taken, again = Before("ordersaga_events_taken_in_total"), Before("ordersaga_events_duplicate_total")
    letters = Before("ordersaga_dead_letters_total", {"code": "not_json"})
    telemetry.count_intake(10, 6, 2, ["not_json", "not_json"])
    assert (taken.risen(), again.risen(), letters.risen()) == (6, 2, 2)


@pytest.mark.parametrize(
    ("call", "operation"),
    [
        (Send(OPERATION, REQUEST), "capture"),
        (Read("f33", OPERATION), "read_capture"),
        (Read("f33"), "read_refresh"),
        (Revoke(OPERATION, REQUEST), "revoke_capture"),
    ],
)
def test_a_call_is_counted_by_operation_and_result(call: Send | Read | Revoke, operation: str) -> None:
    labels = {"provider": "klarna", "operation": operation, "result": "unknown"}
    calls, seconds = (
        Before("ordersaga_calls_total", labels),
        Before("ordersaga_call_seconds_count", {"provider": "klarna"}),
    )
    telemetry.count_call("klarna", call, Unknown("timeout"), 0.2)
    assert (calls.risen(), seconds.risen()) == (1, 1)


def test_outcomes_are_counted_by_what_came_of_it() -> None:
    captured = Before("ordersaga_outcomes_total", {"outcome": "captured"})
    telemetry.count_outcomes([Outcome("captured", 1, 0.0, final=True), Outcome("captured", 2, 0.0, final=True)])
    assert captured.risen() == 2


def captured(sent: float, at: float, operation_id: str = "op-1", *, final: bool = True) -> Outcome:
    cause = Cause("/shop", "1", "shop.order.shipped.v1", sent=sent)
    summary = OperationSummary(operation_id, "capture", "c1", 100, 1)
    return Outcome("captured", 1, at, final, cause, summary, provider="klarna")


def test_an_operation_is_counted_once_by_its_final_outcome() -> None:
    labels = {"provider": "klarna", "operation": "capture", "result": "captured"}
    ended = Before("ordersaga_operations_total", labels)
    telemetry.count_outcomes([captured(1.0, 2.0, final=False), captured(1.0, 2.0), captured(1.0, 2.0)])
    assert ended.risen() == 2


def test_the_time_from_event_to_outcome_is_told_with_and_without_the_call() -> None:
    whole, own = (
        [Before(f"ordersaga_{name}_{what}", {"provider": "klarna", **labels}) for what, labels in parts]
        for name in ("outcome_seconds", "outcome_own_seconds")
        for parts in [[("count", {}), ("sum", {}), ("bucket", {"le": "0.5"}), ("bucket", {"le": "+Inf"})]]
    )
    telemetry.count_outcomes([captured(100.0, 100.9), captured(100.0, 102.0, "op-2")], {"op-1": 0.6})
    assert [round(one.risen(), 6) for one in whole] == [2, 2.9, 0, 2]
    assert [round(one.risen(), 6) for one in own] == [2, 2.3, 1, 2]


def test_an_event_whose_clock_is_ahead_took_no_time() -> None:
    took = Before("ordersaga_outcome_seconds_sum", {"provider": "klarna"})
    telemetry.count_outcomes([captured(200.0, 100.0)])
    assert took.risen() == 0


def test_a_batch_histogram_counts_as_the_clients_own_does() -> None:
    registry, values = CollectorRegistry(), [0.0, 0.1, 0.1000001, 1.0, 7.0]
    ours = BatchHistogram("ours", "…", ["a"], (0.1, 1), registry)
    theirs = Histogram("theirs", "…", ["a"], buckets=(0.1, 1), registry=registry)
    ours.observe_all(("x",), values)
    for one in values:
        theirs.labels("x").observe(one)
    told = [
        {sample.name.partition("_")[2] + sample.labels.get("le", ""): sample.value for sample in family.samples}
        for family in registry.collect()
    ]
    assert told[0].items() <= told[1].items()
    assert len(told[0]) == 5


def statistics(stuck: Sequence[Count] = ()) -> Statistics:
    return Statistics(
        outbox_rows=3,
        outbox_age=1.5,
        overdue=[Count("default", "klarna", 4)],
        leases_lost=[],
        attentions=[Count("default", "slow", 2)],
        stuck=list(stuck),
        unreadable=[Count("default", "key", 6)],
        dead_letters=[Count("not_json", "open", 5)],
        intake_lag=0.7,
        unknown=[Count("default", "klarna", 7)],
        expiring=[Count("default", "mollie", 8)],
        due=[Age("default", "klarna", 9.5)],
    )


def test_the_stores_statistics_become_gauges_and_vanish_with_their_cause() -> None:
    telemetry.set_gauges(statistics())
    assert value("ordersaga_outbox_rows") == 3
    assert value("ordersaga_outbox_age_seconds") == 1.5
    assert value("ordersaga_heard_age_seconds") == 0.7
    assert value("ordersaga_orders_overdue", {"merchant": "default", "provider": "klarna"}) == 4
    assert value("ordersaga_attention_open", {"merchant": "default", "reason": "slow"}) == 2
    assert value("ordersaga_orders_unreadable", {"merchant": "default", "lacking": "key"}) == 6
    assert value("ordersaga_dead_letters_open", {"code": "not_json"}) == 5
    assert value("ordersaga_operations_unknown", {"merchant": "default", "provider": "klarna"}) == 7
    assert value("ordersaga_authorizations_expiring", {"merchant": "default", "provider": "mollie"}) == 8
    assert value("ordersaga_due_age_seconds", {"merchant": "default", "provider": "klarna"}) == 9.5
    telemetry.set_gauges(Statistics(0, 0.0, [], [], [], [], [], [], 0.0, [], [], []))
    assert REGISTRY.get_sample_value("ordersaga_due_age_seconds", {"merchant": "default", "provider": "klarna"}) is None
    assert REGISTRY.get_sample_value("ordersaga_attention_open", {"merchant": "default", "reason": "slow"}) is None


def test_an_order_that_becomes_stuck_breaks_an_invariant_once() -> None:
    telemetry.set_gauges(statistics())
    broken = Before("ordersaga_invariant_violations_total", {"invariant": "I8"})
    telemetry.set_gauges(statistics([Count("default", "", 2)]))
    telemetry.set_gauges(statistics([Count("default", "", 2)]))
    assert broken.risen() == 2
    telemetry.set_gauges(statistics())
    telemetry.set_gauges(statistics([Count("gifts", "", 1)]))
    assert broken.risen() == 3
    telemetry.set_gauges(statistics())


def test_a_constraint_that_keeps_an_invariant_counts_for_it() -> None:
    books, sequence = (Before("ordersaga_invariant_violations_total", {"invariant": name}) for name in ("I2", "I5"))
    telemetry.count_refused_write("the database rejects it: CheckViolationError (orders_books_balance)")
    telemetry.count_refused_write("the database rejects it: DataError")
    assert (books.risen(), sequence.risen()) == (1, 0)


def test_bulkheads_gates_and_statements_are_read_at_the_scrape() -> None:
    registry = CollectorRegistry()
    gate = Gate(8, lambda: 0.0)
    bulkhead = Bulkhead(8, {"placing": gate})
    counts = {"intake": Counts()}
    telemetry.watch_bulkheads(Bulkheads({KEY: bulkhead}), registry)
    telemetry.watch_gates({KEY: {"placing": gate}}, registry)
    telemetry.watch_store(counts, registry)
    for _ in range(3):
        assert bulkhead.reserve("placing")
    counts["intake"].statements, counts["intake"].commits = 9, 1
    labels = {"merchant": "default", "provider": "klarna"}
    assert value("ordersaga_slots", labels, registry) == 8
    assert value("ordersaga_slots_held", labels, registry) == 3
    assert value("ordersaga_slots_room", labels, registry) == 5
    assert value("ordersaga_calls_under_way", labels | {"kind": "placing"}, registry) == 3
    assert value("ordersaga_breaker_open", labels | {"kind": "placing"}, registry) == 0
    assert value("ordersaga_statements_total", {"unit": "intake"}, registry) == 9
    assert value("ordersaga_commits_total", {"unit": "intake"}, registry) == 1
    for _ in range(40):
        gate.started()
        gate.ended(Unknown("timeout"))
    assert value("ordersaga_breaker_open", labels | {"kind": "placing"}, registry) == 1


def test_rate_limits_and_lag_are_read_at_the_scrape() -> None:
    registry, now = CollectorRegistry(), [0.0]
    rate = Rate(2, lambda: now[0])
    gates = {kind: Gate(8, lambda: now[0], rate=rate) for kind in ("placing", "capturing")}
    telemetry.watch_gates({KEY: {"placing": gates["placing"], "capturing": gates["capturing"]}}, registry)
    telemetry.watch_lag(lambda: {("shop.orders", 1): 5}, registry)
    gates["placing"].started(2)
    now[0] = 0.25
    gates["placing"].ended(Retryable("too_many_requests", None, status=429))
    labels = {"merchant": "default", "provider": "klarna"}
    assert value("ordersaga_rate_limit_exhausted_seconds_total", labels, registry) == 0.25
    assert value("ordersaga_calls_limited_total", labels | {"kind": "placing"}, registry) == 1
    assert value("ordersaga_calls_limited_total", labels | {"kind": "capturing"}, registry) == 0
    assert value("ordersaga_consumer_lag_records", {"topic": "shop.orders", "partition": "1"}, registry) == 5


def test_all_are_told_as_text() -> None:
    text, content_type = telemetry.exposition("text/plain")
    assert content_type.startswith("text/plain; version=")
    assert b'ordersaga_invariant_violations_total{invariant="I1"}' in text
    assert b"ordersaga_events_taken_in_total" in text
