"""Expiry of Mollie's orders and payments by the virtual clock."""

import pytest

from .mollie_shop import MollieShop, eur, line, statuses

MINUTE = 60
HOUR = 3_600
DAY = 86_400


@pytest.mark.parametrize(
    ("method", "seconds"),
    [
        ("klarna", 48 * HOUR),
        ("in3", 48 * HOUR),
        ("ideal", 15 * MINUTE),
        ("creditcard", 30 * MINUTE),
        ("bancontact", HOUR),
        ("paypal", 3 * HOUR),
        ("banktransfer", 12 * DAY),
        (None, HOUR),
    ],
)
async def test_a_payment_expires_and_the_order_stays(mollie: MollieShop, method: str | None, seconds: int) -> None:
    order = await mollie.create(method=method)
    await mollie.advance(seconds=seconds - 1)
    assert (await mollie.order(order["id"]))["_embedded"]["payments"][0]["status"] == "open"
    await mollie.advance(seconds=1)
    after = await mollie.order(order["id"])
    [payment] = after["_embedded"]["payments"]
    assert (payment["status"], "expiredAt" in payment, after["status"]) == ("expired", True, "created")
    assert "checkout" not in after["_links"]


async def test_an_order_that_nobody_pays_expires_after_28_days(mollie: MollieShop) -> None:
    order = await mollie.create()
    await mollie.advance(seconds=28 * DAY - 1)
    assert (await mollie.order(order["id"]))["status"] == "created"
    await mollie.advance(seconds=1)
    after = await mollie.order(order["id"])
    assert statuses(after) == ("expired", ["canceled", "canceled"])
    assert after["expiredAt"] == "2022-08-05T09:48:00+00:00"
    assert "expiresAt" not in after
    assert (await mollie.sums())["expire"] == 0


async def test_an_order_expires_by_its_own_date(mollie: MollieShop) -> None:
    order = await mollie.create(expiresAt="2022-07-10")
    await mollie.control("POST", "clock", {"set": "2022-07-09T23:59:59Z"})
    assert (await mollie.order(order["id"]))["status"] == "created"
    await mollie.advance(seconds=1)
    assert (await mollie.order(order["id"]))["status"] == "expired"


async def test_an_authorization_expires(mollie: MollieShop) -> None:
    order = await mollie.authorized()
    await mollie.advance(days=28)
    after = await mollie.order(order["id"])
    assert statuses(after) == ("expired", ["canceled", "canceled"])
    assert after["_embedded"]["payments"][0]["status"] == "expired"
    [effect] = await mollie.effects("expire")
    assert (effect["amount"], effect["by"]) == (2500, "mollie")


@pytest.mark.parametrize("status", ["completed", "expired"])
async def test_the_rest_of_a_partly_shipped_order_expires(mollie: MollieShop, status: str) -> None:
    await mollie.switch(mollie_shipping_at_expiry=status)
    order = await mollie.authorized(line("10.00", 2), line("5.00"))
    await mollie.ship(order, {"id": order["lines"][0]["id"], "quantity": 1})
    await mollie.advance(days=28)
    after = await mollie.order(order["id"])
    assert statuses(after) == (status, ["completed", "canceled"])
    assert (after["amountCaptured"], (await mollie.sums())["expire"]) == (eur("10.00"), 1500)
    assert after["lines"][0]["refundableQuantity"] == 1


@pytest.mark.parametrize("shipped", [False, True])
async def test_a_paid_order_does_not_expire(mollie: MollieShop, shipped: bool) -> None:
    order = await mollie.paid(line("10.00", 2))
    if shipped:
        await mollie.ship(order, {"id": order["lines"][0]["id"], "quantity": 1})
    await mollie.advance(days=200)
    assert (await mollie.order(order["id"]))["status"] == ("shipping" if shipped else "paid")


@pytest.mark.parametrize(("action", "released"), [("fail", 0), ("pay", 2500)])
async def test_an_order_under_review_expires_when_the_review_ends(
    mollie: MollieShop, action: str, released: int
) -> None:
    order = await mollie.create()
    await mollie.customer(order["id"], "pending")
    await mollie.advance(days=30)
    assert (await mollie.order(order["id"]))["status"] == "pending"
    await mollie.customer(order["id"], action)
    assert (await mollie.order(order["id"]))["status"] == "expired"
    assert (await mollie.sums())["expire"] == released


async def test_a_payment_part_captured_by_the_switch(mollie: MollieShop) -> None:
    await mollie.switch(mollie_payment_when_shipping="paid")
    order = await mollie.authorized(line("10.00", 2))
    for amount in ("10.00", "20.00"):
        await mollie.ship(order, {"id": order["lines"][0]["id"], "quantity": 1})
        payment = (await mollie.order(order["id"]))["_embedded"]["payments"][0]
        assert (payment["status"], payment["amountCaptured"]) == ("paid", eur(amount))
