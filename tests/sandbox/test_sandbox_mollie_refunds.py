"""Mollie's refunds: by line and of any amount, their way through time, duplicates."""

import pytest

from .mollie_shop import MollieShop, eur, line, refusal
from .shop import JSON


def payment_of(order: JSON) -> str:
    payment_id: str = order["_embedded"]["payments"][0]["id"]
    return payment_id


async def refund_amount(mollie: MollieShop, order: JSON, value: str, key: str | None = None, **fields: object) -> JSON:
    path = f"payments/{payment_of(order)}/refunds"
    answer = await mollie.call("POST", path, {"amount": eur(value), **fields}, key)
    assert answer.status_code == 201, answer.text
    made: JSON = answer.json()
    return made


# -- by line ----------------------------------------------------------------------------------------------------------


async def test_a_part_of_a_line(mollie: MollieShop) -> None:
    order = await mollie.paid(line("10.00", 3), line("5.00"))
    one = order["lines"][0]["id"]
    answer = await mollie.refund(order, {"id": one, "quantity": 2}, description="Broken", metadata={"reference": "R-1"})
    refund = answer.json()
    assert (answer.status_code, refund["status"], refund["amount"]) == (201, "pending", eur("20.00"))
    assert (refund["description"], refund["metadata"]) == ("Broken", {"reference": "R-1"})
    assert (refund["orderId"], refund["paymentId"]) == (order["id"], payment_of(order))
    [refunded] = refund["lines"]
    assert (refunded["id"], refunded["quantity"], refunded["totalAmount"]) == (one, 2, eur("20.00"))
    after = await mollie.order(order["id"])
    assert after["status"] == "paid"
    assert (after["amountRefunded"], after["lines"][0]["amountRefunded"]) == (eur("20.00"), eur("20.00"))
    assert (after["lines"][0]["quantityRefunded"], after["lines"][0]["refundableQuantity"]) == (2, 1)
    assert after["_embedded"]["refunds"] == [refund]
    payment = after["_embedded"]["payments"][0]
    assert (payment["amountRefunded"], payment["amountRemaining"]) == (eur("20.00"), eur("15.00"))
    [effect] = await mollie.effects("refund")
    assert (effect["amount"], effect["id"], effect["reference"]) == (2000, refund["id"], "R-1")


async def test_all_that_is_left(mollie: MollieShop) -> None:
    order = await mollie.paid(line("10.00", 3), line("5.00"))
    await mollie.refund(order, {"id": order["lines"][0]["id"], "quantity": 2})
    rest = (await mollie.refund(order)).json()
    assert rest["amount"] == eur("15.00")
    after = await mollie.order(order["id"])
    assert (after["status"], after["amountRefunded"]) == ("paid", eur("35.00"))
    assert refusal(await mollie.refund(order))[::2] == (422, "lines")
    listed = await mollie.get(f"orders/{order['id']}/refunds")
    assert [refund["amount"] for refund in listed["_embedded"]["refunds"]] == [eur("15.00"), eur("20.00")]


async def test_only_what_was_shipped_of_an_authorized_order(mollie: MollieShop) -> None:
    order = await mollie.authorized(line("10.00", 3), line("5.00"))
    one = order["lines"][0]["id"]
    assert refusal(await mollie.refund(order, {"id": one}))[::2] == (422, "lines.0.quantity")
    await mollie.ship(order, {"id": one, "quantity": 2})
    assert refusal(await mollie.refund(order, {"id": one, "quantity": 3}))[::2] == (422, "lines.0.quantity")
    assert (await mollie.refund(order)).json()["amount"] == eur("20.00")


@pytest.mark.parametrize(("allowed", "status"), [(False, 422), (True, 201)])
async def test_what_was_refunded_is_not_shipped(mollie: MollieShop, allowed: bool, status: int) -> None:
    await mollie.switch(mollie_refunded_shippable=allowed)
    order = await mollie.paid(line("10.00", 3))
    one = order["lines"][0]["id"]
    await mollie.refund(order, {"id": one, "quantity": 2})
    assert (await mollie.order(order["id"]))["lines"][0]["shippableQuantity"] == (3 if allowed else 1)
    assert (await mollie.ship(order, {"id": one, "quantity": 2})).status_code == status


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "lines"),
        ({"lines": [{}]}, "lines.0.id"),
        ({"lines": [], "description": "x" * 141}, "description"),
        ({"lines": [], "metadata": "x" * 1_100}, "metadata"),
    ],
)
async def test_a_wrong_refund(mollie: MollieShop, body: JSON, field: str) -> None:
    order = await mollie.paid()
    assert refusal(await mollie.call("POST", f"orders/{order['id']}/refunds", body))[::2] == (422, field)
    assert await mollie.effects("refund") == []


# -- any amount -------------------------------------------------------------------------------------------------------


async def test_any_amount(mollie: MollieShop) -> None:
    order = await mollie.paid()
    refund = await refund_amount(mollie, order, "0.37")
    assert (refund["description"], "lines" in refund) == ("Order A-1", False)
    path = f"payments/{payment_of(order)}/refunds"
    assert await mollie.get(f"{path}/{refund['id']}") == refund
    assert (await mollie.get(path))["_embedded"]["refunds"] == [refund]
    assert (await mollie.order(order["id"]))["lines"][0]["quantityRefunded"] == 0


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("25.01", "The amount is higher than the maximum"),
        ("0.00", "The amount is lower than the minimum"),
        ("-1.00", "The amount is lower than the minimum"),
        ("1.0", "The amount contains an invalid value"),
    ],
)
async def test_an_amount_that_cannot_be_refunded(mollie: MollieShop, value: str, text: str) -> None:
    order = await mollie.paid()
    answer = await mollie.call("POST", f"payments/{payment_of(order)}/refunds", {"amount": eur(value)})
    assert refusal(answer) == (422, text, "amount")


async def test_refunds_never_exceed_what_was_captured(mollie: MollieShop) -> None:
    order = await mollie.paid()
    await refund_amount(mollie, order, "10.00")
    answer = await mollie.call("POST", f"payments/{payment_of(order)}/refunds", {"amount": eur("15.01")})
    assert refusal(answer) == (422, "The amount is higher than the maximum", "amount")
    assert refusal(await mollie.refund(order))[::2] == (422, "amount")
    unpaid = await mollie.authorized()
    answer = await mollie.call("POST", f"payments/{payment_of(unpaid)}/refunds", {"amount": eur("1.00")})
    assert refusal(answer)[0] == 422
    answer = await mollie.call("POST", f"payments/{payment_of(unpaid)}/refunds", {})
    assert refusal(answer) == (422, "The amount is required for refunds", "amount")


# -- duplicates -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("key", [None, "other"])
async def test_the_same_amount_within_the_hour_is_a_duplicate(mollie: MollieShop, key: str | None) -> None:
    order = await mollie.paid()
    await refund_amount(mollie, order, "1.00", "first")
    await mollie.advance(seconds=3_599)
    path = f"payments/{payment_of(order)}/refunds"
    answer = await mollie.call("POST", path, {"amount": eur("1.00")}, key)
    assert refusal(answer) == (409, "A duplicate refund has been detected", None)
    await refund_amount(mollie, order, "1.01")
    await mollie.advance(seconds=1)
    await refund_amount(mollie, order, "1.00")


@pytest.mark.parametrize(
    ("switch", "by_line", "status"),
    [("all", True, 409), ("all", False, 409), ("payments", True, 201), ("payments", False, 409), ("off", False, 201)],
)
async def test_which_duplicates_are_refused(mollie: MollieShop, switch: str, by_line: bool, status: int) -> None:
    await mollie.switch(mollie_duplicate_refunds=switch)
    order = await mollie.paid(line("10.00", 2))
    for expected in (201, status):
        if by_line:
            answer = await mollie.refund(order, {"id": order["lines"][0]["id"], "quantity": 1})
        else:
            answer = await mollie.call("POST", f"payments/{payment_of(order)}/refunds", {"amount": eur("1.00")})
        assert answer.status_code == expected


async def test_a_canceled_refund_is_no_duplicate(mollie: MollieShop) -> None:
    order = await mollie.paid()
    refund = await refund_amount(mollie, order, "1.00")
    await mollie.call("DELETE", f"payments/{payment_of(order)}/refunds/{refund['id']}")
    await refund_amount(mollie, order, "1.00")


# -- time -------------------------------------------------------------------------------------------------------------


async def test_a_refund_goes_its_way(mollie: MollieShop) -> None:
    await mollie.switch(
        mollie_refund_queued_seconds=10, mollie_refund_pending_seconds=20, mollie_refund_processing_seconds=30
    )
    order = await mollie.paid()
    refund = await refund_amount(mollie, order, "1.00")
    path = f"payments/{payment_of(order)}/refunds/{refund['id']}"
    found = [refund["status"]]
    for seconds in (9, 1, 19, 1, 29, 1):
        await mollie.advance(seconds=seconds)
        found.append((await mollie.get(path))["status"])
    assert found == ["queued", "queued", "pending", "pending", "processing", "processing", "refunded"]


@pytest.mark.parametrize("how", ["switch", "control"])
async def test_a_failed_refund_lowers_what_was_refunded(mollie: MollieShop, how: str) -> None:
    await mollie.switch(mollie_refund_outcome="failed")
    order = await mollie.paid()
    refund = (await mollie.refund(order)).json()
    if how == "switch":
        await mollie.advance(days=3)
    else:
        answer = await mollie.control("POST", f"mollie/refunds/{refund['id']}", {"action": "fail"})
        assert answer["status"] == "failed"
    after = await mollie.order(order["id"])
    assert "amountRefunded" not in after
    assert [one["quantityRefunded"] for one in after["lines"]] == [0, 0]
    assert [one["status"] for one in after["_embedded"]["refunds"]] == ["failed"]
    assert after["_embedded"]["payments"][0]["amountRemaining"] == eur("25.00")
    sums = await mollie.sums()
    assert (sums["refund"], sums["fail_refund"]) == (2500, 2500)
    assert (await mollie.refund(order)).status_code == 201


async def test_a_refund_is_canceled_in_time(mollie: MollieShop) -> None:
    order = await mollie.paid()
    refund = (await mollie.refund(order, metadata="R-1")).json()
    path = f"payments/{payment_of(order)}/refunds"
    answer = await mollie.call("DELETE", f"{path}/{refund['id']}")
    assert (answer.status_code, answer.content) == (204, b"")
    assert refusal(await mollie.call("GET", f"{path}/{refund['id']}"))[0] == 404
    after = await mollie.order(order["id"])
    assert ("amountRefunded" in after, after["_embedded"]["refunds"]) == (False, [])
    assert (await mollie.get(f"orders/{order['id']}/refunds"))["count"] == 0
    [effect] = await mollie.effects("cancel_refund")
    assert (effect["amount"], effect["reference"]) == (2500, "R-1")


async def test_a_refund_that_is_processed_cannot_be_canceled(mollie: MollieShop) -> None:
    order = await mollie.paid()
    refund = await refund_amount(mollie, order, "1.00")
    await mollie.control("POST", f"mollie/refunds/{refund['id']}", {"action": "process"})
    path = f"payments/{payment_of(order)}/refunds/{refund['id']}"
    assert refusal(await mollie.call("DELETE", path))[0] == 422
    await mollie.control("POST", f"mollie/refunds/{refund['id']}", {"action": "complete"})
    again = await mollie.call("POST", f"/_sandbox/mollie/refunds/{refund['id']}", {"action": "fail"})
    assert again.status_code == 409


@pytest.mark.parametrize(
    ("metadata", "reference"),
    [
        ("R-1", "R-1"),
        ({"reference": "R-1", "b": 1}, "R-1"),
        ({"operation": "R-1"}, "R-1"),
        ({"b": 1, "a": 2}, '{"a":2,"b":1}'),
        (None, None),
    ],
)
async def test_the_ledger_has_the_metadata_as_reference(
    mollie: MollieShop, metadata: object, reference: str | None
) -> None:
    order = await mollie.paid(line("10.00", 2))
    for amount in ("1.00", "2.00"):
        await refund_amount(mollie, order, amount, metadata=metadata)
    assert [effect["reference"] for effect in await mollie.effects("refund")] == [reference] * 2
    summary = await mollie.control("GET", "ledger/summary")
    doubled = [(one["provider"], one["kind"], one["reference"]) for one in summary["doubled_references"]]
    assert doubled == ([("mollie", "refund", reference)] if reference else [])
