"""Order Management: exact answers and what is shown."""

import pytest

from .shop import JSON, Shop, line

SHIPPING: JSON = {"shipping_info": [{"shipping_company": "DHL", "shipping_method": "Home", "tracking_number": "1"}]}


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
        "initial_payment_method": {"type": "INVOICE", "description": "Invoice"},
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
