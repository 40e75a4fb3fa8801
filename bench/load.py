"""The load: a shop's orders, each placed and shipped whole, with the carts of the sample and ids of their own."""

import asyncio
import gzip
import hashlib
import itertools
import json
import random
import statistics
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from aiokafka import AIOKafkaProducer  # type: ignore[import-untyped]  # it ships no types
from msgspec import Struct

_SAMPLE: Final = Path(__file__).parents[1] / "sample"
_FEWEST_LINES: Final = 8
_MOST_LINES: Final = 40
_TOKEN: Final = "sbx-to-be-named"
_BEHIND: Final = 250  # a shop ships later than it sells: so many orders are placed in between
_AT_ONCE: Final = 2_000
_TIME: Final = b"2011-03-01T12:00:00Z"


class Event(Struct, frozen=True):
    """A CloudEvent in binary content mode; `what`: the outcome that it must end in."""

    id: str
    key: bytes
    value: bytes
    headers: tuple[tuple[str, bytes], ...]
    what: str


class Shop:
    """Carts of the sample that the provider accepts, of one merchant, with 8 to 40 lines, in a fixed disorder.

    `scattered`: order ids that don't follow one another, as random ones don't; an index takes them in all over.
    `lines`: carts of exactly so many of the same lines.
    """

    def __init__(self, *, scattered: bool = False, lines: int | None = None) -> None:
        self._scattered: Final = scattered
        carts = list(_carts(_accepted()))
        if lines is not None:
            carts = list(_of_lines(carts, lines))
        random.Random(1).shuffle(carts)
        self._carts: Final = [json.dumps(cart, separators=(",", ":")).encode() for cart in carts]
        found = [len(cart["order_lines"]) for cart in carts]
        self.described: Final = (
            f"{len(carts)} carts of the sample with {min(found)} to {max(found)} lines (mean {statistics.mean(found):.1f}), "
            f"placed events of {statistics.mean(map(len, self._carts)):,.0f} bytes on average"
        )

    def placed(self, prefix: str, number: int) -> Event:
        name = self._name(prefix, number)
        cart = self._carts[number % len(self._carts)]
        return _event(name, "placed", cart.replace(_TOKEN.encode(), b"sbx-" + name.encode()), "authorized")

    def shipped(self, prefix: str, number: int) -> Event:
        name = self._name(prefix, number)
        data = {
            "shipment_id": f"{name}-a",
            "shipping_info": [{"shipping_company": "Post", "tracking_number": f"TR{name}"}],
        }
        return _event(name, "shipped", json.dumps(data).encode(), "captured")

    def part_shipped(self, prefix: str, number: int, part: int) -> Event:
        """One piece of the order's line, of `long_lived`."""
        name = self._name(prefix, number)
        data = {"shipment_id": f"{name}-{part}", "order_lines": [{"reference": "piece", "quantity": 1}]}
        return _event(name, f"shipped-{part}", json.dumps(data).encode(), "captured", "shipped")

    def long_lived(self, prefix: str, number: int, pieces: int) -> Event:
        """Placed, with one line that is shipped piece by piece."""
        name = self._name(prefix, number)
        line = {"reference": "piece", "name": "A piece", "quantity": pieces, "unit_price": 125, "tax_rate": 2000}
        cart = {
            "payment": {"provider": "klarna", "authorization_token": f"sbx-{name}"},
            "purchase_country": "GB",
            "purchase_currency": "GBP",
            "order_amount": 125 * pieces,
            "order_lines": [{**line, "total_amount": 125 * pieces}],
        }
        return _event(name, "placed", json.dumps(cart).encode(), "authorized")

    def _name(self, prefix: str, number: int) -> str:
        name = f"{prefix}-{number}"
        return hashlib.md5(name.encode(), usedforsecurity=False).hexdigest() if self._scattered else name

    def events(self, orders: int, prefix: str, behind: int = _BEHIND) -> Iterator[Event]:
        """Two of each order: shipped `behind` orders after it was placed."""
        for number in range(orders + behind):
            if number < orders:
                yield self.placed(prefix, number)
            if number >= behind:
                yield self.shipped(prefix, number - behind)


def _event(name: str, what: str, value: bytes, ends_in: str, kind: str = "") -> Event:
    """`kind`: of the event, where `what` says more."""
    event_id = f"{name}-{what}"
    headers = (
        ("ce_specversion", b"1.0"),
        ("ce_id", event_id.encode()),
        ("ce_source", b"/shop"),
        ("ce_type", f"shop.order.{kind or what}.v1".encode()),
        ("ce_subject", name.encode()),
        ("ce_time", _TIME),
        ("content-type", b"application/json"),
    )
    return Event(event_id, name.encode(), value, headers, ends_in)


def _accepted() -> set[str]:
    """Ids of the sample's placed events that end in `authorized`."""
    expected = json.loads(gzip.decompress((_SAMPLE / "expected.json.gz").read_bytes()))
    return {
        event
        for order in expected["orders"]
        if order["merchant"] == "default"
        for event, outcome in order["events"].items()
        if outcome["type"] == "authorized"
    }


def _carts(accepted: set[str]) -> Iterator[dict[str, Any]]:
    for line in gzip.decompress((_SAMPLE / "events.ndjson.gz").read_bytes()).splitlines():
        event: Mapping[str, Any] = json.loads(line)
        data = event.get("data")
        if event.get("type") != "shop.order.placed.v1" or event["id"] not in accepted or not isinstance(data, dict):
            continue
        payment = data["payment"]
        few = _FEWEST_LINES <= len(data.get("order_lines", ())) <= _MOST_LINES
        if few and set(payment) == {"provider", "authorization_token"} and not data.get("auto_capture"):
            yield {**data, "payment": {**payment, "authorization_token": _TOKEN}}


def _of_lines(carts: Sequence[dict[str, Any]], count: int) -> Iterator[dict[str, Any]]:
    lines = itertools.cycle([line for cart in carts for line in cart["order_lines"] if line["total_amount"] > 0])
    for cart in carts:
        own = list(itertools.islice(lines, count))
        plain = {name: value for name, value in cart.items() if name != "order_tax_amount"}
        yield {**plain, "order_lines": own, "order_amount": sum(line["total_amount"] for line in own)}


async def fill(kafka: str, topic: str, events: Iterable[Event]) -> int:
    """Publishes them all; how many they were."""
    producer = AIOKafkaProducer(bootstrap_servers=kafka, acks="all", linger_ms=5, max_batch_size=900_000)
    await producer.start()
    count = 0
    try:
        sent = []
        for event in events:
            sent.append(await producer.send(topic, event.value, event.key, headers=list(event.headers)))
            count += 1
            if len(sent) == _AT_ONCE:
                await asyncio.gather(*sent)
                sent.clear()
        await asyncio.gather(*sent)
    finally:
        await producer.stop()
    return count
