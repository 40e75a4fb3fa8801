"""One request, one attempt, one reply: against raw TCP servers that misbehave on purpose."""

import asyncio
import socket
from datetime import timedelta
from pathlib import Path
from time import monotonic

import pytest

from ordersaga.domain.model.order import Request
from ordersaga.providers.http import Answer, Http, Lost, NotSent, Unsent

from .raw import (
    ANSWER,
    METHODS,
    Behaviour,
    Exchange,
    Method,
    client,
    close_after_reading,
    drop_after_reading,
    drop_before_reading,
    good,
    hang,
    request,
    serving,
)

DROPS = (drop_before_reading, drop_after_reading, close_after_reading)


@pytest.mark.parametrize("drop", DROPS)
@pytest.mark.parametrize("method", METHODS)
async def test_a_drop_on_a_fresh_connection_leads_to_no_second_request(method: Method, drop: Behaviour) -> None:
    async with serving(drop, good) as server, client(server.port) as http:
        assert await http.send(request(method), 2.0) == Lost("disconnected")
        await asyncio.sleep(0.02)
        assert server.connections == 1
        assert len(server.requests) + server.touched == 1


@pytest.mark.parametrize("drop", DROPS)
@pytest.mark.parametrize("method", METHODS)
async def test_a_drop_on_a_kept_connection_leads_to_no_second_request(method: Method, drop: Behaviour) -> None:
    async with serving(good, drop, good) as server, client(server.port) as http:
        assert isinstance(await http.send(request(method), 2.0), Answer)
        assert await http.send(request(method), 2.0) == Lost("disconnected")
        await asyncio.sleep(0.02)
        assert server.connections == 1
        assert len(server.requests) + server.touched == 2


@pytest.mark.parametrize("method", METHODS)
async def test_a_drop_leaves_the_next_request_unharmed(method: Method) -> None:
    async with serving(good, drop_after_reading, good) as server, client(server.port) as http:
        replies = [await http.send(request(method), 2.0) for _ in range(3)]
        assert [type(reply) for reply in replies] == [Answer, Lost, Answer]
        assert len(server.requests) == 3


@pytest.mark.parametrize("method", METHODS)
async def test_a_connection_that_closed_while_idle_is_replaced_before_anything_is_sent(method: Method) -> None:
    async def good_then_close(exchange: Exchange) -> None:
        await good(exchange)
        exchange.writer.close()

    async with serving(good_then_close, good) as server, client(server.port) as http:
        assert isinstance(await http.send(request(method), 2.0), Answer)
        await asyncio.sleep(0.05)
        assert isinstance(await http.send(request(method), 2.0), Answer)
        assert (server.connections, len(server.requests)) == (2, 2)


async def test_a_connection_that_was_idle_for_long_is_not_used_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """A load balancer may be about to close it."""
    monkeypatch.setattr("ordersaga.providers.http._KEEP_ALIVE", timedelta(seconds=0.1))
    async with serving(good) as server, client(server.port) as http:
        assert isinstance(await http.send(request(), 2.0), Answer)
        await asyncio.sleep(0.3)
        assert isinstance(await http.send(request(), 2.0), Answer)
        assert server.connections == 2


async def test_the_request_is_on_the_wire_as_it_was_frozen() -> None:
    path = "/payments/v1/authorizations/a%2Fb%3F%25%C3%A9~c/order"
    async with serving(good) as server, client(server.port) as http:
        frozen = Request("POST", path, '{"name":"é"}', "key-1")
        reply = await http.send(frozen, 2.0, (("Klarna-Idempotency-Key", "key-1"),))
    assert reply == Answer(200, {"content-type": "application/json", "content-length": "2"}, b"{}")
    head, _, body = server.requests[0].partition(b"\r\n\r\n")
    lines = head.decode().split("\r\n")
    assert lines[0] == f"POST {path} HTTP/1.1"
    assert body == '{"name":"é"}'.encode()
    assert {line.lower() for line in lines[1:]} == {
        f"host: 127.0.0.1:{server.port}",
        "authorization: basic dtpw",
        "accept: application/json",
        "accept-encoding: identity",
        "user-agent: ordersaga",
        "klarna-idempotency-key: key-1",
        "content-type: application/json",
        "content-length: 13",
    }


@pytest.mark.parametrize("method", METHODS)
async def test_without_a_body_no_content_type_is_sent(method: Method) -> None:
    async with serving(good) as server, client(server.port) as http:
        await http.send(Request(method, "/x"), 2.0)
    assert b"content-type" not in server.requests[0].lower()
    assert b"transfer-encoding" not in server.requests[0].lower()


async def test_an_empty_answer_is_whole() -> None:
    async def no_content(exchange: Exchange) -> None:
        await exchange.read()
        await exchange.answer(b"HTTP/1.1 204 No Content\r\nX-Id: 7\r\n\r\n")

    async with serving(no_content) as server, client(server.port) as http:
        assert await http.send(request(), 2.0) == Answer(204, {"x-id": "7"}, b"")
        assert await http.send(request(), 2.0) == Answer(204, {"x-id": "7"}, b"")
        assert server.connections == 1


@pytest.mark.parametrize(
    "path",
    [
        *("/a/../b", "/a/./b", "/a/..", "/..?x=1", "/a/%2e%2E/b", "/a/.%2e", "/a\\..\\b", "/a\tb", "/a#b", "/a\nb"),
        *("/a ", "/a\0", "/a\x1f", "/a\x7f", "", "a", "@127.0.0.1:1/x", ":1/x", ".example/x"),
    ],
)
async def test_a_path_that_the_client_would_change_is_not_sent(path: str) -> None:
    async with serving(good) as server, client(server.port) as http:
        assert await http.send(Request("GET", path), 2.0) == NotSent("not_a_request")
        assert isinstance(await http.send(Request("GET", "/.a/b..c/...?x=..&y=/../z"), 2.0), Answer)
    assert [sent.split(b" ")[1] for sent in server.requests] == [b"/.a/b..c/...?x=..&y=/../z"]


async def test_a_header_of_an_answer_that_is_not_ascii_costs_itself_alone() -> None:
    async def odd(exchange: Exchange) -> None:
        await exchange.read()
        await exchange.answer(b"HTTP/1.1 201 Created\r\nX-Name: caf\xe9\r\nCapture-Id: 7\r\nContent-Length: 0\r\n\r\n")

    async with serving(odd) as server, client(server.port) as http:
        assert await http.send(request(), 2.0) == Answer(201, {"capture-id": "7", "content-length": "0"}, b"")


@pytest.mark.parametrize("value", ["é", "a\nb"])
async def test_a_header_that_cannot_be_sent_sends_nothing(value: str) -> None:
    async with serving(good) as server, client(server.port) as http:
        assert await http.send(request(), 2.0, (("X-A", value),)) == NotSent("not_a_request")
        assert server.connections == 0


async def test_an_answer_in_chunks_is_whole_and_bounded() -> None:
    def chunked(chunk: bytes) -> Behaviour:
        async def behaviour(exchange: Exchange) -> None:
            await exchange.read()
            await exchange.answer(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
            for _ in range(3):
                await exchange.answer(b"%x\r\n%s\r\n" % (len(chunk), chunk))
            await exchange.answer(b"0\r\n\r\n")

        return behaviour

    async with (
        serving(chunked(b"abc"), chunked(b"a" * 50_000), good) as server,
        client(server.port, most_bytes=100_000) as http,
    ):
        assert await http.send(request(), 2.0) == Answer(200, {"transfer-encoding": "chunked"}, b"abcabcabc")
        assert await http.send(request(), 2.0) == Lost("too_large")
        assert isinstance(await http.send(request(), 2.0), Answer)


@pytest.mark.parametrize(
    ("head", "body"),
    [
        (b"HTTP/1.1 201 Created\r\nCapture-Id: 7\r\nContent-Length: 2, 2", b"{}"),
        (b"HTTP/1.1 204 No Content\r\nCapture-Id: 7\r\nContent-Length: abc", b""),
        (b"HTTP/1.1 204 No Content\r\nCapture-Id: 7\r\nContent-Length: " + b"9" * 5000, b""),
        (
            b"HTTP/1.1 201 Created\r\nCapture-Id: 7\r\nContent-Length: +9\r\nTransfer-Encoding: chunked",
            b"2\r\n{}\r\n0\r\n\r\n",
        ),
    ],
)
async def test_an_odd_length_costs_nothing(head: bytes, body: bytes) -> None:
    async def odd(exchange: Exchange) -> None:
        await exchange.read()
        await exchange.answer(head + b"\r\n\r\n" + body)

    async with serving(odd) as server, client(server.port) as http:
        reply = await http.send(request(), 2.0)
    assert isinstance(reply, Answer), reply
    assert (reply.status // 100, reply.headers["capture-id"]) == (2, "7")
    assert reply.body == (b"{}" if body else b"")


async def test_a_length_beside_chunks_bounds_nothing() -> None:
    async def larger(exchange: Exchange) -> None:
        await exchange.read()
        await exchange.answer(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n")
        for _ in range(10):
            await exchange.answer(b"%x\r\n%s\r\n" % (50_000, b"a" * 50_000))
        await exchange.answer(b"0\r\n\r\n")

    async with serving(larger) as server, client(server.port, most_bytes=100_000) as http:
        assert await http.send(request(), 2.0) == Lost("too_large")


async def test_an_answer_is_not_decompressed() -> None:
    async def compressed(exchange: Exchange) -> None:
        await exchange.read()
        await exchange.answer(b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 3\r\n\r\nabc")

    async with serving(compressed) as server, client(server.port) as http:
        reply = await http.send(request(), 2.0)
    assert isinstance(reply, Answer)
    assert reply.body == b"abc"


async def test_a_redirect_is_an_answer_and_cookies_are_not_kept() -> None:
    async def redirect(exchange: Exchange) -> None:
        await exchange.read()
        await exchange.answer(
            b"HTTP/1.1 302 Found\r\nLocation: /elsewhere\r\nSet-Cookie: a=b\r\nContent-Length: 0\r\n\r\n"
        )

    async with serving(redirect) as server, client(server.port) as http:
        for _ in range(2):
            reply = await http.send(request("GET"), 2.0)
            assert isinstance(reply, Answer)
            assert reply.status == 302
    assert all(sent.startswith(b"GET /x ") for sent in server.requests)
    assert not any(b"cookie" in sent.lower() for sent in server.requests)


async def test_proxies_and_credentials_of_the_environment_are_not_used(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1 login someone password else\n")
    monkeypatch.setenv("NETRC", str(netrc))
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    monkeypatch.delenv("NO_PROXY", raising=False)
    monkeypatch.delenv("no_proxy", raising=False)
    async with serving(good) as server, client(server.port) as http:
        assert isinstance(await http.send(request(), 2.0), Answer)
    assert b"authorization: basic dtpw" in server.requests[0].lower()


async def test_the_deadline_is_for_everything() -> None:
    async def trickle(exchange: Exchange) -> None:
        await exchange.read()
        await exchange.answer(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n")
        for _ in range(1000):
            await exchange.answer(b" ")
            await asyncio.sleep(0.02)

    async with serving(trickle) as server, client(server.port) as http:
        began = monotonic()
        assert await http.send(request(), 0.3) == Lost("deadline")
        assert monotonic() - began < 0.6


async def test_a_late_answer_is_never_taken_for_the_next_one() -> None:
    async def late(exchange: Exchange) -> None:
        await exchange.read()
        await asyncio.sleep(0.2)
        await exchange.answer(ANSWER.replace(b"200", b"201"))

    async with serving(late, good) as server, client(server.port, connections=1) as http:
        assert await http.send(request(), 0.1) == Lost("deadline")
        await asyncio.sleep(0.15)
        reply = await http.send(request(), 2.0)
        assert isinstance(reply, Answer)
        assert reply.status == 200


async def test_no_time_left_sends_nothing() -> None:
    async with serving(good) as server, client(server.port) as http:
        assert isinstance(await http.send(request(), 2.0), Answer)
        assert await http.send(request(), 0.0) == NotSent("no_connection")
        assert len(server.requests) == 1


@pytest.mark.parametrize(
    "answer",
    [
        b"SMTP ready\r\n\r\n",
        b"HTTP/1.1 abc\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: -5\r\n\r\n",
        b"\x16\x03\x01\r\n",
    ],
)
async def test_an_answer_that_is_not_http_is_lost(answer: bytes) -> None:
    async def garbage(exchange: Exchange) -> None:
        await exchange.read()
        await exchange.answer(answer)
        exchange.writer.close()

    async with serving(garbage) as server, client(server.port) as http:
        assert isinstance(await http.send(request(), 2.0), Lost)
        assert len(server.requests) == 1


async def test_a_body_that_breaks_off_is_lost() -> None:
    async def broken(exchange: Exchange) -> None:
        await exchange.read()
        await exchange.answer(b'HTTP/1.1 201 Created\r\nCapture-Id: 7\r\nContent-Length: 100\r\n\r\n{"a":')
        exchange.writer.close()

    async with serving(broken) as server, client(server.port) as http:
        assert await http.send(request(), 2.0) == Lost("protocol")


async def test_an_answer_that_is_too_large_is_lost_and_no_part_of_it_taken_for_the_next_one() -> None:
    async def large(exchange: Exchange) -> None:
        await exchange.read()
        await exchange.answer(b"HTTP/1.1 200 OK\r\nContent-Length: 300000\r\n\r\n" + b" " * 300_000)

    async with serving(large, good) as server, client(server.port, most_bytes=100_000) as http:
        assert await http.send(request(), 2.0) == Lost("too_large")
        reply = await http.send(request(), 2.0)
        assert reply == Answer(200, {"content-type": "application/json", "content-length": "2"}, b"{}")


async def test_a_full_pool_sends_nothing() -> None:
    async with serving(hang) as server, client(server.port, connections=1) as http:
        first = asyncio.create_task(http.send(request(), 0.6))
        await asyncio.sleep(0.1)
        assert await http.send(request(), 0.2) == NotSent("connect_timeout")
        assert await first == Lost("deadline")
        assert len(server.requests) == 1


async def test_a_cancelled_call_gives_its_connection_up_at_its_deadline() -> None:
    async with serving(hang, good) as server, client(server.port, connections=1) as http:
        call = asyncio.create_task(http.send(request(), 0.5))
        await asyncio.sleep(0.1)
        call.cancel()
        with pytest.raises(asyncio.CancelledError):
            await call
        assert isinstance(await http.send(request(), 2.0), Answer)
        assert server.connections == 2


async def test_a_refused_connection_sends_nothing() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        async with client(taken.getsockname()[1]) as http:
            assert await http.send(request(), 2.0) == NotSent("refused")


@pytest.mark.parametrize(
    ("host", "reason"), [("nobody.invalid", "dns"), ("no..body", "dns"), ("no body", "not_a_request")]
)
async def test_an_unknown_host_sends_nothing(host: str, reason: Unsent) -> None:
    http = Http(f"http://{host}", "Basic dTpw", 1, deadline=5.0)
    assert await http.send(request(), 5.0) == NotSent(reason)
    await http.close()


@pytest.mark.parametrize(
    "url", ["ftp://host", "host", "https://", "https://user:secret@host", "https://host/?a=b", "https://host/#x"]
)
def test_a_base_url_that_cannot_be_one_is_refused_without_repeating_it(url: str) -> None:
    with pytest.raises(ValueError, match="base_url") as caught:
        Http(url, "Basic dTpw", 1, deadline=5.0)
    assert "secret" not in str(caught.value)
