"""The outcomes of an order are published in order, at least once, with the same bytes each time."""

import asyncio
import json
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest
from aiokafka import AIOKafkaConsumer  # type: ignore[import-untyped]  # it ships no types

from intake.test_handing_over import Log
from ordersaga.bus.kafka import KafkaSettings
from ordersaga.bus.producer import OutRecord, Producer
from ordersaga.relay.relay import Relay, RelaySettings
from ordersaga.store.errors import ConflictError, StoreUnavailableError
from ordersaga.store.outbox import shard_of
from ordersaga.store.tables import SHARDS
from ordersaga_local.admin import create_topics
from ordersaga_local.parts import Kafka
from roles_harness import FakeProducer, Roles, Shop, key, roles, run_sql, until, until_async

TOPIC = "payments.orders"
ROWS = "SELECT count(*) AS n FROM outbox"


def relay_of(r: Roles, producer: Any, owner: str = "r1", **settings: Any) -> Relay:
    return Relay(r.store, producer, RelaySettings(owner, TOPIC, **{"lease": 1.0, "poll": 0.02, **settings}))


@asynccontextmanager
async def filled(database: str, orders: int, **options: Any) -> AsyncIterator[Roles]:
    """An outbox with two outcomes of each order, for invalid events."""
    async with roles(database, dispatcher=False, **options) as r:
        shop = Shop()
        await r.take(*(shop.event("placed", str(n), {}, name=f"p{n}") for n in range(orders)))
        await r.take(*(shop.event("shipped", str(n), {"order_lines": 1}, name=f"s{n}") for n in range(orders)))
        yield r


async def left(database: str) -> int:
    return int((await run_sql(database, ROWS))[0]["n"])


def by_order(sent: list[OutRecord]) -> dict[str, list[int]]:
    """The sequence numbers in the order in which they were published."""
    found: dict[str, list[int]] = {}
    for one in sent:
        found.setdefault((one.key or b"").decode(), []).append(int(dict(one.headers)["ce_sequence"]))
    return found


async def test_outcomes_are_published_with_the_order_id_as_key_and_deleted(database: str) -> None:
    async with filled(database, 20) as r:
        producer = FakeProducer()
        relay = relay_of(r, producer)
        assert await relay.round() == "published"
        assert await relay.round() == "nothing"
        assert by_order(producer.sent) == {str(number): [1, 2] for number in range(20)}
        assert {one.topic for one in producer.sent} == {TOPIC}
        assert json.loads(producer.sent[0].value or b"")["order_id"] == "0"
        assert await left(database) == 0


@pytest.mark.parametrize("orders", [1, 250])
async def test_a_round_is_one_statement_and_three_when_the_shards_are_kept(database: str, orders: int) -> None:
    async with filled(database, orders, pool=1, settlers=0) as r:
        log, relay = await Log.of(r), relay_of(r, FakeProducer())
        for statements in (2, 3):  # the second one also keeps the shards and deletes what the first one published
            relay._renew_at = 0.0
            await relay.round()
            await asyncio.sleep(0)
            assert len(log.sent) == statements
            assert "COMMIT" not in log.sent, "each commits by itself"
            log.sent.clear()


async def test_from_a_failed_outcome_on_all_of_its_order_stays_and_is_read_again(database: str) -> None:
    async with filled(database, 6) as r:
        producer = FakeProducer()
        producer.refuse = lambda one: one.key == b"3" and dict(one.headers)["ce_sequence"] == b"1"
        relay = relay_of(r, producer)
        assert await relay.round() == "failed"
        producer.refuse = lambda _: False
        assert await relay.round() == "published", "its second outcome was published, and stays behind the first"
        assert await left(database) == 2
        assert await relay.round() == "nothing"
        assert by_order(producer.sent)["3"] == [2, 1, 2]
        assert {name: numbers for name, numbers in by_order(producer.sent).items() if name != "3"} == {
            str(number): [1, 2] for number in (0, 1, 2, 4, 5)
        }
        assert await left(database) == 0


async def test_what_is_published_again_has_the_same_bytes(database: str) -> None:
    async with filled(database, 5) as r:
        producer = FakeProducer()
        first = relay_of(r, producer, "r1")
        assert await first.round() == "published"
        await asyncio.sleep(1.05)  # it was killed before it deleted them
        second = relay_of(r, producer, "r2")
        assert await second.round() == "published"
        assert await second.round() == "nothing"
        assert len(producer.sent) == 20
        assert producer.sent[:10] == producer.sent[10:]
        assert await left(database) == 0


async def test_a_shard_is_published_by_one_relay_at_a_time_and_goes_over_when_it_dies(database: str) -> None:
    async with filled(database, 40) as r:
        one, two = FakeProducer(), FakeProducer()
        first, second = relay_of(r, one, "r1"), relay_of(r, two, "r2")
        await first._renew()
        assert len(first._shards) == SHARDS
        await second._renew()
        first._renew_at = 0.0
        await first._renew()
        second._renew_at = 0.0
        await second._renew()
        assert sorted(first._shards + second._shards) == list(range(SHARDS))
        assert len(first._shards) == len(second._shards)
        assert await second.round() == "published"
        assert await second.round() == "nothing"
        assert {shard_of(key(name)) for name in by_order(two.sent)} <= set(second._shards)
        assert 0 < len(by_order(two.sent)) < 40
        await asyncio.sleep(1.1)  # the first one has died
        second._renew_at = 0.0
        await second.round()
        second._renew_at = 0.0
        await second.round()
        assert by_order(two.sent) == {str(number): [1, 2] for number in range(40)}


async def test_shards_that_a_relay_gives_back_are_taken_long_before_their_lease_would_end(database: str) -> None:
    async with roles(database, dispatcher=False) as r:
        relays = [relay_of(r, FakeProducer(), name, lease=600.0) for name in ("r1", "r2")]
        r.start(*(relay.run for relay in relays))
        await until_async(lambda: _both(relays))
        await relays[0].stop()
        await until(lambda: len(relays[1]._shards) == SHARDS)


async def test_a_relay_that_lost_its_shard_deletes_nothing(database: str) -> None:
    async with filled(database, 3) as r:
        slow = FakeProducer()
        first = relay_of(r, slow, "r1")
        await first._renew()
        await run_sql(database, "UPDATE relay_shards SET owner = 'r2', lease_until = now() + interval '1 min'")
        assert await first.round() == "published"
        assert await first.round() == "nothing"
        assert len(slow.sent) == 6
        assert await left(database) == 6


async def test_outcomes_follow_each_other_at_once_when_it_is_woken(database: str) -> None:
    async with filled(database, 1) as r:
        producer = FakeProducer()
        relay = relay_of(r, producer, poll=60.0)
        r.start(relay.run)
        await until(lambda: len(producer.sent) == 2)
        r.intake._wake = relay.wake
        began = time.monotonic()
        await r.take(Shop(1).event("placed", "more", {}))
        await until(lambda: len(producer.sent) == 3)
        assert time.monotonic() - began < 5


async def test_a_stop_publishes_what_is_there_and_gives_the_shards_back(database: str) -> None:
    async with filled(database, 30) as r:
        producer = FakeProducer()
        producer.seconds = 0.05
        relay = relay_of(r, producer, batch=7, lease=60.0)
        running = asyncio.create_task(relay.run())
        await until(lambda: producer.sending)
        await relay.stop()
        await asyncio.wait_for(running, 1.0)
        assert await left(database) == 0
        assert by_order(producer.sent) == {str(number): [1, 2] for number in range(30)}, "each once"
        assert len(await r.store.take_shards("another", 1.0)) == SHARDS


async def test_a_stop_does_not_wait_for_a_broker_that_is_away(database: str) -> None:
    async with filled(database, 3) as r:
        producer = FakeProducer()
        producer.refuse = lambda _: True
        relay = relay_of(r, producer)
        await asyncio.wait_for(relay.stop(), 2.0)
        assert await left(database) == 6
        assert len(await r.store.take_shards("another", 1.0)) == SHARDS


@pytest.mark.parametrize("error", [StoreUnavailableError("away"), ConflictError("deadlock")])
async def test_a_store_in_trouble_is_waited_for(
    database: str, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    async with filled(database, 5) as r:
        right, failures = r.store.read_outbox, [error] * 3

        async def read(*arguments: Any) -> Any:
            if failures:
                raise failures.pop()
            return await right(*arguments)

        monkeypatch.setattr(r.store, "read_outbox", read)
        producer = FakeProducer()
        r.start(relay_of(r, producer).run)
        await until(lambda: len(producer.sent) == 10)


async def test_two_relays_share_the_work_on_real_kafka_and_keep_each_orders_order(
    database: str, kafka: Kafka, topic_name: Callable[[str], str]
) -> None:
    topic = topic_name(TOPIC)
    await create_topics(kafka.bootstrap, topic, partitions=4)
    producers = [Producer(KafkaSettings(kafka.bootstrap)) for _ in range(2)]
    async with roles(database, dispatcher=False) as r:
        relays = [
            Relay(r.store, producer, RelaySettings(f"r{number}", topic, lease=0.6, poll=0.01))
            for number, producer in enumerate(producers)
        ]
        r.start(*(relay.run for relay in relays))
        await until_async(lambda: _both(relays))
        shop = Shop()
        for number in range(10):
            await r.take(*(shop.event("placed", str(n), {}, name=f"{number}-{n}") for n in range(50)))
        await relays[0].stop()
        for number in range(10, 15):
            await r.take(*(shop.event("placed", str(n), {}, name=f"{number}-{n}") for n in range(50)))

        async def empty() -> bool:
            return await left(database) == 0

        await until_async(empty)
        published = await _read(kafka, topic, 750)
        for numbers in by_order(published).values():
            seen = list(dict.fromkeys(numbers))
            assert seen == list(range(1, 16)), "a consumer that drops what isn't above the last it saw misses nothing"
        names = Counter(dict(one.headers)["ce_id"] for one in published)
        assert len(names) == 750
    for producer in producers:
        await producer.close()


async def _both(relays: list[Relay]) -> bool:
    return all(len(relay._shards) == SHARDS // 2 for relay in relays)


async def _read(kafka: Kafka, topic: str, least: int) -> list[OutRecord]:
    found: list[OutRecord] = []
    async with AIOKafkaConsumer(topic, bootstrap_servers=kafka.bootstrap, auto_offset_reset="earliest") as consumer:
        while len(found) < least:
            for records in (await consumer.getmany(timeout_ms=5_000)).values():
                found += [OutRecord(one.topic, one.key, one.value, one.headers) for one in records]
    return found


async def test_an_outcome_under_an_id_that_a_lost_one_had_is_published(database: str) -> None:
    """The database went back, and numbers new rows as it had numbered those that the relay has published."""
    async with filled(database, 1) as r:
        producer = FakeProducer()
        relay = relay_of(r, producer)
        assert await relay.round() == "published"
        await run_sql(database, "UPDATE outbox SET subject = 'other'")
        await r.store.raise_epoch()
        assert await relay.round() == "published"
        assert [dict(one.headers)["ce_sequence"] for one in producer.sent] == [b"1", b"2"] * 2
        assert await relay.round() == "nothing"
        assert await left(database) == 0


async def test_a_relay_forgets_what_it_published_once_the_store_was_away(
    database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with filled(database, 1) as r:
        producer = FakeProducer()
        relay = relay_of(r, producer)
        assert await relay.round() == "published"
        with monkeypatch.context() as patch:
            patch.setattr(r.store, "read_outbox", _unavailable)
            r.start(relay.run)
            await until(lambda: relay._published == [])
        await until(lambda: len(producer.sent) == 4)
        await relay.stop()


async def _unavailable(*_: object) -> None:
    raise StoreUnavailableError("away")
