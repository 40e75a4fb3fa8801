"""Members of the newest version share the partitions; the others get them back when there is none."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import replace

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer  # type: ignore[import-untyped]  # it ships no types
from aiokafka.coordinator.protocol import ConsumerProtocolMemberMetadata  # type: ignore[import-untyped]  # as above

from ordersaga.bus.assignor import shared_by_the_newest
from ordersaga.bus.batch import ConsumerOptions
from ordersaga.bus.consumer import Consumer
from ordersaga.bus.records import Partition
from ordersaga_local.parts import Kafka

from .conftest import FAST, MakeConsumer, MakeTopic
from .doubles import MemoryStore, until

OLD, NEW = replace(FAST, version=1), replace(FAST, version=2)


def counts(consumers: Sequence[Consumer]) -> list[int]:
    return [len(one.health().partitions) for one in consumers]


async def test_newer_members_take_all_partitions_and_older_ones_get_them_back(
    make_topic: MakeTopic, shop: AIOKafkaProducer, consume: MakeConsumer
) -> None:
    topic, store = await make_topic(4), MemoryStore()

    async def member(options: ConsumerOptions) -> Consumer:
        return await consume(topic, store.take, store.start, group=topic, options=options)

    async def publish_and_await(first: int) -> None:
        for number in range(first, first + 40):
            await shop.send(topic, b"%d" % number, b"%d" % number)
        await until(lambda: len(store.records) == first + 40)

    old = [await member(OLD), await member(OLD)]
    await until(lambda: counts(old) == [2, 2])
    new = [await member(NEW)]
    await until(lambda: counts([*old, *new]) == [0, 0, 4])
    await publish_and_await(0)
    new.append(await member(NEW))
    await until(lambda: counts([*old, *new]) == [0, 0, 2, 2])
    assert all(one.health().running for one in old)
    await publish_and_await(40)
    for one in new:
        await one.stop()
    await until(lambda: counts(old) == [2, 2])
    await publish_and_await(80)


async def test_a_member_that_knows_no_versions_gets_none_where_another_is_the_leader(
    make_topic: MakeTopic, consume: MakeConsumer, kafka: Kafka
) -> None:
    topic, store = await make_topic(4), MemoryStore()
    ours = [await consume(topic, store.take, store.start, group=topic, options=options) for options in (OLD, NEW)]
    await until(lambda: counts(ours) == [0, 4])
    async with AIOKafkaConsumer(topic, bootstrap_servers=kafka.bootstrap, group_id=topic) as foreign:
        assert not foreign.assignment()
        await until(lambda: counts(ours) == [0, 4] and all(one.health().running for one in ours))


async def test_members_where_one_knows_no_versions_and_is_the_leader_share_all(
    make_topic: MakeTopic, consume: MakeConsumer, kafka: Kafka
) -> None:
    topic, store = await make_topic(4), MemoryStore()
    async with AIOKafkaConsumer(topic, bootstrap_servers=kafka.bootstrap, group_id=topic) as leader:
        await until(lambda: len(leader.assignment()) == 4)
        ours = [await consume(topic, store.take, store.start, group=topic, options=options) for options in (OLD, NEW)]
        await until(lambda: sorted([len(leader.assignment()), *counts(ours)]) == [1, 1, 2])
    await until(lambda: counts(ours) == [0, 4])


async def test_a_group_comes_to_rest_when_its_members_join_at_once(
    make_topic: MakeTopic, consume: MakeConsumer
) -> None:
    topic, starts = await make_topic(6), 0

    async def start(_partitions: Sequence[Partition]) -> Mapping[Partition, int]:
        nonlocal starts
        starts += 1
        return {}

    joining = (consume(topic, MemoryStore().take, start, group=topic, options=NEW) for _ in range(3))
    members = await asyncio.gather(*joining)
    await until(lambda: counts(members) == [2, 2, 2] and all(one.health().positioned for one in members))
    before = starts
    await asyncio.sleep(2)
    assert starts == before, "no partition was assigned anew"


class Topics:
    """A cluster with one topic of two partitions."""

    @staticmethod
    def partitions_for_topic(_topic: str) -> set[int]:
        return {0, 1}


def test_a_version_is_read_whatever_follows_it_and_none_is_the_oldest() -> None:
    def of(user_data: bytes | None) -> ConsumerProtocolMemberMetadata:
        return ConsumerProtocolMemberMetadata(0, ["orders"], user_data)

    members = {"a": of(None), "b": of(b""), "c": of(b"\0\0\0\1"), "d": of(b"\0\0\0\2and more"), "e": of(b"\0\0\0\2")}
    shared = shared_by_the_newest(Topics, members)
    assert {name: one.assignment for name, one in shared.items()} == {
        "a": [], "b": [], "c": [], "d": [("orders", [0])], "e": [("orders", [1])]
    }  # fmt: skip


async def test_by_default_a_member_hears_of_a_rebalance_within_half_a_second(
    make_topic: MakeTopic, consume: MakeConsumer
) -> None:
    """Partitions of a member that has left wait for the next heartbeat of the slowest other one."""
    topic, store = await make_topic(1), MemoryStore()
    consumer = await consume(topic, store.take, store.start, options=ConsumerOptions())
    membership = consumer._membership
    assert membership is not None
    assert membership._consumer is not None
    assert membership._consumer._heartbeat_interval_ms <= 500
