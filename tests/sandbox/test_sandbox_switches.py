"""Each switch gives the other behaviour; docs/sandbox.md names each with its default."""

from pathlib import Path
from typing import Any

import msgspec
import pytest

from ordersaga_sandbox import Switches

from .shop import JSON, MISSING, Shop, assert_error, line, purchase

DEFAULTS = msgspec.json.decode(msgspec.json.encode(Switches()))
DOCS = Path(__file__).parents[2] / "docs" / "sandbox.md"


def test_every_switch_is_in_the_documentation_with_its_default() -> None:
    text = DOCS.read_text()
    for name, value in DEFAULTS.items():
        assert f"| `{name}` | `{msgspec.json.encode(value).decode()}` |" in text, name


async def test_switches_are_read_and_changed_one_by_one(shop: Shop) -> None:
    before = await shop.control("GET", "switches")
    assert before == DEFAULTS
    after = await shop.control("PUT", "switches", {"location": "path"})
    assert after == before | {"location": "path"}


@pytest.mark.parametrize("change", [{"locaton": "path"}, {"location": "relative"}, {"key_seconds": -1}])
async def test_a_switch_that_is_not_there_or_a_value_it_does_not_have_is_refused(shop: Shop, change: JSON) -> None:
    answer = await shop.call("PUT", "/_sandbox/switches", change)
    assert answer.status_code == 400
    assert await shop.control("GET", "switches") == DEFAULTS


async def test_the_payment_method_is_an_object_or_a_string(shop: Shop) -> None:
    one = (await shop.create("sbx-1")).json()["authorized_payment_method"]
    await shop.switch(authorized_payment_method="string")
    other = (await shop.create("sbx-2")).json()["authorized_payment_method"]
    assert (one["type"], other) == ("invoice", "invoice")


async def test_a_place_is_absolute_or_a_path(shop: Shop) -> None:
    await shop.switch(location="path")
    order_id = await shop.place()
    answer = await shop.capture(order_id, 1)
    expected = f"/ordermanagement/v1/orders/{order_id}/captures/{answer.headers['capture-id']}"
    assert answer.headers["location"] == expected


async def test_an_order_id_that_is_none_is_400_or_404(shop: Shop) -> None:
    await shop.switch(invalid_order_id_status=404)
    assert_error(await shop.om("1", "GET"), 404, "INVALID_ORDER_ID", "Order ID must be a valid UUID.")


async def test_a_refund_that_is_not_there_is_404_or_400(shop: Shop) -> None:
    await shop.switch(refund_not_found_status=400)
    assert (await shop.om(await shop.place(), "GET", f"/refunds/{MISSING}")).status_code == 400


@pytest.mark.parametrize(("allowed", "status"), [(False, 403), (True, 201)])
async def test_a_capture_of_nothing(shop: Shop, allowed: bool, status: int) -> None:
    await shop.switch(capture_of_zero=allowed)
    assert (await shop.capture(await shop.place(), 0)).status_code == status


@pytest.mark.parametrize(("allowed", "status"), [(False, 403), (True, 201)])
async def test_a_refund_of_nothing(shop: Shop, allowed: bool, status: int) -> None:
    await shop.switch(refund_of_zero=allowed)
    order_id = await shop.place()
    await shop.capture(order_id, 1)
    assert (await shop.refund(order_id, 0)).status_code == status


@pytest.mark.parametrize(("checked", "status"), [(True, 400), (False, 201)])
async def test_the_sum_of_a_captures_lines(shop: Shop, checked: bool, status: int) -> None:
    await shop.switch(capture_lines_sum_checked=checked)
    assert (await shop.capture(await shop.place(), 500, order_lines=[line(400)])).status_code == status


@pytest.mark.parametrize(("checked", "status"), [(True, 400), (False, 201)])
async def test_the_formulae_of_a_captures_lines(shop: Shop, checked: bool, status: int) -> None:
    await shop.switch(line_formulae_checked=checked)
    lines = [line(500) | {"quantity": 2}]
    assert (await shop.capture(await shop.place(), 500, order_lines=lines)).status_code == status


@pytest.mark.parametrize(("allowed", "status"), [(True, 201), (False, 403)])
async def test_a_delay_of_shipping(shop: Shop, allowed: bool, status: int) -> None:
    await shop.switch(shipping_delay_allowed=allowed)
    assert (await shop.capture(await shop.place(), 1, shipping_delay=3)).status_code == status


@pytest.mark.parametrize("status", [204, 403])
async def test_a_second_cancel_release_and_acknowledge(shop: Shop, status: int) -> None:
    await shop.switch(second_cancel=status, second_release=status, second_acknowledge=status)
    one, other = await shop.place(), await shop.place()
    await shop.capture(other, 1)
    calls = [(one, "/acknowledge"), (one, "/cancel"), (other, "/release-remaining-authorization")]
    if status == 403:
        await shop.om(one, "POST", "/acknowledge")
        assert (await shop.om(one, "POST", "/acknowledge")).status_code == 403
        calls = calls[1:]
    for order_id, path in calls:
        assert (await shop.om(order_id, "POST", path)).status_code == 204
    effects = await shop.effects()
    for order_id, path in calls[-2:]:
        assert (await shop.om(order_id, "POST", path)).status_code == status
    assert await shop.effects() == effects


@pytest.mark.parametrize(
    ("switches", "method", "path", "body"),
    [
        ({"acknowledge_statuses": []}, "POST", "/acknowledge", None),
        ({"extend_statuses": []}, "POST", "/extend-authorization-time", None),
        ({"references_statuses": []}, "PATCH", "/merchant-references", {}),
        ({"details_statuses": []}, "PATCH", "/customer-details", {}),
        ({"risk_refuses_address": True}, "PATCH", "/customer-details", {}),
        ({"shipping_info_statuses": []}, "POST", "/shipping-info", {"shipping_info": [{}]}),
        ({"risk_refuses_increase": True}, "PATCH", "/authorization", {"order_amount": 1001}),
    ],
)
async def test_an_open_order_may_be_refused(
    shop: Shop, switches: JSON, method: str, path: str, body: JSON | None
) -> None:
    order_id = await shop.place(1000)
    assert (await shop.om(order_id, method, path, body)).status_code == 204
    await shop.switch(**switches)
    again = {"order_amount": 1002} if path == "/authorization" else body
    answer = await shop.om(order_id, method, path, again)
    assert (answer.status_code, answer.json()["error_code"]) == (403, "NOT_ALLOWED")


async def test_refunds_may_be_refused_by_status(shop: Shop) -> None:
    await shop.switch(refund_statuses=["CAPTURED"])
    order_id = await shop.place()
    await shop.capture(order_id, 1)
    assert_error(await shop.refund(order_id, 1), 403, "REFUND_NOT_ALLOWED", "Refund not possible")


@pytest.mark.parametrize(("allowed", "status"), [(False, 403), (True, 204)])
async def test_cancelling_an_expired_order(shop: Shop, allowed: bool, status: int) -> None:
    await shop.switch(cancel_when_expired=allowed)
    order_id = await shop.place()
    await shop.advance(days=28)
    assert (await shop.om(order_id, "POST", "/cancel")).status_code == status


@pytest.mark.parametrize(("keeps", "remaining"), [(False, 0), (True, 600)])
@pytest.mark.parametrize("status", ["EXPIRED", "CAPTURED"])
async def test_a_part_captured_order_at_its_expiry(shop: Shop, status: str, keeps: bool, remaining: int) -> None:
    await shop.switch(part_captured_at_expiry=status, expiry_keeps_remaining=keeps)
    order_id = await shop.place(1000)
    await shop.capture(order_id, 400)
    await shop.advance(days=28)
    order = await shop.order(order_id)
    assert (order["status"], order["remaining_authorized_amount"]) == (status, remaining)


@pytest.mark.parametrize(("renews", "expires"), [(False, "2022-08-05"), (True, "2022-08-15")])
async def test_a_partial_capture_may_renew_the_expiry(shop: Shop, renews: bool, expires: str) -> None:
    await shop.switch(partial_capture_renews_expiry=renews)
    order_id = await shop.place(1000)
    await shop.advance(days=10)
    await shop.capture(order_id, 400)
    assert (await shop.order(order_id))["expires_at"].startswith(expires)


async def test_the_period_of_an_authorization(shop: Shop) -> None:
    await shop.switch(authorization_days=60)
    assert (await shop.order(await shop.place()))["expires_at"] == "2022-09-06T00:00:00Z"


async def test_an_auto_capture_that_the_contract_lacks_is_ignored(shop: Shop) -> None:
    await shop.switch(auto_capture_allowed=False)
    assert (await shop.order(await shop.place(auto_capture=True)))["status"] == "AUTHORIZED"


async def test_errors_of_a_token_may_not_stick(shop: Shop) -> None:
    await shop.switch(sticky_token_errors=False)
    assert (await shop.create("sbx-1", purchase() | {"order_amount": 1})).status_code == 400
    assert (await shop.create("sbx-1")).status_code == 200


async def test_a_consumed_token_may_be_refused(shop: Shop) -> None:
    await shop.switch(replayed_create="consumed")
    assert (await shop.create("sbx-1")).status_code == 200
    assert_error(await shop.create("sbx-1"), 403, "INVALID_OPERATION", "Authorization token already consumed")


async def test_an_order_may_be_answered_again_after_its_token_is_over(shop: Shop) -> None:
    await shop.switch(completed_token_outlives_expiry=True)
    first = await shop.create("sbx-1")
    await shop.advance(hours=2)
    assert (await shop.create("sbx-1")).content == first.content


@pytest.mark.parametrize(("switch", "seconds"), [("token_seconds", 60), ("key_seconds", 60)])
async def test_lives_can_be_shortened(shop: Shop, switch: str, seconds: int) -> None:
    await shop.switch(**{switch: seconds})
    order_id = await shop.place(1000)
    await shop.capture(order_id, 1, "k")
    await shop.create("sbx-x")
    await shop.advance(seconds=seconds)
    second = await shop.create("sbx-x")
    await shop.capture(order_id, 1, "k")
    captured = (await shop.order(order_id))["captured_amount"]
    expected: dict[str, Any] = {"token_seconds": (404, 1), "key_seconds": (200, 2)}
    assert (second.status_code, captured) == expected[switch]


async def test_an_order_may_have_limits(shop: Shop) -> None:
    await shop.switch(order_limits=True)
    order_id = await shop.place(1000)
    for _ in range(200):
        assert (await shop.capture(order_id, 1)).status_code == 201
    assert (await shop.capture(order_id, 1)).json()["error_code"] == "CAPTURE_NOT_ALLOWED"
    assert (await shop.refund(order_id, 1)).status_code == 201


async def test_bodies_are_logged_only_where_that_is_switched_on(shop: Shop) -> None:
    order_id = await shop.place()
    await shop.switch(log_bodies=True)
    await shop.refund(order_id, 7)
    first, second = await shop.requests()
    assert "request_body" not in first
    assert "7" in second["request_body"]
    assert "REFUND_NOT_ALLOWED" in second["response_body"]
