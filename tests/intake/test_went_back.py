"""The database loses what it had committed, while the consumer of shop events runs."""

from collections.abc import Callable

import pytest
from aiokafka import AIOKafkaProducer  # type: ignore[import-untyped]  # it ships no types

from ordersaga.bus.records import Partition
from ordersaga.store.errors import DatabaseWentBackError
from ordersaga_local.admin import create_topics
from ordersaga_local.parts import Kafka
from roles_harness import TOPIC, Shop, listening, publish, roles, run_sql, until, until_async

FORGET = (
    "DELETE FROM inbox WHERE id LIKE '%-lost'",
    "DELETE FROM orders WHERE subject = 'lost'",
    "DELETE FROM outbox WHERE subject = 'lost'",
    "DELETE FROM provider_ids WHERE subject = 'lost'",
    "UPDATE intake_offsets SET next_offset = 1",
)


async def shop_at(kafka: Kafka, topic_name: Callable[[str], str]) -> Shop:
    topic = topic_name("shop.orders")
    await create_topics(kafka.bootstrap, topic, partitions=1)
    return Shop(topic=topic)


async def forget(database: str) -> None:
    """Everything after the first record."""
    for statement in FORGET:
        await run_sql(database, statement)


async def epoch_of(database: str) -> int:
    ((epoch,),) = await run_sql(database, "SELECT epoch FROM epoch")
    return int(epoch)


async def test_the_next_batch_reads_lost_events_again_and_jumps_over_none(
    database: str, kafka: Kafka, topic_name: Callable[[str], str]
) -> None:
    shop = await shop_at(kafka, topic_name)
    async with roles(database) as r, listening(r, kafka.bootstrap, shop.topic, f"g-{shop.topic}"):
        await publish(kafka.bootstrap, shop.placed("kept"), shop.placed("lost"))
        await until(lambda: len(r.fake.calls) == 2)
        await r.until_idle()
        await forget(database)
        await publish(kafka.bootstrap, shop.placed("next"))

        async def all_told() -> bool:
            return {one["subject"] for one in await r.outcomes()} == {"kept", "lost", "next"}

        await until_async(all_told)
        assert await r.store.offsets(shop.topic) == {0: 3}
        assert await epoch_of(database) == 2


async def test_lost_events_are_read_again_without_a_new_one(
    database: str, kafka: Kafka, topic_name: Callable[[str], str]
) -> None:
    shop = await shop_at(kafka, topic_name)
    async with roles(database) as r, listening(r, kafka.bootstrap, shop.topic, f"g-{shop.topic}"):
        await publish(kafka.bootstrap, shop.placed("kept"), shop.placed("lost"))
        await until(lambda: len(r.fake.calls) == 2)
        await r.until_idle()
        await forget(database)

        async def told_again() -> bool:
            return {one["subject"] for one in await r.outcomes()} == {"kept", "lost"}

        await until_async(told_again)
        assert await epoch_of(database) == 2


async def test_control_records_of_transactions_are_no_lost_offsets(
    database: str, kafka: Kafka, topic_name: Callable[[str], str]
) -> None:
    shop = await shop_at(kafka, topic_name)
    producer = AIOKafkaProducer(bootstrap_servers=kafka.bootstrap, transactional_id=f"shop-{shop.topic}")
    await producer.start()
    async with roles(database) as r, listening(r, kafka.bootstrap, shop.topic, f"g-{shop.topic}"):
        for number in range(4):
            record = shop.placed(str(number))
            async with producer.transaction():
                await producer.send_and_wait(record.topic, record.value, record.key, headers=list(record.headers))
            await until(lambda calls=number + 1: len(r.fake.calls) == calls)  # type: ignore[misc]  # a default binds it
        assert (await r.store.offsets(shop.topic))[0] == 7
        assert await epoch_of(database) == 1
    await producer.stop()


async def test_a_batch_after_a_gap_is_refused_and_the_epoch_raised_once(database: str) -> None:
    async with roles(database, dispatcher=False) as r, roles(database, owner="w2", dispatcher=False) as other:
        shop = Shop()
        await r.take(shop.placed("0"), shop.placed("1"), shop.placed("2"))
        await other.take(Shop(1).placed("other"))
        await run_sql(database, "UPDATE intake_offsets SET next_offset = 1 WHERE partition = 0")
        late = shop.placed("3")
        for one in (r, other):
            with pytest.raises(DatabaseWentBackError):
                await one.intake.take([late], {}, {Partition(TOPIC, 0): 3})
        assert (await r.store.offsets(TOPIC))[0] == 1
        assert await epoch_of(database) == 2


async def test_a_process_that_has_written_nothing_raises_the_epoch_too(database: str) -> None:
    async with roles(database, dispatcher=False) as r:
        assert [await r.store.raise_epoch() for _ in range(3)] == [2, 3, 4]
        with pytest.raises(DatabaseWentBackError):
            await r.intake.take([Shop().placed()], {}, {Partition(TOPIC, 0): 3})
        assert await epoch_of(database) == 5


async def test_what_another_consumer_took_in_meanwhile_is_no_loss(database: str) -> None:
    async with roles(database, dispatcher=False) as r, roles(database, owner="w2", dispatcher=False) as other:
        shop = Shop()
        batch = [shop.placed(str(number)) for number in range(4)]
        await r.intake.take(batch[:1], {}, {})
        await other.intake.take(batch[1:3], {}, {Partition(TOPIC, 0): 1})
        await r.intake.take(batch[1:], {}, {Partition(TOPIC, 0): 1})
        assert await r.store.offsets(TOPIC) == {0: 4}
        assert len(await run_sql(database, "SELECT FROM inbox")) == 4
        assert await epoch_of(database) == 1
