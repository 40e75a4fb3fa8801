"""The bench runs and tells every figure. How fast it is, is told and never demanded here."""

import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import msgspec
import pytest
from bench.figures import MEASURES, Figures, Ratio, median, ratios
from bench.load import Shop
from bench.report import Result

ROOT = Path(__file__).parents[2]


@pytest.mark.long
@pytest.mark.timeout(300)
def test_a_quick_run_writes_every_figure(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "bench", "--quick", "--results", str(tmp_path)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    result = msgspec.json.decode((tmp_path / "latest.json").read_bytes(), type=Result)
    assert {(one.measure, one.who) for one in result.rounds} == expected()
    assert {(one.measure, one.who) for one in result.medians} == expected()
    for one in result.medians:
        assert one.events_per_second > 0
        assert (one.p50_ms is not None) == one.measure.startswith("latency")
        assert one.commits_per_event is not None, one
    assert len(result.ratios) == 10
    assert set(result.loads) == {"events", *MEASURES}
    assert (tmp_path / "latest.svg").read_text().startswith("<?xml")


def expected() -> set[tuple[str, str]]:
    alone = {"full way, 1,000 stored", "full way, 200,000 stored"} | {
        one for one in MEASURES if " order" in f" {one}" and "latency" not in one
    }
    beside = {
        (measure, who)
        for measure in MEASURES
        for who in ("ordersaga", "floor")
        if who == "ordersaga" or measure not in alone
    }
    return beside | {(measure, "floor on aiohttp") for measure in ("full way, 0 ms", "full way, 50 ms")}


def figures(**given: Any) -> Figures:
    whole: dict[str, Any] = {
        "measure": "intake",
        "who": "ordersaga",
        "round": 1,
        "events": 100,
        "seconds": 1.0,
        "events_per_second": 100.0,
        "orders_per_second": 50.0,
        "cpu_ms_per_order": 1.0,
        "postgres_cpu_ms_per_order": None,
        "kafka_cpu_ms_per_order": None,
        "provider_cpu_share": None,
        "statements_per_event": 0.1,
        "commits_per_event": 0.01,
    }
    return Figures(**whole | given)


def test_a_median_is_of_each_figure_by_itself() -> None:
    rounds = [
        figures(round=1, events_per_second=10.0, cpu_ms_per_order=3.0),
        figures(round=2, events_per_second=30.0, cpu_ms_per_order=1.0),
        figures(round=3, events_per_second=20.0, cpu_ms_per_order=2.0),
        figures(round=1, who="floor", events_per_second=1000.0),
    ]
    found = median(rounds, "intake", "ordersaga")
    assert found is not None
    assert (found.events_per_second, found.cpu_ms_per_order, found.postgres_cpu_ms_per_order) == (20.0, 2.0, None)
    assert median(rounds, "relay", "ordersaga") is None


def test_ratios_are_ours_beside_the_floors_and_beside_ourselves() -> None:
    medians = [
        figures(
            measure=measure,
            who=who,
            events_per_second=30.0
            if measure == "full way, 50 ms" and who == "ordersaga"
            else 50.0
            if who == "ordersaga"
            else 80.0
            if who == "floor"
            else 100.0,
            p50_ms=9.0 if who == "ordersaga" else 3.0,
            p99_ms=9.0 if who == "ordersaga" else 6.0,
        )
        for measure, who in expected()
    ]
    slow = [figures(measure="latency at 160/s", p50_ms=p50) for p50 in (8.0, 11.0, 9.0)]
    found = {one.name: (one.value, one.met) for one in ratios(medians, slow)}
    assert found == {
        "full way at 0 ms, of the floor on aiohttp": (0.5, True),
        "full way at 50 ms, of its own figure at 0 ms": (0.6, False),
        "intake alone, of its floor": (0.625, True),
        "relay alone, of its floor": (0.625, True),
        "p50 at a third of the highest rate, of the floor's": (3.0, False),
        "p99 at a third of the highest rate, of the floor's": (1.5, True),
        "p50 at 160 events/s, provider at 0 ms, the worst run": (11.0, False),
        "p99 with all slots in use, of its own p50": (1.0, True),
        "p99 when saturated, of its own p50": (1.0, True),
        "full way with most orders stored, of that with 1,000": (1.0, True),
    }


def test_what_is_exactly_demanded_is_reached() -> None:
    assert Ratio("at least", 0.5, 0.5, at_least=True).met
    assert Ratio("at most", 20.0, 20.0, at_least=False).met


def test_each_order_of_the_load_is_placed_and_then_shipped() -> None:
    shop = Shop()
    events = list(shop.events(20, "x", behind=3))
    assert len({event.id for event in events}) == len(events) == 40
    placed = [event for event in events if event.what == "authorized"]
    assert [event.key for event in placed] == [event.key for event in events if event.what == "captured"]
    for number in range(20):
        ids = [event.id for event in events if event.key == f"x-{number}".encode()]
        assert ids == [f"x-{number}-placed", f"x-{number}-shipped"]
    tokens = {msgspec.json.decode(event.value)["payment"]["authorization_token"] for event in placed}
    assert len(tokens) == 20


@pytest.mark.long
@pytest.mark.timeout(300)
def test_the_size_of_an_order_is_told_by_table() -> None:
    command = [sys.executable, "-m", "bench.size", "--orders", "300"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    for table in ("orders", "journal", "inbox", "all tables"):
        assert re.search(rf"│ {table} +│ +[\d,]+ │ +[\d,]+ │", done.stdout)
    assert re.search(r"write-ahead log: [\d,]+ bytes an order", done.stdout)
    assert re.search(r"idle: [\d.]+ statements/s", done.stdout)
    assert re.search(r"memory of the service: [\d,]+ MB at most", done.stdout)


@pytest.mark.long
@pytest.mark.timeout(300)
def test_growth_is_told() -> None:
    command = [sys.executable, "-m", "bench.growth", "--stored", "1000", "3000", "--orders", "300", "--rounds", "1"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert re.search(r"│ +3,000 │ +[\d,]+ │ +[\d,]+ │", done.stdout)
    assert re.search(r"with most, relative to fewest: [\d.]+; wanted: ≥ 0.9", done.stdout)


@pytest.mark.parametrize("lines", [1, 200])
def test_carts_may_have_a_certain_number_of_lines(lines: int) -> None:
    for number in range(3):
        cart = msgspec.json.decode(Shop(lines=lines).placed("x", number).value)
        assert len(cart["order_lines"]) == lines
        assert cart["order_amount"] == sum(line["total_amount"] for line in cart["order_lines"]) > 0
        assert "order_tax_amount" not in cart, "it is worked out"
