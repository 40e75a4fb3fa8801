"""`kill -9` amid calls of two providers, with lost answers as well: the same ends, every effect once."""

import asyncio
import random
from collections import Counter
from collections.abc import Callable
from typing import Final

import pytest

from .conftest import Opening
from .killing import kill
from .mollie import amiss, line, part, purchase
from .play import Json, Play, event, placed

LOST: Final = (
    ("POST", "/payments/v1/authorizations/{authorization_token}/order"),
    ("POST", "/ordermanagement/v1/orders/{order_id}/captures"),
    ("POST", "/ordermanagement/v1/orders/{order_id}/refunds"),
    ("POST", "/v2/orders"),
    ("POST", "/v2/orders/{order_id}/shipments"),
    ("POST", "/v2/orders/{order_id}/refunds"),
    ("PATCH", "/v2/orders/{order_id}/lines"),
    ("DELETE", "/v2/orders/{order_id}/lines"),
    ("DELETE", "/v2/orders/{order_id}"),
)
A: Final = line("A", 4, 500)
SETTINGS: Final = {
    "ORDERSAGA_PAYMENT__FIRST": "0.3",
    "ORDERSAGA_PAYMENT__MOST": "1",
    "ORDERSAGA_WAITS__ORDER": "5",
    "ORDERSAGA_WAITS__SHIPMENT": "5",
}
_CREATED: Final = {"create": 1, "payment": 1, "authorize": 1}


class Life:
    """`events`: types and data after the `placed`. `took`: effects at the provider, by kind."""

    def __init__(self, made: Callable[[str], Json], took: dict[str, int], *events: tuple[str, Json]) -> None:
        self.made = made
        self.took = took
        self.events = events

    def told(self, name: str) -> list[Json]:
        later = [event(name, number, what, data) for number, (what, data) in enumerate(self.events, 2)]
        return [self.made(name), *later]


def _at_mollie(method: str) -> Callable[[str], Json]:
    return lambda name: event(name, 1, "placed", purchase(A, method=method, mark="+pay"))


_ONE: Final = {"order_lines": [part("A", 1)]}
LIVES: Final = {
    "klarna": Life(placed, {"authorize": 1, "capture": 1, "refund": 1}, ("shipped", {}), ("returned", {})),
    "shipped": Life(
        _at_mollie("klarna"),
        _CREATED | {"capture": 2, "refund": 1},
        ("shipped", {"shipment_id": "s1", **_ONE}),
        ("shipped", {"shipment_id": "s2"}),
        ("returned", _ONE),
    ),
    "paid": Life(
        _at_mollie("ideal"), _CREATED | {"capture": 1, "shipment": 1, "refund": 1}, ("shipped", {}), ("returned", {})
    ),
    "cancelled": Life(_at_mollie("klarna"), _CREATED | {"cancel": 1}, ("cancelled", {})),
    "reduced": Life(
        _at_mollie("klarna"),
        _CREATED | {"release": 2, "capture": 1},
        ("cancelled", _ONE),
        ("shipped", _ONE),
        ("closed", {}),
    ),
    "amended": Life(
        _at_mollie("klarna"),
        _CREATED | {"update": 1, "capture": 1},
        ("amended", {"order_amount": 3000, "order_lines": [line("A", 6, 500)]}),
        ("shipped", {}),
    ),
}


def _hinder(play: Play) -> list[str]:
    """Many responses are late, some are lost although the call took effect. The ids of what is late."""
    late = []
    for seed, (method, route) in enumerate(LOST):
        where = {"method": method, "route": route, "seed": seed}
        play.sandbox.control("faults", "POST", where | {"action": "drop_after", "probability": 0.1})
        delay = {"action": "delay", "effect": True, "seconds": 0.3, "probability": 0.6}
        late.append(play.sandbox.control("faults", "POST", where | delay)["id"])
    return late


def _differences(play: Play, names: dict[str, str]) -> list[str]:
    """Orders whose effects aren't those of their lives."""
    took: dict[str, Counter[str]] = {name: Counter() for name in names}
    for effect in play.sandbox.effects():
        took[effect["merchant_reference1"] or effect["reference"]][effect["kind"]] += 1
    return [f"{name}: {dict(took[name])}" for name, life in names.items() if took[name] != LIVES[life].took]


@pytest.mark.parametrize(
    ("each", "times"), [pytest.param(6, 3, id="three"), pytest.param(40, 24, id="two dozen", marks=pytest.mark.long)]
)
async def test_a_service_killed_amid_the_calls_of_two_providers_comes_to_the_right_end(
    opened: Opening, each: int, times: int
) -> None:
    names = {f"{life}-{number}": life for number in range(each) for life in LIVES}
    lives = [LIVES[life].told(name) for name, life in names.items()]
    events = [told[step] for step in range(4) for told in lives if step < len(told)]
    async with opened(SETTINGS, slots=4) as play:
        late = _hinder(play)
        publishing = asyncio.create_task(play.publish(events, rate=len(events) / (times + 1)))
        service, dice, unsettled = play.service(), random.Random(times), []
        for _ in range(times):
            unsettled.append(await kill(play, service, dice, reading=False))
            service.start()
        await publishing
        for delay in late:
            play.sandbox.control(f"faults/{delay}", "DELETE")
        await play.ended(len(events), 120)
        print(f"calls unsettled at each of {times} kills: {unsettled}")
        assert sum(map(bool, unsettled)) >= times / 2
        assert _differences(play, names) == []
        refused = [one for finals in play.books.finals.values() for one in finals if one.what == "rejected"]
        assert [(one.order, one.data["error"]) for one in refused] == []
        assert all(len(finals) == 1 for finals in play.books.finals.values())
        assert await amiss(play) == []
