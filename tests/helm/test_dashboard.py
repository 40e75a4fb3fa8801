"""Each metric and label that a graph, an alert or an autoscaler asks for is served. Needs no programs."""

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest
from prometheus_client import REGISTRY, CollectorRegistry

from ordersaga import telemetry

from .chart import CHART, Json, values_of

_METRIC = re.compile(r"\b(?:ordersaga|process)_[a-z_]+")
_BY = re.compile(r"\bby \(([^)]*)\)")
_MATCHER = re.compile(r"(\w+)=~?\"")
_LEGEND = re.compile(r"\{\{ ?(?:\$labels\.)?(\w+) ?\}\}")
_OF_PROMETHEUS = {"job", "namespace", "instance", "le"}


def served() -> dict[str, set[str]]:
    """The labels of each metric, by the names of its samples."""
    scraped = CollectorRegistry()
    telemetry.watch_bulkheads([], scraped)
    telemetry.watch_gates({}, scraped)
    telemetry.watch_store({}, scraped)
    found: dict[str, set[str]] = {}
    collected: list[Any] = [*scraped.collect(), *set(REGISTRY._names_to_collectors.values())]
    for one in collected:
        name = getattr(one, "_name", None) or getattr(one, "name", None)
        if name is None:
            continue
        labels = set(one._labelnames)
        for sample in (name, f"{name}_total", f"{name}_bucket", f"{name}_sum", f"{name}_count"):
            found[sample] = labels
    for metric in REGISTRY.collect():  # those of the process, which have no labels
        found |= {sample.name: found.get(sample.name, set()) for sample in metric.samples}
    return found


def panels() -> list[Json]:
    board = json.loads((CHART / "dashboard.json").read_text())
    return [one for one in board["panels"] if one["type"] != "row"]


def asked() -> Iterator[tuple[str, str, set[str]]]:
    """(where, expression, labels that its text names)"""
    for panel in panels():
        for target in panel["targets"]:
            yield panel["title"], target["expr"], set(_LEGEND.findall(target["legendFormat"]))
    for group in values_of(CHART / "alerts.yaml")["groups"]:
        for alert in group["rules"]:
            yield alert["alert"], alert["expr"], set(_LEGEND.findall(alert["annotations"]["description"]))
    scaling = (CHART / "templates" / "autoscaling.yaml").read_text()
    for query in re.findall(r"printf \"(.+?)\" \$job", scaling):
        yield "autoscaling", query, set()


@pytest.mark.parametrize(("where", "expression", "named"), list(asked()), ids=lambda one: str(one)[:40])
def test_what_is_asked_of_prometheus_is_served(where: str, expression: str, named: set[str]) -> None:
    metrics = set(_METRIC.findall(expression))
    known = served()
    assert metrics <= known.keys(), where
    labels = set().union(*(known[metric] for metric in metrics), _OF_PROMETHEUS)
    groups = {label.strip() for group in _BY.findall(expression) for label in group.split(",")}
    assert groups | set(_MATCHER.findall(expression)) <= labels, where
    aggregated = groups if re.match(r"(sum|max)\b", expression) and "increase" not in expression else labels
    assert named <= aggregated, f"{where}: its text names a label that its value doesn't have"


def test_an_unknown_metric_is_told() -> None:
    assert "ordersaga_nothing" not in served()
    assert served()["ordersaga_calls_total"] == {"provider", "operation", "result"}
    assert served()["ordersaga_breaker_open"] == {"merchant", "provider", "kind"}


def test_the_panels_of_the_dashboard_are_apart() -> None:
    taken: set[tuple[int, int]] = set()
    for one in json.loads((CHART / "dashboard.json").read_text())["panels"]:
        place = one["gridPos"]
        cells = {
            (x, y)
            for x in range(place["x"], place["x"] + place["w"])
            for y in range(place["y"], place["y"] + place["h"])
        }
        assert max(x for x, _ in cells) < 24
        assert not cells & taken, one["title"]
        taken |= cells


def test_every_gauge_that_has_an_alert_has_a_graph() -> None:
    """So that whoever gets the alert sees since when."""
    drawn = {metric for panel in panels() for target in panel["targets"] for metric in _METRIC.findall(target["expr"])}
    alerted = {
        metric
        for group in values_of(CHART / "alerts.yaml")["groups"]
        for alert in group["rules"]
        for metric in _METRIC.findall(alert["expr"])
    }
    assert alerted - drawn == {"ordersaga_partitions_standing_total", "ordersaga_database_regressions_total"}
