"""Push, notification and authorization callback: their schedules, their ends, and what may happen to them on the way."""

import asyncio

import msgspec
import pytest

from ordersaga_sandbox import create_app

from .checkouts import completed, deliveries, send, wish
from .merchant import Merchant, Request
from .shop import JSON, Shop, purchase

MINUTE = 60
PUSHES = [120 + after * MINUTE for after in (0, 5, 15, 30, 60, *(60 + 240 * n for n in range(1, 12)))]


async def pushed(merchant: Merchant, times: int) -> None:
    async with asyncio.timeout(10):
        while merchant.count("/push") < times:
            merchant.arrived.clear()
            await merchant.arrived.wait()


# -- push -------------------------------------------------------------------------------------------------------------


async def test_a_push_comes_two_minutes_after_completion_with_an_empty_body(shop: Shop, merchant: Merchant) -> None:
    order_id = await completed(shop, wish(merchant))
    await shop.advance(seconds=119)
    await send(shop)
    assert merchant.requests == []
    await shop.advance(seconds=1)
    await send(shop)
    assert merchant.requests == [Request("/push", f"klarna_order_id={order_id}", b"")]


async def test_a_push_repeats_for_two_days_until_it_is_acknowledged(shop: Shop, merchant: Merchant) -> None:
    await completed(shop, wish(merchant))
    start = (await shop.control("GET", "clock"))["now"]
    for before, due in enumerate(PUSHES):
        await shop.control("POST", "clock", {"set": start + due - 1})
        await send(shop)
        assert merchant.count("/push") == before
        await shop.advance(seconds=1)
        await send(shop)
        assert merchant.count("/push") == before + 1
    await shop.advance(days=9)
    await send(shop)
    assert merchant.count("/push") == len(PUSHES)
    [push] = await deliveries(shop, "push")
    assert (push["state"], push["due_at"]) == ("given_up", None)
    assert {attempt["status"] for attempt in push["attempts"]} == {200}


@pytest.mark.parametrize("how", ["acknowledge", "capture"])
async def test_the_acknowledgement_ends_the_pushes(shop: Shop, merchant: Merchant, how: str) -> None:
    order_id = await completed(shop, wish(merchant))
    await shop.advance(seconds=420)
    await send(shop)
    assert merchant.count("/push") == 2
    if how == "acknowledge":
        await shop.om(order_id, "POST", "/acknowledge")
    else:
        await shop.capture(order_id, 1)
    assert (await deliveries(shop, "push"))[0]["state"] == "acknowledged"
    await shop.advance(days=3)
    await send(shop)
    assert merchant.count("/push") == 2
    assert (await deliveries(shop, "push"))[0]["state"] == "acknowledged"


async def test_an_acknowledgement_in_answer_to_the_push_ends_it(shop: Shop, merchant: Merchant) -> None:
    order_id = await completed(shop, wish(merchant))

    async def acknowledge(_: Request) -> None:
        await shop.om(order_id, "POST", "/acknowledge")

    merchant.hooks["/push"] = acknowledge
    await shop.advance(days=3)
    await send(shop)
    assert merchant.count("/push") == 1
    assert (await deliveries(shop, "push"))[0]["state"] == "acknowledged"


async def test_an_order_acknowledged_before_the_first_push_gets_none(shop: Shop, merchant: Merchant) -> None:
    order_id = await completed(shop, wish(merchant))
    await shop.om(order_id, "POST", "/acknowledge")
    await shop.advance(days=3)
    await send(shop)
    assert merchant.requests == []


async def test_an_automatic_capture_does_not_acknowledge(shop: Shop, merchant: Merchant) -> None:
    order_id = await completed(shop, wish(merchant, options={"auto_capture": True}))
    assert (await shop.order(order_id))["status"] == "CAPTURED"
    await shop.advance(seconds=120)
    await send(shop)
    assert merchant.count("/push") == 1


async def test_pushes_come_by_themselves(merchant: Merchant) -> None:
    shop = Shop(app=create_app())  # with a clock that runs
    async with shop.http:
        await shop.switch(push_after=0.2)
        await completed(shop, wish(merchant))
        await pushed(merchant, 1)
        await shop.advance(seconds=300)
        await pushed(merchant, 2)
        await shop.control("POST", "reset")


async def test_orders_of_payments_are_pushed_by_a_switch(shop: Shop, merchant: Merchant) -> None:
    urls = {"push": f"{merchant.url}/push/{{order.id}}"}
    await shop.place(merchant_urls=urls)
    await shop.switch(push_for_payments=True)
    order_id = await shop.place(merchant_urls=urls)
    await shop.advance(seconds=120)
    await send(shop)
    assert [request.path for request in merchant.requests] == [f"/push/{order_id}"]


# -- notification -----------------------------------------------------------------------------------------------------


def notified(merchant: Merchant) -> list[JSON]:
    return [msgspec.json.decode(request.body) for request in merchant.requests]


@pytest.mark.parametrize("decision", ["ACCEPTED", "REJECTED"])
async def test_a_decision_is_notified(shop: Shop, merchant: Merchant, decision: str) -> None:
    urls = {"notification": f"{merchant.url}/fraud?order={{order.id}}"}
    order_id = await shop.place(prefix="sbx-pending-", merchant_urls=urls)
    await shop.control("POST", f"orders/{order_id}/fraud", {"decision": decision})
    await send(shop)
    await shop.advance(days=2)
    await send(shop)
    assert notified(merchant) == [{"order_id": order_id, "event_type": f"FRAUD_RISK_{decision}"}]
    assert merchant.requests[0].query == f"order={order_id}"


async def test_a_notification_repeats_every_ten_minutes_for_a_day_until_it_succeeds(
    shop: Shop, merchant: Merchant
) -> None:
    await shop.switch(pending_decision_after=60, notification_time_field="event_time")
    merchant.answers["/fraud"] = 500
    urls = {"notification": f"{merchant.url}/fraud"}
    order_id = await shop.place(prefix="sbx-pending-", merchant_urls=urls)
    await shop.advance(seconds=60)
    await send(shop)
    assert notified(merchant)[0]["event_time"] == "2022-07-08T09:49:00Z"
    await shop.advance(seconds=600)
    await send(shop)
    assert merchant.count("/fraud") == 2
    merchant.answers["/fraud"] = 200
    await shop.advance(seconds=600)
    await send(shop)
    assert (await deliveries(shop, "notification"))[0]["state"] == "delivered"
    merchant.answers["/fraud"] = 503
    await shop.control("POST", f"orders/{order_id}/notification", {"event_type": "FRAUD_RISK_STOPPED"})
    await shop.advance(days=2)
    await send(shop)
    assert merchant.count("/fraud") == 3 + 145
    assert (await deliveries(shop, "notification"))[1]["state"] == "given_up"


async def test_an_order_without_the_url_is_not_notified(shop: Shop) -> None:
    order_id = await shop.place(prefix="sbx-pending-")
    await shop.control("POST", f"orders/{order_id}/fraud", {"decision": "ACCEPTED"})
    assert (await shop.control("GET", "deliveries"))["deliveries"] == []
    body = {"event_type": "FRAUD_RISK_STOPPED"}
    assert (await shop.call("POST", f"/_sandbox/orders/{order_id}/notification", body)).status_code == 409


# -- authorization callback -------------------------------------------------------------------------------------------


async def authorized(shop: Shop, merchant: Merchant, outcome: str = "authorize") -> tuple[str, str]:
    """Session and token."""
    urls = {"authorization": f"{merchant.url}/authorized/{{session.id}}"}
    session = (await shop.call("POST", "/payments/v1/sessions", purchase(merchant_urls=urls))).json()["session_id"]
    body = {"account": "shop", "session_id": session, "outcome": outcome}
    token: str = (await shop.control("POST", "tokens", body))["authorization_token"]
    return session, token


async def test_an_authorization_is_called_back(shop: Shop, merchant: Merchant) -> None:
    session, token = await authorized(shop, merchant)
    await send(shop)
    assert [request.path for request in merchant.requests] == [f"/authorized/{session}"]
    assert notified(merchant) == [{"authorization_token": token, "session_id": session}]


async def test_a_rejected_authorization_is_not_called_back(shop: Shop, merchant: Merchant) -> None:
    await authorized(shop, merchant, "reject")
    await send(shop)
    assert merchant.requests == []


async def test_an_authorization_is_called_back_three_times_at_most(shop: Shop, merchant: Merchant) -> None:
    await shop.switch(lost_deliveries=["authorization"])
    await authorized(shop, merchant)
    for seconds in (0, 1, 2, 60):
        await shop.advance(seconds=seconds)
        await send(shop)
    [delivery] = await deliveries(shop, "authorization")
    assert [attempt["error"] for attempt in delivery["attempts"]] == ["lost"] * 3
    assert (delivery["state"], merchant.requests) == ("given_up", [])


# -- what may happen on the way ---------------------------------------------------------------------------------------


async def test_copies_are_sent_at_once(shop: Shop, merchant: Merchant) -> None:
    await shop.switch(delivery_copies=3)
    await authorized(shop, merchant)
    await send(shop)
    assert len(merchant.requests) == 3
    assert len((await deliveries(shop, "authorization"))[0]["attempts"]) == 3


async def test_deliveries_are_late_by_a_switch(shop: Shop, merchant: Merchant) -> None:
    await shop.switch(delivery_delay=1000)
    await completed(shop, wish(merchant))
    await shop.advance(seconds=1119)
    await send(shop)
    assert merchant.requests == []
    await shop.advance(seconds=1)
    await send(shop)
    assert merchant.count("/push") == 1


async def test_one_delivery_is_postponed_lost_stopped_and_sent_by_the_control_plane(
    shop: Shop, merchant: Merchant
) -> None:
    await completed(shop, wish(merchant))
    [push] = await deliveries(shop, "push")
    path = f"deliveries/{push['seq']}"
    await shop.control("POST", path, {"action": "delay", "seconds": 600})
    await shop.advance(seconds=599)
    await send(shop)
    assert merchant.requests == []
    await shop.control("POST", path, {"action": "lose"})
    await shop.advance(seconds=1)
    await send(shop)
    assert (await shop.control("GET", path))["attempts"][0]["error"] == "lost"
    assert (await shop.control("POST", path, {"action": "stop"}))["state"] == "stopped"
    await shop.advance(days=3)
    await send(shop)
    assert merchant.count("/push") == 1  # the one planned for seven minutes after completion was due with the first
    await shop.control("POST", path, {"action": "send"})
    assert merchant.count("/push") == 2
    assert (await shop.call("POST", f"/_sandbox/{path}", {"action": "delay"})).status_code == 409
    assert (await shop.call("POST", "/_sandbox/deliveries/9", {"action": "send"})).status_code == 404


async def test_a_delivery_stopped_during_an_attempt_stays_stopped(shop: Shop, merchant: Merchant) -> None:
    await completed(shop, wish(merchant))

    async def stop(_: Request) -> None:
        await shop.control("POST", "deliveries/1", {"action": "stop"})

    merchant.hooks["/push"] = stop
    await shop.advance(days=3)
    await send(shop)
    assert merchant.count("/push") == 1
    assert (await deliveries(shop, "push"))[0]["state"] == "stopped"


async def test_an_answer_that_comes_too_late_is_none(shop: Shop, merchant: Merchant) -> None:
    await shop.switch(delivery_seconds=0.1)
    released = asyncio.Event()

    async def wait(_: Request) -> None:
        await released.wait()

    session, _ = await authorized(shop, merchant)
    merchant.hooks[f"/authorized/{session}"] = wait
    await send(shop)
    released.set()
    [delivery] = await deliveries(shop, "authorization")
    assert delivery["attempts"][0]["error"] == "no response in time"
    assert delivery["due_at"] is not None


async def test_a_merchant_that_is_down_is_tried_again(shop: Shop, merchant: Merchant) -> None:
    urls = {"authorization": "http://127.0.0.1:1/"}
    session = (await shop.call("POST", "/payments/v1/sessions", purchase(merchant_urls=urls))).json()["session_id"]
    await shop.control("POST", "tokens", {"account": "shop", "session_id": session})
    await send(shop)
    [delivery] = await deliveries(shop, "authorization")
    assert (delivery["attempts"][0]["error"], delivery["state"]) == ("failed: ConnectError", "waiting")


async def test_nothing_leaves_the_machine(shop: Shop) -> None:
    order_id = await completed(shop, wish())
    await shop.advance(seconds=120)
    await send(shop)
    [push] = await deliveries(shop, "push")
    assert push["url"] == f"https://shop.example/push?klarna_order_id={order_id}"
    assert (push["state"], push["attempts"][0]["error"]) == (
        "blocked",
        "not sent: not on this machine, and deliveries_anywhere is off",
    )


async def test_a_redirect_is_not_followed(shop: Shop, merchant: Merchant) -> None:
    merchant.answers["/push"] = 302
    await completed(shop, wish(merchant))
    await shop.advance(seconds=120)
    await send(shop)
    assert [request.path for request in merchant.requests] == ["/push"]


async def test_a_reset_forgets_deliveries(shop: Shop, merchant: Merchant) -> None:
    await completed(shop, wish(merchant))
    await shop.control("POST", "reset")
    await shop.advance(days=3)
    await send(shop)
    assert (await shop.control("GET", "deliveries"))["deliveries"] == []
    assert merchant.requests == []
