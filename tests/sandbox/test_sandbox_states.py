"""The state table of Order Management, cell by cell: what each operation answers in each status."""

from collections.abc import Awaitable, Callable

import pytest

from .shop import JSON, Shop, amounts, assert_error

SHIPPING = {"shipping_info": [{"shipping_company": "DHL", "tracking_number": "1"}]}


async def authorized(shop: Shop) -> str:
    return await shop.place(1000)


async def part_captured(shop: Shop) -> str:
    order_id = await shop.place(1000)
    assert (await shop.capture(order_id, 400)).status_code == 201
    return order_id


async def captured(shop: Shop) -> str:
    order_id = await shop.place(1000)
    assert (await shop.capture(order_id, 1000)).status_code == 201
    return order_id


async def cancelled(shop: Shop) -> str:
    order_id = await shop.place(1000)
    assert (await shop.om(order_id, "POST", "/cancel")).status_code == 204
    return order_id


async def expired(shop: Shop) -> str:
    order_id = await shop.place(1000)
    await shop.advance(days=28)
    return order_id


async def expired_with_capture(shop: Shop) -> str:
    order_id = await part_captured(shop)
    await shop.advance(days=28)
    return order_id


async def closed(shop: Shop) -> str:
    order_id = await shop.place(1000)
    await shop.control("POST", f"orders/{order_id}", {"action": "close"})
    return order_id


STATES: dict[str, Callable[[Shop], Awaitable[str]]] = {
    "AUTHORIZED": authorized,
    "PART_CAPTURED": part_captured,
    "CAPTURED": captured,
    "CANCELLED": cancelled,
    "EXPIRED": expired,
    "EXPIRED with a capture": expired_with_capture,
    "CLOSED": closed,
}
CALLS: dict[str, tuple[str, str, JSON | None]] = {
    "acknowledge": ("POST", "/acknowledge", None),
    "capture": ("POST", "/captures", {"captured_amount": 100}),
    "cancel": ("POST", "/cancel", None),
    "release": ("POST", "/release-remaining-authorization", None),
    "refund": ("POST", "/refunds", {"refunded_amount": 100}),
    "update": ("PATCH", "/authorization", {"order_amount": 900}),
    "extend": ("POST", "/extend-authorization-time", None),
    "references": ("PATCH", "/merchant-references", {"merchant_reference1": "new"}),
    "details": ("PATCH", "/customer-details", {"shipping_address": {"city": "Stockholm"}}),
    "shipping info": ("POST", "/shipping-info", SHIPPING),
}

OVER = "Captured amount is higher than the remaining authorized amount. Capture not possible."
NO_CAPTURES = "Order has no captures. Refund not possible"
CAPTURED = "Order has previous captures. Cancel not possible."

TABLE: list[tuple[str, str, int | tuple[str, str]]] = [
    ("acknowledge", "AUTHORIZED", 204),
    ("acknowledge", "PART_CAPTURED", 204),
    ("acknowledge", "CAPTURED", 204),
    ("acknowledge", "CANCELLED", ("NOT_ALLOWED", "Update not allowed.")),
    ("acknowledge", "EXPIRED", ("NOT_ALLOWED", "Update not allowed.")),
    ("acknowledge", "CLOSED", ("NOT_ALLOWED", "Update not allowed.")),
    ("capture", "AUTHORIZED", 201),
    ("capture", "PART_CAPTURED", 201),
    ("capture", "CAPTURED", ("CAPTURE_NOT_ALLOWED", "Capture not allowed")),
    ("capture", "CANCELLED", ("CAPTURE_NOT_ALLOWED", "Capture not allowed")),
    ("capture", "EXPIRED", ("CAPTURE_NOT_ALLOWED", "Capture not allowed")),
    ("capture", "EXPIRED with a capture", ("CAPTURE_NOT_ALLOWED", "Capture not allowed")),
    ("capture", "CLOSED", ("CAPTURE_NOT_ALLOWED", "Capture not allowed")),
    ("cancel", "AUTHORIZED", 204),
    ("cancel", "PART_CAPTURED", ("CANCEL_NOT_ALLOWED", CAPTURED)),
    ("cancel", "CAPTURED", ("CANCEL_NOT_ALLOWED", CAPTURED)),
    ("cancel", "CANCELLED", ("CANCEL_NOT_ALLOWED", "Order is cancelled. Cancel not possible.")),
    ("cancel", "EXPIRED", ("CANCEL_NOT_ALLOWED", "Order is expired. Cancel not possible.")),
    ("cancel", "CLOSED", ("CANCEL_NOT_ALLOWED", "Order is closed. Cancel not possible.")),
    ("release", "AUTHORIZED", ("NOT_ALLOWED", "Order has no captures. Remaining authorization cannot be released.")),
    ("release", "PART_CAPTURED", 204),
    ("release", "CAPTURED", ("NOT_ALLOWED", "Order is fully captured. Remaining authorization cannot be released.")),
    ("release", "CANCELLED", ("NOT_ALLOWED", "Order is cancelled. Remaining authorization cannot be released.")),
    ("release", "EXPIRED", ("NOT_ALLOWED", "Order is expired. Remaining authorization cannot be released.")),
    ("release", "CLOSED", ("NOT_ALLOWED", "Order is closed. Remaining authorization cannot be released.")),
    ("refund", "AUTHORIZED", ("REFUND_NOT_ALLOWED", NO_CAPTURES)),
    ("refund", "PART_CAPTURED", 201),
    ("refund", "CAPTURED", 201),
    (
        "refund",
        "CANCELLED",
        ("REFUND_NOT_ALLOWED", "Order is already cancelled or fully refunded. Refund not possible"),
    ),
    ("refund", "EXPIRED", ("REFUND_NOT_ALLOWED", NO_CAPTURES)),
    ("refund", "EXPIRED with a capture", 201),
    ("refund", "CLOSED", ("REFUND_NOT_ALLOWED", NO_CAPTURES)),
    ("update", "AUTHORIZED", 204),
    ("update", "PART_CAPTURED", 204),
    ("update", "CAPTURED", ("NOT_ALLOWED", "Update not allowed.")),
    ("update", "CANCELLED", ("NOT_ALLOWED", "Update not allowed.")),
    ("update", "EXPIRED", ("NOT_ALLOWED", "Update not allowed.")),
    ("update", "CLOSED", ("NOT_ALLOWED", "Update not allowed.")),
    ("extend", "AUTHORIZED", 204),
    ("extend", "PART_CAPTURED", 204),
    ("extend", "CAPTURED", ("NOT_ALLOWED", "Order is fully captured. Authorization time cannot be extended.")),
    ("extend", "CANCELLED", ("NOT_ALLOWED", "Order is cancelled. Authorization time cannot be extended.")),
    ("extend", "EXPIRED", ("NOT_ALLOWED", "Order is expired. Authorization time cannot be extended.")),
    ("extend", "CLOSED", ("NOT_ALLOWED", "Order is closed. Authorization time cannot be extended.")),
    ("references", "AUTHORIZED", 204),
    ("references", "PART_CAPTURED", 204),
    ("references", "CAPTURED", 204),
    ("references", "CANCELLED", ("NOT_ALLOWED", "Order is cancelled. Merchant references cannot be updated.")),
    ("references", "EXPIRED", 204),
    ("references", "CLOSED", 204),
    ("details", "AUTHORIZED", 204),
    ("details", "PART_CAPTURED", 204),
    ("details", "CAPTURED", ("NOT_ALLOWED", "Update not allowed. Customer details cannot be updated.")),
    ("details", "CANCELLED", ("NOT_ALLOWED", "Update not allowed. Customer details cannot be updated.")),
    ("details", "EXPIRED", ("NOT_ALLOWED", "Update not allowed. Customer details cannot be updated.")),
    ("details", "CLOSED", ("NOT_ALLOWED", "Update not allowed. Customer details cannot be updated.")),
    ("shipping info", "AUTHORIZED", 204),
    ("shipping info", "PART_CAPTURED", 204),
    ("shipping info", "CAPTURED", 204),
    ("shipping info", "CANCELLED", ("NOT_ALLOWED", "Order is cancelled. Shipping info cannot be added.")),
    ("shipping info", "EXPIRED", ("NOT_ALLOWED", "Order is expired. Shipping info cannot be added.")),
    ("shipping info", "CLOSED", ("NOT_ALLOWED", "Order is closed. Shipping info cannot be added.")),
]


@pytest.mark.parametrize(("call", "state", "answer"), TABLE, ids=[f"{call}-{state}" for call, state, _ in TABLE])
async def test_each_cell(shop: Shop, call: str, state: str, answer: int | tuple[str, str]) -> None:
    order_id = await STATES[state](shop)
    before = await shop.order(order_id)
    assert before["status"] == state.split(maxsplit=1)[0]
    effects = len(await shop.effects())
    given = await shop.om(order_id, *CALLS[call])
    if isinstance(answer, int):
        assert (given.status_code, given.content) == (answer, b"")
    else:
        assert_error(given, 403, *answer)
        assert await shop.order(order_id) == before
        assert len(await shop.effects()) == effects


async def books(shop: Shop, order_id: str) -> tuple[str, int, int, int, int]:
    order = await shop.order(order_id)
    return order["status"], *amounts(order)


async def test_a_capture_of_all_makes_it_captured(shop: Shop) -> None:
    order_id = await part_captured(shop)
    assert await books(shop, order_id) == ("PART_CAPTURED", 1000, 400, 0, 600)
    await shop.capture(order_id, 600)
    assert await books(shop, order_id) == ("CAPTURED", 1000, 1000, 0, 0)


async def test_a_capture_above_what_remains_is_refused(shop: Shop) -> None:
    order_id = await part_captured(shop)
    assert_error(await shop.capture(order_id, 601), 403, "CAPTURE_NOT_ALLOWED", OVER)
    assert await books(shop, order_id) == ("PART_CAPTURED", 1000, 400, 0, 600)


async def test_a_release_leaves_the_order_amount(shop: Shop) -> None:
    order_id = await part_captured(shop)
    await shop.om(order_id, "POST", "/release-remaining-authorization")
    assert await books(shop, order_id) == ("CAPTURED", 1000, 400, 0, 0)


async def test_a_cancel_leaves_nothing_to_capture(shop: Shop) -> None:
    assert await books(shop, await cancelled(shop)) == ("CANCELLED", 1000, 0, 0, 0)


async def test_a_refund_leaves_the_status(shop: Shop) -> None:
    order_id = await captured(shop)
    await shop.refund(order_id, 1000)
    assert await books(shop, order_id) == ("CAPTURED", 1000, 1000, 1000, 0)


async def test_an_update_counts_what_was_captured(shop: Shop) -> None:
    order_id = await part_captured(shop)
    assert (await shop.om(order_id, "PATCH", "/authorization", {"order_amount": 700})).status_code == 204
    assert await books(shop, order_id) == ("PART_CAPTURED", 700, 400, 0, 300)
    assert (await shop.order(order_id))["original_order_amount"] == 1000


async def test_an_update_to_what_was_captured_leaves_nothing_open(shop: Shop) -> None:
    order_id = await part_captured(shop)
    await shop.om(order_id, "PATCH", "/authorization", {"order_amount": 400})
    assert await books(shop, order_id) == ("CAPTURED", 400, 400, 0, 0)


async def test_an_update_below_what_was_captured_is_refused(shop: Shop) -> None:
    order_id = await part_captured(shop)
    assert_error(
        await shop.om(order_id, "PATCH", "/authorization", {"order_amount": 399}),
        403,
        "NOT_ALLOWED",
        "Resulting authorization amount 399 cannot be less than the captured amount 400 for order. "
        "Order authorization cannot be updated",
    )


async def test_a_pending_order_cannot_be_captured(shop: Shop) -> None:
    order_id = await shop.place(prefix="sbx-pending-")
    assert_error(await shop.capture(order_id, 100), 403, "CAPTURE_NOT_ALLOWED", "Capture not allowed")


async def test_a_pending_order_can_be_cancelled(shop: Shop) -> None:
    order_id = await shop.place(prefix="sbx-pending-")
    assert (await shop.om(order_id, "POST", "/cancel")).status_code == 204
