"""Notifications over HTTP, up to the order that is read."""

import asyncio
import contextlib
import json
import signal
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from urllib.parse import urlsplit

import httpx
import pytest
from prometheus_client import REGISTRY

from ordersaga.addresses import Addresses, NamedOperation
from ordersaga.domain.model.order import Request
from ordersaga.providers.klarna.notifications import KINDS, order_id_of
from ordersaga.providers.klarna.operations.create_order import CREATE_ORDER
from ordersaga.store.errors import StoreUnavailableError
from ordersaga.store.hints import NewHint
from ordersaga.web.collector import HintCollector, HintStore
from ordersaga.web.notifications import LARGEST, NotificationKinds
from ordersaga.web.server import listen
from ordersaga.web.web import Web
from ordersaga_local.process import free_port
from roles_harness import key, roles, until

from .conftest import Started, status
from .test_hints import SLOW, claimed, placed, row
from .test_named_orders import lost

NEW, OLD = "n" * 32, "o" * 32
ACCOUNTS = {("default", "klarna"), ("a/b c", "klarna")}
ADDRESSES = Addresses([NEW, OLD])
PROVIDERS = {"klarna": NotificationKinds(KINDS, order_id_of)}


@dataclass
class FakeStore:
    """Knows the ids that begin with `k`."""

    batches: list[list[NewHint]] = field(default_factory=list)
    away: bool = False
    go_on: asyncio.Event = field(default_factory=asyncio.Event)

    def __post_init__(self) -> None:
        self.go_on.set()

    async def hint(self, given: Sequence[NewHint]) -> list[bool]:
        self.batches.append([*given])
        await self.go_on.wait()
        if self.away:
            raise StoreUnavailableError("away")
        return [one.id.startswith("k") for one in given]


@asynccontextmanager
async def served(store: HintStore) -> AsyncIterator[httpx.AsyncClient]:
    web = Web(store, ACCOUNTS, PROVIDERS, ADDRESSES, listen(0, "127.0.0.1"))
    running = asyncio.create_task(web.run())
    try:
        async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{web.port}", timeout=10) as client:
            yield client
    finally:
        web.stop()
        await asyncio.wait_for(running, 10)


def fraud(order_id: str = "k1") -> dict[str, str]:
    return {"order_id": order_id, "event_type": "FRAUD_RISK_ACCEPTED"}


def counted(result: str, what: str = "fraud", provider: str = "klarna") -> float:
    labels = {"provider": provider, "what": what, "result": result}
    return REGISTRY.get_sample_value("ordersaga_notifications_total", labels) or 0.0


@pytest.mark.parametrize("merchant", ["default", "a/b c"])
async def test_what_klarna_sends_is_answered_with_an_empty_200(merchant: str) -> None:
    def address(what: str) -> str:
        return ADDRESSES.of("klarna", merchant, what)

    store = FakeStore()
    async with served(store) as client:
        answers = [
            await client.post(address("fraud"), json=fraud()),
            await client.post(address("push") + "?klarna_order_id=k2"),
            await client.post(address("authorization"), json={"authorization_token": "t", "session_id": "s"}),
            await client.post(address("authorization") + "?order_id=k3", json={"authorization_token": "t"}),
            await client.post(address("fraud"), json=fraud("invented")),
        ]
    assert [(one.status_code, one.content) for one in answers] == [(200, b"")] * 5
    assert [one.id for batch in store.batches for one in batch] == ["k1", "k2", "k3", "invented"]
    assert {(one.merchant, one.provider) for batch in store.batches for one in batch} == {(merchant, "klarna")}


async def test_what_came_of_them_is_counted() -> None:
    wanted = ("taken", "unknown_order", "invalid")
    before = [counted(one) for one in wanted] + [counted("wrong_address", "", "")]
    async with served(FakeStore()) as client:
        address = ADDRESSES.of("klarna", "default", "fraud")
        for body in (fraud(), fraud("x"), {"order_id": 5}):
            await client.post(address, json=body)
        await client.post("/notify/guess/klarna/default/fraud", json=fraud())
    assert [counted(one) for one in wanted] + [counted("wrong_address", "", "")] == [one + 1 for one in before]


async def test_without_the_secret_there_is_nothing() -> None:
    store = FakeStore()
    current = ADDRESSES.of("klarna", "default", "fraud")
    async with served(store) as client:
        wrong = [
            current.replace("/default/", "/gifts/"),
            current.replace("/default/", "/a%2Fb%20c/"),
            current.replace("/klarna/", "/mollie/"),
            current.replace("/fraud", "/else"),
            current[:20] + current[21:],
            Addresses(["x" * 32]).of("klarna", "default", "fraud"),
            "/notify/",
            "/",
            "/metrics",
        ]
        assert [(await client.post(path, json=fraud())).status_code for path in wrong] == [404] * len(wrong)
        assert (await client.get(current)).status_code == 405
    assert store.batches == []


async def test_the_secret_is_compared_with_all_of_ours_before_accounts_are_looked_up(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    compared: list[object] = []

    def counts(given: bytes, ours: bytes) -> bool:
        compared.append(given)
        return given == ours

    monkeypatch.setattr("ordersaga.addresses.hmac.compare_digest", counts)
    right = ADDRESSES.of("klarna", "default", "fraud")
    guesses = [f"/notify/guess/{one}/fraud" for one in ("klarna/default", "klarna/x", "mollie/default")]
    async with served(FakeStore()) as client:
        for path in (right, *guesses):
            compared.clear()
            assert (await client.post(path, json=fraud())).status_code == (200 if path == right else 404)
            assert compared.count(path.split("/")[2].encode()) == 2, f"{path}: the time it takes would tell"


async def test_the_addresses_of_all_secrets_are_accepted_while_they_are_rotated() -> None:
    async with served(FakeStore()) as client:
        for secrets in ([NEW], [OLD]):
            answer = await client.post(Addresses(secrets).of("klarna", "default", "fraud"), json=fraud())
            assert answer.status_code == 200
    secret = ADDRESSES.of("klarna", "default", "fraud").split("/")[2]
    assert len(secret) * 6 >= 128
    assert secret != ADDRESSES.of("klarna", "a/b c", "fraud").split("/")[2]


@pytest.mark.parametrize("body", [b"no json", b"[]", b'{"order_id": "a b"}', b'{"order_id": "' + b"x" * 256 + b'"}'])
async def test_what_klarna_never_sends_is_refused(body: bytes) -> None:
    store = FakeStore()
    async with served(store) as client:
        answer = await client.post(ADDRESSES.of("klarna", "default", "fraud"), content=body)
    assert (answer.status_code, answer.content, store.batches) == (400, b"", [])


async def test_a_body_that_is_too_large_is_not_read_to_its_end() -> None:
    sent = 0

    async def endless() -> AsyncIterator[bytes]:
        nonlocal sent
        for _ in range(10_000):
            sent += 4096
            yield bytes(4096)

    async with served(FakeStore()) as client:
        address = ADDRESSES.of("klarna", "default", "fraud")
        whole = json.dumps(fraud()).encode()
        assert (await client.post(address, content=whole.ljust(LARGEST))).status_code == 200
        assert (await client.post(address, content=whole.ljust(LARGEST + 1))).status_code == 413
        with contextlib.suppress(httpx.TransportError):  # the connection was closed before the answer was read
            assert (await client.post(address, content=endless())).status_code == 413
    assert sent < 10_000 * 4096


async def test_a_burst_is_recorded_in_few_statements_and_each_order_once() -> None:
    store = FakeStore()
    collector = HintCollector(store)
    running = asyncio.create_task(collector.run())
    hints = [NewHint("default", "klarna", f"k{number}") for number in range(100)]
    assert all(await asyncio.gather(*(collector.add(one, 5) for one in hints * 20)))
    assert [sorted(batch, key=lambda one: one.id) for batch in store.batches] == [sorted(hints, key=lambda one: one.id)]
    running.cancel()


async def test_ten_thousand_invented_ids_are_ten_statements(database: str) -> None:
    async with roles(database) as r:
        collector = HintCollector(r.store)
        running = asyncio.create_task(collector.run())
        invented = [NewHint("default", "klarna", f"invented-{number}") for number in range(10_000)]
        known = await asyncio.gather(*(collector.add(one, 60) for one in invented))
        assert set(known) == {False}
        assert r.store.engine.counts["hint"].statements == 10
        assert collector._waiting == {}
        running.cancel()


async def test_more_than_can_wait_are_not_taken() -> None:
    collector = HintCollector(FakeStore(), most_waiting=2)
    adding = [asyncio.create_task(collector.add(NewHint("default", "klarna", one), 5)) for one in ("k1", "k2")]
    await asyncio.sleep(0)
    assert await collector.add(NewHint("default", "klarna", "k3"), 5) is None
    running = asyncio.create_task(collector.run())
    assert await asyncio.gather(*adding) == [True, True]
    running.cancel()


async def test_what_is_not_recorded_is_answered_so_that_klarna_repeats_it() -> None:
    store = FakeStore(away=True)
    async with served(store) as client:
        address = ADDRESSES.of("klarna", "default", "fraud")
        assert (await client.post(address, json=fraud())).status_code == 503
        store.away = False
        assert (await client.post(address, json=fraud())).status_code == 200
        store.go_on.clear()
        assert (await client.post(address, json=fraud())).status_code == 503, "the database doesn't answer in time"
        store.go_on.set()


async def test_a_stop_answers_what_has_come_in() -> None:
    store = FakeStore()
    store.go_on.clear()
    web = Web(store, ACCOUNTS, PROVIDERS, ADDRESSES, listen(0, "127.0.0.1"))
    running = asyncio.create_task(web.run())
    url = f"http://127.0.0.1:{web.port}" + ADDRESSES.of("klarna", "default", "fraud")
    async with httpx.AsyncClient() as client:
        sending = asyncio.create_task(client.post(url, json=fraud()))
        await until(lambda: bool(store.batches))
        web.stop()
        store.go_on.set()
        assert (await sending).status_code == 200
    await running


@pytest.mark.parametrize("failing", ["ordersaga.web.server.Server.run", "ordersaga.web.collector.HintCollector.run"])
async def test_the_role_ends_with_the_error_of_what_has_failed(failing: str, monkeypatch: pytest.MonkeyPatch) -> None:
    async def fails(_self: object) -> None:
        await asyncio.sleep(0)
        raise OSError(failing)

    monkeypatch.setattr(failing, fails)
    with listen(0, "127.0.0.1") as listener:
        web = Web(FakeStore(), ACCOUNTS, PROVIDERS, ADDRESSES, listener)
        with pytest.raises(OSError, match=failing):
            await asyncio.wait_for(web.run(), 10)


async def test_notifications_of_an_order_have_it_read_once(database: str) -> None:
    async with roles(database) as r:
        name = await placed(r)
        async with served(r.store) as client:
            address = ADDRESSES.of("klarna", "default", "fraud")
            answers = await asyncio.gather(*(client.post(address, json=fraud(name)) for _ in range(30)))
        assert {one.status_code for one in answers} == {200}
        await claimed(r)
        await claimed(r)
        assert r.fake.made[1:] == ["Read refresh"]


# the signed operation


async def test_a_signed_operation_hands_over_the_order_whose_answer_was_lost(database: str) -> None:
    async with roles(database, rules=SLOW) as r:
        operation, name = await lost(r)
        address = ADDRESSES.of_operation("klarna", "fraud", NamedOperation(key(), operation))
        async with served(r.store) as client:
            assert (await client.post(address + "x", json=fraud(name))).status_code == 200
            assert (await row(database))["hinted_at"] is None, "a wrong signature names nothing"
            assert (await client.post(address + "&order_id={order.id}", json=fraud(name))).status_code == 200
        await claimed(r)
        assert (await r.order()).provider_order_id == name
        assert await r.outcome_types() == ["authorized"]


async def test_a_lost_order_is_not_handed_over_without_the_signature(database: str) -> None:
    async with roles(database, rules=SLOW) as r:
        _, name = await lost(r)
        async with served(r.store) as client:
            assert (await client.post(ADDRESSES.of("klarna", "default", "fraud"), json=fraud(name))).status_code == 200
        assert (await row(database))["hinted_at"] is None


# the process


async def test_the_role_web_alone_serves_notifications(started: Started, database: str) -> None:
    async with roles(database) as r:
        name = await placed(r)
        port = free_port()
        running = started(
            database,
            "--role",
            "web",
            ORDERSAGA_WEB__PORT=str(port),
            ORDERSAGA_WEB__SECRETS=f"{NEW}, {OLD}",
            ORDERSAGA_ENCRYPTION_KEY="k:" + "A" * 43 + "=",
        )
        running.wait_for("/healthz/ready")
        url = f"http://127.0.0.1:{port}{ADDRESSES.of('klarna', 'default', 'fraud')}"
        assert await asyncio.to_thread(status, url, json.dumps(fraud(name)).encode()) == 200
        assert (await row(database))["hinted_at"] is not None
        assert running.asks("/notify/x/klarna/default/fraud") == 404, "not on the port of the health"
        assert running.process.stop() == 0
        assert name not in running.process.text()
        assert urlsplit(url).path.split("/")[2] not in running.process.text()


async def test_a_process_that_stops_takes_requests_until_what_is_in_front_has_learnt_of_it(
    started: Started, database: str
) -> None:
    """It isn't ready from the start of the stop on, and the other roles stop meanwhile."""
    async with roles(database) as r:
        name = await placed(r)
    port = free_port()
    running = started(
        database,
        *("--role", "web", "--role", "worker"),
        ORDERSAGA_WEB__PORT=str(port),
        ORDERSAGA_WEB__SECRETS=NEW,
        ORDERSAGA_WEB__LINGER="3",
        ORDERSAGA_SHUTDOWN_TIMEOUT="6",
        ORDERSAGA_ENCRYPTION_KEY="k:" + "A" * 43 + "=",
    )
    running.wait_for("/healthz/ready")
    running.process.signal(signal.SIGTERM)
    running.wait_for("/healthz/ready", 503)
    await asyncio.sleep(1)  # a server that stops takes none after a tenth of it
    url = f"http://127.0.0.1:{port}{ADDRESSES.of('klarna', 'default', 'fraud')}"
    assert await asyncio.to_thread(status, url, json.dumps(fraud(name)).encode()) == 200
    assert await asyncio.to_thread(running.process.wait, 7) == 0, "within the time to stop, and a little for the exit"


async def test_a_web_port_that_is_taken_is_named(started: Started, database: str) -> None:
    listener = listen(0)
    port = str(listener.getsockname()[1])
    running = started(database, ORDERSAGA_WEB__PORT=port, ORDERSAGA_WEB__SECRETS=NEW)
    assert await asyncio.to_thread(running.process.wait, 30) == 2
    assert f"ORDERSAGA_WEB__PORT: can't listen on port {port}: Address already in use\n" in running.process.text()
    listener.close()


async def test_the_role_web_needs_a_port(started: Started, database: str) -> None:
    running = started(database, "--role", "web")
    assert await asyncio.to_thread(running.process.wait, 30) == 2
    assert running.process.text() == "ORDERSAGA_WEB__PORT is missing: the role web needs it\n"


def test_a_create_asks_for_notifications_at_our_address_unless_the_shop_gave_its_own() -> None:
    assert CREATE_ORDER.notified is not None
    plain = Request("POST", "/order", '{"order_amount":1}')
    asked = json.loads(CREATE_ORDER.notified(plain, "https://pay/notify?operation=s").body)
    assert asked == {
        "order_amount": 1,
        "merchant_urls": {"notification": "https://pay/notify?operation=s&order_id={order.id}"},
    }
    own = Request("POST", "/order", '{"merchant_urls":{"notification":"https://shop"}}')
    assert CREATE_ORDER.notified(own, "https://pay/notify?operation=s") is own
    other = Request("POST", "/order", '{"merchant_urls":{"confirmation":"https://shop"}}')
    assert json.loads(CREATE_ORDER.notified(other, "https://pay?a=b").body)["merchant_urls"] == {
        "confirmation": "https://shop",
        "notification": "https://pay?a=b&order_id={order.id}",
    }
    assert CREATE_ORDER.notified(plain, "https://pay?a=" + "b" * 2_000) is plain


def test_a_signature_holds_for_its_merchant_and_operation_alone() -> None:
    named = NamedOperation(key("ö-1"), "op-1")
    signed = ADDRESSES.of_operation("klarna", "fraud", named).partition("operation=")[2]
    assert ADDRESSES.operation("default", signed) == named
    assert ADDRESSES.operation("gifts", signed) is None
    assert Addresses(["x" * 32]).operation("default", signed) is None
    assert Addresses([OLD, NEW]).operation("default", signed) == named
    other = ADDRESSES.of_operation("klarna", "fraud", NamedOperation(key("2"), "op-1")).partition("operation=")[2]
    mixed = other.partition(".")[0] + "." + signed.partition(".")[2]
    assert ADDRESSES.operation("default", mixed) is None
    assert [ADDRESSES.operation("default", one) for one in ("", ".", "x.y", "ä.ö")] == [None] * 4
