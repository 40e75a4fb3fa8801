"""Mollie's lines: what may be shipped, canceled, refunded and changed, and what it makes of lines and orders."""

import pytest

from .mollie_shop import MollieShop, eur, line, refusal, statuses
from .shop import JSON


def quantities(one: JSON) -> tuple[int, int, int]:
    """What can be shipped, refunded and canceled."""
    return one["shippableQuantity"], one["refundableQuantity"], one["cancelableQuantity"]


def part(one: JSON, quantity: int | None = None, amount: str | None = None) -> JSON:
    made: JSON = {"id": one["id"]}
    made |= {"quantity": quantity} if quantity is not None else {}
    return made | ({"amount": eur(amount)} if amount is not None else {})


# -- shipments --------------------------------------------------------------------------------------------------------


async def test_a_shipment_of_all_captures_and_completes(mollie: MollieShop) -> None:
    order = await mollie.authorized()
    answer = await mollie.call("POST", f"orders/{order['id']}/shipments", {})
    assert answer.status_code == 201
    after = await mollie.order(order["id"])
    assert statuses(after) == ("completed", ["completed", "completed"])
    assert after["amountCaptured"] == after["amount"] == eur("25.00")
    assert "completedAt" in after
    [payment] = after["_embedded"]["payments"]
    assert (payment["status"], payment["amountCaptured"]) == ("paid", eur("25.00"))
    captures = await mollie.get(f"payments/{payment['id']}/captures")
    [capture] = captures["_embedded"]["captures"]
    assert (capture["amount"], capture["shipmentId"]) == (eur("25.00"), answer.json()["id"])
    one = await mollie.get(f"payments/{payment['id']}/captures/{capture['id']}")
    assert one == capture


async def test_a_part_of_a_line(mollie: MollieShop) -> None:
    order = await mollie.authorized(line("10.00", 3), line("5.00"))
    first = (await mollie.ship(order, part(order["lines"][0], 1))).json()
    [shipped] = first["lines"]
    assert (shipped["quantity"], shipped["totalAmount"], shipped["vatAmount"]) == (1, eur("10.00"), eur("1.74"))
    assert (shipped["status"], shipped["id"]) == ("shipping", order["lines"][0]["id"])
    after = await mollie.order(order["id"])
    assert statuses(after) == ("shipping", ["shipping", "authorized"])
    assert [quantities(one) for one in after["lines"]] == [(2, 1, 2), (1, 0, 1)]
    assert after["lines"][0]["amountShipped"] == after["amountCaptured"] == eur("10.00")
    assert after["_embedded"]["payments"][0]["status"] == "authorized"
    assert after["_embedded"]["shipments"] == [first]


async def test_the_rest_is_shipped_without_lines(mollie: MollieShop) -> None:
    order = await mollie.authorized(line("10.00", 3), line("5.00"))
    await mollie.ship(order, part(order["lines"][0], 1))
    rest = (await mollie.ship(order)).json()
    assert [(one["quantity"], one["totalAmount"]) for one in rest["lines"]] == [(2, eur("20.00")), (1, eur("5.00"))]
    shipments = await mollie.get(f"orders/{order['id']}/shipments")
    assert shipments["count"] == 2
    assert shipments["_embedded"]["shipments"][1] == rest


async def test_more_than_is_left_is_refused(mollie: MollieShop) -> None:
    order = await mollie.authorized(line("10.00"), line("5.00", 2))
    lines = order["lines"]
    answer = await mollie.ship(order, part(lines[0]), part(lines[1], 3))
    text = "Line 1 contains invalid data. The quantity is higher than the maximum quantity. The maximum quantity is 2."
    assert refusal(answer) == (422, text, "lines.1.quantity")
    assert statuses(await mollie.order(order["id"])) == ("authorized", ["authorized", "authorized"])
    assert await mollie.effects("capture") == []


@pytest.mark.parametrize(
    ("given", "text", "field"),
    [
        ([{}], "Line 0 contains invalid data. The 'id' field is missing.", "lines.0.id"),
        ([{"id": "odl_1.x"}], "Line 0 contains invalid data. No order line exists with token odl_1.x.", "lines.0.id"),
        ("all", "The 'lines' field should be an array", "lines"),
    ],
)
async def test_wrong_lines_are_refused(mollie: MollieShop, given: object, text: str, field: str) -> None:
    order = await mollie.authorized()
    answer = await mollie.call("POST", f"orders/{order['id']}/shipments", {"lines": given})
    assert refusal(answer) == (422, text, field)


@pytest.mark.parametrize("fields", [{"quantity": 0}, {"quantity": 1.5}, {"quantity": "1"}, {"quantity": True}])
async def test_wrong_quantities_are_refused(mollie: MollieShop, fields: JSON) -> None:
    order = await mollie.authorized()
    answer = await mollie.ship(order, part(order["lines"][0]) | fields)
    assert refusal(answer)[::2] == (422, "lines.0.quantity")


async def test_a_line_twice_in_a_request_is_refused(mollie: MollieShop) -> None:
    order = await mollie.authorized()
    answer = await mollie.ship(order, part(order["lines"][0], 1), part(order["lines"][0], 1))
    assert refusal(answer)[::2] == (422, "lines.1.id")


async def test_what_is_shipped_is_not_shipped_again(mollie: MollieShop) -> None:
    order = await mollie.authorized()
    await mollie.ship(order)
    assert refusal(await mollie.ship(order)) == (422, "Cannot create a shipment. No lines can be shipped.", None)
    answer = await mollie.ship(order, part(order["lines"][0]))
    assert refusal(answer)[::2] == (422, "lines.0.quantity")


@pytest.mark.parametrize("status", ["created", "pending", "canceled", "expired"])
async def test_an_order_that_cannot_be_shipped(mollie: MollieShop, status: str) -> None:
    order = await mollie.create()
    if status == "pending":
        await mollie.customer(order["id"], "pending")
    elif status == "expired":
        await mollie.advance(days=28)
    elif status == "canceled":
        await mollie.customer(order["id"], "fail")
        assert (await mollie.call("DELETE", f"orders/{order['id']}")).status_code == 200
    assert (await mollie.order(order["id"]))["status"] == status
    assert refusal(await mollie.ship(order)) == (422, "This order cannot be shipped.", None)


async def test_a_paid_order_is_shipped_without_a_capture(mollie: MollieShop) -> None:
    order = await mollie.paid(line("10.00", 2), line("5.00"))
    await mollie.ship(order, part(order["lines"][0], 1))
    after = await mollie.order(order["id"])
    assert statuses(after) == ("shipping", ["shipping", "paid"])
    assert after["amountCaptured"] == eur("25.00")
    await mollie.ship(order)
    after = await mollie.order(order["id"])
    assert statuses(after) == ("completed", ["completed", "completed"])
    assert (await mollie.get(f"payments/{after['_embedded']['payments'][0]['id']}/captures"))["count"] == 0
    assert [effect["kind"] for effect in await mollie.effects()][-3:] == ["capture", "shipment", "shipment"]


@pytest.mark.parametrize(
    ("tracking", "field"),
    [
        ({}, "tracking.carrier"),
        ({"carrier": "A"}, "tracking.code"),
        ({"carrier": "A" * 101, "code": "1"}, "tracking.carrier"),
        ({"carrier": "A", "code": "1" * 101}, "tracking.code"),
        ({"carrier": "A", "code": "1", "url": "x"}, "tracking.url"),
        ({"carrier": "A", "code": "1", "foo": "x"}, "tracking.foo"),
        ("A", "tracking"),
    ],
)
async def test_tracking_needs_carrier_and_code(mollie: MollieShop, tracking: object, field: str) -> None:
    order = await mollie.authorized()
    answer = await mollie.call("POST", f"orders/{order['id']}/shipments", {"tracking": tracking})
    assert refusal(answer)[::2] == (422, field)
    shipment = (await mollie.ship(order)).json()
    path = f"orders/{order['id']}/shipments/{shipment['id']}"
    assert refusal(await mollie.call("PATCH", path, {"tracking": tracking}))[::2] == (422, field)


async def test_tracking_is_changed(mollie: MollieShop) -> None:
    order = await mollie.authorized()
    shipment = (await mollie.ship(order)).json()
    path = f"orders/{order['id']}/shipments/{shipment['id']}"
    tracking = {"carrier": "PostNL", "code": "3S", "url": "https://post.example"}
    answer = await mollie.call("PATCH", path, {"tracking": tracking})
    assert (answer.status_code, answer.json()["tracking"]) == (200, tracking)
    assert (await mollie.get(path))["tracking"] == tracking
    assert refusal(await mollie.call("GET", f"orders/{order['id']}/shipments/shp_1"))[0] == 404


async def test_payments_of_orders_are_not_captured_directly(mollie: MollieShop) -> None:
    order = await mollie.authorized()
    payment_id = order["_embedded"]["payments"][0]["id"]
    answer = await mollie.call("POST", f"payments/{payment_id}/captures", {"amount": eur("1.00")})
    text = "Capture not supported for payments linked to orders. Please use the Shipments API instead."
    assert refusal(answer) == (422, text, None)


# -- discounted lines -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("operation", ["ship", "cancel", "refund"])
async def test_a_part_of_a_discounted_line_needs_an_amount(mollie: MollieShop, operation: str) -> None:
    make = mollie.paid if operation == "refund" else mollie.authorized
    order = await make(line("50.00", 2, discount="50.00"))
    act = {"ship": mollie.ship, "cancel": mollie.cancel_lines, "refund": mollie.refund}[operation]
    one = order["lines"][0]
    answer = await act(order, part(one, 1))
    text = (
        "Line 0 contains invalid data. An amount is required for this API call. "
        "The amount must be between €0.00 and €50.00."
    )
    assert refusal(answer) == (422, text, "lines.0.amount")
    assert answer.json()["extra"] == {"minimumAmount": eur("0.00"), "maximumAmount": eur("50.00")}
    for wrong in ("50.01", "-0.01"):
        assert refusal(await act(order, part(one, 1, wrong)))[::2] == (422, "lines.0.amount")
    assert (await act(order, part(one, 1, "20.00"))).is_success
    assert refusal(await act(order, part(one, 1, "29.00")))[::2] == (422, "lines.0.amount")
    assert (await act(order, part(one, 1))).is_success
    after = (await mollie.order(order["id"]))["lines"][0]
    name = {"ship": "Shipped", "cancel": "Canceled", "refund": "Refunded"}[operation]
    assert (after[f"quantity{name}"], after[f"amount{name}"]) == (2, eur("50.00"))


async def test_the_bounds_follow_what_was_done(mollie: MollieShop) -> None:
    order = await mollie.authorized(line("399.00", 3, discount="100.00"))
    one = order["lines"][0]
    first = (await mollie.ship(order, part(one, 1))).json()["extra"]
    assert first == {"minimumAmount": eur("299.00"), "maximumAmount": eur("399.00")}
    shipped = (await mollie.ship(order, part(one, 1, "350.00"))).json()["lines"][0]
    assert (shipped["totalAmount"], shipped["discountAmount"]) == (eur("350.00"), eur("49.00"))
    second = (await mollie.cancel_lines(order, part(one, 1))).json()["extra"]
    assert second == {"minimumAmount": eur("348.00"), "maximumAmount": eur("399.00")}


async def test_an_amount_for_a_line_without_a_discount_is_the_only_one(mollie: MollieShop) -> None:
    order = await mollie.authorized(line("10.00", 2))
    text = "Line 0 contains invalid data. Invalid amount specified. Must be exactly €10.00, got: €9.99."
    assert refusal(await mollie.ship(order, part(order["lines"][0], 1, "9.99"))) == (422, text, "lines.0.amount")
    wrong = part(order["lines"][0], 1) | {"amount": eur("10.0")}
    assert refusal(await mollie.ship(order, wrong))[::2] == (422, "lines.0.amount")
    assert (await mollie.ship(order, part(order["lines"][0], 1, "10.00"))).status_code == 201


# -- cancellation -----------------------------------------------------------------------------------------------------


async def test_a_part_of_a_line_is_canceled(mollie: MollieShop) -> None:
    order = await mollie.authorized(line("10.00", 3), line("5.00"))
    answer = await mollie.cancel_lines(order, part(order["lines"][0], 2))
    assert (answer.status_code, answer.content) == (204, b"")
    after = await mollie.order(order["id"])
    assert statuses(after) == ("authorized", ["authorized", "authorized"])
    assert quantities(after["lines"][0]) == (1, 0, 1)
    assert after["lines"][0]["amountCanceled"] == eur("20.00")
    assert after["amount"] == eur("35.00")


async def test_canceled_and_completed_lines(mollie: MollieShop) -> None:
    order = await mollie.authorized(line("10.00", 2), line("5.00"))
    one, other = order["lines"]
    await mollie.ship(order, part(one, 1))
    await mollie.cancel_lines(order, part(other))
    assert statuses(await mollie.order(order["id"])) == ("shipping", ["shipping", "canceled"])
    await mollie.cancel_lines(order, part(one))
    after = await mollie.order(order["id"])
    assert statuses(after) == ("completed", ["completed", "canceled"])
    assert after["_embedded"]["payments"][0]["status"] == "paid"
    assert await mollie.sums() | {"create": 0, "payment": 0} == {
        "create": 0,
        "payment": 0,
        "authorize": 2500,
        "capture": 1000,
        "release": 1500,
    }


async def test_all_lines_canceled_is_the_order_canceled(mollie: MollieShop) -> None:
    order = await mollie.authorized()
    await mollie.cancel_lines(order)
    after = await mollie.order(order["id"])
    assert statuses(after) == ("canceled", ["canceled", "canceled"])
    assert after["_embedded"]["payments"][0]["status"] == "authorized"
    assert not after["isCancelable"]
    assert (await mollie.sums())["cancel"] == 2500


async def test_the_payment_of_a_canceled_order_by_the_switch(mollie: MollieShop) -> None:
    await mollie.switch(mollie_payment_when_canceled="canceled")
    order = await mollie.authorized()
    await mollie.cancel_lines(order)
    assert (await mollie.order(order["id"]))["_embedded"]["payments"][0]["status"] == "canceled"


async def test_lines_that_cannot_be_canceled(mollie: MollieShop) -> None:
    paid = await mollie.paid()
    assert refusal(await mollie.cancel_lines(paid, part(paid["lines"][0])))[::2] == (422, "lines.0.quantity")
    assert refusal(await mollie.cancel_lines(paid))[::2] == (422, "lines")
    created = await mollie.create()
    assert refusal(await mollie.cancel_lines(created))[::2] == (422, "lines")
    shipped = await mollie.authorized()
    await mollie.ship(shipped)
    assert refusal(await mollie.cancel_lines(shipped))[::2] == (422, "lines")
    answer = await mollie.call("DELETE", f"orders/{shipped['id']}/lines", {})
    assert refusal(answer) == (422, "The 'lines' field is missing", "lines")


# -- the whole order --------------------------------------------------------------------------------------------------


async def test_an_authorized_order_is_canceled(mollie: MollieShop) -> None:
    order = await mollie.authorized()
    answer = await mollie.call("DELETE", f"orders/{order['id']}")
    assert answer.status_code == 200
    assert statuses(answer.json()) == ("canceled", ["canceled", "canceled"])
    assert "canceledAt" in answer.json()
    again = await mollie.call("DELETE", f"orders/{order['id']}")
    assert refusal(again)[0] == 422


async def test_the_rest_of_a_partly_shipped_order_is_canceled(mollie: MollieShop) -> None:
    order = await mollie.authorized(line("10.00", 2), line("5.00"))
    await mollie.ship(order, part(order["lines"][0], 1))
    answer = await mollie.call("DELETE", f"orders/{order['id']}")
    assert statuses(answer.json()) == ("completed", ["completed", "canceled"])
    assert ((await mollie.sums())["release"], (await mollie.sums())["capture"]) == (1500, 1000)


@pytest.mark.parametrize("shipped", [False, True])
async def test_what_is_paid_cannot_be_canceled(mollie: MollieShop, shipped: bool) -> None:
    order = await mollie.paid(line("10.00", 2), line("5.00"))
    if shipped:
        await mollie.ship(order, part(order["lines"][0], 1))
    assert not (await mollie.order(order["id"]))["isCancelable"]
    assert refusal(await mollie.call("DELETE", f"orders/{order['id']}"))[0] == 422


async def test_an_open_payment_blocks_the_cancellation(mollie: MollieShop) -> None:
    order = await mollie.create()
    path = f"orders/{order['id']}"
    assert refusal(await mollie.call("DELETE", path))[0] == 422
    await mollie.switch(mollie_open_payment_blocks_cancel=False)
    answer = await mollie.call("DELETE", f"{path}?embed=payments")
    assert statuses(answer.json()) == ("canceled", ["canceled", "canceled"])
    assert answer.json()["_embedded"]["payments"][0]["status"] == "canceled"
    assert (await mollie.sums())["cancel"] == 0
