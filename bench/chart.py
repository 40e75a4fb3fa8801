"""The medians as a picture: a small chart for each measure, ours beside the floors, what is demanded as a line."""

from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import matplotlib as mpl
from matplotlib.figure import Figure as Picture
from matplotlib.lines import Line2D
from matplotlib.patches import Rectangle

from bench.contenders import Who
from bench.figures import Figures, Measure
from bench.report import Result

_COLOURS: Final[dict[Who, str]] = {"ordersaga": "#1f6f5c", "floor": "#9aa5ab", "floor on aiohttp": "#cfd6da"}
_LIMIT: Final = "#c0392b"
Value = Callable[[Figures], float | None]


def allocation(result: Result, path: Path) -> None:
    mpl.rcParams.update({"font.size": 9, "svg.fonttype": "none", "axes.spines.top": False, "axes.spines.right": False})
    figure = Picture(figsize=(14, 6.4), layout="constrained")
    intake, relay, at_once, late, cpu, third, slow, share = figure.subplots(2, 4).flat
    _bars(intake, result, "intake", "Intake alone, events/s", _events, _of_floor(result, "intake", 1 / 3))
    _bars(relay, result, "relay", "Relay alone, outcomes/s", _events, _of_floor(result, "relay", 1 / 2))
    demanded = _of_floor(result, "full way, 0 ms", 0.4, "floor on aiohttp")
    _bars(at_once, result, "full way, 0 ms", "Full way, provider at 0 ms, orders/s", _orders, demanded / 2)
    own = result.median("full way, 0 ms", "ordersaga")
    _bars(
        late,
        result,
        "full way, 50 ms",
        "Full way, provider at 50 ms, orders/s",
        _orders,
        0.8 * _orders(own) if own else 0,
    )
    _bars(cpu, result, "full way, 0 ms", "CPU of the service, ms an order", lambda one: one.cpu_ms_per_order)
    _latencies(third, result, "latency at a third", "At a third of the highest rate, ms", 2)
    _latencies(slow, result, "latency at 160/s", "At 160 events/s, ms", None)
    _ratios(share, result)
    handles = [Rectangle((0, 0), 1, 1, color=colour) for colour in _COLOURS.values()]
    line = Line2D([0], [0], color=_LIMIT, linestyle="--")
    figure.legend([*handles, line], [*_COLOURS, "demanded"], loc="outside lower center", ncols=4, frameon=False)
    found = result.machine
    figure.suptitle(
        f"{found.cores} cores for everything ({found.cpu}); medians of {max(one.round for one in result.rounds)} rounds"
    )
    figure.savefig(path, metadata={"Date": None})


def _events(one: Figures) -> float:
    return one.events_per_second


def _orders(one: Figures) -> float:
    return one.orders_per_second


def _of_floor(result: Result, measure: Measure, target: float, who: Who = "floor") -> float:
    floor = result.median(measure, who)
    return target * floor.events_per_second if floor else 0.0


def _bars(axes: Any, result: Result, measure: Measure, title: str, value: Value, demanded: float = 0.0) -> None:
    found = {who: value(one) or 0.0 for who in _COLOURS if (one := result.median(measure, who)) is not None}
    bars = axes.bar(range(len(found)), list(found.values()), color=[_COLOURS[who] for who in found], width=0.65)
    axes.bar_label(bars, fmt=lambda height: f"{height:,.0f}" if height >= 10 else f"{height:.2f}", padding=2)
    axes.set_xticks([])
    axes.margins(y=0.15)
    axes.set_title(title, loc="left")
    if demanded:
        axes.axhline(demanded, color=_LIMIT, linestyle="--", linewidth=1)


def _latencies(axes: Any, result: Result, measure: Measure, title: str, times: float | None) -> None:
    """p50 and p99 beside each other; ours may be `times` the floor's, else p50 at most 10 ms."""
    for offset, who in ((-0.2, "ordersaga"), (0.2, "floor")):
        one = next((one for one in result.medians if (one.measure, one.who) == (measure, who)), None)
        if one is None or one.p50_ms is None or one.p99_ms is None:
            continue
        places, heights = [offset, 1 + offset], [one.p50_ms, one.p99_ms]
        axes.bar_label(axes.bar(places, heights, color=_COLOURS[one.who], width=0.38), fmt="%.1f", padding=2)
        limits = [times * height for height in heights] if times and who == "floor" else []
        for place, limit in enumerate(limits):
            axes.hlines(limit, place - 0.42, place + 0.42, color=_LIMIT, linestyle="--", linewidth=1)
    if times is None:
        axes.hlines(10, -0.42, 0.42, color=_LIMIT, linestyle="--", linewidth=1)
    axes.set_xticks([0, 1], ["p50", "p99"])
    axes.margins(y=0.15)
    axes.set_title(title, loc="left")


def _ratios(axes: Any, result: Result) -> None:
    """Each value as a share of what is demanded: at or above 1 is reached."""
    names = [
        "full way 0 ms",
        "full way 50 ms",
        "intake",
        "relay",
        "p50 at a third",
        "p99 at a third",
        "p50 at 160/s",
        "p99 / p50, busy",
        "p99 / p50, saturated",
        "200,000 stored",
    ]
    shares = [one.value / one.target if one.at_least else one.target / one.value for one in result.ratios]
    colours = ["#1f6f5c" if one.met else _LIMIT for one in result.ratios]
    places = range(len(names), 0, -1)
    axes.bar_label(axes.barh(places, shares, color=colours, height=0.6), fmt="%.2f", padding=2)
    axes.set_yticks(list(places), names)
    axes.axvline(1, color=_LIMIT, linestyle="--", linewidth=1)
    axes.margins(x=0.15)
    axes.set_title("Share of what is demanded", loc="left")
