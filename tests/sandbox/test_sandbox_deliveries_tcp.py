"""Deliveries of a sandbox that is a process of its own."""

import asyncio
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass

import httpx
import pytest

from .checkouts import wish
from .merchant import Merchant, Request


@dataclass(frozen=True)
class Running:
    process: subprocess.Popen[str]
    http: httpx.AsyncClient


@pytest.fixture
async def sandbox() -> AsyncIterator[Running]:
    process = subprocess.Popen(  # noqa: ASYNC220 - it returns at once
        [sys.executable, "-m", "ordersaga_sandbox", "--port", "0"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stdout is not None
        ready = await asyncio.to_thread(process.stdout.readline)
        url = next(word for word in ready.split() if word.startswith("http://"))
        async with httpx.AsyncClient(base_url=url, auth=("shop", "secret")) as http:
            yield Running(process, http)
    finally:
        process.kill()
        process.communicate()


async def completed(http: httpx.AsyncClient, merchant: Merchant) -> str:
    order_id: str = (await http.post("/checkout/v3/orders", json=wish(merchant))).json()["order_id"]
    answer = await http.post(f"/_sandbox/checkout/{order_id}", json={"action": "complete"})
    assert answer.json()["completed"]
    return order_id


async def arrived(merchant: Merchant) -> None:
    async with asyncio.timeout(10):
        await merchant.arrived.wait()


async def test_the_clock_brings_the_push(sandbox: Running, merchant: Merchant) -> None:
    order_id = await completed(sandbox.http, merchant)
    await sandbox.http.post("/_sandbox/clock", json={"advance": 120})
    await arrived(merchant)
    assert merchant.requests == [Request("/push", f"klarna_order_id={order_id}", b"")]


async def test_a_decision_comes_without_any_request(sandbox: Running, merchant: Merchant) -> None:
    switches = {"pending_decision_after": 0.2}
    await sandbox.http.put("/_sandbox/switches", json=switches)
    body = wish(merchant, urls={"notification": f"{merchant.url}/fraud"})
    order_id = (await sandbox.http.post("/checkout/v3/orders", json=body)).json()["order_id"]
    await sandbox.http.post(f"/_sandbox/checkout/{order_id}", json={"action": "complete", "outcome": "pending"})
    await arrived(merchant)
    assert [request.path for request in merchant.requests] == ["/fraud"]


async def test_it_stops_at_once_while_a_merchant_keeps_it_waiting(sandbox: Running, merchant: Merchant) -> None:
    released = asyncio.Event()

    async def wait(_: Request) -> None:
        await released.wait()

    merchant.hooks["/push"] = wait
    await sandbox.http.put("/_sandbox/switches", json={"push_after": 0, "delivery_seconds": 60})
    await completed(sandbox.http, merchant)
    await arrived(merchant)
    start = time.monotonic()
    sandbox.process.send_signal(signal.SIGTERM)
    _, errors = await asyncio.to_thread(sandbox.process.communicate, timeout=10)
    released.set()
    assert time.monotonic() - start < 5
    assert (sandbox.process.returncode, errors) == (0, "")
