import asyncio

from ordersaga.store.appended import AppendedRows
from ordersaga.store.outbox import shard_of
from ordersaga.store.rows import OutboxRow
from ordersaga.store.store import Store
from ordersaga.store.tables import SHARDS

from .conftest import Connection
from .factories import key, outcome

ALL = range(SHARDS)


async def publish(store: Store, *rows: OutboxRow) -> None:
    async with store.intake_transaction() as tx:
        await tx.write(appended=AppendedRows(outcomes=rows))


async def test_a_lone_relay_takes_all_shards(store: Store) -> None:
    assert await store.take_shards("r1", 30) == [*ALL]
    assert await store.take_shards("r1", 30) == [*ALL]


async def test_a_second_relay_gets_its_half_by_and_by(store: Store) -> None:
    await store.take_shards("r1", 30)
    assert await store.take_shards("r2", 30) == []
    first = await store.take_shards("r1", 30)
    second = await store.take_shards("r2", 30)
    assert sorted(first + second) == [*ALL]
    assert len(first) == len(second)


async def test_relays_that_start_at_once_never_share_a_shard(store: Store) -> None:
    names = [f"r{number}" for number in range(5)]
    for _ in range(4):
        taken = await asyncio.gather(*(store.take_shards(name, 30) for name in names))
        shards = [shard for one in taken for shard in one]
        assert len(shards) == len(set(shards))
    assert sorted(shards) == [*ALL]


async def test_the_shards_of_a_dead_relay_go_to_another_at_the_end_of_its_lease(store: Store) -> None:
    await store.take_shards("dead", 0.2)
    assert await store.take_shards("r1", 30) == []
    await asyncio.sleep(0.25)
    assert await store.take_shards("r1", 30) == [*ALL]


async def test_a_relay_that_leaves_hands_over_at_once(store: Store) -> None:
    await store.take_shards("r1", 30)
    await store.leave_shards("r1")
    assert await store.take_shards("r2", 30) == [*ALL]


async def test_an_order_stays_in_its_shard() -> None:
    assert [shard_of(key(name)) for name in ("1", "536365", "ä")] == [15, 12, 15]
    assert {shard_of(key(str(number))) for number in range(1_000)} == {*ALL}


async def test_rows_come_in_the_order_in_which_an_order_decided(store: Store) -> None:
    await publish(store, outcome(key("a"), 1), outcome(key("b"), 1), outcome(key("a"), 2))
    await publish(store, outcome(key("b"), 2), outcome(key("a"), 3))
    rows = await store.read_outbox(ALL, 100)
    assert [row.id for row in rows] == sorted(row.id for row in rows)
    assert [row.row.sequence for row in rows if row.row.key == key("a")] == [1, 2, 3]
    assert rows[0].row == outcome(key("a"))
    assert [row.row.key for row in await store.read_outbox(ALL, 2)] == [key("a"), key("b")]
    assert await store.read_outbox([shard_of(key("b"))], 100) == [row for row in rows if row.row.key == key("b")]
    assert await store.read_outbox([], 100) == []


async def test_a_row_that_becomes_visible_late_is_not_left_out(store: Store) -> None:
    async with store.intake_transaction() as late:
        await late.write(appended=AppendedRows(outcomes=[outcome(key("late"))]))
        await publish(store, outcome(key("early")))
        [early] = await store.read_outbox(ALL, 100)
    [found] = await store.read_outbox(ALL, 100, published=[early.id])
    assert found.row.key == key("late")
    assert found.id < early.id


async def test_bytes_are_kept_as_they_are(store: Store) -> None:
    row = OutboxRow(key(), 1, "payments.order.captured.v1", bytes(range(256)), b"\0{}")
    await publish(store, row)
    assert (await store.read_outbox(ALL, 1))[0].row == row


async def test_only_the_owner_of_a_shard_deletes_from_it(store: Store, connection: Connection) -> None:
    await publish(store, outcome(key("a")), outcome(key("b")))
    ids = [row.id for row in await store.read_outbox(ALL, 100)]
    assert await store.delete_outbox(ids, "r1") == 0
    await store.take_shards("r1", 30)
    await connection.execute("UPDATE relay_shards SET owner = 'r2' WHERE shard = $1", shard_of(key("a")))
    assert await store.delete_outbox(ids, "r1") == 1
    assert [row.row.key for row in await store.read_outbox(ALL, 100)] == [key("a")]
    await connection.execute("UPDATE relay_shards SET owner = 'r1', lease_until = now()")
    assert await store.delete_outbox(ids, "r1") == 0
