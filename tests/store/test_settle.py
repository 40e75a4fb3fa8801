import asyncio
import contextlib

import pytest
from msgspec.structs import replace

from ordersaga.domain.model.order import Key
from ordersaga.store.appended import AppendedRows
from ordersaga.store.claims import HandBack
from ordersaga.store.errors import InputRefusedError, LeaseLostError, UnreadableError
from ordersaga.store.intake import Change
from ordersaga.store.rows import Known, Lease
from ordersaga.store.settle import SettledOrder
from ordersaga.store.store import Store

from .conftest import Connection
from .factories import LEASE, OWNER, claim, key, locked, order, outcome, put, unknown
from .test_claims import lose_lease


async def settle(
    store: Store, token: int | None, due_at: float | None = None, *, keep: bool = False, **fields: object
) -> dict[Key, Lease | None]:
    """None if the lease was lost."""
    with contextlib.suppress(LeaseLostError):
        async with store.settle_transaction() as tx:
            _, rows = await tx.lock(unknown(key()))
            row = rows[key()]
            done = replace(row.order, **fields)
            return await tx.write([SettledOrder(done, row, token, due_at, keep)], OWNER, LEASE)
    return {}


async def test_a_settle_writes_the_state_and_ends_the_lease(store: Store) -> None:
    await put(store, order())
    leased = (await claim(store)).orders[0]
    assert await settle(store, leased.token, operations=(), status="authorized") == {key(): None}
    shown = await store.show_order(key())
    assert shown is not None
    assert (shown.order.status, shown.version) == ("authorized", 2)
    assert (shown.lease_owner, shown.lease_until, shown.calling_since, shown.due_at) == (None, None, None, None)


async def test_the_next_call_goes_on_under_a_new_lease(store: Store) -> None:
    await put(store, order())
    first = (await claim(store)).orders[0]
    kept = (await settle(store, first.token, keep=True))[key()]
    assert kept is not None
    assert kept.token > first.token
    assert (await claim(store)).orders == []
    assert await settle(store, first.token) == {}
    assert await settle(store, kept.token) == {key(): None}


async def test_an_event_that_came_during_the_call_is_settled_upon(store: Store) -> None:
    await put(store, order())
    leased = (await claim(store)).orders[0]
    async with store.intake_transaction() as tx:
        row = (await locked(tx, [key()]))[key()]
        await tx.write([Change(replace(row.order, shipments=("s1",)), row, 0.0, lease=True)], "worker-2", LEASE)
    assert await settle(store, leased.token, status="authorized") == {key(): None}
    shown = await store.show_order(key())
    assert shown is not None
    assert (shown.order.shipments, shown.order.status, shown.version) == (("s1",), "authorized", 3)


async def test_an_event_that_comes_while_the_settle_holds_the_row_waits_for_it(store: Store) -> None:
    await put(store, order())
    leased = (await claim(store)).orders[0]

    async def ship() -> None:
        async with store.intake_transaction() as tx:
            row = (await locked(tx, [key()]))[key()]
            await tx.write([Change(replace(row.order, shipments=("s1",)), row, 0.0)], OWNER, LEASE)

    async with store.settle_transaction() as tx:
        _, rows = await tx.lock(unknown(key()))
        event = asyncio.create_task(ship())
        await asyncio.sleep(0.05)
        done = replace(rows[key()].order, status="authorized")
        await tx.write([SettledOrder(done, rows[key()], leased.token, None)], OWNER, LEASE)
    await event
    shown = await store.show_order(key())
    assert shown is not None
    assert (shown.order.shipments, shown.order.status) == (("s1",), "authorized")


async def test_a_row_that_is_as_it_was_known_is_not_read_again(store: Store) -> None:
    await put(store, order())
    leased = (await claim(store)).orders[0]
    async with store.settle_transaction() as tx:
        _, rows = await tx.lock([leased.known])
    assert rows[key()].order is leased.order


@pytest.mark.parametrize("change", ["version = version + 1", "updated_at = updated_at + interval '1 microsecond'"])
async def test_a_row_that_was_written_since_is_read_anew(store: Store, connection: Connection, change: str) -> None:
    """The same version at another time: a restored database has continued from an older version."""
    await put(store, order())
    leased = (await claim(store)).orders[0]
    await connection.execute(f"UPDATE orders SET {change}")
    mistaken = replace(leased.known, order=replace(leased.order, currency="XXX"))
    async with store.settle_transaction() as tx:
        _, rows = await tx.lock([mistaken])
    assert rows[key()].order == leased.order


async def test_the_lease_that_goes_on_knows_the_row_that_it_came_with(store: Store) -> None:
    await put(store, order())
    first = (await claim(store)).orders[0]
    lease = (await settle(store, first.token, keep=True, status="authorized"))[key()]
    assert lease is not None
    known = Known(replace(first.order, status="authorized"), lease.version, lease.written)
    async with store.settle_transaction() as tx:
        _, rows = await tx.lock([known])
    assert rows[key()].order is known.order


async def test_a_lost_lease_writes_nothing(store: Store, connection: Connection) -> None:
    await put(store, order())
    lost = (await claim(store)).orders[0]
    await lose_lease(connection)
    held = (await claim(store, "worker-2")).orders[0]
    assert await settle(store, lost.token, status="rejected") == {}
    assert await settle(store, held.token, status="authorized") == {key(): None}


async def test_an_answer_after_the_end_still_counts_while_nobody_else_has_the_order(
    store: Store, connection: Connection
) -> None:
    await put(store, order())
    late = (await claim(store)).orders[0]
    await lose_lease(connection)
    assert await settle(store, late.token, status="authorized") == {key(): None}


async def test_a_settle_is_done_once(store: Store) -> None:
    await put(store, order())
    leased = (await claim(store)).orders[0]
    assert await settle(store, leased.token) == {key(): None}
    assert await settle(store, leased.token) == {}, "a COMMIT whose answer was lost is repeated"
    assert await store.hand_back([HandBack(key(), leased.token)]) == set()


async def test_without_a_token_the_order_becomes_due_and_a_lease_stays(store: Store) -> None:
    await put(store, order(), due_at=None)
    assert await settle(store, None, due_at=0.0) == {key(): None}
    leased = (await claim(store)).orders[0]
    assert await settle(store, None, due_at=0.0, keep=True) == {key(): None}
    assert (await claim(store)).orders == []
    assert await settle(store, leased.token) == {key(): None}


async def test_a_lease_lost_under_the_lock_writes_nothing_of_the_batch(store: Store, connection: Connection) -> None:
    await put(store, *(order(str(number)) for number in range(5)))
    tokens = {leased.order.key: leased.token for leased in (await claim(store)).orders}
    tokens[key("3")] += 7

    async def settle_all() -> None:
        async with store.settle_transaction() as tx:
            clock, rows = await tx.lock(unknown(*tokens, key("absent")))
            assert rows.keys() == tokens.keys()
            assert clock.epoch == 1
            given = [SettledOrder(row.order, row, tokens[one], None) for one, row in rows.items()]
            await tx.write(given, OWNER, LEASE, AppendedRows(outcomes=[outcome(one) for one in rows]))

    with pytest.raises(LeaseLostError, match="order '3' of merchant 'default'"):
        await settle_all()
    assert await connection.fetchval("SELECT count(*) FROM outbox") == 0
    assert await connection.fetchval("SELECT count(*) FROM orders WHERE calling_since IS NULL") == 0


async def test_broken_books_undo_the_settle(store: Store) -> None:
    await put(store, order())
    leased = (await claim(store)).orders[0]
    with pytest.raises(InputRefusedError, match="orders_refunded_within_captured"):
        await settle(store, leased.token, refunded_amount=1)
    assert await settle(store, leased.token) == {key(): None}


async def test_a_row_that_cannot_be_read_is_named(store: Store, connection: Connection) -> None:
    await put(store, order())
    await connection.execute('UPDATE orders SET state = \'{"version": 1, "order": 5}\'')
    with pytest.raises(UnreadableError, match="order '1'") as unreadable:
        await settle(store, 1)
    assert unreadable.value.key == key()


async def test_nothing_to_settle_is_no_error(store: Store) -> None:
    async with store.settle_transaction() as tx:
        _, rows = await tx.lock([])
        assert rows == {}
        assert await tx.write([], OWNER, LEASE) == {}
