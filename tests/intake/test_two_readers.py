"""Two processes at once, of which one can't read what the other one writes: partitions stand, and nothing is lost or jumped over."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import pytest
from prometheus_client import REGISTRY

from ordersaga.bus import membership
from ordersaga.bus.records import Partition
from ordersaga.store.heartbeats import Beat
from ordersaga_local.admin import create_topics
from ordersaga_local.parts import Kafka
from roles_harness import NEW_KEY, TOPIC, Roles, Shop, listening, publish, roles, run_sql, until_async


@asynccontextmanager
async def old_and_new(database: str) -> AsyncIterator[tuple[Roles, Roles]]:
    """The new one has taken order 1 in, and is live."""
    async with roles(database) as old, roles(database, owner="new", vault=NEW_KEY, dispatcher=False) as new:
        await new.store.beat("new", Beat())
        yield old, new


async def gone(database: str) -> None:
    """The new process, and another one has watched for long enough to know it."""
    await run_sql(database, "UPDATE heartbeats SET seen_at = now() - interval '61 s'")
    await run_sql(
        database,
        "INSERT INTO heartbeats (owner, beat, version, key_ids, since)"
        " VALUES ('watching', 1, 1, '{\"\",k}', now() - interval '61 s')",
    )


def standing() -> float:
    return REGISTRY.get_sample_value("ordersaga_partitions_standing_total") or 0.0


async def subjects(r: Roles) -> set[str]:
    return {one["subject"] for one in await r.outcomes()}


async def test_a_partition_stands_and_everything_else_is_taken_in(database: str) -> None:
    first, second, third = Shop(0), Shop(1), Shop(2)
    async with old_and_new(database) as (old, new):
        await new.take(first.placed("1"), third.placed("3"))
        batch = [
            first.placed("before"),
            first.shipped("1"),
            first.placed("behind"),
            second.placed("beside"),
            third.shipped("3"),
        ]
        count = standing()
        found = await old.intake.take(batch, {Partition(TOPIC, 0): 0.0, Partition(TOPIC, 1): 0.0})
        assert found == {Partition(TOPIC, 0): 2, Partition(TOPIC, 2): None}
        assert standing() == count + 2
        await old.until_idle()
        assert await subjects(old) == {"before", "beside"}
        assert await old.store.offsets(TOPIC) == {0: 2, 1: 1, 2: 1}
        (caught_up,) = await run_sql(
            database, "SELECT count(caught_up_at) AS n FROM intake_offsets WHERE partition = 0"
        )
        assert caught_up["n"] == 0, "a partition that stands isn't read to its end"
        assert await old.dead_letter_codes() == []


async def test_if_no_live_process_can_read_it_the_event_is_a_dead_letter(database: str) -> None:
    shop = Shop()
    async with old_and_new(database) as (old, new):
        await new.take(shop.placed("1"))
        await gone(database)
        assert await old.intake.take([shop.shipped("1"), shop.placed("behind")], {}) == {}
        await old.until_idle()
        assert await old.dead_letter_codes() == ["internal_error"]
        assert await subjects(old) == {"behind"}


async def test_the_other_process_takes_the_partition_and_the_order_of_events_is_kept(
    database: str, kafka: Kafka, topic_name: Callable[[str], str]
) -> None:
    topic = topic_name("shop.orders")
    group = f"g-{topic}"
    await create_topics(kafka.bootstrap, topic, partitions=2)
    first, second = Shop(0, topic), Shop(1, topic)
    async with old_and_new(database) as (old, new):
        async with listening(new, kafka.bootstrap, topic, group):
            await publish(kafka.bootstrap, first.placed("1"))
            await until_async(lambda: taken(new, topic, {0: 1}))
        new.start_claiming()
        async with listening(old, kafka.bootstrap, topic, group):
            events = [first.shipped("1"), first.placed("behind"), first.shipped("1", 2), second.placed("beside")]
            await publish(kafka.bootstrap, *events)
            await until_async(lambda: told(old, {"1", "beside"}))
            await publish(kafka.bootstrap, second.shipped("beside", 3), second.placed("later"))
            await until_async(lambda: taken(old, topic, {0: 1, 1: 3}))
            assert await new.outcome_types("1") == ["authorized"]
        async with listening(new, kafka.bootstrap, topic, group):
            await until_async(lambda: told(new, {"1", "behind", "beside", "later"}))
            await until_async(lambda: taken(new, topic, {0: 4, 1: 3}))
            await until_async(lambda: captured(new))
        assert await old.dead_letter_codes() == []
        causes = [one["cause"]["id"].partition("-")[2] for one in await new.outcomes("1")]
        assert causes == ["1", *(f"1-{offset}" for offset in (1, 3))], "in the order of the events"


async def taken(r: Roles, topic: str, offsets: dict[int, int]) -> bool:
    return (await r.store.offsets(topic)).items() >= offsets.items()


async def told(r: Roles, wanted: set[str]) -> bool:
    return await subjects(r) == wanted


async def captured(r: Roles) -> bool:
    return (await r.outcome_types("1")).count("captured") == 2


async def test_a_partition_that_stands_is_read_again_in_the_same_process(
    database: str, kafka: Kafka, topic_name: Callable[[str], str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(membership, "MAX_PAUSE", 0.3)
    topic = topic_name("shop.orders")
    await create_topics(kafka.bootstrap, topic, partitions=1)
    shop = Shop(0, topic)
    async with old_and_new(database) as (old, new):
        await new.take(shop.placed("1"))
        await publish(kafka.bootstrap, shop.placed("ignored"))  # offset 0, which `new` has taken in from elsewhere
        async with listening(old, kafka.bootstrap, topic, f"g-{topic}"):
            before = standing()
            await publish(kafka.bootstrap, shop.placed("2"), shop.shipped("1"), shop.placed("3"))
            await until_async(lambda: stood_more_than_once(before))
            assert await subjects(old) == {"2"}
            await gone(database)
            await until_async(lambda: told(old, {"2", "3"}))
        assert await old.dead_letter_codes() == ["internal_error"]


async def stood_more_than_once(before: float) -> bool:
    return standing() >= before + 2
