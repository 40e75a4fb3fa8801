"""Each alert fires when it should, and doesn't when it nearly should: alerts_test.yaml, by promtool."""

import shutil
import subprocess
from pathlib import Path
from typing import Final

import pytest

from .chart import CHART, Json, values_of

CASES: Final = Path(__file__).parent / "alerts_test.yaml"
PROMTOOL: Final = shutil.which("promtool")


def cases() -> list[Json]:
    found: list[Json] = values_of(CASES)["tests"]
    return found


def test_each_alert_is_seen_to_fire_and_not_to_fire() -> None:
    names = [rule["alert"] for group in values_of(CHART / "alerts.yaml")["groups"] for rule in group["rules"]]
    tried = [one for case in cases() for one in case["alert_rule_test"]]
    for fires in (True, False):
        assert [one["alertname"] for one in tried if bool(one["exp_alerts"]) is fires] == names


@pytest.mark.skipif(PROMTOOL is None, reason="the alerts are tried where promtool is on the path")
def test_the_alerts_do_what_the_cases_say() -> None:
    assert PROMTOOL is not None
    done = subprocess.run([PROMTOOL, "test", "rules", str(CASES)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
