"""From real Kafka into the database, also after one of them was restored to an earlier state."""

import asyncio
from collections.abc import Callable, Iterator
from urllib.parse import urlsplit

import httpx
import pytest
from aiokafka import AIOKafkaProducer  # type: ignore[import-untyped]  # it ships no types

from ordersaga.bus.records import Record
from ordersaga.providers.accounts import KlarnaAccount, providers_of
from ordersaga.providers.port import Provider
from ordersaga_local.admin import create_database, create_topics, drop_database
from ordersaga_local.parts import Kafka, Postgres
from ordersaga_sandbox import running
from roles_harness import Roles, Shop, listening, publish, roles, until, until_async


async def shop_at(kafka: Kafka, topic_name: Callable[[str], str]) -> Shop:
    topic = topic_name("shop.orders")
    await create_topics(kafka.bootstrap, topic, partitions=1)
    return Shop(topic=topic)


async def test_what_the_shop_aborted_is_never_acted_on(
    database: str, kafka: Kafka, topic_name: Callable[[str], str]
) -> None:
    shop = await shop_at(kafka, topic_name)
    producer = AIOKafkaProducer(bootstrap_servers=kafka.bootstrap, transactional_id=f"shop-{shop.topic}")
    await producer.start()

    async def send(record: Record) -> None:
        await producer.send_and_wait(record.topic, record.value, record.key, headers=list(record.headers))

    async with roles(database) as r, listening(r, kafka.bootstrap, shop.topic, f"g-{shop.topic}"):
        async with producer.transaction():
            await send(shop.placed("kept"))
        await producer.begin_transaction()
        await send(shop.placed("aborted"))
        await send(shop.shipped("kept", 3))
        await producer.abort_transaction()
        await producer.begin_transaction()
        await send(shop.placed("open"))
        await asyncio.sleep(0.3)
        assert {one["subject"] for one in await r.outcomes()} == {"kept"}, "what isn't committed isn't read either"
        await producer.commit_transaction()
        await until(lambda: len(r.fake.calls) == 2)
        await r.until_idle()
        assert [(one["subject"], one["type"]) for one in await r.outcomes()] == [
            ("kept", "authorized"),
            ("open", "authorized"),
        ]
        assert await r.dead_letter_codes() == []
    await producer.stop()


async def test_after_a_failed_batch_the_same_records_come_again(
    database: str, kafka: Kafka, topic_name: Callable[[str], str], monkeypatch: pytest.MonkeyPatch
) -> None:
    from ordersaga.store.errors import StoreUnavailableError

    from .test_taking_in import failing

    shop = await shop_at(kafka, topic_name)
    left = failing(monkeypatch, "write", [StoreUnavailableError("away")] * 3)
    async with roles(database) as r, listening(r, kafka.bootstrap, shop.topic, f"g-{shop.topic}"):
        await publish(kafka.bootstrap, shop.placed(), shop.shipped(quantity=3))
        await until(lambda: len(r.fake.calls) == 2)
        await r.until_idle()
        assert left == []
        assert await r.outcome_types() == ["authorized", "captured"]


@pytest.fixture(scope="module")
def sandbox() -> Iterator[str]:
    with running() as url:
        yield url


def klarna(url: str) -> Provider:
    (provider,) = providers_of(
        {("default", "klarna"): KlarnaAccount(username="restored", password="x", base_url=url)}
    ).values()
    return provider


async def effects(url: str) -> list[tuple[str, str, int]]:
    async with httpx.AsyncClient(base_url=url, trust_env=False) as control:
        found = (await control.get("/_sandbox/ledger", params={"limit": 10_000})).json()["effects"]
    mine = [one for one in found if one["account"] == "restored"]
    return [(one["kind"], one["merchant_reference1"], one["amount"]) for one in mine]


async def money_calls(url: str) -> int:
    """Requests for captures, refunds and releases, including repeated ones."""
    async with httpx.AsyncClient(base_url=url, trust_env=False) as control:
        found = (await control.get("/_sandbox/requests", params={"limit": 10_000})).json()["requests"]
    return sum(one["method"] == "POST" and "/ordermanagement/" in one["path"] for one in found)


async def finished(r: Roles, final: int) -> None:
    """So many events have their final outcome."""

    async def told() -> bool:
        return len([one for one in await r.outcomes() if one["final"]]) == final

    await until_async(told, 30.0)


async def test_a_database_from_before_reads_its_input_again_and_doubles_nothing(
    database: str, postgres: Postgres, kafka: Kafka, sandbox: str, topic_name: Callable[[str], str]
) -> None:
    shop = await shop_at(kafka, topic_name)
    rules = {"absent_after": 0.3, "absent_again": 0.1}
    name = f"{urlsplit(database).path[1:]}_backup"
    before = [record for number in range(10) for record in (_placed(shop, f"a{number}"), shop.shipped(f"a{number}"))]
    since = [shop.shipped(f"a{number}", 2) for number in range(8)]
    since += [
        shop.event("returned", f"a{number}", {"order_lines": [{"reference": "A", "quantity": 1}]})
        for number in range(5)
    ]
    since += [shop.event("closed", f"a{number}", {}) for number in (8, 9)]
    since += [record for number in range(10) for record in (_placed(shop, f"b{number}"), shop.shipped(f"b{number}", 3))]
    async with roles(database, provider=klarna(sandbox), rules=rules) as r:
        r.start_claiming()
        async with listening(r, kafka.bootstrap, shop.topic, f"g-{shop.topic}"):
            await publish(kafka.bootstrap, *before)
            await finished(r, 20)
        await r.worker.stop(5.0)
    await create_database(postgres.url(), name, template=urlsplit(database).path[1:])
    async with roles(database, provider=klarna(sandbox), rules=rules) as r:
        r.start_claiming()
        async with listening(r, kafka.bootstrap, shop.topic, f"g-{shop.topic}"):
            await publish(kafka.bootstrap, *since)
            await finished(r, 20 + len(since))
        await r.worker.stop(5.0)
        expected = {subject: (await r.order(subject)).captured_amount for subject in ("a0", "a9", "b0", "b9")}
    happened, asked = await effects(sandbox), await money_calls(sandbox)
    async with roles(postgres.url(name), provider=klarna(sandbox), rules=rules) as r:
        assert await r.store.raise_epoch() == 2
        r.start_claiming()
        async with listening(r, kafka.bootstrap, shop.topic, f"g-{shop.topic}"):
            await finished(r, 20 + len(since))
        await r.worker.stop(5.0)
        assert await effects(sandbox) == happened
        assert await money_calls(sandbox) == asked, "each operation was read before its first call, and found done"
        assert {subject: (await r.order(subject)).captured_amount for subject in expected} == expected
        assert {one["type"] for one in await r.outcomes()} == {"authorized", "captured", "refunded", "released"}
    await drop_database(postgres.url(), name)


def _placed(shop: Shop, subject: str) -> Record:
    from msgspec.structs import replace

    placed = shop.placed(subject)
    assert placed.value
    return replace(placed, value=placed.value.replace(b"token-", b"sbx-restored-"))
