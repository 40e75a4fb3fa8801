"""The virtual clock, expiry and extension, the review of pending orders."""

from typing import Any

import pytest

from ordersaga_sandbox.clock import Clock, iso, midnight_after

from .shop import NOON, Shop, amounts, assert_error


def test_a_clock_runs_on_from_where_it_was_set() -> None:
    real = [100.0]
    clock = Clock(lambda: real[0])
    clock.set(1_000)
    real[0] += 5
    clock.advance(10)
    assert clock.now() == 1_015


def test_28_days_are_cut_to_midnight() -> None:
    assert iso(midnight_after(NOON, 28)) == "2022-08-05T00:00:00Z"
    assert iso(midnight_after(1_657_238_400, 28)) == "2022-08-05T00:00:00Z"  # midnight itself
    assert iso(midnight_after(1_657_324_799, 28)) == "2022-08-05T00:00:00Z"  # 23:59:59


async def test_the_clock_is_read_advanced_and_set(shop: Shop) -> None:
    assert await shop.control("GET", "clock") == {"now": NOON, "iso": "2022-07-08T09:48:00Z", "offset": 0.0}
    assert (await shop.control("POST", "clock", {"advance": 60}))["now"] == NOON + 60
    assert (await shop.control("POST", "clock", {"set": "2022-08-01T00:00:00Z"}))["iso"] == "2022-08-01T00:00:00Z"
    assert (await shop.control("POST", "clock", {"set": NOON}))["offset"] == 0


async def test_an_order_expires_when_the_clock_passes_it(shop: Shop) -> None:
    order_id = await shop.place(1000)
    await shop.control("POST", "clock", {"set": "2022-08-04T23:59:59Z"})
    assert (await shop.order(order_id))["status"] == "AUTHORIZED"
    await shop.advance(seconds=1)
    order = await shop.order(order_id)
    assert (order["status"], *amounts(order)) == ("EXPIRED", 1000, 0, 0, 0)
    effect = (await shop.effects())[-1]
    assert (effect["kind"], effect["amount"], effect["by"]) == ("expire", 1000, "klarna")
    assert iso(effect["at"]) == "2022-08-05T00:00:00Z"


async def test_a_captured_a_cancelled_and_a_released_order_never_expire(shop: Shop) -> None:
    orders = [await shop.place(1000) for _ in range(3)]
    await shop.capture(orders[0], 1000)
    await shop.om(orders[1], "POST", "/cancel")
    await shop.capture(orders[2], 1)
    await shop.om(orders[2], "POST", "/release-remaining-authorization")
    await shop.advance(days=40)
    assert [(await shop.order(order_id))["status"] for order_id in orders] == ["CAPTURED", "CANCELLED", "CAPTURED"]
    assert "expire" not in {effect["kind"] for effect in await shop.effects()}


async def test_an_extension_counts_from_today(shop: Shop) -> None:
    order_id = await shop.place(1000)
    await shop.advance(days=10)
    for _ in range(2):  # the same day again changes nothing
        assert (await shop.om(order_id, "POST", "/extend-authorization-time")).status_code == 204
        assert (await shop.order(order_id))["expires_at"] == "2022-08-15T00:00:00Z"
    await shop.control("POST", "clock", {"set": "2022-08-14T23:59:00Z"})
    assert (await shop.order(order_id))["status"] == "AUTHORIZED"
    await shop.advance(hours=1)
    assert (await shop.order(order_id))["status"] == "EXPIRED"


@pytest.mark.parametrize(("extra", "expires"), [(0, "2022-02-12T00:00:00Z"), (1, "2022-02-13T00:00:00Z")])
async def test_an_extension_of_15_january_ends_on_the_12th_or_13th_of_february(
    shop: Shop, extra: int, expires: str
) -> None:
    await shop.switch(extension_extra_days=extra)
    await shop.control("POST", "clock", {"set": "2022-01-10T12:00:00Z"})
    order_id = await shop.place(1000)
    await shop.control("POST", "clock", {"set": "2022-01-15T12:00:00Z"})
    await shop.om(order_id, "POST", "/extend-authorization-time")
    assert (await shop.order(order_id))["expires_at"] == expires


async def test_an_order_older_than_180_days_is_not_extended(shop: Shop) -> None:
    order_id = await shop.place(1000)
    for _ in range(9):
        await shop.advance(days=20)
        assert (await shop.om(order_id, "POST", "/extend-authorization-time")).status_code == 204
    await shop.advance(seconds=1)
    message = "Order is older than 180 days. Authorization time cannot be extended."
    assert_error(await shop.om(order_id, "POST", "/extend-authorization-time"), 403, "NOT_ALLOWED", message)


async def decided(shop: Shop, order_id: str, decision: str) -> Any:
    return await shop.control("POST", f"orders/{order_id}/fraud", {"decision": decision})


async def test_a_pending_order_is_accepted_and_can_be_captured(shop: Shop) -> None:
    order_id = await shop.place(1000, "sbx-pending-")
    await decided(shop, order_id, "ACCEPTED")
    assert (await shop.order(order_id))["fraud_status"] == "ACCEPTED"
    assert (await shop.capture(order_id, 1000)).status_code == 201


async def test_a_rejected_order_is_cancelled_after_four_hours(shop: Shop) -> None:
    order_id = await shop.place(1000, "sbx-pending-")
    await decided(shop, order_id, "REJECTED")
    await shop.advance(seconds=4 * 3600 - 1)
    order = await shop.order(order_id)
    assert (order["status"], order["fraud_status"]) == ("AUTHORIZED", "REJECTED")
    await shop.advance(seconds=1)
    order = await shop.order(order_id)
    assert (order["status"], order["fraud_status"]) == ("CANCELLED", "REJECTED")
    effect = (await shop.effects())[-1]
    assert (effect["kind"], effect["amount"], effect["by"]) == ("cancel", 1000, "klarna")


async def test_a_rejected_order_that_is_captured_in_time_stays(shop: Shop) -> None:
    order_id = await shop.place(1000, "sbx-pending-")
    await decided(shop, order_id, "REJECTED")
    assert (await shop.capture(order_id, 400)).status_code == 201
    await shop.advance(hours=5)
    assert (await shop.order(order_id))["status"] == "PART_CAPTURED"


async def test_a_decision_can_be_taken_back(shop: Shop) -> None:
    order_id = await shop.place(1000)
    await decided(shop, order_id, "REJECTED")
    await shop.advance(hours=1)
    await decided(shop, order_id, "ACCEPTED")
    await shop.advance(hours=5)
    order = await shop.order(order_id)
    assert (order["status"], order["fraud_status"]) == ("AUTHORIZED", "ACCEPTED")


@pytest.mark.parametrize("decision", ["ACCEPTED", "REJECTED"])
async def test_a_switch_decides_by_itself(shop: Shop, decision: str) -> None:
    await shop.switch(pending_decision_after=300, pending_decision=decision)
    order_id = await shop.place(1000, "sbx-pending-")
    await shop.advance(seconds=299)
    assert (await shop.order(order_id))["fraud_status"] == "PENDING"
    await shop.advance(seconds=1)
    assert (await shop.order(order_id))["fraud_status"] == decision


async def test_auto_capture_of_a_pending_order_waits_for_its_acceptance(shop: Shop) -> None:
    order_id = await shop.place(1000, "sbx-pending-", auto_capture=True)
    assert (await shop.order(order_id))["status"] == "AUTHORIZED"
    await decided(shop, order_id, "ACCEPTED")
    assert (await shop.order(order_id))["status"] == "CAPTURED"


async def test_what_comes_due_comes_in_its_order(shop: Shop) -> None:
    await shop.switch(pending_decision_after=60, pending_decision="REJECTED")
    await shop.place(1000, "sbx-pending-")
    await shop.place(500)
    await shop.advance(days=30)
    kinds = [effect["kind"] for effect in await shop.effects()]
    assert kinds == ["authorize", "authorize", "fraud_decision", "cancel", "expire"]


async def test_a_rejection_that_is_renewed_starts_its_four_hours_anew(shop: Shop) -> None:
    order_id = await shop.place(1000)
    await decided(shop, order_id, "REJECTED")
    await decided(shop, order_id, "ACCEPTED")
    await shop.advance(hours=3)
    await decided(shop, order_id, "REJECTED")
    await shop.advance(hours=2)
    assert (await shop.order(order_id))["status"] == "AUTHORIZED"
    await shop.advance(hours=2)
    assert (await shop.order(order_id))["status"] == "CANCELLED"
