"""Customers in the Checkout who act by themselves, as `merchant_data` tells."""

import uuid

from .checkouts import cart, create, deliveries, read, started, update, wish
from .merchant import Merchant
from .shop import Shop, assert_error


async def done(shop: Shop) -> None:
    """The customers have acted, and what they set off is over."""
    await shop.advance(seconds=5)
    await shop.control("POST", "deliveries/send")


async def test_a_customer_buys_after_a_while_what_has_a_known_id(shop: Shop) -> None:
    ident = await started(shop, wish(merchant_data="sbx-1"))
    assert ident == str(uuid.uuid5(uuid.NAMESPACE_URL, "sbx-1"))
    await shop.advance(seconds=4)
    assert (await read(shop, ident))["status"] == "checkout_incomplete"
    await done(shop)
    assert (await read(shop, ident))["status"] == "checkout_complete"
    [effect] = await shop.effects()
    assert (effect["kind"], effect["by"], effect["order_id"]) == ("authorize", "customer", ident)


async def test_the_same_text_is_the_same_order_and_another_account_has_its_own(shop: Shop) -> None:
    ident = await started(shop, wish(merchant_data="sbx-1"))
    assert await started(shop, wish(merchant_data="sbx-1")) == ident
    other = shop.other("other")
    assert await started(other, wish(merchant_data="sbx-1")) != ident
    await other.http.aclose()
    await done(shop)
    assert (await create(shop, wish(merchant_data="sbx-1"))).json()["status"] == "checkout_complete"
    assert len(await shop.effects()) == 2


async def test_a_quick_customer_is_faster_than_the_shop(shop: Shop) -> None:
    ident = await started(shop, wish(merchant_data="sbx-quick-1"))
    assert_error(await update(shop, ident, cart(900)), 403, "READ_ONLY_ORDER", "Resource is read-only")


async def test_another_text_calls_in_another_customer(shop: Shop) -> None:
    ident = await started(shop, wish(merchant_data="sbx-refuse-1"))
    await done(shop)
    assert (await read(shop, ident))["status"] == "checkout_incomplete"
    await update(shop, ident, {**cart(900), "merchant_data": "sbx-pending-1"})
    await done(shop)
    order = (await shop.call("GET", f"/ordermanagement/v1/orders/{ident}")).json()
    assert (order["order_amount"], order["fraud_status"]) == (900, "PENDING")


async def test_the_first_customer_has_left_when_another_was_called_in(shop: Shop) -> None:
    ident = await started(shop, wish(merchant_data="sbx-1"))
    await update(shop, ident, {"merchant_data": "sbx-refuse-1"})
    await done(shop)
    assert (await read(shop, ident))["status"] == "checkout_incomplete"


async def test_a_customer_finds_nothing_to_buy_once_it_was_aborted(shop: Shop) -> None:
    ident = await started(shop, wish(merchant_data="sbx-1"))
    await shop.call("POST", f"/checkout/v3/orders/{ident}/abort")
    await done(shop)
    assert await shop.effects() == []


async def test_an_order_that_is_left_lapses(shop: Shop) -> None:
    ident = await started(shop, wish(merchant_data="sbx-lapse-1"))
    await done(shop)
    assert (await shop.call("GET", f"/checkout/v3/orders/{ident}")).status_code == 404


async def test_the_merchant_validates_what_the_customer_buys(shop: Shop, merchant: Merchant) -> None:
    urls = {"validation": f"{merchant.url}/validation"}
    ident = await started(shop, wish(merchant, urls=urls, merchant_data="sbx-1"))
    merchant.answers["/validation"] = 400
    await done(shop)
    assert len(await deliveries(shop, "validation")) == 1
    assert (await read(shop, ident))["status"] == "checkout_incomplete"
