"""What the merchant is asked during a purchase: validation, address, country and shipping option."""

import asyncio

import msgspec
import pytest
from aiohttp import web

from .checkouts import cart, customer, deliveries, read, started, update, wish
from .merchant import Merchant, Request
from .shop import JSON, Shop

DENIAL = {"error_type": "approval_failed", "error_text": "Sold out"}


def asking(merchant: Merchant, name: str = "validation", **fields: object) -> JSON:
    return wish(merchant, urls={name: f"{merchant.url}/{name}?id={{checkout.order.id}}"}, **fields)


def bad_request(body: object) -> web.Response:
    return web.Response(status=400, body=msgspec.json.encode(body))


async def test_the_merchant_validates_the_whole_order(shop: Shop, merchant: Merchant) -> None:
    order_id = await started(shop, asking(merchant))
    assert (await customer(shop, order_id, "complete", customer={"type": "person"}))["completed"]
    [request] = merchant.requests
    asked = msgspec.json.decode(request.body)
    assert request.query == f"id={order_id}"
    assert (asked["order_id"], asked["status"], asked["order_amount"]) == (order_id, "checkout_incomplete", 1000)
    assert asked["customer"] == {"type": "person"}
    [delivery] = await deliveries(shop, "validation")
    assert (delivery["state"], delivery["attempts"][0]["status"]) == ("delivered", 200)


@pytest.mark.parametrize("body", [DENIAL, {"error_type": "address_error", "error_text": "Where?"}])
async def test_the_merchant_denies_with_a_text(shop: Shop, merchant: Merchant, body: JSON) -> None:
    order_id = await started(shop, asking(merchant))
    merchant.answers["/validation"] = bad_request(body)
    result = await customer(shop, order_id, "complete")
    assert (result["completed"], result["error_type"], result["error_text"]) == (False, *body.values())
    assert (await read(shop, order_id))["status"] == "checkout_incomplete"
    assert await shop.effects() == []
    merchant.answers["/validation"] = 200
    assert (await customer(shop, order_id, "complete"))["completed"]


async def test_a_denial_that_cannot_be_read_is_one(shop: Shop, merchant: Merchant) -> None:
    order_id = await started(shop, asking(merchant))
    merchant.answers["/validation"] = bad_request("no")
    assert (await customer(shop, order_id, "complete"))["error_type"] == "approval_failed"


@pytest.mark.parametrize("status", [301, 302, 303, 307])
async def test_the_merchant_denies_by_a_redirect(shop: Shop, merchant: Merchant, status: int) -> None:
    order_id = await started(shop, asking(merchant))
    merchant.answers["/validation"] = web.Response(status=status, headers={"Location": "https://shop.example/no"})
    result = await customer(shop, order_id, "complete")
    assert (result["completed"], result["redirect"]) == (False, "https://shop.example/no")


@pytest.mark.parametrize(("required", "done"), [(False, True), (True, False)])
@pytest.mark.parametrize("how", ["late", "lost", "error", "no place"])
async def test_without_an_answer_the_purchase_is_approved_unless_it_is_required(
    shop: Shop, merchant: Merchant, how: str, *, required: bool, done: bool
) -> None:
    order_id = await started(shop, asking(merchant, options={"require_validate_callback_success": required}))
    released = asyncio.Event()

    async def wait(_: Request) -> None:
        await released.wait()

    match how:
        case "late":
            await shop.switch(validation_seconds=0.1, required_validation_seconds=0.2)
            merchant.hooks["/validation"] = wait
        case "lost":
            await shop.switch(lost_deliveries=["validation"])
        case "error":
            merchant.answers["/validation"] = 500
        case _:
            merchant.answers["/validation"] = 302
    result = await customer(shop, order_id, "complete")
    released.set()
    assert result["completed"] is done
    assert result["error_type"] == (None if done else "approval_failed")
    assert (await shop.control("GET", "health"))["orders"] == int(done)


async def test_the_limit_is_longer_where_success_is_required(shop: Shop) -> None:
    switches = await shop.control("GET", "switches")
    assert (switches["validation_seconds"], switches["required_validation_seconds"]) == (3, 10)


async def test_two_completions_at_once_are_one_purchase(shop: Shop, merchant: Merchant) -> None:
    order_id = await started(shop, asking(merchant))
    released = asyncio.Event()

    async def wait(_: Request) -> None:
        await released.wait()

    merchant.hooks["/validation"] = wait
    first = asyncio.create_task(customer(shop, order_id, "complete"))
    await merchant.arrived.wait()
    second = await shop.call("POST", f"/_sandbox/checkout/{order_id}", {"action": "complete"})
    released.set()
    assert (second.status_code, (await first)["completed"]) == (409, True)
    assert merchant.count("/validation") == 1


async def test_an_order_aborted_during_its_validation_is_not_completed(shop: Shop, merchant: Merchant) -> None:
    order_id = await started(shop, asking(merchant))

    async def abort(_: Request) -> None:
        await shop.call("POST", f"/checkout/v3/orders/{order_id}/abort")

    merchant.hooks["/validation"] = abort
    answer = await shop.call("POST", f"/_sandbox/checkout/{order_id}", {"action": "complete"})
    assert (answer.status_code, answer.json()["error_code"]) == (409, "READ_ONLY_ORDER")
    assert await shop.effects() == []


async def test_the_last_update_counts(shop: Shop, merchant: Merchant) -> None:
    order_id = await started(shop, asking(merchant))

    async def change(_: Request) -> None:
        await update(shop, order_id, cart(700))

    merchant.hooks["/validation"] = change
    assert (await customer(shop, order_id, "complete"))["completed"]
    assert (await shop.order(order_id))["order_amount"] == 700


# -- changes ----------------------------------------------------------------------------------------------------------

ADDRESS = {"postal_code": "54321", "country": "SE"}
OPTION = {"id": "express", "name": "Express", "price": 50, "tax_amount": 0, "tax_rate": 0}


async def test_an_address_changes_the_order(shop: Shop, merchant: Merchant) -> None:
    order_id = await started(shop, asking(merchant, "address_update"))
    merchant.answers["/address_update"] = cart(1200) | {"merchant_reference1": "other", "shipping_options": [OPTION]}
    result = await customer(shop, order_id, "address_update", shipping_address=ADDRESS)
    assert result["error_type"] is None
    asked = msgspec.json.decode(merchant.requests[0].body)
    assert (asked["shipping_address"], asked["order_amount"]) == (ADDRESS, 1000)
    assert not {"merchant_urls", "html_snippet"} & set(asked)
    order = await read(shop, order_id)
    assert (order["order_amount"], order["shipping_address"]) == (1200, ADDRESS)
    assert "merchant_reference1" not in order
    assert order["shipping_options"] == [OPTION]


async def test_a_shipping_option_changes_the_order(shop: Shop, merchant: Merchant) -> None:
    order_id = await started(shop, asking(merchant, "shipping_option_update", shipping_options=[OPTION]))
    merchant.answers["/shipping_option_update"] = cart(1050)
    await customer(shop, order_id, "shipping_option_update", shipping_option="express")
    assert msgspec.json.decode(merchant.requests[0].body)["selected_shipping_option"] == OPTION
    order = await read(shop, order_id)
    assert (order["selected_shipping_option"], order["order_amount"]) == (OPTION, 1050)
    body = {"action": "shipping_option_update", "shipping_option": "pigeon"}
    assert (await shop.call("POST", f"/_sandbox/checkout/{order_id}", body)).status_code == 409


async def test_a_country_changes_the_order(shop: Shop, merchant: Merchant) -> None:
    order_id = await started(shop, asking(merchant, "country_change"))
    merchant.answers["/country_change"] = {"purchase_currency": "NOK"}
    await customer(shop, order_id, "country_change", country="NO")
    order = await read(shop, order_id)
    assert (order["purchase_country"], order["purchase_currency"]) == ("NO", "NOK")
    body = {"action": "country_change"}
    assert (await shop.call("POST", f"/_sandbox/checkout/{order_id}", body)).status_code == 400


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (bad_request({"error_type": "unsupported_shipping_address"}), "unsupported_shipping_address"),
        (web.Response(status=302, headers={"Location": "https://shop.example/no"}), None),
        ({"order_amount": 5}, "bad_answer"),
        (web.Response(body=b"{"), "bad_answer"),
        (500, None),
        (204, None),
    ],
)
async def test_an_answer_that_is_no_change_changes_no_amount(
    shop: Shop, merchant: Merchant, answer: web.Response | int | JSON, error: str | None
) -> None:
    order_id = await started(shop, asking(merchant, "address_update"))
    merchant.answers["/address_update"] = answer
    result = await customer(shop, order_id, "address_update", billing_address=ADDRESS)
    assert result["error_type"] == error
    assert result["redirect"] == ("https://shop.example/no" if getattr(answer, "status", 0) == 302 else None)
    order = await read(shop, order_id)
    assert (order["order_amount"], order["billing_address"]) == (1000, ADDRESS)


async def test_a_merchant_that_is_not_asked_changes_nothing(shop: Shop, merchant: Merchant) -> None:
    order_id = await started(shop, wish(merchant))
    await customer(shop, order_id, "address_update", billing_address=ADDRESS)
    assert (await read(shop, order_id))["billing_address"] == ADDRESS
    assert merchant.requests == []
