"""A story: the events of one order, in the order in which the shop publishes them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from random import Random
from typing import Any

from sample.oracle import Event

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Step:
    """An event and when it is published, which is seldom other than when it happened."""

    at: datetime
    event: Json


@dataclass(slots=True)
class Story:
    """`complete`: every line was shipped by line, so that returns of goods can be told. `prefix`: of its event ids.

    `begin` tells how the order comes about, if not by one `placed`.
    """

    merchant: str
    subject: str
    kind: str
    cart: Json
    start: datetime
    rng: Random
    complete: bool = False
    prefix: str = ""
    begin: Callable[[Story], None] | None = None
    steps: list[Step] = field(default_factory=list)

    def tell(self, what: str, data: Json, *, hours: float = 0, early: bool = False) -> None:
        """Add an event some hours after the last one, or published just before it though it happens later."""
        last = self.steps[-1].at if self.steps else self.start
        happened = last + timedelta(hours=hours, seconds=self.rng.randrange(1, 600) if hours else 0)
        at = last + timedelta(seconds=1) if early else happened
        self.steps.append(Step(at, self.event(what, data, happened)))

    def event(self, what: str, data: Json, happened: datetime) -> Json:
        """The next event, by its id."""
        number = len(self.steps) + 1
        return {
            "specversion": "1.0",
            "id": f"{self.prefix}{self.subject}-{number}",
            "source": "/shop",
            "type": f"shop.order.{what}.v1",
            "subject": self.subject,
            "time": happened.strftime("%Y-%m-%dT%H:%M:%SZ"),
            "merchant": self.merchant,
            "datacontenttype": "application/json",
            "data": data,
        }

    def place(self, *, early: bool = False) -> None:
        if self.begin is None:
            self.tell("placed", self.cart, early=early)
        else:
            self.begin(self)

    def ship(self, data: Json | None = None, *, hours: float = 0) -> None:
        self.tell("shipped", data or {}, hours=hours or self.rng.uniform(4, 60))

    def events(self) -> list[Event]:
        return [as_event(step.event) for step in self.steps]


def pays_with(token: str, value: str) -> Json:
    """`token`: `authorization_token` or `customer_token`."""
    return {"provider": "klarna", token: value}


def token_of(cart: Json) -> str:
    """Which of the two."""
    return "customer_token" if "customer_token" in cart["payment"] else "authorization_token"


def as_event(event: Json) -> Event:
    return Event(event["merchant"], event["source"], event["id"], event["type"], event["subject"], event["data"])


def goods(cart: Json) -> Counter[str]:
    """Quantities by reference of what can be shipped."""
    lines = cart["order_lines"]
    kinds = {"physical", "digital"}
    found = [line for line in lines if line.get("type", "physical") in kinds and line["quantity"]]
    found = found or [line for line in lines if line["total_amount"] > 0]
    stock: Counter[str] = Counter()
    for line in found:
        stock[line["reference"]] += line["quantity"]
    return stock


def split_lines(stock: Counter[str], portions: int, rng: Random) -> list[Counter[str]]:
    """Whole references, spread over the portions; fewer portions where there aren't enough."""
    parts = [Counter[str]() for _ in range(portions)]
    for index, reference in enumerate(rng.sample(sorted(stock), len(stock))):
        parts[index % portions if index < portions else rng.randrange(portions)][reference] = stock[reference]
    return [part for part in parts if part]


def split_quantities(stock: Counter[str], portions: int, rng: Random) -> list[Counter[str]]:
    """Each reference's quantity cut at random places: portions of odd sizes, which round oddly."""
    parts = [Counter[str]() for _ in range(portions)]
    for reference, quantity in stock.items():
        cuts = sorted(rng.randrange(quantity + 1) for _ in range(portions - 1))
        for part, low, high in zip(parts, [0, *cuts], [*cuts, quantity], strict=True):
            if high > low:
                part[reference] = high - low
    return [part for part in parts if part]


def named(part: Counter[str]) -> list[Json]:
    return [{"reference": reference, "quantity": quantity} for reference, quantity in part.items()]
