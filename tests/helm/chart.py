"""The chart as the tests read it."""

import json
from pathlib import Path
from typing import Any, Final

import yaml

Json = dict[str, Any]
ROOT: Final = Path(__file__).parents[2]
CHART: Final = ROOT / "helm" / "ordersaga"
EXAMPLES: Final = sorted(CHART.glob("ci/*-values.yaml"))


def values_of(path: Path) -> Json:
    found: Json = yaml.safe_load(path.read_text())
    return found


def schema() -> Json:
    found: Json = json.loads((CHART / "values.schema.json").read_text())
    return found


def merged(under: Json, over: Json) -> Json:
    """As helm merges given values into those of the chart."""
    both = {
        name: merged(under[name], value) if isinstance(value, dict) and isinstance(under.get(name), dict) else value
        for name, value in over.items()
    }
    return {**under, **both}
