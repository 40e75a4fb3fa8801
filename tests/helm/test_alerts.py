"""Each alert fires when it should, and doesn't when it nearly should: alerts_test.yaml, by promtool (test_checked.py)."""

from pathlib import Path
from typing import Final

from .chart import CHART, Json, values_of

CASES: Final = Path(__file__).parent / "alerts_test.yaml"


def cases() -> list[Json]:
    found: list[Json] = values_of(CASES)["tests"]
    return found


def test_each_alert_is_seen_to_fire_and_not_to_fire() -> None:
    names = [rule["alert"] for group in values_of(CHART / "alerts.yaml")["groups"] for rule in group["rules"]]
    tried = [one for case in cases() for one in case["alert_rule_test"]]
    for fires in (True, False):
        assert [one["alertname"] for one in tried if bool(one["exp_alerts"]) is fires] == names
