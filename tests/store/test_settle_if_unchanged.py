"""Settling without reading the rows: the orders whose rows are unchanged, and nothing of the others."""

import asyncio
from collections.abc import Callable

import asyncpg
import pytest
from msgspec.structs import replace

from ordersaga.domain.model.order import Attention, Key
from ordersaga.store.appended import AppendedRows
from ordersaga.store.claims import ClaimedOrder
from ordersaga.store.errors import DatabaseReplacedError
from ordersaga.store.rows import Clock, Known, Lease, ProviderId, Row
from ordersaga.store.settle import SettledOrder
from ordersaga.store.store import Store

from .conftest import Connection
from .factories import LEASE, OWNER, claim, entry, key, order, outcome, put


async def settle(
    store: Store, *leases: ClaimedOrder, keep: bool = False, epoch: int = 1
) -> tuple[Clock, dict[Key, Lease | None]]:
    """Each order becomes authorized, with a row of each appended kind."""
    settled = [
        SettledOrder(
            replace(one.order, status="authorized"), Row(one.known, one.token, since=None), one.token, 0.0, keep=keep
        )
        for one in leases
    ]
    told = AppendedRows(
        [(one.order.key, entry()) for one in leases],
        [outcome(one.order.key) for one in leases],
        provider_ids=[ProviderId(one.order.key, "klarna", f"o-{one.order.key.subject}", "order") for one in leases],
    )
    return await store.settle_if_unchanged(settled, OWNER, LEASE, told, epoch)


async def told_of(connection: Connection, subject: str) -> tuple[int, int, int]:
    tables = ("journal", "outbox", "provider_ids")
    counts = [
        await connection.fetchval(f"SELECT count(*) FROM {table} WHERE subject = $1", subject) for table in tables
    ]
    return counts[0], counts[1], counts[2]


@pytest.mark.parametrize("size", [1, 500])
async def test_it_is_one_statement_and_one_commit(store: Store, size: int) -> None:
    await put(store, *(order(str(number)) for number in range(size)))
    leases = (await claim(store)).orders
    assert len(leases) == size
    counts = store.engine.counts["settle"]
    clock, written = await settle(store, *leases)
    assert written == {one.order.key: None for one in leases}
    assert (counts.statements, counts.commits) == (1, 1)
    assert clock.epoch == 1
    assert (await claim(store)).orders[0].order.status == "authorized"


async def test_a_lease_that_goes_on_is_known_by_its_new_row(store: Store) -> None:
    await put(store, order())
    [first] = (await claim(store)).orders
    _, written = await settle(store, first, keep=True)
    lease = written[key()]
    assert lease is not None
    assert lease.token > first.token
    known = Known(replace(first.order, status="authorized"), lease.version, lease.written)
    _, again = await store.settle_if_unchanged(
        [SettledOrder(first.order, Row(known, lease.token, since=None), lease.token, None)],
        OWNER,
        LEASE,
        AppendedRows(),
        1,
    )
    assert again == {key(): None}


def _by_another_lease(one: ClaimedOrder) -> ClaimedOrder:
    return replace(one, token=one.token + 1)


def _before_an_event(one: ClaimedOrder) -> ClaimedOrder:
    return replace(one, known=replace(one.known, version=one.known.version - 1))


def _in_another_life(one: ClaimedOrder) -> ClaimedOrder:
    """As known before the database was restored to its state of an hour ago and continued from there."""
    return replace(one, known=replace(one.known, written=one.known.written + 1e-6))


@pytest.mark.parametrize("stale", [_by_another_lease, _before_an_event, _in_another_life])
async def test_of_an_order_that_was_written_since_nothing_is_written_or_told(
    store: Store, connection: Connection, stale: Callable[[ClaimedOrder], ClaimedOrder]
) -> None:
    await put(store, order("1"), order("2"), order("3"))
    first, second, third = sorted((await claim(store)).orders, key=lambda one: one.order.key)
    _, written = await settle(store, first, stale(second), third)
    assert written.keys() == {key("1"), key("3")}
    assert [await told_of(connection, name) for name in "123"] == [(1, 1, 1), (0, 0, 0), (1, 1, 1)]
    shown = await store.show_order(key("2"))
    assert shown is not None
    assert (shown.order.status, shown.version, shown.lease_owner) == ("new", 1, OWNER)
    _, written = await settle(store, first, second, third)
    assert written.keys() == {key("2")}
    assert [await told_of(connection, name) for name in "123"] == [(1, 1, 1)] * 3


async def test_attentions_of_an_order_that_was_written_since_are_neither_raised_nor_cleared(
    store: Store, connection: Connection
) -> None:
    before = (Attention("answer_unknown", 1.0),)
    await put(store, order("1", attentions=before), order("2", attentions=before))
    first, second = sorted((await claim(store)).orders, key=lambda one: one.order.key)
    settled = [
        SettledOrder(
            replace(one.order, attentions=(Attention("books_differ", 2.0),)),
            Row(one.known, one.token, since=None),
            one.token,
            0.0,
        )
        for one in (first, _before_an_event(second))
    ]
    _, written = await store.settle_if_unchanged(settled, OWNER, LEASE, AppendedRows(), 1)
    assert written.keys() == {key("1")}
    rows = await connection.fetch("SELECT subject, reason FROM attentions WHERE until IS NULL ORDER BY subject")
    assert [tuple(row) for row in rows] == [("1", "books_differ"), ("2", "answer_unknown")]
    assert await connection.fetchval("SELECT subject FROM attentions WHERE until IS NOT NULL") == "1"


async def test_a_row_that_is_locked_meanwhile_is_waited_for(
    store: Store, database: str, connection: Connection
) -> None:
    """What is written to it then decides: a hint leaves it as known, an event doesn't."""
    await put(store, order("1"), order("2"), order("3"))
    leases = sorted((await claim(store)).orders, key=lambda one: one.order.key)
    other = await asyncpg.connect(database)
    change = other.transaction()
    await change.start()
    await other.execute("UPDATE orders SET hinted_at = now() WHERE subject = '1'")
    await other.execute("UPDATE orders SET version = version + 1 WHERE subject = '2'")
    settling = asyncio.create_task(settle(store, *leases))
    while not await connection.fetchval("SELECT EXISTS (SELECT FROM pg_locks WHERE NOT granted)"):  # noqa: ASYNC110 - the database has the event
        await asyncio.sleep(0.01)
    await change.commit()
    _, written = await settling
    await other.close()
    assert written.keys() == {key("1"), key("3")}
    assert [await told_of(connection, name) for name in "123"] == [(1, 1, 1), (0, 0, 0), (1, 1, 1)]
    rows = await connection.fetch(
        "SELECT status, hinted_at IS NULL AS none, due_at <= now() AS due FROM orders ORDER BY subject"
    )
    assert [tuple(row) for row in rows] == [
        ("authorized", False, True),
        ("new", True, False),
        ("authorized", True, True),
    ]


async def test_in_another_epoch_nothing_is_written(store: Store, connection: Connection) -> None:
    await put(store, order())
    leases = (await claim(store)).orders
    assert await store.raise_epoch() == 2
    clock, written = await settle(store, *leases, epoch=1)
    assert (clock.epoch, written) == (2, {})
    assert await told_of(connection, "1") == (0, 0, 0)
    _, written = await settle(store, *leases, epoch=2)
    assert written == {key(): None}


async def test_on_another_timeline_nothing_is_written_before_the_epoch_is_raised(
    store: Store, connection: Connection
) -> None:
    await put(store, order())
    leases = (await claim(store)).orders
    await connection.execute("UPDATE epoch SET lineage = '1/00000001'")
    with pytest.raises(DatabaseReplacedError):
        await settle(store, *leases)
    assert await told_of(connection, "1") == (0, 0, 0)
    shown = await store.show_order(key())
    assert shown is not None
    assert shown.version == 1


async def test_the_same_settle_again_does_nothing(store: Store, connection: Connection) -> None:
    """As if the response to the statement had been lost."""
    await put(store, order())
    leases = (await claim(store)).orders
    await settle(store, *leases)
    _, written = await settle(store, *leases)
    assert written == {}
    assert await told_of(connection, "1") == (1, 1, 1)
