"""The books: what is captured, refunded and left always adds up; allocation of refunds; return fees; Klarna's own examples."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from .shop import JSON, Shop, amounts, assert_error, line, purchase

CALLS = st.sampled_from(["capture", "refund", "cancel", "release", "update", "extend", "advance", "reject"])


async def act(shop: Shop, order_id: str, call: str, amount: int) -> int:
    """The status of one call."""
    match call:
        case "capture":
            return (await shop.capture(order_id, amount)).status_code
        case "refund":
            return (await shop.refund(order_id, amount)).status_code
        case "update":
            return (await shop.om(order_id, "PATCH", "/authorization", {"order_amount": amount})).status_code
        case "advance":
            await shop.advance(days=amount / 40)
            return 200
        case "reject":
            decision = {"decision": "REJECTED" if amount % 2 else "ACCEPTED"}
            await shop.control("POST", f"orders/{order_id}/fraud", decision)
            return 200
    path = {
        "cancel": "/cancel",
        "release": "/release-remaining-authorization",
        "extend": "/extend-authorization-time",
    }
    return (await shop.om(order_id, "POST", path[call])).status_code


@settings(max_examples=150, deadline=None)
@given(st.integers(0, 500), st.lists(st.tuples(CALLS, st.integers(0, 600)), max_size=25))
async def test_the_books_hold_after_any_calls(amount: int, calls: list[tuple[str, int]]) -> None:
    shop = Shop()
    order_id = await shop.place(amount)
    for call, value in calls:
        before = await shop.order(order_id)
        status = await act(shop, order_id, call, value)
        order = await shop.order(order_id)
        order_amount, captured, refunded, remaining = amounts(order)
        assert min(order_amount, captured, refunded, remaining) >= 0
        assert captured + remaining <= order_amount
        assert refunded <= captured
        assert captured == sum(capture["captured_amount"] for capture in order["captures"])
        assert refunded == sum(refund["refunded_amount"] for refund in order["refunds"])
        assert all(0 <= capture["refunded_amount"] <= capture["captured_amount"] for capture in order["captures"])
        if status >= 400:
            assert order == before
        if order["status"] not in {"AUTHORIZED", "PART_CAPTURED"}:
            assert remaining == 0
    assert await ledger_of(shop) == amounts(await shop.order(order_id))


async def ledger_of(shop: Shop) -> tuple[int, int, int, int]:
    """The order's books as the ledger of effects tells them."""
    order = captured = refunded = gone = 0
    for effect in await shop.effects():
        match effect["kind"]:
            case "authorize":
                order = effect["amount"]
            case "update":
                order, gone = effect["amount"], 0
            case "capture":
                captured += effect["amount"]
            case "refund":
                refunded += effect["amount"]
            case "cancel" | "release" | "expire":
                gone += effect["amount"]
    return order, captured, refunded, order - captured - gone


# -- allocation of refunds --------------------------------------------------------------------------------------------

A, B = line(600, reference="A"), line(400, reference="B")


async def shipped(shop: Shop, *captures: JSON, **fields: Any) -> str:
    order_id = await shop.place(1000, lines=[A, B], **fields)
    for one in captures:
        assert (await shop.capture(order_id, one["total_amount"], order_lines=[one])).status_code == 201
    return order_id


async def refunded_of(shop: Shop, order_id: str) -> list[int]:
    return [capture["refunded_amount"] for capture in (await shop.order(order_id))["captures"]]


async def test_a_refund_is_allocated_by_the_reference_of_its_lines(shop: Shop) -> None:
    order_id = await shipped(shop, A, B)
    await shop.refund(order_id, 400, order_lines=[B])
    assert await refunded_of(shop, order_id) == [0, 400]
    await shop.refund(order_id, 300, order_lines=[line(300, reference="A")])
    assert await refunded_of(shop, order_id) == [300, 400]


@pytest.mark.parametrize(
    ("amount", "lines"),
    [
        (399, [B]),  # lines that don't sum to it
        (700, [line(700, reference="A")]),  # more than that capture
        (100, [line(100, reference="C")]),  # no such reference
        (100, [line(100)]),  # none at all
        (100, []),  # two captures: which one isn't said
    ],
)
async def test_a_refund_that_fits_no_capture_is_taken_but_unallocated(
    shop: Shop, amount: int, lines: list[JSON]
) -> None:
    order_id = await shipped(shop, A, B)
    assert (await shop.refund(order_id, amount, order_lines=lines)).status_code == 201
    assert await refunded_of(shop, order_id) == [0, 0]
    assert (await shop.order(order_id))["refunded_amount"] == amount


async def test_after_an_unallocated_refund_none_is_allocated(shop: Shop) -> None:
    order_id = await shipped(shop, A, B)
    await shop.refund(order_id, 1)
    await shop.refund(order_id, 400, order_lines=[B])
    assert await refunded_of(shop, order_id) == [0, 0]


async def test_without_lines_the_only_capture_is_meant(shop: Shop) -> None:
    order_id = await shipped(shop, A)
    await shop.refund(order_id, 250)
    assert await refunded_of(shop, order_id) == [250]


# -- return fee -------------------------------------------------------------------------------------------------------


def fee(amount: int) -> JSON:
    return line(-amount, name="Return fee", type="return_fee")


async def returned(shop: Shop, country: str = "SE", captures: tuple[int, ...] = (10_000,)) -> tuple[str, int]:
    order_id = await shop.place(10_000, purchase_country=country)
    for amount in captures:
        await shop.capture(order_id, amount)
    answer = await shop.refund(order_id, 9_500, order_lines=[line(10_000, reference="A"), fee(500)])
    if answer.status_code != 201:
        message = "Return fee is not allowed. Refund not possible."
        assert_error(answer, 403, "REFUND_NOT_ALLOWED", message)
    return order_id, answer.status_code


@pytest.mark.parametrize(
    "country", ["AT", "DE", "DK", "FI", "FR", "NL", "NO", "SE", "IT", "ES", "IE", "PT", "CZ", "AU", "GR"]
)
async def test_a_return_fee_is_kept_back_in_its_markets(shop: Shop, country: str) -> None:
    order_id, status = await returned(shop, country)
    assert status == 201
    assert (await shop.order(order_id))["refunded_amount"] == 9_500


@pytest.mark.parametrize("country", ["GB", "US", "CH", "PL"])
async def test_there_is_no_return_fee_in_other_markets(shop: Shop, country: str) -> None:
    assert (await returned(shop, country))[1] == 403


@pytest.mark.parametrize("captures", [(9_999,), (5_000, 5_000)])
async def test_a_return_fee_needs_one_full_capture(shop: Shop, captures: tuple[int, ...]) -> None:
    assert (await returned(shop, captures=captures))[1] == 403


@pytest.mark.parametrize("lines", [[fee(500)], [line(10_000), fee(400)], [line(9_400), line(100, type="return_fee")]])
async def test_a_return_fee_is_negative_and_its_lines_sum_to_the_refund(shop: Shop, lines: list[JSON]) -> None:
    order_id = await shop.place(10_000)
    await shop.capture(order_id, 10_000)
    assert (await shop.refund(order_id, 9_500, order_lines=lines)).status_code == 403


# -- scenarios that were written for Klarna's own playground (an order of 10 minor units) -----------------------------


async def ten(shop: Shop, token: str = "sbx-ten") -> str:
    answer = await shop.create(token, purchase(10))
    order_id: str = answer.json()["order_id"]
    assert (await shop.order(order_id))["status"] == "AUTHORIZED"
    return order_id


async def test_scenario_an_accepted_order_is_authorized(shop: Shop) -> None:
    assert (await shop.order(await ten(shop)))["fraud_status"] == "ACCEPTED"


async def test_scenario_a_pending_order_is_authorized(shop: Shop) -> None:
    assert (await shop.order(await ten(shop, "sbx-pending-ten")))["fraud_status"] == "PENDING"


async def test_scenario_acknowledging_keeps_it_authorized(shop: Shop) -> None:
    order_id = await ten(shop)
    assert (await shop.om(order_id, "POST", "/acknowledge")).is_success
    assert (await shop.order(order_id))["status"] == "AUTHORIZED"


async def test_scenario_cancelling_what_was_not_captured(shop: Shop) -> None:
    order_id = await ten(shop)
    assert (await shop.om(order_id, "POST", "/cancel")).is_success
    assert (await shop.order(order_id))["status"] == "CANCELLED"


async def test_scenario_a_captured_order_cannot_be_cancelled(shop: Shop) -> None:
    order_id = await ten(shop)
    assert (await shop.capture(order_id, 10)).is_success
    assert (await shop.om(order_id, "POST", "/cancel")).json()["error_code"] == "CANCEL_NOT_ALLOWED"
    assert (await shop.order(order_id))["status"] == "CAPTURED"


async def test_scenario_capturing_all(shop: Shop) -> None:
    order_id = await ten(shop)
    assert (await shop.capture(order_id, 10)).is_success
    assert (await shop.order(order_id))["status"] == "CAPTURED"


async def test_scenario_extending(shop: Shop) -> None:
    assert (await shop.om(await ten(shop), "POST", "/extend-authorization-time")).is_success


async def test_scenario_refunding_what_was_captured(shop: Shop) -> None:
    order_id = await ten(shop)
    assert (await shop.capture(order_id, 10)).is_success
    assert (await shop.refund(order_id, 10)).is_success
    order = await shop.order(order_id)
    assert order["refunds"]
    assert (order["refunded_amount"], order["status"]) == (10, "CAPTURED")


async def test_scenario_releasing_needs_a_capture(shop: Shop) -> None:
    answer = await shop.om(await ten(shop), "POST", "/release-remaining-authorization")
    assert answer.json()["error_code"] == "NOT_ALLOWED"


async def test_scenario_releasing_the_rest_makes_it_captured(shop: Shop) -> None:
    order_id = await ten(shop)
    assert (await shop.capture(order_id, 5)).is_success
    assert (await shop.order(order_id))["status"] == "PART_CAPTURED"
    assert (await shop.om(order_id, "POST", "/release-remaining-authorization")).is_success
    assert (await shop.order(order_id))["status"] == "CAPTURED"
