"""The customer in the sandbox's Checkout, who makes Klarna call us, and us the shop."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from msgspec import json

from ordersaga.cli.accounts import accounts_of
from ordersaga.domain.model.events import CheckoutStarted
from ordersaga.providers.accounts import KlarnaAccount
from ordersaga.providers.klarna.terms import KlarnaTerms
from ordersaga.web.server import listen
from ordersaga_local.process import free_port
from providers.orders import A, operation, order
from sandbox.checkouts import cart, customer, deliveries, read
from sandbox.merchant import Merchant, serving
from sandbox.shop import Shop

from .handing import Json, all_kinds, serving_web, settings_of
from .test_callbacks import DENIAL, QUICK, hang, page

OPTION = {"id": "express", "name": "Express", "price": 50, "tax_amount": 0, "tax_rate": 0}
ADDRESS = {"postal_code": "54321", "country": "SE"}


@pytest.fixture
async def merchant() -> AsyncIterator[Merchant]:
    async with serving() as merchant:
        yield merchant


@pytest.fixture
def down() -> str:
    return f"http://127.0.0.1:{free_port()}"


@asynccontextmanager
async def bought(callbacks: Json, **fields: Any) -> AsyncIterator[tuple[Shop, str]]:
    """The sandbox and a Checkout order in it, with the request that is made of the shop's event."""
    port = listen(0, "127.0.0.1")
    settings = settings_of({"default": callbacks}, f"http://127.0.0.1:{port.getsockname()[1]}")
    account = accounts_of(settings)["default", "klarna"]
    assert isinstance(account, KlarnaAccount)
    terms = KlarnaTerms(checkout_urls=account.checkout_urls)
    urls = {name: f"https://shop.example/{name}" for name in ("terms", "checkout", "confirmation")}
    given = {"purchase_country": "SE", "purchase_currency": "SEK", "locale": "sv-SE", "merchant_urls": urls, **fields}
    data = CheckoutStarted(**{"order_amount": 100, "order_lines": (A,), **given})
    assert terms.refusals(data) == []
    request = terms.freeze(order(), operation("create_checkout"), data)
    shop = Shop()
    async with serving_web(settings, port), shop.http:
        answer = await shop.call(request.method, request.path, json.decode(request.body))
        assert answer.status_code == 201, answer.text
        yield shop, answer.json()["order_id"]


async def completes(callbacks: Json, **options: Any) -> tuple[bool, str | None, str | None]:
    async with bought(callbacks, **({"options": options} if options else {})) as (shop, order_id):
        result = await customer(shop, order_id, "complete")
        return result["completed"], result["error_text"], result["redirect"]


async def test_the_shop_approves(merchant: Merchant) -> None:
    completed, text, _ = await completes(all_kinds(merchant.url), require_validate_callback_success=True)
    assert (completed, text) == (True, None)
    (request,) = merchant.requests
    asked = json.decode(request.body)
    assert (asked["merchant_reference1"], asked["order_amount"]) == ("536365", 100)
    assert request.query == f"klarna_order_id={asked['order_id']}"


async def test_the_shop_denies(merchant: Merchant) -> None:
    merchant.answers["/validation"] = page(400, json.encode(DENIAL))
    assert await completes(all_kinds(merchant.url)) == (False, "Sold out", None)
    merchant.answers["/validation"] = page(303, Location="https://shop.example/no")
    assert await completes(all_kinds(merchant.url)) == (False, None, "https://shop.example/no")


@pytest.mark.parametrize("how", ["hangs", "500", "down"])
async def test_without_the_shop_the_purchase_ends_as_configured(merchant: Merchant, down: str, how: str) -> None:
    merchant.answers["/validation"] = 500
    if how == "hangs":
        merchant.hooks["/validation"] = hang
    callbacks = all_kinds(down if how == "down" else merchant.url, deadline=QUICK)
    denying = callbacks | {"validation": callbacks["validation"] | {"no_reply": "deny", "error_text": "Later"}}
    approving = callbacks | {"validation": callbacks["validation"] | {"no_reply": "approve"}}
    assert await completes(denying) == (False, "Later", None)
    assert (await completes(approving, require_validate_callback_success=True))[0]
    assert (await completes(callbacks))[0], "it is left to Klarna"
    assert not (await completes(callbacks, require_validate_callback_success=True))[0]
    assert len(merchant.requests) == (0 if how == "down" else 4)


async def test_the_shop_changes_the_order_with_its_shipping_option(merchant: Merchant) -> None:
    merchant.answers["/address_update"] = cart(1200) | {"purchase_currency": "SEK", "shipping_options": [OPTION]}
    merchant.answers["/shipping_option_update"] = cart(1250) | {"purchase_currency": "SEK"}
    async with bought(all_kinds(merchant.url)) as (shop, order_id):
        assert (await customer(shop, order_id, "address_update", shipping_address=ADDRESS))["error_type"] is None
        assert (await read(shop, order_id))["shipping_options"] == [OPTION]
        await customer(shop, order_id, "shipping_option_update", shipping_option="express")
        assert (await read(shop, order_id))["order_amount"] == 1250
    assert [json.decode(request.body)["order_amount"] for request in merchant.requests] == [100, 1200]


async def test_the_shop_refuses_an_address(merchant: Merchant) -> None:
    merchant.answers["/address_update"] = page(400, json.encode({"error_type": "unsupported_shipping_address"}))
    async with bought(all_kinds(merchant.url)) as (shop, order_id):
        result = await customer(shop, order_id, "address_update", shipping_address=ADDRESS)
    assert result["error_type"] == "unsupported_shipping_address"


async def test_without_the_shop_the_order_stays_unchanged(merchant: Merchant) -> None:
    changes = {"address_update": {"url": merchant.url, "no_reply": "unchanged"}}
    merchant.answers["/"] = 500
    async with bought(changes) as (shop, order_id):
        before = await read(shop, order_id)
        assert (await customer(shop, order_id, "address_update", shipping_address=ADDRESS))["error_type"] is None
        (delivery,) = await deliveries(shop, "address_update")
        assert delivery["attempts"][0]["status"] == 200
        now = await read(shop, order_id)
    assert {name: now[name] for name in ("order_amount", "order_tax_amount", "order_lines")} == {
        name: before[name] for name in ("order_amount", "order_tax_amount", "order_lines")
    }


async def test_a_push_comes_to_us_and_a_callback_that_is_not_configured_to_nobody(merchant: Merchant) -> None:
    async with bought({"validation": {"url": merchant.url}}) as (shop, order_id):
        await customer(shop, order_id, "country_change", country="SE")
        assert merchant.requests == []
        await customer(shop, order_id, "complete")
        await shop.advance(seconds=121)
        await shop.control("POST", "deliveries/send")
        (push,) = await deliveries(shop, "push")
        assert push["attempts"][0]["status"] == 200
        assert push["url"].endswith(f"/push?klarna_order_id={order_id}")
