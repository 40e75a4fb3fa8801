"""Order Management: the error table row by row, limits, lines that don't add up."""

from typing import Any

import pytest

from .shop import JSON, MISSING, Shop, assert_error, line

SHIPPING: JSON = {"shipping_info": [{"shipping_company": "DHL", "shipping_method": "Home", "tracking_number": "1"}]}

NOT_FOUND_ROWS: list[tuple[str, str, JSON | None, str, str]] = [
    ("GET", "", None, "NO_SUCH_ORDER", "Order {id} cannot be found."),
    ("POST", "/acknowledge", None, "NO_SUCH_ORDER", "Order {id} cannot be found. Acknowledgement not possible."),
    ("PATCH", "/authorization", {"order_amount": 1}, "NO_SUCH_ORDER", "Order {id} cannot be found."),
    ("PATCH", "/customer-details", {}, "NO_SUCH_ORDER", "Order {id} cannot be found."),
    (
        "PATCH",
        "/merchant-references",
        {},
        "NO_SUCH_ORDER",
        "Order cannot be found. Merchant references cannot be updated.",
    ),
    (
        "POST",
        "/shipping-info",
        SHIPPING,
        "NO_SUCH_ORDER",
        "Order {id} cannot be found. Shipping info cannot be added to order {id}.",
    ),
    ("POST", "/cancel", None, "NO_SUCH_ORDER", "Order {id} cannot be found."),
    ("POST", "/release-remaining-authorization", None, "NO_SUCH_ORDER", "Order {id} cannot be found."),
    ("POST", "/extend-authorization-time", None, "NO_SUCH_ORDER", "Order {id} cannot be found."),
    ("POST", "/captures", {"captured_amount": 1}, "NO_SUCH_ORDER", "Order {id} cannot be found."),
    ("GET", "/captures", None, "NO_SUCH_ORDER", "Order {id} cannot be found."),
    ("GET", f"/captures/{MISSING}", None, "NO_SUCH_ORDER", "Order {id} cannot be found."),
    ("POST", f"/captures/{MISSING}/trigger-send-out", None, "NO_SUCH_ORDER", "Order {id} cannot be found."),
    ("POST", "/refunds", {"refunded_amount": 1}, "NOT_FOUND", "Order {id} cannot be found."),
    ("GET", f"/refunds/{MISSING}", None, "NOT_FOUND", "Order {id} cannot be found."),
]


@pytest.mark.parametrize(("method", "path", "body", "code", "message"), NOT_FOUND_ROWS)
async def test_an_order_of_nobody_and_of_another_account_is_not_found(
    shop: Shop, method: str, path: str, body: JSON | None, code: str, message: str
) -> None:
    theirs = await shop.other("rival").place()
    for order_id in (MISSING, theirs):
        assert_error(await shop.om(order_id, method, path, body), 404, code, message.format(id=order_id))


@pytest.mark.parametrize("order_id", ["1", "f3392f8b", f"{MISSING}0", "z" * 36])
async def test_an_order_id_must_be_a_uuid(shop: Shop, order_id: str) -> None:
    assert_error(await shop.om(order_id, "GET"), 400, "INVALID_ORDER_ID", "Order ID must be a valid UUID.")


async def test_a_capture_that_is_not_there(shop: Shop) -> None:
    order_id = await shop.place()
    await shop.capture(order_id, 1)
    path = f"/captures/{MISSING}"
    assert_error(await shop.om(order_id, "GET", path), 404, "NO_SUCH_CAPTURE", f"Capture {MISSING} cannot be found.")
    assert_error(
        await shop.om(order_id, "POST", f"{path}/shipping-info", SHIPPING),
        404,
        "NO_SUCH_CAPTURE",
        f"Capture could not be found. Shipping info cannot be added to capture {MISSING}.",
    )
    send_out = await shop.om(order_id, "POST", f"{path}/trigger-send-out")
    assert_error(send_out, 404, "NO_SUCH_CAPTURE", f"Capture {MISSING} could not be found.")


@pytest.mark.parametrize(
    ("method", "call", "body"),
    [
        ("POST", "shipping-info", SHIPPING),
        ("POST", "trigger-send-out", None),
        ("PATCH", "extend-due-date", {"number_of_days": 14}),
    ],
)
async def test_an_order_without_captures_has_none_to_work_on(
    shop: Shop, method: str, call: str, body: JSON | None
) -> None:
    answer = await shop.om(await shop.place(), method, f"/captures/{MISSING}/{call}", body)
    assert_error(answer, 403, "NOT_ALLOWED", "Order has no captures.")


async def test_a_refund_that_is_not_there(shop: Shop) -> None:
    order_id = await shop.place()
    message = f"Refund {MISSING} cannot be found for order {order_id}"
    assert_error(await shop.om(order_id, "GET", f"/refunds/{MISSING}"), 404, "NOT_FOUND", message)


async def test_refunding_more_than_was_captured_is_refused(shop: Shop) -> None:
    order_id = await shop.place()
    await shop.capture(order_id, 400)
    await shop.refund(order_id, 300)
    over = "Over refund is not allowed. Refund not possible."
    assert_error(await shop.refund(order_id, 101), 403, "REFUND_NOT_ALLOWED", over)
    assert (await shop.refund(order_id, 100)).status_code == 201


async def test_a_billing_address_cannot_be_changed(shop: Shop) -> None:
    body = {"billing_address": {"city": "Stockholm"}}
    assert_error(
        await shop.om(await shop.place(), "PATCH", "/customer-details", body),
        403,
        "NOT_ALLOWED",
        "Billing address cannot be updated for user account order. Customer details cannot be updated.",
    )


async def test_an_address_out_of_its_limits_is_invalid(shop: Shop) -> None:
    body = {"shipping_address": {"postal_code": "12345678901"}}
    answer = await shop.om(await shop.place(), "PATCH", "/customer-details", body)
    assert_error(answer, 422, "INVALID_ADDRESS", "The shipping and/or billing address is invalid")


def size(field: str, most: int, least: int = 0) -> str:
    return f"The size of the {field} value must be between {least} and {most}"


@pytest.mark.parametrize(
    ("path", "body", "message"),
    [
        ("/captures", {}, "The captured_amount value is invalid"),
        ("/captures", {"captured_amount": -1}, "The captured_amount value is invalid"),
        ("/captures", {"captured_amount": 200_000_001}, "The captured_amount value is invalid"),
        ("/captures", {"captured_amount": 1.5}, "The captured_amount value is invalid"),
        ("/captures", {"captured_amount": 1, "reference": "x" * 256}, size("reference", 255)),
        ("/captures", {"captured_amount": 1, "description": "x" * 256}, size("description", 255)),
        ("/captures", {"captured_amount": 1, "order_lines": [line(1)] * 1001}, size("order_lines", 1000)),
        ("/captures", {"captured_amount": 1, "shipping_delay": -1}, "The shipping_delay value is invalid"),
        (
            "/captures",
            {"captured_amount": 1, "shipping_info": [{"shipping_company": "x" * 101}]},
            size("shipping_info/shipping_company", 100),
        ),
        (
            "/captures",
            {"captured_amount": 1, "shipping_info": [{"shipping_method": "Drone"}]},
            "The shipping_info/shipping_method value is invalid",
        ),
        ("/refunds", {"refunded_amount": 200_000_001}, "The refunded_amount value is invalid"),
        ("/refunds", {"refunded_amount": 1, "reference": "x" * 256}, size("reference", 255)),
        ("/shipping-info", {"shipping_info": []}, size("shipping_info", 500, 1)),
        ("/shipping-info", {"shipping_info": [{}] * 501}, size("shipping_info", 500)),
        (
            "/shipping-info",
            {"shipping_info": [{"tracking_uri": "x" * 1025}]},
            size("shipping_info/tracking_uri", 1024),
        ),
    ],
)
async def test_a_field_out_of_its_limits_is_unprocessable(shop: Shop, path: str, body: JSON, message: str) -> None:
    assert_error(await shop.om(await shop.place(), "POST", path, body), 422, "UNPROCESSABLE_ENTITY", message)


async def test_what_is_no_json_object_is_malformed(shop: Shop) -> None:
    path = f"/ordermanagement/v1/orders/{await shop.place()}/captures"
    for body in (b"", b"{", b"[]"):
        answer = await shop.http.post(path, content=body)
        assert (answer.status_code, answer.json()["error_code"]) == (400, "BAD_REQUEST")


@pytest.mark.parametrize(
    ("lines", "bad"),
    [
        ([line(1000) | {"total_amount": 999}], "order_lines[0].total_amount"),
        ([line(1000, tax_rate=2000, total_tax_amount=165)], "order_lines[0].total_tax_amount"),
        ([line(999)], "order_lines"),
        ([line(1100), line(-100, type="return_fee")], "order_lines[1].type"),
    ],
)
@pytest.mark.parametrize("call", ["capture", "update"])
async def test_lines_that_do_not_add_up_are_refused(shop: Shop, call: str, lines: list[JSON], bad: str) -> None:
    order_id = await shop.place(1000)
    if call == "capture":
        answer = await shop.capture(order_id, 1000, order_lines=lines)
    else:
        answer = await shop.om(order_id, "PATCH", "/authorization", {"order_amount": 1000, "order_lines": lines})
    assert_error(answer, 400, "BAD_VALUE", f"Bad value: {bad}")


@pytest.mark.parametrize(
    ("method", "country", "grows"),
    [
        ("invoice", "SE", True),
        ("b2b_invoice", "SE", True),
        ("base_account", "SE", True),
        ("direct_debit", "DE", True),
        ("direct_debit", "CH", False),
        ("fixed_amount", "DE", True),
        ("fixed_amount", "GB", False),
        ("card", "SE", False),
    ],
)
async def test_an_authorization_grows_by_payment_method_and_market(
    shop: Shop, method: str, country: str, grows: bool
) -> None:
    await shop.switch(payment_method=method)
    order_id = await shop.place(1000, purchase_country=country)
    answer: Any = await shop.om(order_id, "PATCH", "/authorization", {"order_amount": 1001})
    if grows:
        assert answer.status_code == 204
        assert (await shop.order(order_id))["remaining_authorized_amount"] == 1001
    else:
        assert_error(answer, 403, "NOT_ALLOWED", "Update not allowed.")
        assert (await shop.om(order_id, "PATCH", "/authorization", {"order_amount": 999})).status_code == 204
