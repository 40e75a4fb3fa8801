"""The long lists of an order, in rows of their own: an event writes only the rows that it changes.

Of each list the full chunks are rows, and what follows them is in the order's state.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Final

import msgspec
from asyncpg import Record
from msgspec import Raw
from msgspec.structs import replace

from ordersaga.domain.model.order import Capture, Key, Order, Refund
from ordersaga.store.rows import WRITTEN, Known, columns_of, key_of
from ordersaga.store.session import Part, Session
from ordersaga.store.unknown_fields import merged

SIZE: Final = 32
"""Of a chunk. It must never change: stored lists are cut by it."""
_LISTS: Final[Mapping[str, type[Any]]] = {"captures": Capture, "refunds": Refund, "shipments": str, "returns": str}
_DECODERS: Final = {
    name: msgspec.json.Decoder(tuple[kind, ...])  # type: ignore[valid-type]  # a type that is a value
    for name, kind in _LISTS.items()
}
_rows: Final = msgspec.json.Decoder(list[tuple[str, int, Raw]])
_encode: Final = msgspec.json.Encoder().encode

Counts = Mapping[str, int]
"""How many chunks each list has; one without any is missing."""
NO_CHUNKS: Final[Counts] = {}

CHUNKS: Final = """
(SELECT json_agg(json_build_array(c.list, c.number, c.content))::text FROM order_chunks AS c
 WHERE o.chunks > 0 AND (c.merchant, c.kind, c.subject) = (o.merchant, o.kind, o.subject)) AS chunk_contents"""
"""Only for a statement that locks no order: it would see the chunks as they were before it waited for the lock."""

_READ: Final = f"""
SELECT o.merchant, o.kind, o.subject, o.version, {WRITTEN}, o.state::text AS state, o.sealed, o.sealed_key, o.chunks,
       {CHUNKS}
FROM unnest($1::text[], $2::text[], $3::text[]) AS g(merchant, kind, subject)
JOIN orders AS o USING (merchant, kind, subject)"""  # noqa: S608 - of constants

_WRITE: Final = """
INSERT INTO order_chunks (merchant, kind, subject, list, number, content)
SELECT merchant, kind, subject, list, number, json::json
FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::int[], $6::text[])
     AS g(merchant, kind, subject, list, number, json) {condition}
ON CONFLICT (merchant, kind, subject, list, number) DO UPDATE SET content = excluded.content"""


def without_chunks(order: Order) -> tuple[Order, Counts]:
    """The order as its state has it."""
    if max(len(order.captures), len(order.refunds), len(order.shipments), len(order.returns)) < SIZE:
        return order, NO_CHUNKS
    lists = {name: getattr(order, name) for name in _LISTS}
    counts = {name: len(found) // SIZE for name, found in lists.items() if len(found) >= SIZE}
    return replace(order, **{name: lists[name][count * SIZE :] for name, count in counts.items()}), counts


def with_chunks(order: Order, counts: Counts, stored: str | None) -> Order:
    """The whole order. Raises MsgspecError if a chunk is missing or damaged."""
    found = {(name, number): content for name, number, content in _rows.decode(stored or "[]")}
    lists: dict[str, list[Any]] = {}
    for name, count in counts.items():
        chunks = [_DECODERS[name].decode(_chunk(found, name, number)) for number in range(count)]
        lists[name] = [one for chunk in chunks for one in chunk]
    return replace(order, **{name: (*before, *getattr(order, name)) for name, before in lists.items()})


def contents(stored: str | None) -> dict[str, list[Any]]:
    """The stored members of each list, as decoded JSON."""
    lists: dict[str, list[Any]] = {}
    for name, _, content in sorted(_rows.decode(stored or "[]"), key=lambda row: row[:2]):
        lists.setdefault(name, []).extend(msgspec.json.decode(content))
    return lists


def _chunk(found: Mapping[tuple[str, int], Raw], name: str, number: int) -> Raw:
    if (name, number) not in found:
        raise msgspec.ValidationError(f"chunk {number} of its {name} is missing")
    return found[name, number]


def _stored(known: Known | None) -> Order | None:
    """The order as its stored chunks have it; None: they have nothing, as it is new, or its lists were stored uncut."""
    if known is None or (known.chunks is not None and known.chunks != count(known.order)):
        return None
    return known.order


async def read(session: Session, keys: Iterable[Key]) -> dict[Key, Record]:
    """State, version and chunks of orders; one statement, none for no orders."""
    wanted = list(keys)
    records = await session.fetch(_READ, *columns_of(wanted)) if wanted else []
    return {key_of(record): record for record in records}


def count(order: Order) -> int:
    """How many chunks its lists have."""
    return sum(without_chunks(order)[1].values())


def changes(orders: Sequence[tuple[Known | None, Order]], condition: str = "") -> Iterator[Part]:
    """One part for the chunks that differ between what was known of an order and what it is now; none if none does."""
    rows = [
        (after.key, name, number, _encode(chunk).decode())
        for known, after in orders
        for name, number, chunk in _changed(known, after)
    ]
    if rows:
        keys, names, numbers, contents = (list(column) for column in zip(*rows, strict=True))
        yield Part("new_chunks", _WRITE.format(condition=condition), (*columns_of(keys), names, numbers, contents))


def _changed(known: Known | None, after: Order) -> Iterator[tuple[str, int, Sequence[Any]]]:
    if max(len(after.captures), len(after.refunds), len(after.shipments), len(after.returns)) < SIZE:
        return
    if after.unknown_fields.state:  # the chunks have those of their members
        lists, before = merged(after), None
    else:
        lists, before = {name: getattr(after, name) for name in _LISTS}, _stored(known)
    for name in _LISTS:
        new, old = lists.get(name, ()), () if before is None else getattr(before, name)
        if new is old:
            continue
        for number in range(len(new) // SIZE):
            place = slice(number * SIZE, (number + 1) * SIZE)
            if new[place] != old[place]:  # equal objects are mostly the same ones, which costs nothing to see
                yield name, number, new[place]
