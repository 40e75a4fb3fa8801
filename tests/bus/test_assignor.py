"""Members of the newest version share the partitions; the others get them back when there is none."""

from collections.abc import Sequence
from dataclasses import replace

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer  # type: ignore[import-untyped]  # it ships no types
from aiokafka.coordinator.protocol import ConsumerProtocolMemberMetadata  # type: ignore[import-untyped]  # as above

from ordersaga.bus.assignor import shared_by_the_newest
from ordersaga.bus.batch import ConsumerOptions
from ordersaga.bus.consumer import Consumer
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


async def test_a_member_that_knows_no_versions_shares_with_all(
    make_topic: MakeTopic, consume: MakeConsumer, kafka: Kafka
) -> None:
    topic, store = await make_topic(4), MemoryStore()
    ours = [await consume(topic, store.take, store.start, group=topic, options=options) for options in (OLD, NEW)]
    await until(lambda: counts(ours) == [0, 4])
    async with AIOKafkaConsumer(topic, bootstrap_servers=kafka.bootstrap, group_id=topic):
        await until(lambda: sorted(counts(ours)) == [1, 2] or sorted(counts(ours)) == [1, 1])
    await until(lambda: counts(ours) == [0, 4])


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
