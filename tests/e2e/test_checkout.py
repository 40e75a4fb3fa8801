"""Checkout, from the shop's start over the customer's purchase to an order that is shipped, whoever says that it was bought."""

import asyncio
from collections import Counter
from typing import Final

from aiohttp import web

from ordersaga_local.outcomes import Told
from ordersaga_local.process import free_port
from sandbox.merchant import serving

from .conftest import Opening
from .play import Json, Play, event, shipped, until

CHECKOUT: Final = "/checkout/v3/orders"
ORDERS: Final = "/ordermanagement/v1/orders/{order_id}"
SLOW: Final = {"ORDERSAGA_CHECKOUT__FIRST": "3600"}
"""Only a push finds a completion."""


def started(subject: str, push: str = "https://shop.example/push", **more: object) -> Json:
    line = {"reference": "A", "name": "A thing", "quantity": 1, "unit_price": 1000, "total_amount": 1000}
    data = {
        "purchase_country": "SE",
        "purchase_currency": "SEK",
        "locale": "sv-SE",
        "order_amount": 1000,
        "order_lines": [line],
        "merchant_urls": {
            "terms": "https://shop.example/terms",
            "checkout": "https://shop.example/checkout",
            "confirmation": "https://shop.example/thanks",
            "push": push,
        },
        **more,
    }
    return event(subject, 1, "checkout_started", data)


def outcomes(play: Play, subject: str, what: str) -> list[Told]:
    return [told for told in play.books.seen.values() if (told.order, told.what) == (subject, what)]


async def told(play: Play, subject: str, what: str) -> Told:
    """The outcome, as soon as it is published."""
    await until(lambda: outcomes(play, subject, what), 30, lambda: f"{subject}: no {what}; {play.logged()[-3000:]}")
    (one,) = outcomes(play, subject, what)
    return one


async def buy(play: Play, subject: str) -> str:
    """The customer completes it; its id."""
    one = await told(play, subject, "checkout_created")
    ident = str(one.data["provider_order_id"])
    assert play.sandbox.control(f"checkout/{ident}", "POST", {"action": "complete"})["completed"]
    return ident


def took(play: Play, *kinds: str) -> Counter[str]:
    return Counter(effect["kind"] for effect in play.sandbox.effects() if effect["kind"] in kinds)


async def test_a_lost_push_and_lost_answers_lose_no_order(opened: Opening) -> None:
    async with opened() as play:
        for route in (CHECKOUT, f"{ORDERS}/acknowledge"):
            fault = {"action": "drop_after", "route": route, "times": 2, "probability": 1.0}
            play.sandbox.control("faults", "POST", fault)
        play.service()
        names = ["0", "1", "2"]
        await play.publish([started(name, recurring=True) for name in names])
        for name in names:
            await buy(play, name)
        for name in names:
            completed = await told(play, name, "checkout_completed")
            assert (completed.data["cause"], completed.data["final"]) == (None, True)
            assert completed.data["order"]["status"] == "authorized"
            assert completed.data["result"]["customer_token"]
            assert "<iframe" in outcomes(play, name, "checkout_created")[0].data["result"]["html_snippet"]
        await play.publish([shipped(name) for name in names])
        await play.ended(2 * len(names))
        assert took(play, "acknowledge", "references", "capture") == {"acknowledge": 3, "capture": 3}
        assert play.books.differing + play.books.gaps == []
        assert await play.restless() == []


async def test_a_doubled_push_has_it_read_acknowledged_and_told_once(opened: Opening) -> None:
    served = {
        "ORDERSAGA_WEB__PORT": str(port := free_port()),
        "ORDERSAGA_WEB__SECRETS": "a-secret-of-the-tests-that-is-long-enough",
        "ORDERSAGA_WEB__BASE_URL": f"http://127.0.0.1:{port}",
    }
    async with opened(served | SLOW) as play:
        play.service()
        (address,) = [line for line in play.stage.command("notification-urls").split() if "/default/push" in line]
        await play.publish([started("0", f"{address}?klarna_order_id={{checkout.order.id}}")])
        ident = await buy(play, "0")
        (push,) = [one for one in play.sandbox.control("deliveries")["deliveries"] if one["kind"] == "push"]
        play.sandbox.control(f"deliveries/{push['seq']}", "POST", {"action": "send"})
        play.sandbox.control(f"deliveries/{push['seq']}", "POST", {"action": "send"})
        completed = await told(play, "0", "checkout_completed")
        assert completed.data["provider_order_id"] == ident
        play.sandbox.control(f"deliveries/{push['seq']}", "POST", {"action": "send"})
        data = {"payment": {"provider": "klarna", "checkout_order_id": ident}}
        await play.publish([event("0", 2, "placed", data | {"purchase_country": "SE", "purchase_currency": "SEK"})])
        assert (await told(play, "0", "authorized")).data["cause"]["id"] == "0-2"
        await until(lambda: play.sandbox.control(f"deliveries/{push['seq']}")["attempts"], 10, "no push")
        assert took(play, "acknowledge") == {"acknowledge": 1}
        attempts = play.sandbox.control(f"deliveries/{push['seq']}")["attempts"]
        assert [one["status"] for one in attempts] == [200, 200, 200]


async def test_the_shop_validates_by_our_address_and_a_push_that_it_did_not_ask_for_comes_to_us(
    opened: Opening,
) -> None:
    async with serving() as merchant:
        port = free_port()
        settings = {
            "ORDERSAGA_WEB__PORT": str(port),
            "ORDERSAGA_WEB__SECRETS": "a-secret-of-the-tests-that-is-long-enough",
            "ORDERSAGA_WEB__BASE_URL": f"http://127.0.0.1:{port}",
            "ORDERSAGA_MERCHANTS__DEFAULT__KLARNA__CALLBACKS__VALIDATION__URL": f"{merchant.url}/validation",
        }
        async with opened(settings | SLOW) as play:
            play.service()
            checkout = started("0")
            del checkout["data"]["merchant_urls"]["push"]
            await play.publish([checkout])
            ident = str((await told(play, "0", "checkout_created")).data["provider_order_id"])
            purchase = (f"checkout/{ident}", "POST", {"action": "complete"})
            merchant.answers["/validation"] = web.json_response({"error_type": "approval_failed"}, status=400)
            assert not (await asyncio.to_thread(play.sandbox.control, *purchase))["completed"]
            merchant.answers["/validation"] = 200
            assert (await asyncio.to_thread(play.sandbox.control, *purchase))["completed"]
            assert [request.query for request in merchant.requests] == [f"klarna_order_id={ident}"] * 2
            (push,) = [one for one in play.sandbox.control("deliveries")["deliveries"] if one["kind"] == "push"]
            play.sandbox.control(f"deliveries/{push['seq']}", "POST", {"action": "send"})
            assert (await told(play, "0", "checkout_completed")).data["provider_order_id"] == ident


async def test_what_the_customer_left_is_abandoned_and_what_another_completed_is_refused(opened: Opening) -> None:
    async with opened(SLOW) as play:
        fault = {"action": "drop_after", "route": f"{CHECKOUT}/{{order_id}}/abort", "times": 1, "probability": 1.0}
        play.sandbox.control("faults", "POST", fault)
        play.service()
        await play.publish([started("left"), started("bought")])
        await told(play, "left", "checkout_created")
        await play.publish([event("left", 2, "checkout_abandoned", {})])
        assert (await told(play, "left", "checkout_abandoned")).data["order"] is None
        await buy(play, "bought")
        await play.publish([event("bought", 2, "checkout_abandoned", {})])
        refused = await told(play, "bought", "rejected")
        assert refused.data["error"]["code"] == "READ_ONLY_ORDER"
        await told(play, "bought", "checkout_completed")
        assert took(play, "acknowledge") == {"acknowledge": 1}
        assert await play.restless() == []


async def test_an_order_of_another_amount_is_not_acknowledged(opened: Opening) -> None:
    async with opened(SLOW) as play:
        play.service()
        await play.publish([started("0")])
        ident = await buy(play, "0")
        play.sandbox.control(f"orders/{ident}", "POST", {"action": "update", "order_amount": 900})
        data = {"payment": {"provider": "klarna", "checkout_order_id": ident}}
        await play.publish([event("0", 2, "placed", data | {"purchase_country": "SE", "purchase_currency": "SEK"})])
        attention = await told(play, "0", "attention_required")
        assert attention.data["error"]["code"] == "books_differ"
        assert took(play, "acknowledge") == {}


async def test_a_placed_that_waits_for_the_customer_keeps_no_update_waiting(opened: Opening) -> None:
    async with opened() as play:
        play.service()
        await play.publish([started("0")])
        ident = str((await told(play, "0", "checkout_created")).data["provider_order_id"])
        data = {"payment": {"provider": "klarna", "checkout_order_id": ident}}
        await play.publish([event("0", 2, "placed", data | {"purchase_country": "SE", "purchase_currency": "SEK"})])
        line = {"reference": "B", "name": "Another", "quantity": 2, "unit_price": 700, "total_amount": 1400}
        await play.publish([event("0", 3, "checkout_updated", {"order_amount": 1400, "order_lines": [line]})])
        await told(play, "0", "checkout_updated")
        await buy(play, "0")
        placed = await told(play, "0", "authorized")
        assert placed.data["cause"]["id"] == "0-2"
        assert placed.data["order"]["order_amount"] == 1400
        assert await play.restless() == []
