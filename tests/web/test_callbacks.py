"""Callbacks of Checkout, between Klarna and a real server of the shop."""

import asyncio
import contextlib
import json
import socket
from collections.abc import AsyncIterator
from typing import Final

import httpx
import pytest
from aiohttp import web
from structlog.testing import capture_logs

from ordersaga.addresses import Addresses
from ordersaga.providers.http import Http
from ordersaga.providers.klarna.callbacks import KINDS
from ordersaga.web.callbacks import LARGEST, LARGEST_ANSWER, Callbacks
from ordersaga_local.process import free_port
from roles_harness import until
from sandbox.merchant import Merchant, Request, serving

from .handing import ADDRESSES, Served, all_kinds, counted, serving_web, settings_of

CHANGES: Final = tuple(kind for kind in KINDS if kind != "validation")
ASKED: Final = (
    b'{"order_amount": 1000, "order_tax_amount": 12345678901234567890123, "order_lines": [{"name": "\xc3\xa9",  "x": 1.10}],'
    b' "purchase_currency": "SEK", "shipping_address": {"city": "Lund"}, "merchant_data": "secret"}'
)
UNCHANGED: Final = (
    b'{"order_amount":1000,"order_tax_amount":12345678901234567890123,"order_lines":[{"name": "\xc3\xa9",  "x": 1.10}],'
    b'"purchase_currency":"SEK"}'
)
DENIAL: Final = {"error_type": "approval_failed", "error_text": "Sold out"}
QUICK: Final = 0.3
"""Seconds of the deadline where the shop is to miss it; elsewhere it is long."""


@pytest.fixture
async def shop() -> AsyncIterator[Merchant]:
    async with serving() as merchant:
        yield merchant


async def hang(_: Request) -> None:
    await asyncio.Event().wait()


def page(status: int, body: bytes = b"", **headers: str) -> web.Response:
    return web.Response(status=status, body=body, headers=headers)


async def test_a_callback_and_its_answer_go_through_byte_for_byte(shop: Merchant) -> None:
    answer = b'{ "order_amount":1.0e3, "order_lines" : [] }\n'
    shop.answers["/address_update"] = page(200, answer, **{"Content-Type": "application/json; charset=utf-8"})
    before = counted("address_update", "handed_on")
    async with serving_web(settings_of({"default": all_kinds(shop.url)})) as served:
        headers = {"Content-Type": "application/vnd.klarna+json", "Cookie": "a=b", "X-Real-Ip": "1"}
        given = await served.ask("address_update", ASKED, query="?klarna_order_id=k%2F1&x=%C3%A5", **headers)
        assert served.store.given == []
    assert (given.status_code, given.content) == (200, answer)
    (request,) = shop.requests
    assert (request.path, request.query, request.body) == ("/address_update", "klarna_order_id=k/1&x=å", ASKED)
    assert {name.lower(): value for name, value in request.headers.items()} == {
        "host": shop.url.removeprefix("http://"),
        "accept": "application/json",
        "accept-encoding": "identity",
        "user-agent": "ordersaga",
        "content-type": "application/vnd.klarna+json",
        "content-length": str(len(ASKED)),
    }
    assert counted("address_update", "handed_on") == before + 1


@pytest.mark.parametrize(
    "answer",
    [
        page(200, b'{"order_amount": 5}'),
        page(400, json.dumps(DENIAL).encode()),
        *(page(status, Location="https://shop.example/no?a=b#c") for status in (301, 302, 303, 307)),
    ],
    ids=lambda answer: str(answer.status),
)
async def test_what_klarna_takes_is_given_back(shop: Merchant, answer: web.Response) -> None:
    answer.headers.update({"Set-Cookie": "a=b", "X-Trace": "1", "Cache-Control": "private"})
    shop.answers = {f"/{kind}": answer for kind in KINDS}
    async with serving_web(settings_of({"default": all_kinds(shop.url)})) as served:
        for kind in KINDS:
            given = await served.ask(kind)
            assert (given.status_code, given.content) == (answer.status, answer.body or b"")
            assert given.headers.get("location") == answer.headers.get("Location")
            assert given.headers.get("content-type") == ("application/json" if answer.body else None)
            assert not {"set-cookie", "x-trace", "cache-control"} & set(given.headers)
    assert [request.path for request in shop.requests] == [f"/{kind}" for kind in KINDS], "no redirect is followed"


async def test_a_validation_is_approved_by_any_200(shop: Merchant) -> None:
    shop.answers["/validation"] = page(200, b"<p>fine")
    async with serving_web(settings_of({"default": all_kinds(shop.url)})) as served:
        given = await served.ask("validation")
    assert (given.status_code, given.content, given.headers.get("content-type")) == (200, b"", None)


NO_REPLIES: Final = {
    "500": 500,
    "404": 404,
    "204": 204,
    "308": page(308, Location="https://shop.example/no"),
    "302 to nowhere": 302,
    "302 to a path": page(302, Location="/no"),
    "302 to a script": page(302, Location="javascript:alert(1)"),
    "302 too far": page(302, Location="https://shop.example/" + "x" * 2_000),
    "400 without JSON": page(400, b"no"),
    "400 without an object": page(400, b'["no"]'),
    "too large": page(400, b'{"a": "' + b"x" * LARGEST_ANSWER + b'"}'),
}


@pytest.mark.parametrize("answer", NO_REPLIES.values(), ids=NO_REPLIES)
async def test_whatever_else_is_no_reply_and_is_asked_for_once(shop: Merchant, answer: web.Response | int) -> None:
    shop.answers["/validation"] = answer
    before = counted("validation", "no_reply")
    async with serving_web(settings_of({"default": all_kinds(shop.url)})) as served:
        given = await served.ask("validation")
    assert (given.status_code, given.content, given.headers.get("location")) == (503, b"", None)
    assert counted("validation", "no_reply") == before + 1
    assert len(shop.requests) == 1


async def test_what_fails_in_our_own_code_is_no_reply(shop: Merchant, monkeypatch: pytest.MonkeyPatch) -> None:
    async def broken(*_: object, **__: object) -> None:
        raise RuntimeError

    monkeypatch.setattr(Http, "send_bytes", broken)
    before = counted("validation", "no_reply")
    approving = all_kinds(shop.url) | {"validation": {"url": shop.url, "no_reply": "approve"}}
    async with serving_web(settings_of({"default": approving})) as served:
        assert (await served.ask("validation")).status_code == 200
    assert counted("validation", "no_reply") == before + 1


@pytest.mark.parametrize("kind", CHANGES)
async def test_a_change_that_is_not_a_json_object_is_no_reply(shop: Merchant, kind: str) -> None:
    async with serving_web(settings_of({"default": all_kinds(shop.url)})) as served:
        for body in (b"", b"{", b"[]", b'{"a": 1} x', b'{"a": ' * 100_000):
            shop.answers[f"/{kind}"] = page(200, body)
            assert (await served.ask(kind)).status_code == 503


@pytest.mark.parametrize("how", ["hangs", "hangs in the body", "hangs up", "is down"])
async def test_a_shop_that_does_not_answer_has_one_request_and_is_not_waited_for(how: str) -> None:
    requests = 0

    async def behave(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal requests
        await reader.readuntil(b"\r\n\r\n")
        requests += 1
        if how == "hangs in the body":
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n{")
        if how == "hangs up":
            writer.close()
        await reader.read()
        writer.close()

    server = await asyncio.start_server(behave, "127.0.0.1", 0)
    port = free_port() if how == "is down" else server.sockets[0].getsockname()[1]
    callbacks = all_kinds(f"http://127.0.0.1:{port}", deadline=QUICK)
    async with server, serving_web(settings_of({"default": callbacks})) as served:
        async with asyncio.timeout(6):
            assert (await served.ask("validation", ASKED)).status_code == 503
    assert requests == (0 if how == "is down" else 1)


async def test_a_silent_shop_is_answered_for_as_configured(shop: Merchant) -> None:
    changes = {kind: {"url": shop.url, "no_reply": "unchanged"} for kind in CHANGES}
    shop.answers["/"] = 500
    for no_reply, status, body in [
        ("approve", 200, b""),
        ("deny", 400, b'{"error_type":"address_error","error_text":"Sp\xc3\xa4ter"}'),
        ("fail", 503, b""),
    ]:
        validation = {"url": shop.url, "no_reply": no_reply, "error_type": "address_error", "error_text": "Später"}
        async with serving_web(settings_of({"default": {"validation": validation, **changes}})) as served:
            given = await served.ask("validation", ASKED)
            assert (given.status_code, given.content) == (status, body)
            for kind in CHANGES:
                given = await served.ask(kind, ASKED)
                assert (given.status_code, given.content) == (200, UNCHANGED)
                assert given.headers["content-type"] == "application/json"
                for asked in (b"[]", b"{", b'{"order_amount": 1}', b""):
                    assert (await served.ask(kind, asked)).status_code == 503, "there is nothing to leave unchanged"


async def test_the_longer_deadline_is_for_orders_that_require_success(shop: Merchant) -> None:
    shop.hooks["/validation"] = shop.hooks["/address_update"] = lambda _: asyncio.sleep(2 * QUICK)
    callbacks = all_kinds(shop.url, deadline=QUICK, required_deadline=9)
    required = b'{"options": {"require_validate_callback_success": true}}'
    async with serving_web(settings_of({"default": callbacks})) as served:
        assert (await served.ask("validation", required)).status_code == 200
        for body in (b'{"options": {"require_validate_callback_success": false}}', b'{"options": 1}', b"{}", b"["):
            assert (await served.ask("validation", body)).status_code == 503
        assert (await served.ask("address_update", required)).status_code == 503


async def test_no_proxy_of_the_environment_is_asked(shop: Merchant, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "HTTP_PROXY", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    async with serving_web(settings_of({"default": all_kinds(shop.url)})) as served:
        address = f"{served.client.base_url}{ADDRESSES.of('klarna', 'default', 'validation')}"
        async with httpx.AsyncClient(trust_env=False) as client:
            assert (await client.post(address, json={})).status_code == 200


async def test_an_address_that_is_not_configured_reaches_no_shop(shop: Merchant) -> None:
    callbacks = {"validation": {"url": shop.url}}
    async with serving_web(settings_of({"default": callbacks, "other": {}})) as served:
        ours = ADDRESSES.of("klarna", "default", "validation")
        wrong = [
            Addresses(["x" * 32]).of("klarna", "default", "validation"),
            ours.replace("/default/", "/other/"),
            ours.replace("/klarna/", "/mollie/"),
            ours.replace("/validation", "/address_update"),
            ours + "/",
            ADDRESSES.of("klarna", "other", "validation"),
            ADDRESSES.of("klarna", "nobody", "validation"),
        ]
        assert [(await served.client.post(path, json={})).status_code for path in wrong] == [404] * len(wrong)
        assert (await served.client.get(ours)).status_code == 405
    assert shop.requests == []


# bounds


async def test_a_large_order_is_handed_on_and_a_larger_one_is_answered_for(shop: Merchant) -> None:
    async with serving_web(settings_of({"default": all_kinds(shop.url, "fail")})) as served:
        shop.answers["/validation"] = 500
        assert (await served.ask("validation", b"x" * (LARGEST - 1024))).status_code == 503
        assert len(shop.requests) == 1
        before = counted("validation", "too_large")
        assert (await served.ask("validation", b"x" * (LARGEST + 1))).status_code == 413
        assert counted("validation", "too_large") == before + 1
    deny = all_kinds(shop.url) | {"validation": {"url": shop.url, "no_reply": "deny"}}
    async with serving_web(settings_of({"default": deny})) as served:
        assert (await served.ask("validation", b"x" * (LARGEST + 1))).status_code == 400
        given = await served.client.post(ADDRESSES.of("klarna", "default", "fraud"), content=b"x" * 70_000)
        assert given.status_code == 413, "notifications keep their own limit"
    assert len(shop.requests) == 1


async def test_a_body_that_does_not_come_is_not_waited_for_longer_than_for_the_shop(shop: Merchant) -> None:
    async def slow() -> AsyncIterator[bytes]:
        yield b"{"
        await asyncio.Event().wait()

    async with serving_web(settings_of({"default": all_kinds(shop.url, deadline=QUICK)})) as served:
        before = counted("validation", "too_slow")
        with contextlib.suppress(httpx.TransportError, TimeoutError):  # while it is still being sent
            async with asyncio.timeout(2):
                await served.client.post(ADDRESSES.of("klarna", "default", "validation"), content=slow())
        assert counted("validation", "too_slow") == before + 1
    assert shop.requests == []


async def test_a_shop_that_hangs_delays_neither_others_nor_notifications() -> None:
    async with serving() as slow, serving() as quick:
        slow.hooks["/validation"] = hang
        callbacks = {"slow": all_kinds(slow.url, slots=2, deadline=2.9), "quick": all_kinds(quick.url, slots=2)}
        async with serving_web(settings_of(callbacks)) as served:
            waiting = [asyncio.create_task(served.ask("validation", merchant="slow")) for _ in range(2)]
            await until(lambda: len(slow.requests) == 2)
            before = counted("address_update", "busy")
            assert (await served.ask("address_update", merchant="slow")).status_code == 503
            assert counted("address_update", "busy") == before + 1
            assert (await served.ask("validation", merchant="quick")).status_code == 200
            notified = ADDRESSES.of("klarna", "slow", "fraud")
            assert (await served.client.post(notified, json={"order_id": "k1"})).status_code == 200
            assert not any(one.done() for one in waiting), "each of these was answered at once"
            assert {one.status_code for one in await asyncio.gather(*waiting)} == {503}
            slow.hooks.clear()
            assert (await served.ask("validation", merchant="slow")).status_code == 200, "the slots are free again"
        assert len(slow.requests) == 3


async def test_shops_that_hang_cannot_fill_the_process(monkeypatch: pytest.MonkeyPatch) -> None:
    bounded = Callbacks.__init__

    def of_one(self: Callbacks, accounts: object) -> None:
        bounded(self, accounts, 1)  # type: ignore[arg-type]  # as it was given

    monkeypatch.setattr(Callbacks, "__init__", of_one)
    async with serving() as slow, serving() as quick:
        slow.hooks["/validation"] = hang
        callbacks = {"slow": all_kinds(slow.url, deadline=QUICK), "quick": all_kinds(quick.url)}
        async with serving_web(settings_of(callbacks)) as served:
            waiting = asyncio.create_task(served.ask("validation", merchant="slow"))
            await slow.arrived.wait()
            assert (await served.ask("validation", merchant="quick")).status_code == 503
            assert (await waiting).status_code == 503
            assert (await served.ask("validation", merchant="quick")).status_code == 200


async def test_large_bodies_cannot_fill_the_memory(shop: Merchant, monkeypatch: pytest.MonkeyPatch) -> None:
    bounded = Callbacks.__init__
    most = LARGEST + 100

    def of_few_bytes(self: Callbacks, accounts: object) -> None:
        bounded(self, accounts, most_bytes=most)  # type: ignore[arg-type]  # as it was given

    monkeypatch.setattr(Callbacks, "__init__", of_few_bytes)
    shop.hooks["/validation"] = hang
    async with serving_web(settings_of({"default": all_kinds(shop.url, deadline=QUICK)})) as served:
        for size in (LARGEST + 1, LARGEST, LARGEST):
            assert (await served.ask("address_update", b" " * size)).status_code in {413, 503}, (
                "and its room is free again"
            )
        waiting = asyncio.create_task(served.ask("validation", b" " * LARGEST))
        await until(lambda: shop.count("/validation") == 1)
        before = counted("address_update", "busy")
        given = await served.ask("address_update", b" " * 101)
        assert (given.status_code, given.headers["connection"]) == (503, "close")
        assert counted("address_update", "busy") == before + 1
        assert shop.count("/address_update") == 2
        assert (await waiting).status_code == 503
        shop.answers["/address_update"] = page(200, b"{}")
        assert (await served.ask("address_update", b" " * LARGEST)).status_code == 200


async def test_a_callback_that_is_cut_off_gives_its_slot_back(shop: Merchant) -> None:
    shop.hooks["/validation"] = hang
    async with serving_web(settings_of({"default": all_kinds(shop.url, slots=1, deadline=QUICK)})) as served:
        for _ in range(3):
            before = counted("validation", "no_reply")
            assert (await served.ask("validation")).status_code == 503
            assert counted("validation", "no_reply") == before + 1


async def test_a_stop_waits_for_the_shop_as_long_as_klarna_does(
    shop: Merchant, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ordersaga.web.web.GRACE", 0.0)  # of what isn't a callback
    shop.hooks["/validation"] = lambda _: asyncio.sleep(2 * QUICK)
    async with serving_web(settings_of({"default": all_kinds(shop.url)})) as served:
        asking = asyncio.create_task(served.ask("validation"))
        await shop.arrived.wait()
        served.web.stop()
        assert (await asking).status_code == 200


async def test_a_lingering_port_takes_new_connections_and_then_none(shop: Merchant) -> None:
    async with serving_web(settings_of({"default": all_kinds(shop.url)})) as served:
        port, lingering = served.web.port, asyncio.create_task(served.web.linger(0.5))
        await asyncio.sleep(0.3)  # longer than the server takes to notice a stop
        assert (await served.ask("validation")).status_code == 200
        await lingering
        await until(lambda: _refuses(port))


def _refuses(port: int) -> bool:
    with socket.socket() as client:
        return client.connect_ex(("127.0.0.1", port)) != 0


async def test_a_port_does_not_linger_when_its_role_has_ended(shop: Merchant) -> None:
    async with serving_web(settings_of({"default": all_kinds(shop.url)})) as served:
        lingering = asyncio.create_task(served.web.linger(3_600))
        served.web.stop()
        await asyncio.wait_for(lingering, 5)


# what is told


async def test_the_log_names_merchant_kind_and_reason_and_nothing_of_the_customer(shop: Merchant) -> None:
    shop.answers["/validation"] = page(500, b"Ada Lovelace")
    shop.answers["/address_update"] = page(302, Location="/Ada-Lovelace")
    shop.answers["/country_change"] = page(400, b"Ada Lovelace")
    shop.hooks["/shipping_option_update"] = hang
    with capture_logs() as lines:
        async with serving_web(settings_of({"default": all_kinds(shop.url, deadline=QUICK)})) as served:
            for kind in KINDS:
                await ask_of_ada(served, kind)
            for _ in range(50):
                await ask_of_ada(served, "validation")
    told = [(one["merchant"], one["provider"], one["kind"], one["reason"]) for one in lines if "kind" in one]
    assert told[:4] == [
        ("default", "klarna", "validation", "http_500"),
        ("default", "klarna", "address_update", "no_location"),
        ("default", "klarna", "shipping_option_update", "deadline"),
        ("default", "klarna", "country_change", "not_json"),
    ]
    assert len(told) == 10, "at a limited rate"
    assert "lovelace" not in str(lines).lower()


async def ask_of_ada(served: Served, kind: str) -> None:
    given = await served.ask(kind, b'{"billing_address": {"given_name": "Ada Lovelace"}}', query="?name=Ada+Lovelace")
    assert given.status_code == 503
