"""GET /v2/orders: the list of all orders, newest first, in which one is looked for whose creation wasn't answered.

Sources: mollie/api-documentation, list-orders.rst, overview/pagination.rst: `from` names the first order of a page.
"""

from typing import Any, Final
from urllib.parse import parse_qs, urlencode, urlsplit

import msgspec
from msgspec import Struct, field

from ordersaga.domain.model.order import Operation, Request
from ordersaga.domain.model.results import Result, Succeeded
from ordersaga.providers.http import Answer
from ordersaga.providers.mollie import books
from ordersaga.providers.mollie.operation import MollieOperation
from ordersaga.providers.mollie.requests import ORDERS

_LIMIT: Final = 250
_CLOCKS_DIFFER: Final = 3_600.0
_MOST_UNFINISHED: Final = 1_000

_Key = tuple[str, float | None, float, int]


class _Order(Struct, rename="camel"):
    id: str
    created_at: str
    metadata: Any = None


class _Orders(Struct):
    orders: list[_Order]


class _Link(Struct):
    href: str


class _Links(Struct):
    next: _Link | None = None


class Page(Struct):
    embedded: _Orders = field(name="_embedded")
    links: _Links = field(name="_links", default_factory=_Links)


class Place(Struct, frozen=True):
    """Where a search goes on: at the page of `limit` orders that begins with `start`; None: the newest."""

    start: str | None = None
    limit: int = _LIMIT

    def smaller(self) -> "Place | None":
        """With half the orders, where the answer is too large to be read, or too slow."""
        return Place(self.start, self.limit // 2) if self.limit > 1 else None


class Found(Struct, frozen=True):
    id: str


class Further(Struct, frozen=True):
    """On the page that begins with this order."""

    start: str


class Unfinished:
    """Where searches go on that didn't come to their end within the deadline.

    An order that is made meanwhile is newer than the place. It may be ours only if the request arrives late: that is what the
    second search is for, which begins anew. So does one after another send.
    """

    def __init__(self) -> None:
        self._places: dict[_Key, Place] = {}

    def take(self, operation: Operation) -> Place:
        return self._places.pop(_key(operation), Place())

    def put(self, operation: Operation, place: Place) -> None:
        """The eldest is forgotten if there are too many."""
        while len(self._places) >= _MOST_UNFINISHED:
            del self._places[next(iter(self._places))]
        self._places[_key(operation)] = place


def _key(operation: Operation) -> _Key:
    return operation.id, operation.last_sent, operation.looked_up, operation.absent


_PAGE: Final = msgspec.json.Decoder(Page)


def page(place: Place) -> Request:
    query = {"limit": str(place.limit)} if place.start is None else {"from": place.start, "limit": str(place.limit)}
    return Request("GET", f"{ORDERS}?{urlencode(query)}")


def look(body: bytes, operation: Operation) -> Found | Further | None:
    """What a page shows of the order that the operation may have made; None: it isn't there. Raises msgspec.MsgspecError."""
    shown = _PAGE.decode(body)
    since = (operation.first_sent or operation.opened) - _CLOCKS_DIFFER
    for order in shown.embedded.orders:
        if books.operation_of(order.metadata) == operation.id:
            return Found(order.id)
        at = books.seconds(order.created_at)
        if at is None:
            raise msgspec.ValidationError("an order without a time")
        if at < since:
            return None
    if shown.links.next is None:
        return None
    return Further(_start_of(shown.links.next.href))


def _start_of(href: str) -> str:
    """Of a link only this is believed, never its host or path."""
    given = parse_qs(urlsplit(href).query).get("from", [])
    if len(given) != 1:
        raise msgspec.ValidationError("a link to the next page that names no order")
    return given[0]


def _listed(_answer: Answer, _operation: Operation | None, correlation_id: str | None) -> Result:
    return Succeeded(correlation_id=correlation_id, searched=True)


LIST: Final = MollieOperation(name="create_order_to_pay", freeze=None, success=_listed)
"""A page of the list: no operation of its own, but the evidence of one."""
