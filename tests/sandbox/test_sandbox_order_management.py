"""Order Management: exact answers, what is shown, and the error table row by row."""

from typing import Any

import pytest

from .shop import JSON, MISSING, Shop, line, says

SHIPPING = {"shipping_info": [{"shipping_company": "DHL", "shipping_method": "Home", "tracking_number": "1"}]}


# -- answers ----------------------------------------------------------------------------------------------------------


async def test_a_capture_is_201_with_its_place_and_id_and_no_body(shop: Shop) -> None:
    order_id = await shop.place()
    answer = await shop.capture(order_id, 400)
    capture_id = answer.headers["capture-id"]
    assert (answer.status_code, answer.content, answer.headers["content-length"]) == (201, b"", "0")
    assert answer.headers["location"] == f"http://sandbox/ordermanagement/v1/orders/{order_id}/captures/{capture_id}"
    assert (await shop.http.get(answer.headers["location"])).json()["capture_id"] == capture_id


async def test_a_refund_is_201_with_its_place_and_id_and_no_body(shop: Shop) -> None:
    order_id = await shop.place()
    await shop.capture(order_id, 400)
    answer = await shop.refund(order_id, 100)
    refund_id = answer.headers["refund-id"]
    assert (answer.status_code, answer.content) == (201, b"")
    assert answer.headers["location"] == f"http://sandbox/ordermanagement/v1/orders/{order_id}/refunds/{refund_id}"
    assert (await shop.http.get(answer.headers["location"])).json()["refund_id"] == refund_id


async def test_every_answer_carries_a_correlation_id(shop: Shop) -> None:
    order_id = await shop.place()
    answers = [
        await shop.om(order_id, "GET"),
        await shop.capture(order_id, 1),
        await shop.om(order_id, "POST", "/cancel"),
        await shop.call("GET", "/nothing"),
    ]
    assert len({answer.headers["klarna-correlation-id"] for answer in answers}) == len(answers)


async def test_an_empty_answer_has_no_content_type(shop: Shop) -> None:
    answer = await shop.om(await shop.place(), "POST", "/acknowledge")
    assert "content-type" not in answer.headers
    assert "content-length" not in answer.headers


@pytest.mark.parametrize("body", [b"", b"{}", b"not json"])
@pytest.mark.parametrize("path", ["/acknowledge", "/cancel", "/extend-authorization-time"])
async def test_calls_without_a_body_take_any(shop: Shop, path: str, body: bytes) -> None:
    order_id = await shop.place()
    answer = await shop.http.post(f"/ordermanagement/v1/orders/{order_id}{path}", content=body)
    assert answer.status_code == 204


async def test_an_order_is_shown_with_all_it_was_given(shop: Shop) -> None:
    address = {"given_name": "Klara", "email": "klara@shop.example", "country": "SE"}
    order_id = await shop.place(
        1000,
        merchant_reference1="A-1",
        merchant_reference2="B-1",
        merchant_data="data",
        billing_address=address,
        shipping_address={"city": "Stockholm"},
        customer={"date_of_birth": "1981-09-06"},
    )
    assert await shop.order(order_id) == {
        "order_id": order_id,
        "status": "AUTHORIZED",
        "fraud_status": "ACCEPTED",
        "order_amount": 1000,
        "original_order_amount": 1000,
        "captured_amount": 0,
        "refunded_amount": 0,
        "remaining_authorized_amount": 1000,
        "purchase_country": "SE",
        "purchase_currency": "SEK",
        "locale": "en-SE",
        "order_lines": [line(1000, reference="A")],
        "merchant_reference1": "A-1",
        "merchant_reference2": "B-1",
        "merchant_data": "data",
        "klarna_reference": "K000001",
        "created_at": "2022-07-08T09:48:00Z",
        "expires_at": "2022-08-05T00:00:00Z",
        "customer": {"date_of_birth": "1981-09-06"},
        "billing_address": address,
        "shipping_address": {"city": "Stockholm"},
        "shipping_info": [],
        "captures": [],
        "refunds": [],
        "initial_payment_method": {"type": "INVOICE", "description": "invoice"},
    }


async def test_captures_and_refunds_are_shown_in_the_order_and_alone(shop: Shop) -> None:
    order_id = await shop.place(1000)
    lines = [line(400, reference="A")]
    made = await shop.capture(order_id, 400, description="sent", reference="c-1", order_lines=lines, **SHIPPING)
    refunded = await shop.refund(order_id, 100, description="back", reference="r-1")
    order = await shop.order(order_id)
    assert order["captures"] == (await shop.om(order_id, "GET", "/captures")).json()
    capture = (await shop.om(order_id, "GET", f"/captures/{made.headers['capture-id']}")).json()
    assert order["captures"] == [capture]
    assert capture == {
        "capture_id": made.headers["capture-id"],
        "klarna_reference": "K000001-1",
        "captured_amount": 400,
        "captured_at": "2022-07-08T09:48:00Z",
        "description": "sent",
        "reference": "c-1",
        "order_lines": lines,
        "refunded_amount": 100,
        "shipping_info": SHIPPING["shipping_info"],
    }
    refund = (await shop.om(order_id, "GET", f"/refunds/{refunded.headers['refund-id']}")).json()
    assert order["refunds"] == [refund]
    assert refund == {
        "refund_id": refunded.headers["refund-id"],
        "refunded_amount": 100,
        "refunded_at": "2022-07-08T09:48:00Z",
        "description": "back",
        "reference": "r-1",
        "order_lines": [],
    }


async def test_an_update_without_lines_deletes_them(shop: Shop) -> None:
    order_id = await shop.place(1000)
    lines = [line(300, 3, reference="B")]
    await shop.om(order_id, "PATCH", "/authorization", {"order_amount": 900, "order_lines": lines})
    assert (await shop.order(order_id))["order_lines"] == lines
    await shop.om(order_id, "PATCH", "/authorization", {"order_amount": 800})
    assert (await shop.order(order_id))["order_lines"] == []


async def test_a_reference_is_replaced_kept_and_cleared(shop: Shop) -> None:
    order_id = await shop.place(merchant_reference1="one", merchant_reference2="two")
    await shop.om(order_id, "PATCH", "/merchant-references", {"merchant_reference1": "new"})
    order = await shop.order(order_id)
    assert (order["merchant_reference1"], order["merchant_reference2"]) == ("new", "two")
    await shop.om(order_id, "PATCH", "/merchant-references", {"merchant_reference2": ""})
    assert "merchant_reference2" not in await shop.order(order_id)


async def test_shipping_info_is_added_to_the_order_and_to_a_capture(shop: Shop) -> None:
    order_id = await shop.place()
    made = await shop.capture(order_id, 400)
    for path in ("/shipping-info", f"/captures/{made.headers['capture-id']}/shipping-info"):
        for _ in range(2):
            assert (await shop.om(order_id, "POST", path, SHIPPING)).status_code == 204
    order = await shop.order(order_id)
    assert order["shipping_info"] == order["captures"][0]["shipping_info"] == SHIPPING["shipping_info"] * 2


async def test_an_address_is_changed(shop: Shop) -> None:
    order_id = await shop.place()
    body = {"shipping_address": {"city": "Stockholm"}}
    assert (await shop.om(order_id, "PATCH", "/customer-details", body)).status_code == 204
    assert (await shop.order(order_id))["shipping_address"] == {"city": "Stockholm"}


async def test_a_send_out_and_a_due_date_are_taken_for_a_capture(shop: Shop) -> None:
    order_id = await shop.place()
    capture = f"/captures/{(await shop.capture(order_id, 400)).headers['capture-id']}"
    assert (await shop.om(order_id, "POST", f"{capture}/trigger-send-out")).status_code == 204
    options = (await shop.om(order_id, "GET", f"{capture}/extend-due-date-options")).json()
    assert options["currency"] == "SEK"
    days = {"number_of_days": options["options"][0]["number_of_days"]}
    assert (await shop.om(order_id, "PATCH", f"{capture}/extend-due-date", days)).status_code == 204
    refused = await shop.om(order_id, "PATCH", f"{capture}/extend-due-date", {"number_of_days": 5})
    assert (refused.status_code, refused.json()["error_code"]) == (403, "NOT_ALLOWED")


async def test_acknowledging_leaves_the_status_and_a_capture_acknowledges(shop: Shop) -> None:
    one, other = await shop.place(), await shop.place()
    assert (await shop.om(one, "POST", "/acknowledge")).status_code == 204
    assert (await shop.order(one))["status"] == "AUTHORIZED"
    await shop.capture(other, 1)
    shown = [await shop.control("GET", f"orders/{order_id}") for order_id in (one, other)]
    assert [order["acknowledged"] for order in shown] == [True, True]


async def test_auto_capture_takes_all_at_once(shop: Shop) -> None:
    order = await shop.order(await shop.place(1000, auto_capture=True))
    assert (order["status"], order["captured_amount"], len(order["captures"])) == ("CAPTURED", 1000, 1)


# -- the error table --------------------------------------------------------------------------------------------------

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
        says(await shop.om(order_id, method, path, body), 404, code, message.format(id=order_id))


@pytest.mark.parametrize("order_id", ["1", "f3392f8b", f"{MISSING}0", "z" * 36])
async def test_an_order_id_must_be_a_uuid(shop: Shop, order_id: str) -> None:
    says(await shop.om(order_id, "GET"), 400, "INVALID_ORDER_ID", "Order ID must be a valid UUID.")


async def test_a_capture_that_is_not_there(shop: Shop) -> None:
    order_id = await shop.place()
    await shop.capture(order_id, 1)
    path = f"/captures/{MISSING}"
    says(await shop.om(order_id, "GET", path), 404, "NO_SUCH_CAPTURE", f"Capture {MISSING} cannot be found.")
    says(
        await shop.om(order_id, "POST", f"{path}/shipping-info", SHIPPING),
        404,
        "NO_SUCH_CAPTURE",
        f"Capture could not be found. Shipping info cannot be added to capture {MISSING}.",
    )
    send_out = await shop.om(order_id, "POST", f"{path}/trigger-send-out")
    says(send_out, 404, "NO_SUCH_CAPTURE", f"Capture {MISSING} could not be found.")


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
    says(answer, 403, "NOT_ALLOWED", "Order has no captures.")


async def test_a_refund_that_is_not_there(shop: Shop) -> None:
    order_id = await shop.place()
    message = f"Refund {MISSING} cannot be found for order {order_id}"
    says(await shop.om(order_id, "GET", f"/refunds/{MISSING}"), 404, "NOT_FOUND", message)


async def test_refunding_more_than_was_captured_is_refused(shop: Shop) -> None:
    order_id = await shop.place()
    await shop.capture(order_id, 400)
    await shop.refund(order_id, 300)
    over = "Over refund is not allowed. Refund not possible."
    says(await shop.refund(order_id, 101), 403, "REFUND_NOT_ALLOWED", over)
    assert (await shop.refund(order_id, 100)).status_code == 201


async def test_a_billing_address_cannot_be_changed(shop: Shop) -> None:
    body = {"billing_address": {"city": "Stockholm"}}
    says(
        await shop.om(await shop.place(), "PATCH", "/customer-details", body),
        403,
        "NOT_ALLOWED",
        "Billing address cannot be updated for user account order. Customer details cannot be updated.",
    )


async def test_an_address_out_of_its_limits_is_invalid(shop: Shop) -> None:
    body = {"shipping_address": {"postal_code": "12345678901"}}
    answer = await shop.om(await shop.place(), "PATCH", "/customer-details", body)
    says(answer, 422, "INVALID_ADDRESS", "The shipping and/or billing address is invalid")


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
    says(await shop.om(await shop.place(), "POST", path, body), 422, "UNPROCESSABLE_ENTITY", message)


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
    says(answer, 400, "BAD_VALUE", f"Bad value: {bad}")


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
        says(answer, 403, "NOT_ALLOWED", "Update not allowed.")
        assert (await shop.om(order_id, "PATCH", "/authorization", {"order_amount": 999})).status_code == 204
