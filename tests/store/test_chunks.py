"""The hundredth capture of an order costs no more to write than the first."""

import asyncio
import json
from collections.abc import Sequence
from typing import Any

import msgspec
import pytest
from asyncpg import Record
from msgspec.structs import replace

from ordersaga.domain.model.order import Allocation, Capture, Order, Refund
from ordersaga.store.appended import NO_ROWS
from ordersaga.store.chunks import SIZE
from ordersaga.store.codec import Codec
from ordersaga.store.errors import UnreadableError
from ordersaga.store.intake import Change
from ordersaga.store.rows import Known, Row
from ordersaga.store.session import Session
from ordersaga.store.settle import SettledOrder
from ordersaga.store.store import Store
from ordersaga.store.vault import Vault

from .conftest import Connection
from .factories import LEASE, OWNER, claim, key, locked, order, put


def captured(one: Order, number: int) -> Order:
    """With one more capture, its refund, shipment and return."""
    name = f"{number:08}-0000-0000-0000-000000000000"
    return replace(
        one,
        order_amount=1_000_000,
        captured_amount=number * 10,
        refunded_amount=number,
        captures=(*one.captures, Capture(name, 10, name, (Allocation(0, 1, 10),))),
        refunds=(*one.refunds, Refund(name, 1, name, name)),
        shipments=(*one.shipments, name),
        returns=(*one.returns, name),
    )


def with_captures(count: int) -> Order:
    one = order()
    for number in range(1, count + 1):
        one = captured(one, number)
    return one


@pytest.fixture
def sent(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Bytes of text in the arguments of each statement."""
    sizes: list[int] = []
    fetch = Session.fetch

    async def counted(session: Session, sql: str, *arguments: Any) -> Sequence[Record]:
        sizes.append(
            sum(len(text) for one in arguments if isinstance(one, list) for text in one if isinstance(text, str))
        )
        return await fetch(session, sql, *arguments)

    monkeypatch.setattr(Session, "fetch", counted)
    return sizes


async def add_capture(store: Store, number: int) -> None:
    async with store.intake_transaction() as tx:
        row = (await locked(tx, [key()]))[key()]
        await tx.write([Change(captured(row.order, number), row, 0.0)])


async def shown(store: Store) -> Order:
    found = await store.show_order(key())
    assert found is not None
    return found.order


async def test_an_event_writes_as_much_at_the_first_hundredth_and_five_hundredth_capture(
    store: Store, sent: list[int]
) -> None:
    written = {}
    for count in (0, 4 * SIZE, 16 * SIZE):
        await store.engine.pool.dispose()
        if count:
            async with store.intake_transaction() as tx:
                row = (await locked(tx, [key()]))[key()]
                await tx.write([Change(replace(with_captures(count), sequence=2), row, 0.0)])
        else:
            await put(store, order())
        sizes = []
        for number in range(count + 1, count + SIZE + 1):  # the last one fills a chunk
            await add_capture(store, number)
            sizes.append(sent[-1])
        written[count] = max(sizes)
        assert await shown(store) == replace(with_captures(count + SIZE), sequence=2 if count else 1)
    assert max(written.values()) < 1.1 * written[0], written


async def test_a_whole_order_comes_out_of_every_read(store: Store) -> None:
    whole = with_captures(3 * SIZE + 5)
    await put(store, whole)
    assert await shown(store) == whole
    async with store.intake_transaction() as tx:
        assert (await locked(tx, [key()]))[key()].order == whole
    [claimed] = (await claim(store)).orders
    assert claimed.order == whole
    async with store.settle_transaction() as tx2:
        _, rows = await tx2.lock([Known(whole, 0, 0.0)])
        assert rows[key()].order == whole
        _, rows = await tx2.lock([claimed.known])
        assert rows[key()].order is claimed.order, "what is unchanged isn't read again"


async def test_settling_writes_the_chunks_that_it_changes_and_no_others(store: Store, connection: Connection) -> None:
    await put(store, with_captures(3 * SIZE + 5))
    [one] = (await claim(store)).orders
    refunded = [*one.order.captures]
    refunded[SIZE + 1] = replace(refunded[SIZE + 1], refunded=3)
    after = replace(one.order, captures=tuple(refunded))
    before = {tuple(row)[:2]: row["xmin"] for row in await chunk_rows(connection)}
    settled = SettledOrder(after, Row(one.known, one.token, None), one.token, 0.0)
    _, written = await store.settle_if_unchanged([settled], OWNER, LEASE, NO_ROWS, 1)
    assert written.keys() == {one.order.key}
    now = {tuple(row)[:2]: row["xmin"] for row in await chunk_rows(connection)}
    assert {name for name in now if now[name] != before[name]} == {("captures", 1)}
    assert await shown(store) == after
    [one] = (await claim(store)).orders
    async with store.settle_transaction() as tx:
        _, rows = await tx.lock([one.known])
        await tx.write(
            [SettledOrder(captured(rows[key()].order, 3 * SIZE + 6), rows[key()], one.token, 0.0)], OWNER, LEASE
        )
    assert [tuple(row) for row in await chunk_rows(connection)] == [(*name, xmin) for name, xmin in now.items()]


async def chunk_rows(connection: Connection) -> list[Record]:
    rows: list[Record] = await connection.fetch(
        "SELECT list, number, xmin::text FROM order_chunks ORDER BY list, number"
    )
    return rows


async def test_nothing_is_written_if_the_order_has_changed(store: Store, connection: Connection) -> None:
    await put(store, with_captures(SIZE - 1))
    [one] = (await claim(store)).orders
    await connection.execute("UPDATE orders SET version = version + 1, updated_at = now()")
    after = captured(one.order, SIZE)
    settled = SettledOrder(after, Row(one.known, one.token, None), one.token, 0.0)
    _, written = await store.settle_if_unchanged([settled], OWNER, LEASE, NO_ROWS, 1)
    assert written == {}
    assert await chunk_rows(connection) == []


async def test_who_waits_for_the_lock_sees_the_chunks_that_were_written_meanwhile(store: Store) -> None:
    await put(store, with_captures(SIZE - 1))

    async def add() -> None:
        async with store.intake_transaction() as tx:
            row = (await locked(tx, [key()]))[key()]
            await asyncio.sleep(0.05)
            await tx.write([Change(captured(row.order, len(row.order.captures) + 1), row, 0.0)])

    await asyncio.gather(*(add() for _ in range(4)))
    assert await shown(store) == with_captures(SIZE + 3)


async def test_a_list_that_shrinks_leaves_nothing_behind(store: Store) -> None:
    await put(store, with_captures(2 * SIZE))
    async with store.intake_transaction() as tx:
        row = (await locked(tx, [key()]))[key()]
        await tx.write([Change(with_captures(SIZE + 2), row, 0.0)])
    assert await shown(store) == with_captures(SIZE + 2)


async def test_a_chunk_that_is_missing_makes_the_order_unreadable(store: Store, connection: Connection) -> None:
    await put(store, with_captures(2 * SIZE))
    await connection.execute("DELETE FROM order_chunks WHERE list = 'refunds' AND number = 1")
    with pytest.raises(UnreadableError, match="chunk 1 of its refunds is missing"):
        await shown(store)
    assert [one.key for one in (await claim(store)).unreadable] == [key()]


async def test_a_batch_takes_one_statement_more_if_it_has_such_orders(store: Store) -> None:
    await put(store, *(replace(with_captures(2 * SIZE), key=key(str(number))) for number in range(20)), order("short"))
    for names, statements in ((["short"], 2), ([*map(str, range(20)), "short"], 3)):
        before = store.engine.counts["intake"].statements
        async with store.intake_transaction() as tx:
            await locked(tx, [key(name) for name in names])
        assert store.engine.counts["intake"].statements - before == statements, "BEGIN among them"


async def stored_uncut(connection: Connection, store: Store, count: int) -> Order:
    """As a version that knew no chunks stored it."""
    whole = with_captures(count)
    await put(store, replace(whole, captures=(), refunds=(), shipments=(), returns=()))
    state = json.loads(Codec(Vault({"k1": bytes(range(32))}, "k1")).state(with_captures(1)))
    lists = json.loads(msgspec.json.encode(replace(whole, details=order().details)))
    state["order"] = {**lists, "details": {}}
    del state["order"]["details"]
    await connection.execute("UPDATE orders SET state = $1, chunks = 0", json.dumps(state))
    return whole


async def test_lists_that_were_stored_uncut_are_cut_by_the_first_write(store: Store, connection: Connection) -> None:
    whole = await stored_uncut(connection, store, SIZE + 8)
    assert await shown(store) == whole
    await add_capture(store, SIZE + 9)
    assert await shown(store) == with_captures(SIZE + 9)


@pytest.mark.parametrize("at_once", [True, False])
async def test_lists_that_were_stored_uncut_are_cut_by_a_settle(
    store: Store, connection: Connection, *, at_once: bool
) -> None:
    whole = await stored_uncut(connection, store, SIZE + 8)
    [one] = (await claim(store)).orders
    settled = SettledOrder(one.order, Row(one.known, one.token, None), one.token, 0.0)
    if at_once:
        _, written = await store.settle_if_unchanged([settled], OWNER, LEASE, NO_ROWS, 1)
        assert written.keys() == {one.order.key}
    else:
        async with store.settle_transaction() as tx:
            _, rows = await tx.lock([one.known])
            await tx.write([replace(settled, row=rows[key()])], OWNER, LEASE)
    assert await shown(store) == whole
    assert len(await chunk_rows(connection)) == 4


async def test_unknown_fields_within_chunks_survive(store: Store, connection: Connection) -> None:
    await put(store, with_captures(SIZE + 2))
    content = json.loads(await connection.fetchval("SELECT content FROM order_chunks WHERE list = 'captures'"))
    for one in content:
        one["batch"] = one["id"]
    await connection.execute("UPDATE order_chunks SET content = $1 WHERE list = 'captures'", json.dumps(content))
    state = json.loads(await connection.fetchval("SELECT state FROM orders"))
    for one in state["order"]["captures"]:
        one["batch"] = one["id"]
    state["fields"] = "of a newer version"
    await connection.execute("UPDATE orders SET state = $1", json.dumps(state))
    async with store.intake_transaction() as tx:
        row = (await locked(tx, [key()]))[key()]
        captures = [*row.order.captures]
        captures[3] = replace(captures[3], refunded=5)
        await tx.write([Change(replace(row.order, captures=tuple(captures)), row, 0.0)])
    for number in range(SIZE + 3, 2 * SIZE + 1):  # those of the state move into a chunk
        await add_capture(store, number)
    found = await connection.fetch("SELECT content FROM order_chunks WHERE list = 'captures' ORDER BY number")
    kept = [
        one["batch"] == one["id"] for row in found for one in json.loads(row["content"])[: SIZE + 2] if "batch" in one
    ]
    assert (len(kept), all(kept)) == (SIZE + 2, True)
    assert (await shown(store)).captures[3].refunded == 5
