"""Attentions are rows of their own: several of one order live beside each other."""

from typing import Any

from msgspec.structs import replace

from ordersaga.domain.model.order import Attention
from ordersaga.store.intake import Change
from ordersaga.store.store import Store

from .conftest import Connection
from .factories import locked, order

ONE = Attention("answer_lost", 1.5, "op-1", "look it up")
TWO = Attention("authorization_expires", 2.5, None, "capture it")


async def rows(connection: Connection) -> list[tuple[Any, ...]]:
    query = "SELECT reason, operation_id, until IS NULL AS open, advice, resolved_by FROM attentions ORDER BY id"
    return [tuple(row) for row in await connection.fetch(query)]


async def write(store: Store, attentions: tuple[Attention, ...], by: str = "ordersaga") -> None:
    new = order()
    async with store.intake_transaction() as tx:
        row = (await locked(tx, [new.key])).get(new.key)
        changed = replace(row.order if row else new, attentions=attentions)
        await tx.write([Change(changed, row, None, by=by)])


async def test_one_that_is_cleared_clears_no_other(store: Store, connection: Connection) -> None:
    await write(store, (ONE, TWO))
    await write(store, (TWO,), by="grace")
    assert await rows(connection) == [
        ("answer_lost", "op-1", False, "look it up", "grace"),
        ("authorization_expires", "", True, "capture it", None),
    ]


async def test_a_write_that_changes_none_leaves_them(store: Store, connection: Connection) -> None:
    await write(store, (ONE,))
    before = await rows(connection)
    await write(store, (ONE,))
    assert await rows(connection) == before


async def test_one_that_is_raised_again_is_open_once(store: Store, connection: Connection) -> None:
    await write(store, (ONE,))
    await write(store, (replace(ONE, since=9.0, advice="now"),))
    assert await rows(connection) == [("answer_lost", "op-1", True, "now", None)]
    await write(store, ())
    await write(store, (ONE,))
    assert [row[2] for row in await rows(connection)] == [False, True]
