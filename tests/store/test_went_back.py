"""A database that lacks what was written to it is recognised, and the epoch is raised once."""

import asyncio

import pytest

from ordersaga.store.errors import DatabaseReplacedError, OffsetsMovedError
from ordersaga.store.heartbeats import Beat
from ordersaga.store.intake import OffsetProgress
from ordersaga.store.store import Store
from ordersaga.store.upkeep import PartitionEnd

from .conftest import Connection
from .factories import claim, inbox, look_up_inbox, order, put

TOPIC = "shop.orders"
ELSEWHERE = "UPDATE epoch SET lineage = '1/00000001'"


async def epoch_of(connection: Connection) -> int:
    return int(await connection.fetchval("SELECT epoch FROM epoch"))


async def write(store: Store, first: int, following: int, stored: int | None) -> None:
    async with store.intake_transaction() as tx:
        await tx.write(progress=[OffsetProgress(TOPIC, 0, first, following, stored=stored)])


async def test_beats_grow_and_raise_nothing(store: Store, connection: Connection) -> None:
    first = await store.beat("one", Beat())
    second = await store.beat("one", first.beat)
    assert (first.beat, second.beat) == (Beat(1, 1), Beat(2, 1))
    assert (second.went_back, second.replaced, second.raised) == (False, False, False)
    assert await epoch_of(connection) == 1


async def test_a_process_that_starts_again_under_its_name_raises_nothing(store: Store, connection: Connection) -> None:
    known = (await store.beat("one", Beat())).beat
    assert (await store.beat("one", known)).beat == Beat(2, 1)
    again = await store.beat("one", Beat())
    assert (again.beat, again.went_back) == (Beat(3, 1), False)
    assert await epoch_of(connection) == 1


async def test_a_beat_whose_commit_was_not_acknowledged_raises_nothing(store: Store, connection: Connection) -> None:
    known = (await store.beat("one", Beat())).beat
    await store.beat("one", known)
    assert not (await store.beat("one", known)).went_back
    assert await epoch_of(connection) == 1


@pytest.mark.parametrize("lost", ["UPDATE heartbeats SET beat = 4", "DELETE FROM heartbeats"])
async def test_a_lost_beat_raises_the_epoch_once_for_all(store: Store, connection: Connection, lost: str) -> None:
    owners = ("one", "two", "three")
    await connection.executemany(
        "INSERT INTO heartbeats (owner, beat, version, key_ids) VALUES ($1, 8, 1, '{}')", [(owner,) for owner in owners]
    )
    known = {owner: (await store.beat(owner, Beat(8, 1))).beat for owner in owners}
    await connection.execute(lost)
    heard = await asyncio.gather(*(store.beat(owner, known[owner]) for owner in owners))
    assert all(one.went_back for one in heard)
    assert sum(one.raised for one in heard) == 1
    later = [await store.beat(owner, one.beat) for owner, one in zip(owners, heard, strict=True)]
    assert [(one.went_back, one.raised, one.beat.epoch) for one in later] == [(False, False, 2)] * 3
    assert await epoch_of(connection) == 2


async def test_an_epoch_that_was_itself_lost_is_exceeded(store: Store, connection: Connection) -> None:
    """Outcomes of the lost epoch have ids that must not be used again."""
    await store.beat("one", Beat())
    await connection.execute("UPDATE heartbeats SET beat = 1")
    assert (await store.beat("one", Beat(5, 7))).beat.epoch == 8


async def test_another_timeline_raises_the_epoch_once_for_all(store: Store, connection: Connection) -> None:
    known = (await store.beat("one", Beat())).beat
    await connection.execute(ELSEWHERE)
    heard = await asyncio.gather(store.beat("one", known), store.beat("two", Beat()))
    assert sum(one.raised for one in heard) == 1
    assert not any(one.went_back for one in heard)
    assert await epoch_of(connection) == 2


async def test_until_the_epoch_is_raised_nothing_is_claimed_or_written(store: Store, connection: Connection) -> None:
    await put(store, order())
    await store.beat("one", Beat())
    await connection.execute(ELSEWHERE)
    with pytest.raises(DatabaseReplacedError):
        await claim(store)
    with pytest.raises(DatabaseReplacedError):
        async with store.intake_transaction() as tx:
            await look_up_inbox(tx, [inbox("a")])
    with pytest.raises(DatabaseReplacedError):
        async with store.settle_transaction() as settling:
            await settling.lock([])
    assert await connection.fetchval("SELECT count(*) FROM orders WHERE lease_until IS NOT NULL") == 0
    await store.beat("one", Beat())
    assert len((await claim(store)).orders) == 1


async def test_a_restore_that_is_recorded_by_hand_is_not_recorded_again(store: Store, connection: Connection) -> None:
    await store.beat("one", Beat())
    await connection.execute(ELSEWHERE)
    assert await store.raise_epoch() == 2
    assert not (await store.beat("two", Beat())).raised
    assert await epoch_of(connection) == 2


async def test_only_one_process_raises_the_epoch_beyond_the_one_that_it_knew(store: Store) -> None:
    raised = await asyncio.gather(*(store.raise_epoch_beyond(1) for _ in range(3)))
    assert sorted(raised, key=bool) == [None, None, 2]


async def test_a_standby_or_a_server_that_refuses_has_no_lineage(connection: Connection) -> None:
    lineage = await connection.fetchval("SELECT ordersaga_lineage()")
    system, timeline = lineage.split("/")
    assert system.isdigit()
    assert timeline == "00000001"
    await connection.execute("CREATE ROLE weak_reader")
    try:
        await connection.execute("REVOKE EXECUTE ON FUNCTION pg_control_system() FROM PUBLIC; SET ROLE weak_reader")
        assert await connection.fetchval("SELECT ordersaga_lineage()") is None
    finally:
        await connection.execute("RESET ROLE; GRANT EXECUTE ON FUNCTION pg_control_system() TO PUBLIC")
        await connection.execute("DROP ROLE weak_reader")


@pytest.mark.parametrize("lost", ["UPDATE intake_offsets SET next_offset = 4", "DELETE FROM intake_offsets"])
async def test_offsets_that_were_lost_are_not_jumped_over(store: Store, connection: Connection, lost: str) -> None:
    await write(store, 0, 10, None)
    await connection.execute(lost)
    with pytest.raises(OffsetsMovedError):
        await write(store, 10, 20, 10)
    assert (await store.offsets(TOPIC)).get(0, 0) < 10


async def test_a_gap_before_the_first_record_is_no_lost_offset(store: Store) -> None:
    """Control records of transactions, and records that were compacted."""
    await write(store, 0, 10, None)
    await write(store, 13, 20, 10)
    assert await store.offsets(TOPIC) == {0: 20}


@pytest.mark.parametrize("lost", ["UPDATE intake_offsets SET next_offset = 4", "DELETE FROM intake_offsets"])
async def test_a_partition_whose_offset_was_lost_is_not_at_its_end(
    store: Store, connection: Connection, lost: str
) -> None:
    await write(store, 0, 10, None)
    assert await store.record_caught_up([PartitionEnd(TOPIC, 0, 11, 10)], 0.0) == [PartitionEnd(TOPIC, 0, 10)]
    await connection.execute(lost)
    assert await store.record_caught_up([PartitionEnd(TOPIC, 0, 11, 10)], 0.0) == []
    assert (await store.offsets(TOPIC)).get(0, 0) < 10


async def test_heartbeats_of_processes_that_ended_are_pruned(store: Store, connection: Connection) -> None:
    await store.beat("ended", Beat())
    await connection.execute("UPDATE heartbeats SET seen_at = now() - interval '2 days'")
    await store.beat("alive", Beat())
    await store.prune_heartbeats(86_400.0)
    assert await connection.fetchval("SELECT string_agg(owner, ',') FROM heartbeats") == "alive"
