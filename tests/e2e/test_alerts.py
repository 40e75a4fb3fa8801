"""A real Prometheus scrapes the service by the chart's alerts, and they fire in a fault drill."""

import asyncio
import json
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import yaml

from downloads import of_debian
from ordersaga_local.process import free_port
from ordersaga_local.stage import Process

from .conftest import Opening
from .play import ROOT, Json, placed, until

ALERTS = ROOT / "helm/ordersaga/alerts.yaml"
_SHORT = "2s"  # instead of minutes: how long a condition lasts before its alert fires


def rules() -> str:
    """The chart's, with shorter waits."""
    found: Json = yaml.safe_load(ALERTS.read_text())
    for group in found["groups"]:
        for rule in group["rules"]:
            if "for" in rule:
                rule["for"] = _SHORT
    return yaml.safe_dump(found)


class Prometheus(Process):
    def __init__(self, program: Path, folder: Path, scraped: int) -> None:
        port = free_port()
        self.url = f"http://127.0.0.1:{port}"
        (folder / "alerts.yaml").write_text(rules())
        config = {
            "global": {"scrape_interval": "1s", "evaluation_interval": "1s"},
            "rule_files": ["alerts.yaml"],
            "scrape_configs": [{"job_name": "ordersaga", "static_configs": [{"targets": [f"127.0.0.1:{scraped}"]}]}],
        }
        (folder / "prometheus.yaml").write_text(yaml.safe_dump(config))
        options = {
            "config.file": folder / "prometheus.yaml",
            "storage.tsdb.path": folder / "data",
            "web.listen-address": f"127.0.0.1:{port}",
        }
        command = [str(program), *(f"--{name}={value}" for name, value in options.items())]
        super().__init__("prometheus", command, {}, folder)

    def get(self, path: str) -> Json:
        with urllib.request.urlopen(f"{self.url}/api/v1/{path}", timeout=5) as answer:
            found: Json = json.loads(answer.read())["data"]
        return found

    def is_up(self) -> bool:
        try:
            return [one["health"] for one in self.get("targets?state=active")["activeTargets"]] == ["up"]
        except OSError:
            return False

    def firing(self) -> dict[str, Json]:
        return {one["labels"]["alertname"]: one for one in self.get("alerts")["alerts"] if one["state"] == "firing"}


@contextmanager
def scraping(program: Path, folder: Path, port: int) -> Iterator[Prometheus]:
    server = Prometheus(program, folder, port)
    server.start()
    try:
        yield server
    finally:
        server.stop(20)


@pytest.mark.long
async def test_alerts_fire_in_a_fault_drill_and_end_with_it(opened: Opening, tmp_path: Path) -> None:
    program, port = await asyncio.to_thread(of_debian, "prometheus", "prometheus"), free_port()
    async with opened() as play:
        play.service(ORDERSAGA_METRICS_PORT=str(port))
        with scraping(program, tmp_path, port) as server:
            await until(server.is_up, 60, server.tail)
            await play.publish([placed("before")])
            await play.ended(1)
            await until(lambda: server.firing() == {}, 30, server.tail)
            play.sandbox.control("faults", "POST", {"id": "down", "action": "status", "status": 503})
            await play.publish([placed(f"{number}") for number in range(40)])
            await play.publish([{"raw": {"key": "1", "value": "no JSON", "headers": {}}}])
            await until(
                lambda: {"OrdersagaBreakerOpen", "OrdersagaDeadLetters"} <= server.firing().keys(), 60, server.tail
            )
            breaker = server.firing()["OrdersagaBreakerOpen"]
            assert (breaker["labels"]["provider"], breaker["labels"]["merchant"]) == ("klarna", "default")
            assert breaker["annotations"]["description"].startswith("klarna of default is down")
            play.sandbox.control("faults", "DELETE")
            await play.ended(41, 90)
            await until(lambda: "OrdersagaBreakerOpen" not in server.firing(), 60, server.tail)
            assert not [name for name in server.firing() if name.startswith("OrdersagaI")]
