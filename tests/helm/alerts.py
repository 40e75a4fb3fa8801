"""When each alert fires and when it doesn't, for promtool: series of one sample a minute, as promtool writes them."""

from dataclasses import dataclass
from typing import Any, Final

Json = dict[str, Any]
_UP: Final = 'up{job="ordersaga",instance="a"}'
_FIRING: Final = 'count by (alertname) (ALERTS{alertstate="firing"})'


@dataclass(frozen=True)
class Case:
    """In minute `at`, the alert fires after the values `alarming`, and nothing fires after `harmless`."""

    alert: str
    series: str
    harmless: str
    alarming: str
    at: int = 7
    too_early: int | None = None
    """A minute in which `alarming` has come already, but not for long enough."""


def _metric(name: str, labels: str = "") -> str:
    return f'ordersaga_{name}{{job="ordersaga",instance="a"{labels and "," + labels}}}'


CASES: Final = (
    *(
        Case(f"OrdersagaI{n}", _metric("invariant_violations_total", f'invariant="I{n}"'), "3x20", "3x5 4x15")
        for n in range(1, 11)
    ),
    Case("OrdersagaAttention", _metric("attention_open", 'merchant="default",reason="books_differ"'), "0x20", "0 2x20"),
    Case("OrdersagaDeadLetters", _metric("dead_letters_open", 'code="internal_error"'), "0x20", "0 1x20"),
    Case("OrdersagaStuck", _metric("orders_stuck", 'merchant="default"'), "0x20", "0 1x20"),
    Case(
        "OrdersagaOverdue",
        _metric("orders_overdue", 'merchant="default",provider="klarna"'),
        "9x3 0 9x3 0 9x9",
        "0 9x20",
        at=8,
        too_early=4,
    ),
    Case(
        "OrdersagaUnreadable",
        _metric("orders_unreadable", 'merchant="default",lacking="key"'),
        "0x5 1x15",
        "0x4 1x15",
        too_early=6,
    ),
    Case(
        "OrdersagaPartitionStands", _metric("partitions_standing_total"), "0x3 1x20", "0x3 1+1x20", at=12, too_early=7
    ),
    Case(
        "OrdersagaBreakerOpen",
        _metric("breaker_open", 'merchant="default",provider="klarna",kind="send"'),
        "1x2 0 1x20",
        "0 1x20",
        too_early=5,
    ),
    Case("OrdersagaOutboxOld", _metric("outbox_age_seconds"), "60x20", "0x3 61x20"),
    Case("OrdersagaBehind", _metric("heard_age_seconds"), "120x20", "0x3 121x20"),
    Case("OrdersagaLeasesLost", _metric("leases_lost_total"), "0x5 5x20", "0x5 20x20"),
    Case("OrdersagaUncertainCalls", _metric("uncertain_calls_total"), "7x20", "7x5 8x20"),
    Case("OrdersagaDatabaseWentBack", _metric("database_regressions_total"), "1x20", "1x5 2x20"),
    Case(
        "OrdersagaCallbacksUnanswered",
        _metric("notifications_total", 'provider="klarna",what="validation",result="no_reply"'),
        "0x5 5x20",
        "0x5 20x20",
    ),
    Case("OrdersagaGone", 'up{job="ordersaga",instance="b"}', "1x6 0x20", "1x3 0x20", too_early=5),
    Case("OrdersagaAbsent", _UP, "1x20", "1x2 stale _x20", at=9, too_early=7),
)


def _test(name: str, case: Case, values: str, minutes: dict[int, bool]) -> Json:
    series = {_UP: "1x60", case.series: values}
    fires = [{"labels": f'{{alertname="{case.alert}"}}', "value": 1}]
    return {
        "name": f"{case.alert}: {name}",
        "interval": "1m",
        "input_series": [{"series": one, "values": given} for one, given in series.items()],
        "promql_expr_test": [
            {"expr": _FIRING, "eval_time": f"{minute}m", "exp_samples": fires if firing else []}
            for minute, firing in minutes.items()
        ],
    }


def unit_tests(rules: str) -> Json:
    """The file for `promtool test rules`."""
    alarming = [
        _test("alarming", case, case.alarming, ({case.too_early: False} if case.too_early else {}) | {case.at: True})
        for case in CASES
    ]
    harmless = [_test("harmless", case, case.harmless, {case.at: False}) for case in CASES]
    return {"rule_files": [rules], "evaluation_interval": "1m", "tests": [*alarming, *harmless]}
