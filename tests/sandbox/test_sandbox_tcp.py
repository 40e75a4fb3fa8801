"""Over real TCP: dropped, delayed and hanging answers on kept-alive connections, chunked bodies, the process itself."""

import asyncio
import contextlib
import signal
import socket
import ssl
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from ordersaga_local.tls import Certificates
from ordersaga_sandbox import Tls, running

from .shop import purchase

CREDENTIALS = ("shop", "secret")


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    with running() as url:
        yield url


@pytest.fixture
async def http(url: str) -> AsyncIterator[httpx.AsyncClient]:
    """One connection, kept alive, on a sandbox that has forgotten all."""
    limits = httpx.Limits(max_connections=1)
    async with httpx.AsyncClient(base_url=url, auth=CREDENTIALS, limits=limits, timeout=5) as client:
        await client.post("/_sandbox/reset")
        yield client


async def place(http: httpx.AsyncClient, token: str = "sbx-1") -> str:
    answer = await http.post(f"/payments/v1/authorizations/{token}/order", json=purchase(1000))
    order_id: str = answer.json()["order_id"]
    return f"/ordermanagement/v1/orders/{order_id}"


async def fault(http: httpx.AsyncClient, **fields: Any) -> str:
    answer = await http.post("/_sandbox/faults", json=fields)
    assert answer.status_code == 201
    fault_id: str = answer.json()["id"]
    return fault_id


async def captured(http: httpx.AsyncClient, order: str) -> int:
    amount: int = (await http.get(order)).json()["captured_amount"]
    return amount


async def until(holds: Callable[[], Awaitable[bool]]) -> None:
    async with asyncio.timeout(10):
        while not await holds():  # noqa: ASYNC110 - it comes about in another thread
            await asyncio.sleep(0.01)


async def arrived(http: httpx.AsyncClient, count: int) -> None:
    """Until that many requests have come to the provider's APIs since the reset."""

    async def holds() -> bool:
        return len((await http.get("/_sandbox/requests")).json()["requests"]) >= count

    await until(holds)


async def last_entry(http: httpx.AsyncClient, method: str) -> dict[str, Any]:
    log = (await http.get("/_sandbox/requests")).json()["requests"]
    entry: dict[str, Any] = [entry for entry in log if entry["method"] == method][-1]
    return entry


@pytest.mark.parametrize(("action", "amount"), [("drop_before", 0), ("drop_after", 400)])
async def test_the_connection_ends_without_an_answer(http: httpx.AsyncClient, action: str, amount: int) -> None:
    order = await place(http)
    await fault(http, action=action, times=1)
    with pytest.raises(httpx.RemoteProtocolError, match="without sending a response"):
        await http.post(f"{order}/captures", json={"captured_amount": 400})
    assert await captured(http, order) == amount
    entry = await last_entry(http, "POST")
    assert (entry["fault"], entry["status"], entry["answered_at"]) == (action, None, None)
    assert (entry["effect_seq"] is not None) == bool(amount)


async def test_a_dropped_answer_is_replayed_by_its_key(http: httpx.AsyncClient) -> None:
    order = await place(http)
    await fault(http, action="drop_after", times=1)
    body, key = {"captured_amount": 400}, {"Klarna-Idempotency-Key": "k"}
    with pytest.raises(httpx.RemoteProtocolError):
        await http.post(f"{order}/captures", json=body, headers=key)
    answer = await http.post(f"{order}/captures", json=body, headers=key)
    assert (answer.status_code, await captured(http, order)) == (201, 400)
    assert (await last_entry(http, "POST"))["replay"]


async def test_not_a_byte_is_sent_on_a_kept_alive_connection_that_is_dropped(url: str, http: httpx.AsyncClient) -> None:
    order = await place(http)
    reader, writer = await asyncio.open_connection(*url.removeprefix("http://").split(":"))
    get = f"GET {order} HTTP/1.1\r\nHost: x\r\nAuthorization: Basic c2hvcDpzZWNyZXQ=\r\n\r\n".encode()
    writer.write(get)
    head = await reader.readuntil(b"\r\n\r\n")
    length = next(int(row.split(b":")[1]) for row in head.split(b"\r\n") if row.startswith(b"content-length"))
    await reader.readexactly(length)
    await fault(http, action="drop_before", times=1)
    writer.write(get)
    with contextlib.suppress(ConnectionResetError):
        assert await reader.read() == b""
    writer.close()


async def test_a_delay_before_the_effect_goes_on_when_the_client_has_left(http: httpx.AsyncClient) -> None:
    order = await place(http)
    await fault(http, action="delay", seconds=1, times=1)
    with pytest.raises(httpx.ReadTimeout):
        await http.post(f"{order}/captures", json={"captured_amount": 400}, timeout=0.2)
    assert await captured(http, order) == 0

    async def holds() -> bool:
        return await captured(http, order) == 400

    await until(holds)


async def test_a_delay_after_the_effect(http: httpx.AsyncClient) -> None:
    order = await place(http)
    await fault(http, action="delay", seconds=1, effect=True, times=1)
    with pytest.raises(httpx.ReadTimeout):
        await http.post(f"{order}/captures", json={"captured_amount": 400}, timeout=0.3)
    assert await captured(http, order) == 400


async def test_a_delayed_answer_comes(http: httpx.AsyncClient) -> None:
    order = await place(http)
    await fault(http, action="delay", seconds=0.2, times=1)
    start = time.monotonic()
    answer = await http.post(f"{order}/captures", json={"captured_amount": 400})
    assert answer.status_code == 201
    assert time.monotonic() - start >= 0.2


@pytest.mark.parametrize(("effect", "amount"), [(False, 0), (True, 400)])
async def test_a_hang_never_answers(http: httpx.AsyncClient, effect: bool, amount: int) -> None:
    order = await place(http)
    await fault(http, action="hang", effect=effect, times=1)
    with pytest.raises(httpx.ReadTimeout):
        await http.post(f"{order}/captures", json={"captured_amount": 400}, timeout=0.3)
    assert await captured(http, order) == amount


async def test_a_hang_whose_client_left_gives_its_key_free(http: httpx.AsyncClient) -> None:
    order = await place(http)
    await fault(http, action="hang", times=1)
    body, key = {"captured_amount": 400}, {"Klarna-Idempotency-Key": "k"}
    with pytest.raises(httpx.ReadTimeout):
        await http.post(f"{order}/captures", json=body, headers=key, timeout=0.1)
    assert (await http.post(f"{order}/captures", json=body, headers=key)).status_code == 201
    assert await captured(http, order) == 400


@pytest.mark.parametrize("withdraw", ["/_sandbox/faults", "/_sandbox/faults/h", "reset"])
async def test_what_a_hang_holds_is_dropped_when_it_is_withdrawn(
    url: str, http: httpx.AsyncClient, withdraw: str
) -> None:
    order = await place(http)
    await fault(http, id="h", action="hang")
    async with httpx.AsyncClient(base_url=url, auth=CREDENTIALS) as other:
        held = asyncio.create_task(other.get(order))
        await arrived(http, 2)
        await (http.post("/_sandbox/reset") if withdraw == "reset" else http.delete(withdraw))
        with pytest.raises(httpx.RemoteProtocolError):
            await held


async def test_a_hanging_account_does_not_slow_another(url: str, http: httpx.AsyncClient) -> None:
    await fault(http, action="hang", account="stuck")
    async with (
        httpx.AsyncClient(base_url=url, auth=("stuck", "x")) as stuck,
        httpx.AsyncClient(base_url=url, auth=CREDENTIALS) as free,
    ):
        path = "/payments/v1/authorizations/sbx-{}/order"
        held = [asyncio.create_task(stuck.post(path.format(n), json=purchase())) for n in range(50)]
        await arrived(http, 50)
        answers = [await free.post(path.format(n), json=purchase()) for n in range(20)]
        assert {answer.status_code for answer in answers} == {200}
        for task in held:
            task.cancel()
        await asyncio.gather(*held, return_exceptions=True)


@pytest.mark.parametrize("path", ["/acknowledge", "/cancel"])
async def test_a_chunked_empty_object_is_taken_where_no_body_is_expected(http: httpx.AsyncClient, path: str) -> None:
    order = await place(http)

    async def chunks() -> AsyncIterator[bytes]:
        yield b"{}"

    answer = await http.post(order + path, content=chunks())
    assert (answer.status_code, answer.content) == (204, b"")
    assert "content-length" not in answer.headers
    assert "transfer-encoding" not in answer.headers


@pytest.mark.parametrize("junk", [b"{}", b"{}" * 100])
async def test_a_body_that_a_get_does_not_announce_costs_the_connection_not_the_answer(
    url: str, http: httpx.AsyncClient, junk: bytes
) -> None:
    order = await place(http)
    reader, writer = await asyncio.open_connection(*url.removeprefix("http://").split(":"))
    head = f"GET {order} HTTP/1.1\r\nHost: x\r\nAuthorization: Basic c2hvcDpzZWNyZXQ=\r\nConnection: keep-alive\r\n\r\n"
    writer.write(head.encode() + junk)
    answer = await asyncio.wait_for(reader.read(), 5)
    assert answer.startswith(b"HTTP/1.1 200 OK")
    assert answer.count(b"HTTP/1.1") == 1
    writer.close()


async def test_a_request_that_is_not_http_is_a_bad_one(url: str, http: httpx.AsyncClient) -> None:
    reader, writer = await asyncio.open_connection(*url.removeprefix("http://").split(":"))
    writer.write(b"{}\r\n\r\n")
    assert (await asyncio.wait_for(reader.read(), 5)).startswith(b"HTTP/1.1 400")
    writer.close()


async def test_a_body_that_is_too_large_is_answered(http: httpx.AsyncClient) -> None:
    answer = await http.post("/payments/v1/authorizations/sbx-1/order", content=b"x" * 3_000_000)
    assert (answer.status_code, answer.json()["error_code"]) == (413, "REQUEST_TOO_LARGE")


async def test_places_name_the_address_by_which_we_were_reached(url: str, http: httpx.AsyncClient) -> None:
    order = await place(http)
    answer = await http.post(f"{order}/captures", json={"captured_amount": 400})
    assert answer.headers["location"].startswith(f"{url}{order}/captures/")
    assert (await http.get(answer.headers["location"])).status_code == 200


async def test_over_tls_places_are_https_and_connections_are_dropped_too(tmp_path: Path) -> None:
    certificates = Certificates.made(tmp_path)
    trusting = ssl.create_default_context(cafile=certificates.authority)
    with running(tls=Tls(certificates.server, certificates.key)) as url:
        assert url.startswith("https://")
        async with httpx.AsyncClient(base_url=url, auth=CREDENTIALS, verify=trusting) as http:
            order = await place(http)
            answer = await http.post(f"{order}/captures", json={"captured_amount": 400})
            assert answer.headers["location"].startswith(f"{url}{order}/captures/")
            await fault(http, action="drop_after", times=1)
            with pytest.raises(httpx.RemoteProtocolError):
                await http.post(f"{order}/captures", json={"captured_amount": 100})
            assert await captured(http, order) == 500


def test_a_certificate_without_its_key_is_refused() -> None:
    command = [sys.executable, "-m", "ordersaga_sandbox", "--port", "0", "--certificate", "c.pem"]
    process = subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)
    assert process.returncode == 2
    assert "both --certificate and --key" in process.stderr


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def test_the_process_says_when_it_is_ready_and_stops_in_time_with_requests_held() -> None:
    port = _free_port()
    command = [sys.executable, "-m", "ordersaga_sandbox", "--host", "127.0.0.1", "--port", str(port)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        ready = process.stdout.readline()
        assert f"http://127.0.0.1:{port}" in ready
        with httpx.Client(base_url=f"http://127.0.0.1:{port}", auth=CREDENTIALS) as http:
            http.post("/_sandbox/faults", json={"action": "hang", "method": "POST", "times": 1})
            http.post("/_sandbox/faults", json={"action": "delay", "seconds": 60, "method": "POST"})
            held = []
            for token in ("hang", "delay"):
                held.append(socket.create_connection(("127.0.0.1", port)))
                held[-1].sendall(
                    f"POST /payments/v1/authorizations/sbx-{token}/order HTTP/1.1\r\nHost: x\r\n"
                    "Authorization: Basic c2hvcDpzZWNyZXQ=\r\nContent-Length: 0\r\n\r\n".encode()
                )
            while len(http.get("/_sandbox/requests").json()["requests"]) < 2:
                time.sleep(0.01)
            start = time.monotonic()
            process.send_signal(signal.SIGTERM)
            assert process.wait(5) == 0
            assert time.monotonic() - start < 5
            assert [connection.recv(100) for connection in held] == [b"", b""]
            for connection in held:
                connection.close()
        assert process.stderr.read() == ""
