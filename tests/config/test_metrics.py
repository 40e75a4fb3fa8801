"""Counters and gauges."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import pytest
from prometheus_client import REGISTRY, CollectorRegistry

from ordersaga import telemetry
from ordersaga.domain.model.events import Cause
from ordersaga.domain.model.order import Operation, Request
from ordersaga.domain.model.outcomes import Outcome, Read, Revoke, Send
from ordersaga.domain.model.results import Unknown
from ordersaga.providers.breaker import Gate
from ordersaga.store.reads import Count, Statistics
from ordersaga.store.session import Counts
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
    telemetry.set_gauges(Statistics(0, 0.0, [], [], [], [], [], [], 0.0))
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


def test_all_are_told_as_text() -> None:
    text, content_type = telemetry.exposition("text/plain")
    assert content_type.startswith("text/plain; version=")
    assert b'ordersaga_invariant_violations_total{invariant="I1"}' in text
    assert b"ordersaga_events_taken_in_total" in text
