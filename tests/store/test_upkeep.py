import pytest

from ordersaga.store.appended import AppendedRows
from ordersaga.store.dead_letters import Content, DeadLetter
from ordersaga.store.engine import Engine
from ordersaga.store.errors import MasterKeyError
from ordersaga.store.intake import OffsetProgress
from ordersaga.store.reads import Count
from ordersaga.store.rows import Clock
from ordersaga.store.store import Store
from ordersaga.store.upkeep import PartitionEnd
from ordersaga.store.vault import Vault

from .conftest import Connection
from .factories import claim, inbox, key, look_up_inbox, order, outcome, put


async def clock(store: Store) -> Clock:
    return (await claim(store, free=[])).clock


async def test_a_wrong_master_key_stops_the_start(store: Store, database: str) -> None:
    wrong = Store(Engine(database), Vault({"k1": bytes(32)}, "k1"))
    with pytest.raises(MasterKeyError, match="the master key 'k1' isn't the one that this database knows by that id"):
        await wrong.open()
    await wrong.close()


async def test_a_new_master_key_under_a_new_id_is_welcome(store: Store, database: str) -> None:
    keys = {"k1": bytes(range(32)), "k2": bytes(32)}
    await put(store, order())
    async with Store(Engine(database), Vault(keys, "k2")) as rotated:
        assert await rotated.show_order(key()) is not None


async def test_a_known_master_key_that_is_not_given_is_told_at_the_start(store: Store, database: str) -> None:
    forgetful = Store(Engine(database), Vault({"k2": bytes(32)}, "k2"))
    assert await forgetful.open() == ["k1"]
    await forgetful.close()
    assert await store.open() == ["k2"]


async def test_a_restore_raises_the_epoch(store: Store) -> None:
    before = await clock(store)
    assert (before.epoch, before.raised_at) == (1, 0.0)
    assert await store.raise_epoch() == 2
    after = await clock(store)
    assert after.epoch == 2
    assert before.now <= after.raised_at <= after.now


async def test_the_watermark_is_that_of_the_slowest_partition(store: Store) -> None:
    assert (await clock(store)).input_watermark == 0.0
    await store.record_caught_up([PartitionEnd("shop.orders", 0, 0), PartitionEnd("shop.orders", 1, 5)], 2.0)
    lookup = await clock(store)
    assert lookup.now - lookup.input_watermark == pytest.approx(2.0, abs=1.0)
    async with store.intake_transaction() as tx:
        await tx.write(progress=[OffsetProgress("shop.orders", 2, 0, 10)])
    assert (await clock(store)).input_watermark == 0.0
    async with store.intake_transaction() as tx:
        await tx.write(
            progress=[OffsetProgress("shop.orders", 2, 10, 11, caught_up=0.5), OffsetProgress("shop.orders", 1, 5, 6)]
        )
        told = await look_up_inbox(tx, [])
    assert told.clock.input_watermark == pytest.approx(lookup.input_watermark, abs=0.01)
    assert await store.offsets("shop.orders") == {0: 0, 1: 6, 2: 11}


async def test_a_topic_that_is_no_longer_taken_in_holds_nothing_back(store: Store, database: str) -> None:
    async with store.intake_transaction() as tx:
        await tx.write(progress=[OffsetProgress("old.topic", 0, 0, 10)])
    await store.record_caught_up([PartitionEnd("shop.orders", 0, 0)], 0.0)
    assert (await clock(store)).input_watermark == 0.0
    async with Store(Engine(database), Vault({"k1": bytes(range(32))}, "k1"), ["shop.orders"]) as other:
        assert (await clock(other)).input_watermark > 0


async def test_who_has_lost_a_partition_cannot_say_that_it_is_at_its_end(store: Store) -> None:
    async with store.intake_transaction() as tx:
        await tx.write(progress=[OffsetProgress("shop.orders", 0, 0, 10)])
    await store.record_caught_up([PartitionEnd("shop.orders", 0, 9)], 0.0)
    assert (await clock(store)).input_watermark == 0.0
    assert await store.offsets("shop.orders") == {0: 10}


async def test_the_inbox_forgets_in_batches_what_is_old(store: Store, connection: Connection) -> None:
    async with store.intake_transaction() as tx:
        await look_up_inbox(tx, [inbox(str(number)) for number in range(5)])
    await connection.execute("UPDATE inbox SET taken_at = now() - interval '8 days' WHERE id <> '0'")
    week = 7 * 86_400
    assert [await store.prune_inbox(week, 3) for _ in range(3)] == [3, 1, 0]
    async with store.intake_transaction() as tx:
        assert (await look_up_inbox(tx, [inbox("0"), inbox("1")])).matches == ["same", "new"]


async def test_an_open_order_that_is_not_due_is_found(store: Store, connection: Connection) -> None:
    await put(store, order("stuck"), order("at rest", operations=()), due_at=None)
    await put(store, order("due"))
    await put(store, order("blocked", blocked="a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11"), due_at=None)
    assert await store.stuck() == [key("stuck")]
    await connection.execute("SET enable_seqscan = off")
    plan = await connection.fetch(
        "EXPLAIN SELECT merchant FROM orders WHERE is_open AND due_at IS NULL AND attention IS NULL AND blocked IS NULL"
    )
    assert "orders_stuck_idx" in str(plan)


async def test_statistics_show_what_waits_and_what_is_wrong(store: Store, connection: Connection) -> None:
    empty = await store.statistics()
    assert (empty.outbox_rows, empty.outbox_age, empty.overdue, empty.intake_lag) == (0, 0.0, [], 0.0)
    await put(store, order("stuck"), due_at=None)
    await put(store, order("overdue"))
    async with store.intake_transaction() as tx:
        await tx.write(appended=AppendedRows(outcomes=[outcome(key(str(number))) for number in range(3)]))
        await tx.write(
            appended=AppendedRows(dead_letters=[DeadLetter("t", 0, 0, Content(None, None), "too_old", "…", "f")])
        )
    statistics = await store.statistics()
    assert statistics.outbox_rows == 3
    assert 0 <= statistics.outbox_age < 5
    assert statistics.overdue == [Count("default", "klarna", 1)]
    assert statistics.stuck == [Count("default", "", 1)]
    assert statistics.dead_letters == [Count("too_old", "open", 1)]
    assert statistics.leases_lost == []
    await claim(store)
    await lose_lease_of(connection)
    assert (await store.statistics()).leases_lost == [Count("default", "klarna", 1)]


async def lose_lease_of(connection: Connection) -> None:
    await connection.execute("UPDATE orders SET lease_until = now(), due_at = now() WHERE lease_until IS NOT NULL")
