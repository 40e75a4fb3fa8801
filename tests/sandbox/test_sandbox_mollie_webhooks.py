"""Mollie's webhooks: when they are sent, what they say, how often."""

import asyncio

import pytest
from aiohttp import web

from .merchant import Merchant, Request
from .mollie_shop import MollieShop, line
from .shop import JSON

TIMES = [after * 60 for after in (0, 1, 3, 7, 15, 31, 60, 120, 240, 1_560)]


async def send(mollie: MollieShop) -> None:
    await mollie.control("POST", "deliveries/send")


async def received(mollie: MollieShop, merchant: Merchant) -> list[str]:
    """The paths called since the last time."""
    await send(mollie)
    paths = [request.path for request in merchant.requests]
    merchant.requests.clear()
    return paths


def urls(merchant: Merchant) -> JSON:
    return {
        "webhookUrl": f"{merchant.url}/order?secret=1",
        "payment": {"webhookUrl": f"{merchant.url}/payment"},
    }


async def test_a_webhook_has_the_id_and_nothing_else(mollie: MollieShop, merchant: Merchant) -> None:
    order = await mollie.authorized(**urls(merchant))
    await send(mollie)
    assert merchant.requests == [Request("/order", "secret=1", f"id={order['id']}".encode())]
    [delivery] = await mollie.webhooks()
    assert (delivery["kind"], delivery["state"], delivery["account"]) == ("order_webhook", "delivered", "shop")


async def test_when_the_order_webhook_is_called(mollie: MollieShop, merchant: Merchant) -> None:
    await mollie.switch(mollie_duplicate_refunds="off")
    order = await mollie.create(line("10.00", 4), **urls(merchant))
    assert await received(mollie, merchant) == []
    one = {"id": order["lines"][0]["id"], "quantity": 1}
    await mollie.customer(order["id"], "pending")
    assert await received(mollie, merchant) == []
    await mollie.customer(order["id"], "pay")
    assert await received(mollie, merchant) == ["/order"]
    for act in (mollie.ship, mollie.cancel_lines, mollie.refund, mollie.ship):
        assert (await act(order, one)).is_success
        assert await received(mollie, merchant) == ["/order"]
    assert (await mollie.call("DELETE", f"orders/{order['id']}")).is_success
    assert await received(mollie, merchant) == ["/order"]
    await mollie.call("PATCH", f"orders/{order['id']}", {"orderNumber": "B"})
    assert await received(mollie, merchant) == []


@pytest.mark.parametrize("how", ["paid", "canceled", "expired"])
async def test_it_is_called_for_the_other_ends(mollie: MollieShop, merchant: Merchant, how: str) -> None:
    order = await mollie.create(method="ideal", webhookUrl=f"{merchant.url}/order")
    if how == "paid":
        await mollie.customer(order["id"], "pay")
    elif how == "expired":
        await mollie.advance(days=28)
    else:
        await mollie.customer(order["id"], "fail")
        assert await received(mollie, merchant) == []
        await mollie.call("DELETE", f"orders/{order['id']}")
    assert await received(mollie, merchant) == ["/order"]
    assert (await mollie.order(order["id"]))["status"] == how


@pytest.mark.parametrize(("outcome", "calls"), [("refunded", ["/order"]), ("failed", ["/order"])])
async def test_it_is_called_for_the_outcome_of_a_refund(
    mollie: MollieShop, merchant: Merchant, outcome: str, calls: list[str]
) -> None:
    await mollie.switch(mollie_refund_outcome=outcome)
    order = await mollie.paid(**urls(merchant))
    await mollie.refund(order)
    await received(mollie, merchant)
    await mollie.advance(days=2)
    assert await received(mollie, merchant) == calls


@pytest.mark.parametrize("action", ["fail", "cancel", "expire", "time"])
async def test_the_payment_webhook_is_called_for_a_payment_that_ends(
    mollie: MollieShop, merchant: Merchant, action: str
) -> None:
    order = await mollie.create(**urls(merchant))
    payment_id = order["_embedded"]["payments"][0]["id"]
    if action == "time":
        await mollie.advance(hours=48)
    else:
        await mollie.customer(payment_id, action)
    await send(mollie)
    assert merchant.requests == [Request("/payment", "", f"id={payment_id}".encode())]
    [delivery] = await mollie.webhooks()
    assert delivery["kind"] == "payment_webhook"


@pytest.mark.parametrize("status", [201, 204, 302, 404, 500])
async def test_it_is_repeated_ten_times_until_exactly_200(mollie: MollieShop, merchant: Merchant, status: int) -> None:
    merchant.answers["/order"] = web.Response(status=status, headers={"location": f"{merchant.url}/elsewhere"})
    order = await mollie.authorized(**urls(merchant))
    start = (await mollie.control("GET", "clock"))["now"]
    for before, due in enumerate(TIMES):
        if due:
            await mollie.control("POST", "clock", {"set": start + due - 1})
            await send(mollie)
            assert merchant.count("/order") == before
        await mollie.control("POST", "clock", {"set": start + due})
        await send(mollie)
        assert merchant.count("/order") == before + 1
    await mollie.advance(days=9)
    await send(mollie)
    assert merchant.count("/order") == len(TIMES)
    assert merchant.count("/elsewhere") == 0
    assert {request.body for request in merchant.requests} == {f"id={order['id']}".encode()}
    [delivery] = await mollie.webhooks()
    assert delivery["state"] == "given_up"


async def test_a_200_ends_it(mollie: MollieShop, merchant: Merchant) -> None:
    merchant.answers["/order"] = 500
    await mollie.authorized(**urls(merchant))
    await send(mollie)
    merchant.answers["/order"] = 200
    await mollie.advance(days=1)
    await send(mollie)
    assert [attempt["status"] for attempt in (await mollie.webhooks())[0]["attempts"]] == [500, 200]


async def test_an_answer_that_is_late(mollie: MollieShop, merchant: Merchant) -> None:
    await mollie.switch(mollie_webhook_seconds=0.05)

    async def dawdle(_: Request) -> None:
        await mollie.http.get("/v2/orders")  # the merchant reads the order, and then takes its time
        await never.wait()

    never = asyncio.Event()
    merchant.hooks["/order"] = dawdle
    await mollie.authorized(**urls(merchant))
    await send(mollie)
    never.set()
    [delivery] = await mollie.webhooks()
    assert [attempt["error"] for attempt in delivery["attempts"]] == ["no response in time"]


async def test_webhooks_get_lost_late_and_doubled(mollie: MollieShop, merchant: Merchant) -> None:
    await mollie.switch(lost_deliveries=["order_webhook"])
    await mollie.authorized(**urls(merchant))
    await send(mollie)
    assert merchant.requests == []
    await mollie.switch(lost_deliveries=["payment_webhook"], delivery_copies=2)
    await mollie.advance(seconds=60)
    assert await received(mollie, merchant) == ["/order", "/order"]
    await mollie.switch(delivery_copies=1, delivery_delay=30)
    await mollie.authorized(**urls(merchant))
    assert await received(mollie, merchant) == []
    await mollie.advance(seconds=30)
    assert await received(mollie, merchant) == ["/order"]


async def test_webhooks_by_hand(mollie: MollieShop, merchant: Merchant) -> None:
    order = await mollie.create(**urls(merchant))
    await mollie.dashboard(order, "webhook", times=3)
    assert await received(mollie, merchant) == ["/order"] * 3
    silent = await mollie.create()
    answer = await mollie.call("POST", f"/_sandbox/mollie/orders/{silent['id']}", {"action": "webhook"})
    assert answer.status_code == 409
